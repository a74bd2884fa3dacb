"""Every setting of a run, documented where it is defined; unknown keys and values out of bounds are refused.

A run keeps its resolved settings as config.toml. Names follow the paper (K, n_C, n_G, sigma, lambda) where it has one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upgan.errors import ConfigError

Activation = Literal["relu", "leaky_relu", "tanh", "none"]


class Section(BaseModel):
    """Settings are frozen, and a key that is not documented here is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PropagationConfig(Section):
    """Section 4.2; the paper leaves the activations, LeakyReLU's slope and the users' own vectors open."""

    activation: Activation = Field("relu", description="sigma of Eq. 2 for entities (the authors' code: relu)")
    user_activation: Activation = Field("none", description="sigma of Eq. 2 for users (the authors' code: none)")
    attention_slope: float = Field(0.2, ge=0, le=1, description="negative slope of LeakyReLU in Eq. 4")
    user_embedding: bool = Field(False, description="learn v_u of Eq. 2; otherwise users are only what they read")
    init_noise: float = Field(0.1, ge=0, description="noise around the identity that W_r starts from, times 1/sqrt(K)")


class ModelConfig(Section):
    """The discriminator (4.2, 4.3)."""

    dim: int = Field(100, ge=2, le=4096, description="K, length of every embedding (5.2.3: 100)")
    use_users: bool = Field(True, description="False: p_h = 0, the paper's variant without interactions (Table 6)")
    preference_init: float = Field(
        0.3, ge=0, description="W1 starts as [I | this * I]: how much the users' half of x_q says at first"
    )
    item_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of items that a training step treats as unknown: out of their readers' profiles, and the KG "
        "half of x_q left out where they are asked about, so that the users' half learns to answer by itself; not in "
        "the paper",
    )
    entity_norm: Literal["free", "at_least_one", "at_most_one"] = Field(
        "free",
        description="5.2.3 asks for entity vectors no shorter than 1; the authors' code keeps them no longer than 1",
    )
    propagation: PropagationConfig = Field(default_factory=PropagationConfig)


class InitialisationConfig(Section):
    """DistMult on the knowledge graph alone, whose vectors D and G start from (5.2.3)."""

    epochs: int = Field(60, ge=0, le=1000, description="at most this many passes over the distinct queries")
    batch: int = Field(1024, ge=1, description="distinct queries per step")
    optimizer: Literal["adam", "adagrad"] = Field("adam", description="5.2.3 optimises everything with Adam")
    lr: float = Field(0.005, gt=0, le=1, description="learning rate")
    l2: float = Field(1e-4, ge=0, description="lambda of the squared norm (5.2.3: 1e-5; 1e-4 is better on validation)")
    n3: float = Field(
        0.0, ge=0, description="weight of the cubed norm of each triple's vectors (N3: Lacroix et al., ICML 2018)"
    )
    scale: float = Field(0.1, gt=0, description="standard deviation of the random start")
    eval_every: int = Field(5, ge=1, description="epochs between evaluations on validation")
    patience: int = Field(2, ge=1, description="evaluations without a better MRR before stopping")
    min_steps: int = Field(200, ge=0, description="steps before early stopping counts: vectors start at random")


class PretrainConfig(Section):
    """The discriminator alone, scored against all entities (1-N), before the adversarial phase (4.5)."""

    epochs: int = Field(20, ge=0, le=1000, description="at most this many passes over the training triples")
    batch: int = Field(4096, ge=1, description="training triples per step, asked in both directions")
    lr: float = Field(0.001, gt=0, le=1, description="learning rate of Adam")
    l2: float = Field(1e-5, ge=0, description="lambda_D of Eq. 9")
    n3: float = Field(0.0, ge=0, description="weight of the cubed norm of each pair's v_h, v_r and v_t (N3)")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    patience: int = Field(3, ge=1, description="evaluations without a better MRR before stopping")


class AdversarialConfig(Section):
    """G-step and D-step alternate in every mini-batch (4.4, 4.5)."""

    epochs: int = Field(10, ge=0, le=1000, description="at most this many passes over the training triples")
    batch: int = Field(4096, ge=1, description="training triples per step, asked in both directions (5.2.3: 4096)")
    lr: float = Field(0.0001, gt=0, le=1, description="discriminator's learning rate of Adam")
    lr_g: float = Field(0.0001, gt=0, le=1, description="generator's learning rate of Adam")
    l2: float = Field(1e-5, ge=0, description="lambda_D of Eq. 9")
    l2_g: float = Field(1e-5, ge=0, description="lambda_G of Eq. 14")
    n_c: int = Field(1024, ge=2, description="entities in the candidate pool C (5.2.3: 1024)")
    n_g: int = Field(200, ge=1, description="entities drawn from the pool by the generator (5.2.3: 200)")
    sigma: float = Field(1.0, ge=0, description="standard deviation of the generator's noise z (Eq. 11)")
    hidden_layers: int = Field(2, ge=1, le=6, description="hidden layers of the generator's MLP (5.2.3: 2)")
    use_generator: bool = Field(True, description="False: negatives uniform over the pool (Table 6, without G)")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="a positive's target is 1 - this, a negative's this/n_G"
    )
    clip: float = Field(1.0, gt=0, description="largest norm of a gradient")
    eval_every: int = Field(1, ge=1, description="epochs between evaluations on validation (5.2.3: 20)")
    patience: int = Field(3, ge=1, description="evaluations without a better MRR before stopping")


class Config(Section):
    """All settings of one run."""

    model_name: Literal["upgan", "distmult"] = Field("upgan", description="the system to train")
    preset: str = Field("paper", description="the preset the settings started from")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of every random draw")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a CUDA device where there is one")
    threads: int = Field(0, ge=0, description="CPU threads; 0 leaves PyTorch's choice")
    max_seconds: float = Field(
        0.0, ge=0, description="training stops at the next epoch's end after this long; 0 for no limit"
    )
    model: ModelConfig = Field(default_factory=ModelConfig)
    initialisation: InitialisationConfig = Field(default_factory=InitialisationConfig)
    pretrain: PretrainConfig = Field(default_factory=PretrainConfig)
    adversarial: AdversarialConfig = Field(default_factory=AdversarialConfig)


#: What each preset changes of the defaults. "paper" is the printed form with 5.2.3's settings, and what it leaves open
#: tuned on validation; "demo" is smaller, trains within a minute on the embedded catalogue, and drops items so that
#: the readers' half of the query learns to answer by itself.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "initialisation.optimizer": "adagrad",
        "initialisation.lr": 0.1,
        "initialisation.l2": 0.0,
        "initialisation.n3": 0.1,
        "initialisation.epochs": 100,
        "pretrain.lr": 0.0003,
        "pretrain.n3": 0.1,
        "pretrain.eval_every": 1,
    },
    "demo": {
        "threads": 1,  # small matrices gain nothing from more, and the result does not depend on the machine's cores
        "model.dim": 48,
        "model.item_dropout": 0.5,
        "model.preference_init": 1.0,
        "model.propagation.activation": "none",
        "pretrain.epochs": 50,
        "pretrain.batch": 512,
        "pretrain.lr": 0.003,
        "pretrain.l2": 3e-4,
        "pretrain.patience": 6,
        "adversarial.epochs": 3,
        "adversarial.batch": 1024,
        "adversarial.n_c": 512,
        "adversarial.n_g": 64,
        "adversarial.l2": 3e-4,
    },
}


def make_config(
    preset: str | None = None,
    *,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Preset, then the keys of a TOML file, then ``overrides``, then ``key=value`` assignments: later ones win.

    Without a ``preset`` the file's own is the base (a run's config.toml names it), else "paper".
    Raises ConfigError for an unknown preset, key or value, naming what is allowed.
    """
    given = {} if file is None else _flat(read_toml(file))
    preset = preset or given.get("preset", "paper")
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}: choose one of {', '.join(sorted(PRESETS))}")
    values: dict[str, Any] = {**PRESETS[preset], **given, "preset": preset, **(overrides or {})}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment!r}: write it as key=value, for example --set model.dim=64")
        if key.strip() == "preset":
            raise ConfigError(f"--set {assignment!r}: a preset is chosen with --preset")
        values[_full_key(key.strip())] = _literal(text.strip())
    return config_from_dict(_nested(values))


def config_from_dict(values: Mapping[str, Any]) -> Config:
    """Validate nested settings; every problem is listed in one ConfigError."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_problem(item) for item in error.errors())) from None


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as nested tables; ConfigError names the file and the place of a mistake."""
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such settings file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def to_toml(config: Config) -> str:
    """The resolved settings, ready for config.toml."""
    return tomli_w.dumps(config.model_dump())


def setting_keys() -> dict[str, str]:
    """Dotted key -> its description, in the order they are defined."""
    return dict(_walk(Config, ""))


def _walk(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, f"{prefix}{name}.")
        else:
            yield prefix + name, field.description or ""


def _full_key(key: str) -> str:
    """A dotted key as it is, or its last part where only one setting ends so."""
    known = setting_keys()
    if key in known:
        return key
    matches = [name for name in known if name.split(".")[-1] == key]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise ConfigError(f"setting {key!r} could be {' or '.join(matches)}: write it in full")
    raise ConfigError(f"unknown setting {key!r}: the settings are {', '.join(known)}")


def _literal(text: str) -> Any:
    """A value as TOML spells it (numbers, booleans, quoted text), else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
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
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"unknown setting {key!r}: the settings are {', '.join(setting_keys())}"
    description = setting_keys().get(key)
    meaning = f" ({description})" if description else ""
    return f"setting {key} = {item['input']!r}: {item['msg']}{meaning}"
