"""What a run is doing now: status.json as its process left it, corrected by whether that process still lives."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from upgan.errors import ConfigError, RunError, TrainingError
from upgan.files import read_object, read_toml, write_json
from upgan.runs.files import CONFIG_FILE, MANIFEST_FILE, RESULT_FILE, RUN_FILES, STATUS_FILE, STOP_FILE, is_run
from upgan.runs.locks import run_holder
from upgan.runs.process import Process, boot_id, this_process
from upgan.runs.schema import LONGEST_STATUS, NAME, RESULT, STATUS, read_as
from upgan.runs.sound import unsound

State = Literal["pending", "running", "stopping", "stopped", "finished", "failed", "interrupted"]
#: States of a run that a process is working on.
ACTIVE: tuple[State, ...] = ("pending", "running", "stopping")
#: States of a run that has ended, each as its process wrote it; of them all but "finished" can go on.
ENDED: tuple[State, ...] = ("stopped", "finished", "failed", "interrupted")

#: Seconds without a heartbeat after which a training on another machine, whose process cannot be seen, counts as gone.
SILENT = 120.0
#: The message of a run whose process ended without leaving one.
GONE = (
    "its process ended without a message (killed, out of memory, or the machine was restarted); `upgan resume` goes on"
)


@dataclass(frozen=True)
class RunStatus:
    """One run at one moment. Times are seconds; what is not known (yet) is None or empty."""

    folder: Path
    state: State
    message: str = ""
    dataset: str = ""
    model: str = ""
    preset: str = ""
    seed: int | None = None
    device: str = ""
    #: The phases this run goes through, and where it is in them.
    phases: tuple[str, ...] = ()
    phase: str = ""
    epoch: int = 0
    epochs: int = 0
    #: Share of the phase that is done, 0 to 1, and the time its rest takes at most (it may converge sooner).
    progress: float | None = None
    eta: float | None = None
    #: Mini-batches since the beginning, over all phases.
    step: int = 0
    best_valid_mrr: float | None = None
    test_mrr: float | None = None
    started: str | None = None
    ended: str | None = None
    #: Training time so far, pauses left out.
    seconds: float | None = None
    #: Since the process last reported that it was alive; never negative, whatever is done to the clock.
    heartbeat_age: float | None = None
    pid: int | None = None
    #: Whether `upgan resume` can go on from here.
    resumable: bool = False

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def active(self) -> bool:
        """Whether a process is working on it."""
        return self.state in ACTIVE

    def to_dict(self) -> dict[str, Any]:
        """As `upgan status --json` prints it."""
        return {"run": str(self.folder), "name": self.name, **asdict(self), "folder": str(self.folder)}


def run_state(folder: Path) -> RunStatus:
    """The true state of one run folder. Raises RunError where it is none."""
    if not is_run(folder):
        raise RunError(f"{folder}: not a run folder (it has none of {', '.join(RUN_FILES)})")
    try:
        status = _read_status(folder)
        if status is None:
            return _without_status(folder)
        if status.get("state") in ACTIVE and not _alive(folder, status):
            # Over, or ended without a message? It may have written its end after the first look.
            status = _read_status(folder) or status
    except (OSError, ValueError) as error:
        return RunStatus(folder, "failed", f"status.json cannot be read ({error}); `upgan resume` writes it anew")
    state, message = _true_state(folder, status)
    if state == "finished":
        message = unsound(folder) or message
    known: dict[str, Any] = {key: status[key] for key in ("dataset", "model", "preset", "seed") if key in status}
    progress = _progress(status, state)
    written: dict[str, Any] = {key: str(status.get(key) or "") for key in ("device", "phase")}
    written |= {key: int(status.get(key) or 0) for key in ("epoch", "epochs", "step")}
    written |= {key: status.get(key) for key in ("best_valid_mrr", "started", "ended", "seconds", "pid")}
    return RunStatus(
        folder=folder,
        state=state,
        message=message,
        **(known or _from_config(folder)),
        **written,
        phases=tuple(status.get("phases") or ()),
        progress=progress,
        eta=_eta(status, progress) if state in ACTIVE else None,
        test_mrr=status["test_mrr"] if "test_mrr" in status else _test_mrr(folder),
        heartbeat_age=_heartbeat_age(status),
        resumable=_resumable(folder, state),
    )


def check_over(folder: Path) -> RunStatus:
    """The state of a run that no process works on. Raises RunError where one does, saying what to do."""
    status = run_state(folder)
    if status.active:
        raise RunError(f"{folder}: it is {status.state}; stop it first (upgan stop {folder})")
    return status


def check_active(folder: Path) -> RunStatus:
    """The state of a run at work. Raises RunError where no process works on it."""
    status = run_state(folder)
    if not status.active:
        raise RunError(f"{folder}: nothing to stop, it is {status.state}")
    return status


def list_runs(root: Path) -> list[RunStatus]:
    """Every run in ``root``, those at work first, then the latest; an empty list where there is no such folder."""
    try:
        folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except OSError:
        return []
    runs = []
    for folder in folders:
        try:
            runs.append(run_state(folder))
        except (RunError, OSError):
            continue  # no run, or deleted while the list was made
    runs.sort(key=lambda status: status.name)
    runs.sort(key=lambda status: status.started or "", reverse=True)
    return sorted(runs, key=lambda status: not status.active)


def write_status(folder: Path, values: dict[str, Any]) -> None:
    """Write status.json in the name of this process. Raises TrainingError where the folder is gone: it stays gone."""
    check_folder(folder)
    heartbeat = {"heartbeat": time.time(), "heartbeat_monotonic": time.monotonic()}
    process = this_process()
    content = {**values, "pid": process.pid, "process": asdict(process), **heartbeat}
    write_json(folder / STATUS_FILE, content, make_folder=False)


def written_status(folder: Path) -> dict[str, Any]:
    """status.json as it is; empty where it is missing or damaged."""
    try:
        return _read_status(folder) or {}
    except (OSError, ValueError):
        return {}


def check_folder(folder: Path) -> None:
    """Raise TrainingError where a run's folder is gone."""
    if not folder.is_dir():
        raise TrainingError(
            f"{folder}: the run folder was deleted or moved, so nothing of this run can be saved any more"
        )


def now() -> str:
    """The time of day, as status and metrics write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# How the truth is found ----------------------------------------------------------------------------------------------


def _true_state(folder: Path, status: dict[str, Any]) -> tuple[State, str]:
    """The state that status.json names, unless its process is gone."""
    stated, message = str(status.get("state", "")), str(status.get("message") or "")
    if stated in ENDED:
        return stated, message
    if stated not in ACTIVE:
        return "failed", f"status.json has the state {stated!r}, which no run has"
    if not _alive(folder, status):
        return "interrupted", GONE
    return ("stopping" if (folder / STOP_FILE).exists() else stated), message


def _alive(folder: Path, status: dict[str, Any]) -> bool:
    """Whether the process that wrote the status still works on the run."""
    process = Process.from_dict(status.get("process"))
    alive = process is not None and process.alive()
    if alive is None:  # another machine's: only its heartbeat can be seen
        silent = time.time() - float(status.get("heartbeat") or 0.0)
        if silent < -SILENT:  # of a clock that is wrong, or of no training: then a living one has just written
            silent = abs(time.time() - (folder / STATUS_FILE).stat().st_mtime)
        return silent < SILENT
    if alive and (_heartbeat_age(status) or 0.0) > SILENT:  # busy, or a status that names some other program
        return run_holder(folder) is not None
    return alive


def _without_status(folder: Path) -> RunStatus:
    """A run written by the Python interface without a log: finished once its metrics are there."""
    known = _from_config(folder)
    mrr = _test_mrr(folder)
    state: State = "finished" if (folder / RESULT_FILE).is_file() else "interrupted"
    return RunStatus(folder, state, **known, test_mrr=mrr, resumable=_resumable(folder, state))


def _from_config(folder: Path) -> dict[str, Any]:
    """Model, preset and seed of config.toml, dataset's name of its manifest; what cannot be read is left out."""
    try:
        config = read_toml(folder / CONFIG_FILE)
    except ConfigError:
        return {}
    try:
        name = read_object(folder / MANIFEST_FILE).get("name")
    except (OSError, ValueError):
        name = ""
    seed, named = (
        config.get("seed"),
        {"dataset": name, "model": config.get("model_name"), "preset": config.get("preset")},
    )
    texts = {key: value[:NAME] if isinstance(value, str) else "" for key, value in named.items()}
    return {**texts, "seed": seed if type(seed) is int else None}


def _resumable(folder: Path, state: State) -> bool:
    """A run that is over but not finished, with its settings and data: from its checkpoint, or from the beginning."""
    if state in ACTIVE or state == "finished":
        return False
    return all((folder / name).is_file() for name in (CONFIG_FILE, MANIFEST_FILE))


def _progress(status: dict[str, Any], state: State) -> float | None:
    if state == "finished":
        return 1.0
    epochs = int(status.get("epochs") or 0)
    if not epochs:
        return None
    finished = int(status.get("epoch") or 0) + float(status.get("epoch_share") or 0.0)
    return min(1.0, finished / epochs)


def _eta(status: dict[str, Any], progress: float | None) -> float | None:
    spent = status.get("phase_seconds")
    if not progress or not isinstance(spent, int | float):
        return None
    return max(0.0, float(spent) / progress * (1.0 - progress))


def _heartbeat_age(status: dict[str, Any]) -> float | None:
    """By the clock that nobody can set, where it is the same one (same boot of the same machine)."""
    process = Process.from_dict(status.get("process"))
    same = process is not None and process.boot and process.boot == boot_id()
    if same and isinstance(status.get("heartbeat_monotonic"), int | float):
        return max(0.0, time.monotonic() - float(status["heartbeat_monotonic"]))
    if isinstance(status.get("heartbeat"), int | float):
        return max(0.0, time.time() - float(status["heartbeat"]))
    return None


def _read_status(folder: Path) -> dict[str, Any] | None:
    """status.json; None where there is none. Raises OSError and ValueError where it is not one."""
    try:
        return read_as(folder / STATUS_FILE, STATUS, LONGEST_STATUS)
    except FileNotFoundError:
        return None


def _test_mrr(folder: Path) -> float | None:
    """Of metrics.json; None where that is missing or damaged, which who opens the run is told."""
    try:
        mrr: float | None = read_as(folder / RESULT_FILE, RESULT).get("mrr")
    except (OSError, ValueError):
        return None
    return mrr
