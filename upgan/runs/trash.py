"""Runs are deleted into a folder beside them, from which they come back until it is emptied."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upgan.errors import RunError
from upgan.runs.files import is_run
from upgan.runs.status import run_state

#: Begins with a dot, so that no list of runs shows it.
TRASH = ".trash"


@dataclass(frozen=True)
class Deleted:
    """A deleted run: its name, where its folder is now, and when it was put there."""

    name: str
    path: Path
    when: datetime


def delete(folder: Path) -> Deleted:
    """Move a run to the trash of its root, in one step. Raises RunError where it is at work."""
    status = run_state(folder)
    if status.active:
        raise RunError(f"{folder}: it is {status.state}; stop it first (upgan stop {folder})")
    folder = folder.resolve()
    when = datetime.now(UTC)
    place = folder.parent / TRASH / f"{when:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    place.mkdir(parents=True)
    folder.rename(place / folder.name)
    return Deleted(folder.name, place / folder.name, when)


def restore(deleted: Path) -> Path:
    """Bring a deleted run back under its name. Raises RunError where the name is taken, or nothing is there."""
    if not is_run(deleted) or deleted.parent.parent.name != TRASH:
        raise RunError(f"{deleted}: no deleted run")
    back = deleted.parent.parent.parent / deleted.name
    if back.exists():
        raise RunError(f"{back}: there is another run of this name; move or rename it first")
    deleted.rename(back)
    with contextlib.suppress(OSError):
        deleted.parent.rmdir()
    return back


def deleted_runs(root: Path) -> list[Deleted]:
    """What can be restored, the latest first."""
    found = []
    for place in (root / TRASH).glob("*-*"):
        with contextlib.suppress(ValueError, OSError):
            when = datetime.strptime(place.name.partition("-")[0], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            found += [Deleted(path.name, path, when) for path in place.iterdir() if is_run(path)]
    return sorted(found, key=lambda deleted: deleted.when, reverse=True)


def empty_trash(root: Path) -> None:
    """Remove every deleted run for good."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(root / TRASH)
