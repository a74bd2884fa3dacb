"""What a search may change of each system: spaces.toml, read into optuna's distributions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

#: Significant digits that a drawn number keeps: more would only make settings hard to read.
DIGITS = 3


@cache
def _spaces() -> dict[str, dict[str, dict[str, list[Any]]]]:
    return tomllib.loads((files("upgan.reproduce") / "spaces.toml").read_text(encoding="utf-8"))


def space_of(system: str, preset: str, fixed: Sequence[str] = ()) -> dict[str, dict[str, list[Any]]]:
    """Setting -> how it is drawn, as spaces.toml has it; ``fixed`` settings, which the user chose, are left out.

    ``preset`` matters for UPGAN alone. A preset without a space has nothing to search: the result is empty.
    """
    space = _spaces().get(f"upgan-{preset}" if system == "upgan" else system, {})
    return {key: drawn for key, drawn in space.items() if key not in fixed}


def distributions(space: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, BaseDistribution]:
    """The same for optuna."""
    return {key: _distribution(*next(iter(drawn.items()))) for key, drawn in space.items()}


def _distribution(kind: str, values: Sequence[Any]) -> BaseDistribution:
    if kind == "choice":
        return CategoricalDistribution(values)
    low, high = values
    return FloatDistribution(low, high, log=kind == "log")


def settings_of_trial(params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's parameters as settings, numbers rounded."""
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in sorted(params.items())
    }
