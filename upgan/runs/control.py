"""Stop a run: by asking it to finish its step and save, or by force."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil

from upgan.errors import RunError
from upgan.runs.files import STOP_FILE
from upgan.runs.locks import run_holder
from upgan.runs.process import Process
from upgan.runs.status import RunStatus, check_active, check_folder, run_state, write_status, written_status

#: Seconds between looks at a run that is waited for.
LOOK = 0.1


def request_stop(folder: Path) -> RunStatus:
    """Ask a run to finish its step, save and end; returns at once. Raises RunError where it is not at work."""
    check_active(folder)
    check_folder(folder)
    (folder / STOP_FILE).touch()
    return run_state(folder)


def wait_until_over(folder: Path, seconds: float | None = None) -> RunStatus:
    """Wait until no process works on the run, or for so many seconds; returns its state then."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        status = run_state(folder)
        if not status.active or (deadline is not None and time.monotonic() > deadline):
            return status
        time.sleep(LOOK)


def kill(folder: Path) -> RunStatus:
    """End a run's process at once; what it saved last is where `upgan resume` goes on. Returns its state.

    Raises RunError where it is not at work, and where the process that it names is not one that trains it: status.json
    may come from anywhere, and may name any program of this user.
    """
    check_active(folder)
    written = written_status(folder)
    process = Process.from_dict(written.get("process"))
    if process is None or process.alive() is None:
        raise RunError(f"{folder}: its process runs on another machine ({process.host if process else '?'})")
    if run_holder(folder) != process.pid:
        raise RunError(
            f"{folder}: status.json names process {process.pid}, but that is not training this folder, so nothing was "
            f"ended; see what it is (ps -p {process.pid})"
        )
    _kill(process)
    while process.alive():
        time.sleep(0.01)
    check_folder(folder)
    (folder / STOP_FILE).unlink(missing_ok=True)
    if run_state(folder).state == "interrupted":
        ended = {"state": "interrupted", "message": "stopped by force; `upgan resume` goes on from the last save"}
        write_status(folder, {**written, **ended})
    return run_state(folder)


def _kill(process: Process) -> None:
    """SIGKILL to this very process: psutil knows it by its start from here on, which it compares before the signal."""
    with contextlib.suppress(psutil.NoSuchProcess):
        known = psutil.Process(process.pid)
        if process.alive():
            known.kill()
