"""Begin a run or go on with one, in a process of its own that lives on when this one ends."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from upgan.config.phases import planned_phases
from upgan.config.settings import Config, config_from_dict, to_toml
from upgan.data.dataset import KGDataset, copy_dataset
from upgan.errors import BusyError, RunError, UpganError
from upgan.files import read_toml, write_json, write_text
from upgan.runs.files import (
    CONFIG_FILE,
    EARLIER_FILES,
    LOG_FILE,
    MANIFEST_FILE,
    START_FILE,
    STOP_FILE,
    TENSORBOARD_FOLDER,
    is_run,
)
from upgan.runs.history import last_words
from upgan.runs.locks import device_holder, run_lock
from upgan.runs.schema import START, read_as
from upgan.runs.status import RunStatus, check_over, now, run_state, write_status, written_status

#: Ends of the names of files and folders that are being written (upgan.files).
LEFTOVERS = (".tmp", ".building", ".old")
#: Seconds a new process has to say that it is there.
HANDOVER = 60.0


def start(
    folder: Path,
    dataset: KGDataset,
    config: Config,
    *,
    start_from: Path | None = None,
    force: bool = False,
    overwrite: bool = False,
) -> RunStatus:
    """Create a run and train it in a process of its own; returns once that process has taken over.

    Raises RunError where the folder is taken (with ``overwrite`` only by a run at work), BusyError where another run
    trains on the device (not with ``force``).
    """
    check_free(folder, overwrite=overwrite)
    _check_device(config.device, force)
    with run_lock(folder):
        check_free(folder, overwrite=overwrite)  # somebody may have been quicker
        create(folder, dataset, config, start_from=start_from)
    return launch(folder, force=force)


def check_free(folder: Path, *, overwrite: bool = False) -> None:
    """Raise RunError where a run cannot be made in the folder, or only with ``overwrite``; a run at work stays."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: a file is in the way of the run folder; choose another folder")
    if not folder.exists() or is_empty(folder):
        return
    if not is_run(folder):
        raise RunError(f"{folder}: not empty and not a run folder; choose another folder")
    status = check_over(folder)
    if not overwrite:
        go_on = f"go on with it (upgan resume {folder}), " if status.resumable else ""
        raise RunError(
            f"{folder}: holds a run already; {go_on}choose another folder, or replace it (upgan train --overwrite)"
        )


def resume(folder: Path, *, force: bool = False) -> RunStatus:
    """Go on with a run in a process of its own; returns once it has taken over. Errors as ``start``."""
    check_resumable(folder)
    _check_device(config_from_dict(read_toml(folder / CONFIG_FILE)).device, force)
    return launch(folder, force=force)


def create(folder: Path, dataset: KGDataset, config: Config, *, start_from: Path | None = None) -> None:
    """Make a run that is yet to be trained: its settings, a copy of the data, the state "pending"."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    clear(folder)
    for name in (STOP_FILE, START_FILE):
        (folder / name).unlink(missing_ok=True)
    about = description(dataset, config, started=start_from is not None)
    write_status(folder, {**about, "state": "pending", "message": "waiting for its process"})
    copy_dataset(dataset, folder / "dataset")
    write_text(folder / CONFIG_FILE, to_toml(config))
    if start_from is not None:
        write_json(folder / START_FILE, {"run": str(start_from.resolve())})


def is_empty(folder: Path) -> bool:
    """Whether a folder holds nothing, but for the beginnings of files whose writer was killed."""
    return all(path.name.startswith(".") and path.suffix in LEFTOVERS for path in folder.iterdir())


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process began to write in the folder; only for who holds it (upgan.runs.locks.run_lock)."""
    for path in folder.glob(".*"):
        if path.suffix in LEFTOVERS:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove what an earlier training left. The log is emptied in place: this run's process may write to it already."""
    for name in EARLIER_FILES:
        if name != LOG_FILE:
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TENSORBOARD_FOLDER, ignore_errors=True)
    if (folder / LOG_FILE).exists():
        (folder / LOG_FILE).write_bytes(b"")


def description(dataset: KGDataset, config: Config, *, started: bool = False) -> dict[str, Any]:
    """What status.json says of a run before anything is trained; ``started``: from another run's vectors."""
    return {
        "dataset": dataset.name,
        "model": config.model_name,
        "preset": config.preset,
        "seed": config.seed,
        "phases": [planned.name for planned in planned_phases(config, started=started)],
        "started": now(),
    }


def check_resumable(folder: Path) -> RunStatus:
    """The state of a run that `upgan resume` can go on with; RunError for any other, saying why."""
    status = run_state(folder)
    if status.active and status.state != "pending":
        raise RunError(f"{folder}: it is {status.state}; see `upgan status {folder}`")
    if status.state == "finished":
        raise RunError(f"{folder}: it is finished, there is nothing to go on with")
    for name in (CONFIG_FILE, MANIFEST_FILE):
        if not (folder / name).is_file():
            raise RunError(f"{folder}: {name} is missing, so it cannot go on; train again")
    return status


def claim(folder: Path) -> dict[str, Any]:
    """Take a run over in the name of this process, as the first thing it does; returns what its status said before."""
    before = written_status(folder)
    remove_leftovers(folder)
    (folder / STOP_FILE).unlink(missing_ok=True)
    write_status(folder, {**before, "state": "pending", "message": "reading its data"})
    return before


def give_back(folder: Path, before: dict[str, Any], message: str) -> None:
    """Leave a run that could not be taken up as it was, with the reason; one that never trained has failed."""
    status = written_status(folder)
    if status.get("state") != "pending":  # training began, and wrote its end itself
        return
    state = before.get("state") if before.get("state") in ("stopped", "failed", "interrupted") else "failed"
    with contextlib.suppress(OSError, UpganError):
        write_status(folder, {**status, "state": state, "message": message})


def start_of_run(folder: Path) -> Path | None:
    """The run whose vectors this one starts from; None where it has an initialisation of its own. Raises RunError."""
    if not (folder / START_FILE).is_file():
        return None
    try:
        return Path(read_as(folder / START_FILE, START)["run"])
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / START_FILE}: cannot be read ({error}); train again") from None


def free_folder(root: Path, name: str) -> Path:
    """``name`` in ``root``, or the first of name-2, name-3, ... that nothing has."""
    names = itertools.chain([name], (f"{name}-{count}" for count in itertools.count(2)))
    return next(folder for folder in (root / candidate for candidate in names) if not folder.exists())


def launch(folder: Path, *, force: bool = False) -> RunStatus:
    """Start the process that goes on with a run, and wait until it has taken over."""
    child = spawn(folder, force=force)
    deadline = time.monotonic() + HANDOVER
    while time.monotonic() < deadline:
        ended = child.poll()
        if is_run(folder) and written_status(folder).get("pid") == child.pid:
            return run_state(folder)
        if ended is not None:
            status = run_state(folder)
            if status.active and status.pid != os.getpid():
                return status  # another process was quicker, and ours saw it: the run is being trained
            message = f"could not start: {last_words(folder)}"
            write_status(folder, {**written_status(folder), "state": "failed", "message": message})
            return run_state(folder)
        time.sleep(0.02)
    raise RunError(f"{folder}: its process ({child.pid}) did not answer within {HANDOVER:.0f} s; see {LOG_FILE} there")


def spawn(folder: Path, *, force: bool, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """`upgan resume` of the folder: own session, no input, output to the log, so that it outlives us."""
    command = [sys.executable, "-m", "upgan", "resume", str(folder.resolve()), "--quiet", *(["--force"] * force)]
    with (folder / LOG_FILE).open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def estimated(dataset: Path, config: Config) -> dict[str, Any]:
    """What a training will cost (upgan.experiment.estimate), found in a process of its own: it takes all threads.

    Raises RunError with what that process said where it failed.
    """
    with tempfile.TemporaryDirectory(prefix="upgan-estimate-") as folder:
        settings = Path(folder) / "config.toml"
        write_text(settings, to_toml(config))
        command = [sys.executable, "-m", "upgan", "train", str(dataset), "--config", str(settings)]
        command += ["--model", config.model_name, "--estimate", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise RunError(f"{dataset}: no estimate: {done.stderr.strip() or f'exit code {done.returncode}'}")
    estimate: dict[str, Any] = json.loads(done.stdout)
    return estimate


def _check_device(device: str, force: bool) -> None:
    """An early answer where the device is surely busy; the process itself takes the lock, or fails."""
    if force:
        return
    if device == "auto":
        device = "cuda" if Path("/dev/nvidia0").exists() else "cpu"
    holder = device_holder(device)
    if holder is not None:
        raise BusyError(f"device {device} is busy: {holder} is training there; wait, stop it, or use --force")
