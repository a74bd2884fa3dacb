"""What a search may change of each system, as optuna's distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from upgan.config.presets import SEARCH
from upgan.config.systems import REGISTERED

#: Significant digits that a drawn number keeps: more would only make settings hard to read.
DIGITS = 3


def space_of(system: str, preset: str, fixed: Sequence[str] = ()) -> dict[str, Mapping[str, Sequence[Any]]]:
    """Setting -> how it is drawn, as the system registers it; ``fixed`` settings, which the user chose, are left out.

    ``preset`` matters for UPGAN alone. A preset without a space has nothing to search: the result is empty.
    """
    space = SEARCH.get(preset, {}) if system == "upgan" else REGISTERED[system].search
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
