"""Every setting of a run, documented where it is defined; unknown keys and values out of bounds are refused.

A run keeps its resolved settings as config.toml. Names follow the paper (K, n_C, n_G, sigma, lambda) where it has one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import BaseModel, Field, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo

from upgan.config.presets import DEFAULT, PRESETS
from upgan.config.section import NEUTRAL, Section
from upgan.config.sections import (
    AdversarialConfig,
    FusionConfig,
    GraphConfig,
    InitialisationConfig,
    ModelConfig,
    PinnedConfig,
    PretrainConfig,
    WalksConfig,
)
from upgan.config.sized import Size, sized
from upgan.config.systems import MODELS, REGISTERED, SYSTEMS
from upgan.config.systems.base import SystemSettings
from upgan.errors import ConfigError, did_you_mean
from upgan.files import read_toml

#: Sections that the compared systems have no use for; of "model" they read the dimension alone.
_OWN_SECTIONS = ("initialisation", "pretrain", "adversarial", "fusion", "walks")


#: What needs the bilinear score.
_BILINEAR = ("fusion.enabled", "walks.enabled")

OwnSettings = TypeVar("OwnSettings", bound=Section)


def _with_systems(own: type[OwnSettings]) -> type[OwnSettings]:
    """``own`` with a section for every compared system, and ``model_name`` one of all models."""
    fields: dict[str, Any] = {key: (kind, Field(default_factory=kind)) for key, kind in SYSTEMS.items()}
    fields["model_name"] = (Literal[MODELS], own.model_fields["model_name"])
    return create_model(own.__name__, __base__=own, __doc__=own.__doc__, __module__=own.__module__, **fields)


@_with_systems
class Config(Section):
    """All settings of one run."""

    model_name: str = Field("upgan", description="the system to train")
    preset: str = Field("paper", description="the preset the settings started from", json_schema_extra=NEUTRAL)
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of every random draw", json_schema_extra=NEUTRAL)
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a CUDA device where there is one", json_schema_extra=NEUTRAL
    )
    threads: int = Field(
        0, ge=0, le=1024, description="CPU threads; 0 leaves PyTorch's choice", json_schema_extra=NEUTRAL
    )
    max_seconds: float = Field(
        0.0,
        ge=0,
        description="training takes no further step after this long, and is evaluated; 0 for no limit",
        json_schema_extra=NEUTRAL,
    )
    validation_triples: int = Field(
        0,
        ge=0,
        le=100_000_000,
        description="triples of the validation split, drawn once, that phases are stopped and fitted by; 0, or as many "
        "as there are: all of them. As many of the test split are ranked between phases; the last phase is judged on "
        "all of it",
    )
    checkpoint_seconds: float = Field(
        60.0,
        ge=0,
        description="time between two saves of the training's state, besides those at every phase's end; where saving "
        "takes long it is done less often, so that it costs at most 1% of the time",
        json_schema_extra=NEUTRAL,
    )
    graph: GraphConfig = Field(default_factory=GraphConfig)
    model: ModelConfig = Field(default_factory=ModelConfig)
    initialisation: InitialisationConfig = Field(default_factory=InitialisationConfig)
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig)
    adversarial: AdversarialConfig = Field(default_factory=AdversarialConfig)
    fusion: FusionConfig = Field(default_factory=FusionConfig)
    walks: WalksConfig = Field(default_factory=WalksConfig)
    pinned: PinnedConfig = Field(default_factory=PinnedConfig, json_schema_extra=NEUTRAL)

    @property
    def system(self) -> SystemSettings | None:
        """The compared system's own settings; None for UPGAN, DistMult and ComplEx."""
        if self.model_name not in SYSTEMS:
            return None
        section: SystemSettings = getattr(self, self.model_name)
        return section

    @property
    def reads(self) -> Literal["layers", "whole", "co-interactions"]:
        """What of the graph the score reads: its layers, all of it alike, or what users chose together.

        A model that reads none of it is told apart from others by the layers, too.
        """
        if self.model_name == "upgan" and self.model.score == "bilinear":
            return "co-interactions"
        return "whole" if self.model_name == "upgan" and self.model.propagation.form == "rgcn" else "layers"

    @property
    def has_evidence(self) -> bool:
        """Whether evidence in plain facts is added to the scores (upgan.model.evidence)."""
        return self.reads == "co-interactions" and self.fusion.enabled and self.model.use_users

    @property
    def has_walks(self) -> bool:
        """Whether walks are added to the scores (upgan.model.walks)."""
        return self.reads == "co-interactions" and self.walks.enabled

    @property
    def reads_facts(self) -> bool:
        """Whether the training triples are read as they are, beside the vectors."""
        return self.has_evidence or self.has_walks

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        if self.system is not None:
            self.system.check(self.model.dim)
        expected = REGISTERED[self.model_name].product
        if expected and self.model.product != expected:
            raise ValueError(f"model {self.model_name} has the product {expected!r}: set model.product to it")
        if self.model.score == "bilinear":
            if self.model.propagation.form != "layered":
                raise ValueError(
                    "model.propagation.form belongs to the score 'mlp' (--preset paper); the bilinear has other paths"
                )
            if self.model.item_dropout:
                raise ValueError("model.item_dropout belongs to the score 'mlp' (--preset paper): set it to 0")
        elif self.model.propagation.form == "rgcn" and self.model.item_dropout:
            raise ValueError("model.item_dropout belongs to the layered propagation: set it to 0 for the form 'rgcn'")
        elif self.fusion.enabled:
            raise ValueError('fusion.enabled needs the bilinear score (model.score = "bilinear")')
        if self.model.score != "bilinear" and self.walks.enabled:
            raise ValueError('walks.enabled needs the bilinear score (model.score = "bilinear")')
        return self


def make_config(
    preset: str | None = None,
    *,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    size: Size | None = None,
) -> Config:
    """Preset, then the keys of a TOML file, then ``overrides``, then ``key=value`` assignments: later ones win.

    Without a ``preset`` the file's own is the base (a run's config.toml names it), else ``DEFAULT``. With the ``size``
    of the data the preset has its values for it (upgan.config.sized). What a preset has for the bilinear score alone is
    left out where another score is asked for.
    Raises ConfigError for an unknown preset, key or value, naming what is allowed.
    """
    from_file = {} if file is None else _flat(read_toml(file))
    chosen = {**from_file, **(overrides or {})}
    split = [_split(assignment) for assignment in assignments]
    named = [text for key, text in split if key == "model_name"]
    model = str(_literal(named[-1]) if named else chosen.get("model_name", "upgan"))
    chosen |= {_full_key(key, model): _literal(text) for key, text in split}
    product = REGISTERED[model].product if model in REGISTERED else ""
    preset = preset or from_file.get("preset") or DEFAULT
    if preset not in PRESETS:
        close = did_you_mean(preset, PRESETS)
        raise ConfigError(f"unknown preset {preset!r}.{close} Choose one of {', '.join(sorted(PRESETS))}.")
    by_size = sized(preset, size)
    usual = {key: value for key, value in {**PRESETS[preset], **by_size}.items() if applies(key, model)}
    if chosen.get("model.score", "bilinear") != "bilinear":
        usual = {key: value for key, value in usual.items() if key not in _BILINEAR}
    values: dict[str, Any] = {**usual, **chosen, "preset": preset}
    if product and "model.product" not in chosen:
        values["model.product"] = product
    for key in chosen:
        if not applies(key, model) and key in setting_keys():
            raise ConfigError(f"setting {key!r} is not one of model {model}: its settings are {_known(model)}")
    return config_from_dict(_nested(values))


def applies(key: str, model: str) -> bool:
    """Whether a dotted key is a setting of the model; of an unknown model everything is."""
    section, _, name = key.partition(".")
    if section in SYSTEMS and name:
        return section == model
    if model not in SYSTEMS:
        return True
    return section not in _OWN_SECTIONS and (section != "model" or name == "dim")


def _known(model: str) -> str:
    return ", ".join(key for key in setting_keys() if applies(key, model))


def _split(assignment: str) -> tuple[str, str]:
    """``key=value`` -> key and text."""
    key, equals, text = assignment.partition("=")
    if not equals:
        raise ConfigError(f"--set {assignment!r}: write it as key=value, for example --set model.dim=64")
    if key.strip() == "preset":
        raise ConfigError(f"--set {assignment!r}: a preset is chosen with --preset")
    return key.strip(), text.strip()


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """Validate nested settings; every problem is listed in one ConfigError."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_problem(item) for item in error.errors())) from None


def to_toml(config: Config) -> str:
    """The resolved settings of the run's model, ready for config.toml."""
    return tomli_w.dumps(_nested(flat_settings(config)))


def keys_in(path: Path) -> set[str]:
    """The dotted keys that a settings file has a value for."""
    return set(_flat(read_toml(path)))


def flat_settings(config: Config) -> dict[str, Any]:
    """Dotted key -> value of every setting of the run's model."""
    return {key: value for key, value in _flat(config.model_dump()).items() if applies(key, config.model_name)}


def system_settings(config: Config) -> dict[str, Any]:
    """Dotted key -> value of all that makes the system; runs that differ in nothing of it are draws of one system."""
    neutral = {name for name, field in Config.model_fields.items() if field.json_schema_extra == NEUTRAL}
    return {key: value for key, value in flat_settings(config).items() if key.partition(".")[0] not in neutral}


def setting_keys() -> dict[str, str]:
    """Dotted key -> its description, in the order they are defined."""
    return {key: field.description or "" for key, field in setting_fields(Config)}


def setting_fields(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """(dotted key, its field) of a section's settings and of those in the sections inside it."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from setting_fields(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _full_key(key: str, model: str) -> str:
    """A dotted key as it is, or its last part where only one of the model's settings ends so."""
    if key in setting_keys():
        return key
    known = [name for name in setting_keys() if applies(name, model)]
    matches = [name for name in known if name.split(".")[-1] == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(f"setting {key!r} could be {' or '.join(matches)}: write it in full")
    raise ConfigError(_unknown(key, known))


def _unknown(key: str, known: Sequence[str]) -> str:
    """What is said of a key that is no setting: the closest ones first, then all."""
    if "." in key:
        meant = did_you_mean(key, known, alike=0.75)  # more of it, because keys of one section begin alike
    else:
        meant = did_you_mean(key, dict.fromkeys(name.rpartition(".")[2] for name in known))
    return f"unknown setting {key!r}.{meant} The settings are {', '.join(known)}."


def _literal(text: str) -> Any:
    """A value as TOML spells it (numbers, booleans, quoted text), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _flat(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        table = tables
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(f"setting {part!r} is a table of settings, found {table!r}")
        table[last] = value
    return tables


def _problem(item: Any) -> str:
    if not item["loc"]:  # settings that contradict each other; the message names them
        return str(item["msg"]).removeprefix("Value error, ")
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return _unknown(key, list(setting_keys()))
    description = setting_keys().get(key)
    meaning = f" ({description})" if description else ""
    return f"setting {key} = {item['input']!r}: {item['msg']}{meaning}"
