"""One training per device, and one process per run: locks that the kernel releases when their holder dies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from upgan.errors import BusyError, ConfigError
from upgan.files import read_object, write_json

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
    lock = _folder() / f"device-{device}.lock"
    try:
        with FileLock(lock, timeout=0):
            return None
    except Timeout:
        return _named(lock)


def run_holder(run: Path) -> int | None:
    """The process that trains into a run folder now; None where nobody does.

    It is named in this user's folder of locks and not in the run's own, which may come from anywhere.
    """
    lock = _folder() / f"{_key_of(run)}.lock"
    try:
        with FileLock(lock, timeout=0):
            return None
    except Timeout:
        pid = _written(lock).get("pid")
        return pid if isinstance(pid, int) else None


@contextlib.contextmanager
def _lock(key: str, run: Path) -> Iterator[Path | None]:
    """Yield None while the lock is held, or at once the run of whoever has it."""
    path = _folder() / f"{key}.lock"
    try:
        held = FileLock(path, timeout=PATIENCE).acquire()
    except Timeout:
        yield _named(path)
        return
    with held:
        write_json(path.with_suffix(".json"), {"run": str(run.resolve()), "pid": os.getpid()})
        yield None


def _named(lock: Path) -> Path:
    return Path(str(_written(lock).get("run") or "another run"))


def _written(lock: Path) -> dict[str, Any]:
    """What the holder of a lock wrote beside it; empty where it has not yet."""
    try:
        return read_object(lock.with_suffix(".json"))
    except (OSError, ValueError):
        return {}


def _key_of(run: Path) -> str:
    return "run-" + hashlib.sha256(os.fsencode(run.resolve())).hexdigest()[:24]


def _folder() -> Path:
    """This user's folder for locks, on this machine and not in any project: two projects share the device."""
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named) if named else Path(tempfile.gettempdir()) / f"upgan-locks-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ConfigError(f"{folder}: not a folder of this user; name another with {FOLDER_VARIABLE}=FOLDER")
    return folder
