"""The settings of runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgan.config.settings import config_from_dict, flat_settings, read_toml, setting_keys


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
