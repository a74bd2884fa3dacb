"""Deleted runs: moved into a folder beside the runs, kept there for 30 days, brought back or removed for good.

The rule is applied whenever a run is deleted or the trash is listed; no process of its own watches the folder.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from upgan.errors import RunError, UpganError
from upgan.runs.files import is_run
from upgan.runs.status import check_over

#: Begins with a dot, so that no list of runs shows it.
TRASH = ".trash"
#: How long a deleted run can be brought back.
KEPT_DAYS = 30
#: Name of a deletion's folder: its time in UTC, and a mark that tells two of one second apart.
_STAMP = re.compile(r"(\d{8}T\d{6})-[0-9a-f]{8}")


@dataclass(frozen=True)
class Deleted:
    """A deleted run: its name, where its folder is now, and when it was put there."""

    name: str
    path: Path
    when: datetime

    @property
    def id(self) -> str:
        """Names this one among several deleted runs of one name."""
        return self.path.parent.name

    @property
    def until(self) -> datetime:
        """The time from which on it is removed for good."""
        return self.when + timedelta(days=KEPT_DAYS)

    def megabytes(self) -> float:
        """What it takes on disk."""
        return _megabytes(self.path)

    def to_dict(self) -> dict[str, Any]:
        """As `upgan trash list --json` prints it; times are UTC."""
        return {
            "name": self.name,
            "id": self.id,
            "path": str(self.path),
            "deleted": self.when.isoformat(),
            "kept_until": self.until.isoformat(),
            "megabytes": round(self.megabytes(), 3),
        }


@dataclass(frozen=True)
class Removed:
    """What left the trash for good."""

    names: tuple[str, ...]
    megabytes: float


def delete(folder: Path) -> Deleted:
    """Move a run to the trash of its root, in one step. Raises RunError where it is at work.

    Deleted runs of the same root that are past their 30 days are removed.
    """
    check_over(folder)
    folder = folder.resolve()
    remove_expired(folder.parent)
    when = datetime.now(UTC).replace(microsecond=0)
    place = folder.parent / TRASH / f"{when:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    place.mkdir(parents=True)
    folder.rename(place / folder.name)
    return Deleted(folder.name, place / folder.name, when)


def promise(root: Path, name: str) -> str:
    """What to tell whoever deletes a run of ``root``: how long it is kept, where, and how it comes back."""
    root = root.resolve()
    command = ["upgan", "trash", "restore", name]
    if root != Path("checkpoints").resolve():
        command += ["--checkpoints", str(root)]
    return f"kept for {KEPT_DAYS} days in {root / TRASH}; `{shlex.join(command)}` brings it back"


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
    """What can be restored, the latest first; what is past its 30 days is removed before."""
    remove_expired(root)
    runs = [Deleted(path.name, path, when) for place, when in _places(root) for path in _inside(place) if is_run(path)]
    return sorted(runs, key=lambda deleted: deleted.when, reverse=True)


def find_deleted(root: Path, name: str) -> Deleted:
    """The deleted run of this name or id. RunError where there is none, or more than one."""
    runs = deleted_runs(root)
    matching = [deleted for deleted in runs if name in (deleted.name, deleted.id)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        ids = ", ".join(f"{deleted.id} ({deleted.when:%Y-%m-%d %H:%M} UTC)" for deleted in matching)
        raise RunError(f"{len(matching)} deleted runs are named {name!r}; give one of these ids: {ids}")
    names = ", ".join(dict.fromkeys(deleted.name for deleted in runs)) or "nothing"
    raise RunError(f"no deleted run is named {name!r}; the trash of {root} holds {names}")


def remove_expired(root: Path, now: datetime | None = None) -> Removed:
    """Remove what has been in the trash for 30 days; what cannot be removed stays until the next time."""
    oldest = (now or datetime.now(UTC)) - timedelta(days=KEPT_DAYS)
    return _remove([place for place, when in _places(root) if when <= oldest])


def empty_trash(root: Path) -> Removed:
    """Remove every deleted run for good. Raises UpganError where one cannot be removed."""
    removed = _remove([place for place, _ in _places(root)])
    with contextlib.suppress(OSError):
        (root / TRASH).rmdir()  # stays where something else was put into it
    if left := [place for place, _ in _places(root)]:
        raise UpganError(f"{left[0]}: cannot be removed; check who owns the files in it")
    return removed


def _places(root: Path) -> Iterator[tuple[Path, datetime]]:
    """The folder of each deletion and its time; anything else in the trash is nobody's to remove."""
    for place in sorted((root / TRASH).glob("*-*")):
        stamp = _STAMP.fullmatch(place.name)
        if stamp is not None and place.is_dir() and not place.is_symlink():
            with contextlib.suppress(ValueError):  # digits that are no date
                yield place, datetime.strptime(stamp[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def _remove(places: Sequence[Path]) -> Removed:
    """Remove deletions' folders with all that is in them, and say what was removed."""
    names: list[str] = []
    megabytes = 0.0
    for place in places:
        inside, size = _inside(place), _megabytes(place)
        shutil.rmtree(place, ignore_errors=True)
        if not place.exists():
            names += [path.name for path in inside]
            megabytes += size
    return Removed(tuple(names), megabytes)


def _inside(place: Path) -> list[Path]:
    """What a deletion's folder holds; nothing where another process has just taken it away."""
    try:
        return sorted(place.iterdir())
    except OSError:
        return []


def _megabytes(folder: Path) -> float:
    """The sizes of all files in a folder; links are not followed."""
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # just taken away
            size += 0 if path.is_dir() else path.lstat().st_size
    return size / 1e6
