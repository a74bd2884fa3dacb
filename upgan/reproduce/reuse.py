"""Finished runs with the settings and the data of a planned one, so that nothing is trained twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgan.config.settings import Config, flat_settings, keys_in, system_settings
from upgan.errors import UpganError
from upgan.runs.files import CONFIG_FILE, RESULT_FILE, START_FILE
from upgan.runs.schema import RESULT, read_as
from upgan.runs.settings import out_of_time
from upgan.training.checkpoint import dataset_fingerprint, load_config


@dataclass(frozen=True)
class FinishedRun:
    """A run folder with final metrics."""

    folder: Path
    config: Config
    metrics: dict[str, Any]

    @property
    def out_of_time(self) -> bool:
        """Whether its time limit ended a phase, which another limit would have let go on."""
        return out_of_time(self.metrics)

    @property
    def not_begun(self) -> list[str]:
        """The phases that the time limit left without a single epoch."""
        stages = self.metrics.get("stages", {}).items()
        return [name for name, stage in stages if stage.get("ended") == "stopped" and not stage.get("epochs")]


def finished_runs(root: Path, fingerprint: str) -> list[FinishedRun]:
    """Every finished run of the dataset in ``root``, newest first; runs that start from another one left out."""
    runs = []
    for path in root.glob(f"*/{RESULT_FILE}"):
        run = finished_run(path.parent, fingerprint)
        if run is not None and not (path.parent / START_FILE).exists() and not run.metrics.get("started_from"):
            runs.append((path.stat().st_mtime, run))
    return [run for _, run in sorted(runs, key=lambda pair: -pair[0])]


def finished_run(folder: Path, fingerprint: str) -> FinishedRun | None:
    """The run in the folder, if it is finished, whole and of the dataset.

    Its settings must all be on record. What was trained before a setting existed was trained with whatever the program
    did then, which need not be today's default.
    """
    try:
        if dataset_fingerprint(folder) != fingerprint:
            return None
        metrics = read_as(folder / RESULT_FILE, RESULT)
        config = load_config(folder)
        known = flat_settings(config).keys() <= keys_in(folder / CONFIG_FILE)
        whole = known and "mrr" in metrics
        return FinishedRun(folder, config, metrics) if whole else None
    except (UpganError, OSError, ValueError):
        return None  # half a run, or none


def reusable(wanted: Config, runs: Iterable[FinishedRun]) -> FinishedRun | None:
    """The first run whose result is what training with ``wanted`` would give, up to the last digits."""
    return next((run for run in runs if _same(wanted, run.config) and _same_time(wanted, run)), None)


def _same(wanted: Config, other: Config) -> bool:
    return wanted.seed == other.seed and system_settings(wanted) == system_settings(other)


def _same_time(wanted: Config, run: FinishedRun) -> bool:
    """The run ended by itself, within the limit that is asked for; or the same limit ended it on the same means."""
    if run.out_of_time:
        return all(getattr(wanted, key) == getattr(run.config, key) for key in ("max_seconds", "threads", "device"))
    if wanted.max_seconds == run.config.max_seconds:
        return True
    return not wanted.max_seconds or float(run.metrics.get("seconds", float("inf"))) <= wanted.max_seconds
