"""The settings of a training as a form: every field of upgan.config, with what the form needs to ask for it."""

from __future__ import annotations

import json
import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from upgan import machine
from upgan.config.settings import Config, applies, flat_settings, make_config, setting_fields
from upgan.config.sized import Size
from upgan.config.systems import MODEL_NAMES
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError

#: What pydantic calls a bound -> how a form says it.
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
#: What each preset is for; the first is what a newcomer wants.
PURPOSES = {
    "quality": "The best settings known so far, for answers you want to use: ComplEx vectors, co-interaction paths, "
    "evidence of users' other items, walks through facts and users. Its effort follows the size of the data.",
    "demo": "The paper's model, smaller: trains within minutes on one core, to see how everything works.",
    "paper": "The model as the paper prints it, with the settings of its section 5.2.3, to compare with the published "
    "figures.",
}
#: Asked for beside the preset, not among the other settings.
ASKED_FIRST = ("model_name", "preset", "seed", "device")
#: The first part of a key -> what its settings are about.
SECTIONS = {
    "": "General",
    "graph": "Graph",
    "model": "Model",
    "initialisation": "Initialisation",
    "pretrain": "Pre-training",
    "adversarial": "Adversarial",
    "fusion": "Fusion",
    "walks": "Walks",
}


@dataclass(frozen=True)
class Setting:
    """One setting: its dotted key, what it means, what is allowed."""

    key: str
    meaning: str
    kind: type[bool | int | float | str]
    #: The texts to choose from; empty where there is no such choice.
    options: tuple[str, ...]
    #: Whether any number of them can be chosen.
    several: bool
    #: The bounds' names in ``_BOUNDS`` -> their values.
    limits: Mapping[str, float]

    @property
    def section(self) -> str:
        """Under which heading it stands."""
        return self.key.partition(".")[0] if "." in self.key else ""

    @property
    def name(self) -> str:
        """Its key within the section."""
        return self.key.partition(".")[2] or self.key

    @property
    def bounds(self) -> str:
        """What is allowed, in words; empty where anything is."""
        return ", ".join(
            f"{words} {number(self.limits[name])}" for name, words in _BOUNDS.items() if name in self.limits
        )


def section_title(section: str) -> str:
    """What the settings of a section are about."""
    return SECTIONS.get(section) or MODEL_NAMES.get(section, section)


def settings(model: str) -> list[Setting]:
    """Every setting that the model has, in the order in which upgan.config.settings defines them."""
    return [_setting(key, info) for key, info in setting_fields(Config) if applies(key, model)]


def _setting(key: str, info: FieldInfo) -> Setting:
    limits: dict[str, float] = {}
    for bound in info.metadata:
        limits |= {name: getattr(bound, name) for name in _BOUNDS if hasattr(bound, name)}
    several = get_origin(info.annotation) is tuple
    options = tuple(map(str, get_args(get_args(info.annotation)[0] if several else info.annotation)))
    kind: Any = str if options else info.annotation
    assert kind in (bool, int, float, str)
    return Setting(key, info.description or "", kind, options, several, limits)


def size_of(data: KGDataset, device: str) -> Size:
    """What of the data and this machine a preset depends on."""
    return Size(data.num_entities, machine.has_bfloat16(device))


def defaults(preset: str, model: str, size: Size | None = None) -> dict[str, Any]:
    """Key -> value of every setting as a preset has it for data of this size."""
    return flat_settings(make_config(preset, overrides={"model_name": model}, size=size))


def problems(error: ConfigError) -> dict[str, str]:
    """Key -> what is wrong with that setting; under "" what concerns several."""
    by_key: dict[str, list[str]] = {}
    for line in str(error).splitlines():
        named = re.match(r"setting ([a-z0-9_.]+) = ", line)
        by_key.setdefault(named[1] if named else "", []).append(line)
    return {key: " ".join(lines) for key, lines in by_key.items()}


def changes(config: Config, size: Size | None = None) -> dict[str, tuple[Any, Any]]:
    """Key -> (the preset's value, this one) where they differ; without what is asked for beside the preset."""
    usual = defaults(config.preset, config.model_name, size)
    return {
        key: (usual[key], value)
        for key, value in flat_settings(config).items()
        if value != usual[key] and key not in ASKED_FIRST
    }


def command_line(dataset: Path, run: Path, config: Config, size: Size | None = None) -> str:
    """The command that starts the same training in a terminal, ready for a shell."""
    words = ["upgan", "train", str(dataset), f"--run={run}", f"--model={config.model_name}"]
    words += [f"--preset={config.preset}", f"--seed={config.seed}", f"--device={config.device}"]
    for key, (_, value) in changes(config, size).items():
        place, _, name = key.partition(".")
        if place == "pinned" and name != "top":
            words.append(f"--pin-{name}={value}")
        else:
            words.append(f"--set={key}={_literal(value)}")
    return shlex.join(words)


def _literal(value: Any) -> str:
    """A value as `--set` reads it: text stays bare unless it would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        read = tomllib.loads(f"value = {value}").get("value")
    except (ValueError, RecursionError):
        return value
    return value if read == value else json.dumps(value, ensure_ascii=False)


def number(value: float) -> str:
    """A number as short as it is exact: 100, 0.0003, 2147483647."""
    return f"{value:,.0f}" if value == math.floor(value) and abs(value) >= 1 else f"{value:g}"
