"""Runs as someone who trains sees them: listed with their true state, started, stopped, resumed, deleted.

All of it is upgan.runs'; here it is kept within the folder of runs, and refused where the app is read-only.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ui.services.access import require_training
from ui.services.following import phase_words
from ui.services.runs import checkpoint_root
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError, RunError, TrainingError
from upgan.runs import control, launch, trash
from upgan.runs.files import is_run
from upgan.runs.launch import free_folder
from upgan.runs.status import RunStatus, list_runs, run_state
from upgan.runs.trash import Deleted

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
#: Times that are told in words: seconds in one, its name.
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def overview() -> list[RunStatus]:
    """Every run of the app's folder, those at work first."""
    return list_runs(checkpoint_root())


def active(runs: Sequence[RunStatus]) -> list[str]:
    """Names of the runs that a process works on."""
    return [run.name for run in runs if run.active]


def states(runs: Sequence[RunStatus]) -> dict[str, str]:
    """Each run's state, by name."""
    return {run.name: run.state for run in runs}


def state_of(name: str) -> RunStatus:
    """One run's state now. Raises RunError where it is none of this app's."""
    return run_state(folder_of(name))


def folder_of(name: str) -> Path:
    """A run's folder by its name. Raises RunError for whatever is no run directly below the folder of runs."""
    folder = checkpoint_root() / name
    if Path(name).name != name or name.startswith(".") or not is_run(folder):
        raise RunError(f"there is no run {name[:80]!r} here")
    return folder


# Starting ------------------------------------------------------------------------------------------------------------


def usual_name(dataset: str, config: Config) -> str:
    """The name that `upgan train` would give the run, or the next free one."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", dataset).strip("-._")[:40] or "data"
    return free_folder(checkpoint_root(), f"{plain}-{config.model_name}-{config.preset}-s{config.seed}").name


def new_folder(name: str) -> Path:
    """The place of a new run; ConfigError for a name that is taken or no plain word."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:60]!r}: a run's name is 1 to 80 letters, digits, - _ and ., the first of them a "
                          "letter or digit")  # fmt: skip
    folder = checkpoint_root() / name
    if folder.exists():
        raise ConfigError(f"{name!r}: there is a run of that name already")
    return folder


def start(name: str, dataset: KGDataset, config: Config, *, force: bool) -> RunStatus:
    """Begin a training in a process of its own; returns once it has taken over.

    Raises BusyError where another run trains on the device (not with ``force``), TrainingError where it failed.
    """
    require_training()
    folder = new_folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return _begun(launch.start(folder, dataset, config, force=force))


def free_space(folder: Path) -> float:
    """Free megabytes where a folder is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e6


# Acting on runs ------------------------------------------------------------------------------------------------------


def resume(name: str, *, force: bool) -> RunStatus:
    """Go on with a run in a process of its own. Errors as ``start``."""
    require_training()
    return _begun(launch.resume(folder_of(name), force=force))


def stop(name: str) -> RunStatus:
    """Let a run finish its step, save and end; returns at once."""
    require_training()
    return control.request_stop(folder_of(name))


def kill(name: str) -> RunStatus:
    """End a run's process now; it can go on from its last save."""
    require_training()
    return control.kill(folder_of(name))


def delete(name: str) -> Deleted:
    """Move a run to the trash."""
    require_training()
    return trash.delete(folder_of(name))


def restore(gone: Deleted) -> Path:
    """Bring a deleted run back. Raises RunError where its name is taken by now."""
    require_training()
    if gone.path.resolve() not in [each.path.resolve() for each in trash.deleted_runs(checkpoint_root())]:
        raise RunError(f"{gone.name}: it is not in the trash any more")
    return trash.restore(gone.path)


def _begun(status: RunStatus) -> RunStatus:
    if status.state == "failed":
        raise TrainingError(f"{status.name}: {status.message}")
    return status


# Words ---------------------------------------------------------------------------------------------------------------


def duration(seconds: float | None) -> str:
    """42 s, 3.5 min, 2 h, 12 d; empty for None."""
    if seconds is None:
        return ""
    for size, unit in _UNITS:
        if seconds >= size:
            amount = seconds / size
            return f"{amount:.0f} {unit}" if amount >= 10 or amount == round(amount) else f"{amount:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(megabytes: float) -> str:
    """850 MB, 1.4 GB."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def headline(run: RunStatus) -> str:
    """What a run is doing, in one line."""
    if run.state == "pending":
        return f"pending: {run.message}" if run.message else "pending"
    parts = [str(run.state)]
    if run.phase and run.state != "finished":
        parts.append(f"{phase_words(run.phase)}, epoch {run.epoch:,} of at most {run.epochs:,}")
    if run.eta is not None and run.state == "running":
        parts.append(f"this phase ends in at most {duration(run.eta)}")
    if run.test_mrr is not None:
        parts.append(f"test MRR {run.test_mrr:.4f}")
    return " · ".join(parts)
