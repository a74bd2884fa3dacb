"""The settings of runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgan.config.settings import Config, config_from_dict, flat_settings, setting_keys, system_settings
from upgan.files import read_toml


@dataclass(frozen=True)
class SettingRow:
    """One setting in several runs, with its meaning; values in the order of the runs."""

    key: str
    meaning: str
    values: tuple[Any, ...]


def settings_of(run: Path) -> dict[str, Any]:
    """Dotted key -> value, defaults included. Raises ConfigError where config.toml is missing or damaged."""
    return flat_settings(config_from_dict(read_toml(run / "config.toml")))


def difference(runs: Sequence[Path]) -> list[SettingRow]:
    """The settings in which the runs differ, in the order they are defined in."""
    settings_of_runs: list[Mapping[str, Any]] = [settings_of(run) for run in runs]
    return [
        SettingRow(key, meaning, tuple(settings.get(key) for settings in settings_of_runs))
        for key, meaning in setting_keys().items()
        if any(settings.get(key) != settings_of_runs[0].get(key) for settings in settings_of_runs[1:])
    ]


def out_of_time(metrics: Mapping[str, Any]) -> bool:
    """Whether the time limit ended a phase, of a run's metrics.json; another limit would have let it go on."""
    return any(stage.get("ended") == "stopped" for stage in metrics.get("stages", {}).values())


def learned_by(config: Config, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of all that a run learned by; runs that are equal in it are draws of one system.

    Besides ``system_settings`` these are the time limit where it cut the training short, and whether it began with
    what another run had learned.
    """
    limit = {"max_seconds": config.max_seconds} if out_of_time(metrics) else {}
    start = {"start": True} if metrics.get("started_from") else {}
    return {**system_settings(config), **limit, **start}
