"""One training per device, and one process per run: locks that the kernel releases when their holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from upgan.errors import BusyError, ConfigError

#: Environment variable that names another folder for the locks.
FOLDER_VARIABLE = "UPGAN_LOCKS"
#: Seconds that taking a lock is tried for: somebody who only looks who holds it has it for an instant.
PATIENCE = 0.5


@contextlib.contextmanager
def device_lock(device: str, run: Path, *, force: bool = False) -> Iterator[None]:
    """Hold a device ("cpu", "cuda") while the block runs.

    Raises BusyError naming the run that trains there; with ``force`` it trains beside it.
    """
    with _lock(f"device-{device}", run) as holder:
        if holder is not None and not force:
            raise BusyError(
                f"device {device} is busy: {holder} is training there. Wait, stop it (upgan stop {holder}), or train "
                "beside it with --force"
            )
        yield


@contextlib.contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold a run folder while the block runs. Raises BusyError where another process trains into it."""
    with _lock(_key_of(run), run) as holder:
        if holder is not None:
            raise BusyError(f"{run}: another process is training into this folder; see `upgan status {run}`")
        yield


def device_holder(device: str) -> Path | None:
    """The run that trains on a device now."""
    path = _folder() / f"device-{device}.lock"
    try:
        with path.open("r", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _named(stream)
    except OSError:
        pass
    return None


@contextlib.contextmanager
def _lock(key: str, run: Path) -> Iterator[Path | None]:
    """Yield None while the lock is held, or at once the run of whoever has it."""
    # Closed on exec (Python's default): a child never keeps the lock of its parent.
    with (_folder() / f"{key}.lock").open("a+", encoding="utf-8") as stream:
        if not _taken(stream):
            yield _named(stream)
            return
        stream.truncate(0)
        json.dump({"run": str(run.resolve()), "pid": os.getpid()}, stream)
        stream.flush()
        yield None


def _taken(stream: IO[str]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _named(stream: IO[str]) -> Path:
    stream.seek(0)
    try:
        return Path(json.load(stream)["run"])
    except (ValueError, KeyError, TypeError):
        return Path("another run")


def _key_of(run: Path) -> str:
    return "run-" + hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:24]


def _folder() -> Path:
    """This user's folder for locks, on this machine and not in any project: two projects share the device."""
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named) if named else Path(tempfile.gettempdir()) / f"upgan-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(f"{folder}: not a folder of this user; name another with {FOLDER_VARIABLE}=FOLDER")
    return folder
