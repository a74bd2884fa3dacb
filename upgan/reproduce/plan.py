"""Which runs a table or figure of the paper needs: systems × variations × seeds, each with its settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from upgan.config.presets import PRESETS
from upgan.config.settings import Config, applies, flat_settings, make_config, setting_keys
from upgan.config.sized import Size
from upgan.config.systems import MODEL_NAMES, MODELS, REGISTERED
from upgan.errors import ConfigError

#: The ten systems of Table 3 and those that came after the paper.
COMPARED = tuple(key for key, system in REGISTERED.items() if system.in_tables)


@dataclass(frozen=True)
class Target:
    """A table or figure: what is varied of which systems, and what is read from the runs."""

    title: str
    #: The systems that are shown there.
    systems: tuple[str, ...]
    #: Name of a variant -> settings that make it; the empty name is the system as it is.
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {}})
    #: The setting on the figure's axis, with its values; "" for a table.
    axis: str = ""
    values: tuple[float, ...] = ()
    axis_title: str = ""
    #: Groups that the table breaks down by, and their names in order.
    by: str = ""
    groups: tuple[str, ...] = ()
    #: Whether UPGAN is set against each other row with intervals.
    compared: bool = False
    preset: str = "quality"


_SHARES = (0.4, 0.6, 0.8, 1.0)
TARGETS: dict[str, Target] = {
    "table3": Target("Table 3: all systems", COMPARED, compared=True),
    "table4": Target(
        "Table 4: Hits@3 by how often training holds the answer (A: rarest)",
        ("distmult", "convtranse", "upgan"), by="sparsity", groups=("A", "B", "C", "D", "E"),
    ),
    "table5": Target(
        "Table 5: Hits@3 by the answer's hops to the nearest user",
        ("distmult", "convtranse", "upgan"), by="hops", groups=("1", "2", ">=3"),
    ),
    "table6": Target(
        "Table 6: ablations", ("upgan",),
        {
            "": {},
            "no-generator": {"adversarial.use_generator": False},
            "rgcn": {"model.propagation.form": "rgcn", "model.item_dropout": 0.0},
            "no-users": {"model.use_users": False},
        },
        compared=True,
        preset="paper",
    ),
    "fig3a": Target(
        "Fig. 3(a): share of the KG triples", ("distmult", "convtranse", "upgan"),
        axis="graph.triple_share", values=_SHARES, axis_title="share of the training triples",
    ),
    "fig3b": Target(
        "Fig. 3(b): share of the interactions", ("kgat", "ktup", "upgan"),
        axis="graph.interaction_share", values=_SHARES, axis_title="share of the interactions",
    ),
    "fig3-dim": Target(
        "Section 5.5: embedding size K", ("upgan",),
        axis="model.dim", values=(16, 32, 64, 128, 256), axis_title="K",
    ),
    "fig3-layers": Target(
        "Section 5.5: hidden layers of the generator", ("upgan",),
        axis="adversarial.hidden_layers", values=(1, 2, 3, 4), axis_title="hidden layers",
    ),
}  # fmt: skip
VARIANT_LABELS = {
    "no-generator": "UPGAN without G", "rgcn": "UPGAN with R-GCN-like propagation", "no-users": "UPGAN without UI"
}  # fmt: skip


@dataclass(frozen=True)
class PlannedRun:
    """One run: the row it belongs to, and its settings; without settings ``problem`` says why there can be none."""

    row: str
    system: str
    label: str
    x: float | None
    seed: int
    config: Config | None
    problem: str = ""

    def folder_name(self, dataset: str, fingerprint: str) -> str:
        """The same settings on the same data have the same folder, so that a killed reproduction finds its runs."""
        assert self.config is not None
        settings = {key: value for key, value in flat_settings(self.config).items() if key != "device"}
        text = json.dumps([fingerprint, settings], sort_keys=True)
        return f"{dataset}-{self.system}-s{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line, checked."""

    target: str
    seeds: tuple[int, ...] = (0,)
    budget: float = 0.0
    systems: tuple[str, ...] = ()
    preset: str = ""
    assignments: tuple[str, ...] = ()
    threads: int = 1
    #: Of the data: what a preset depends on.
    size: Size | None = None

    @property
    def upgan_preset(self) -> str:
        return self.preset or TARGETS[self.target].preset


@dataclass(frozen=True)
class Effort:
    """What a search gives each system: so many trials of so many seconds (0: no limit)."""

    trials: int
    seconds: float


def systems_of(request: Request) -> tuple[str, ...]:
    """The systems to train, in the paper's order; ConfigError for an unknown name."""
    for name in request.systems:
        if name not in MODELS:
            raise ConfigError(f"--systems: {name!r} is not a system; choose from {', '.join(ordered(MODELS))}")
    wanted = request.systems or TARGETS[request.target].systems
    if TARGETS[request.target].variants.keys() != {""} and set(wanted) != {"upgan"}:
        raise ConfigError(f"--systems: {request.target} is about variants of upgan alone")
    return tuple(ordered(wanted))


def ordered(names: Iterable[str]) -> list[str]:
    """Models in the paper's order, each once."""
    known = list(MODEL_NAMES)
    return sorted(set(names), key=known.index)


def plan(request: Request, best: Mapping[str, Mapping[str, Any]] | None = None) -> list[PlannedRun]:
    """Every run of the target once, seed by seed; ``best`` holds settings that a search found, by system.

    Raises ConfigError for an unknown system, preset or setting; a variation that a system's form does not have is a
    planned run with a ``problem`` instead.
    """
    target = TARGETS[request.target]
    settings = best or {}
    systems = systems_of(request)
    if request.preset and request.preset not in PRESETS:
        raise ConfigError(f"--preset {request.preset!r}: choose one of {', '.join(sorted(PRESETS))}")
    for text in request.assignments:
        if not any(_concerns(text, system) for system in systems):
            raise ConfigError(f"--set {text!r}: none of {', '.join(systems)} has this setting")
    for seed, system in product(request.seeds, systems):
        settings_of(request, system, seed, settings.get(system, {}))  # refused now, not as a row
    runs = []
    for seed, system, variant, x in product(request.seeds, systems, target.variants, target.values or (None,)):
        place = {} if x is None else {target.axis: x}
        varied = {**settings.get(system, {}), **target.variants[variant], **place}
        row = f"{system}-{variant}" if variant else system
        label = VARIANT_LABELS.get(variant) or MODEL_NAMES[system]
        config, problem = None, ""
        try:
            config = settings_of(request, system, seed, varied)
        except ConfigError as error:
            problem = str(error)
        name = row if x is None else f"{row}-{target.axis.split('.')[-1]}{x:g}"
        runs.append(PlannedRun(name, system, label, x, seed, config, problem))
    return runs


def settings_of(request: Request, system: str, seed: int, changed: Mapping[str, Any]) -> Config:
    """The settings of one run: preset, search, what is asked for with --set where the system has it, the variation."""
    common = {"model_name": system, "seed": seed, "threads": request.threads, "max_seconds": request.budget}
    preset = request.upgan_preset if system == "upgan" else None
    assignments = [text for text in request.assignments if _concerns(text, system)]
    base = make_config(preset, assignments=assignments, overrides=common, size=request.size)
    if not changed:
        return base
    return make_config(base.preset, overrides={**flat_settings(base), **changed})


def _concerns(assignment: str, system: str) -> bool:
    key = assignment.partition("=")[0].strip()
    if key not in setting_keys():
        raise ConfigError(f"--set {assignment!r}: write a setting's whole name and a value, such as model.dim=64")
    if key in ("model_name", "seed", "preset", "threads", "max_seconds"):
        raise ConfigError(f"--set {assignment!r}: {key} has an option of its own here")
    return applies(key, system)


def parse_budget(text: str | None, option: str = "--budget") -> float:
    """Seconds from "90", "90s", "10m" or "1.5h"; 0 (no limit) for None."""
    if text is None:
        return 0.0
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        seconds = float(number) * units[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e8:
        raise ConfigError(f"{option} {text!r}: a time per run above 0 is expected, such as 600, 90s, 10m or 1.5h")
    return seconds
