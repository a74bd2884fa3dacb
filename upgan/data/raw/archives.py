"""Zip archives of several files: unpacked into a folder that is there while they are read, within bounds.

A source that names such an archive, or a folder that holds one, is read as if it had been unpacked there.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from os.path import commonpath
from pathlib import Path, PurePosixPath

from upgan.bounds import check_bytes
from upgan.data.raw.packing import BLOCK, FAULTS, is_office, members_of, packing_of
from upgan.errors import DataError, shown

#: Files of one archive.
MOST_MEMBERS = 1_000


@contextlib.contextmanager
def unpacked(paths: Sequence[Path], archives: Sequence[Path]) -> Iterator[list[Path]]:
    """``paths`` with a folder in place of each of the ``archives``, or after them for one that lies in a folder.

    Errors from within name the archive, not that folder. DataError for an archive that is damaged, encrypted, holds too
    much, or a name that leads out of it.
    """
    if not archives:
        yield list(paths)
        return
    with tempfile.TemporaryDirectory(prefix="upgan-zip-") as temporary:
        folders: dict[Path, Path] = {}
        called: dict[str, str] = {}
        for number, path in enumerate(archives):
            target = Path(temporary) / str(number) / (path.stem or "archive")
            folders[path] = _unpack(path, target)
            called[str(target)] = str(path)
        beside = [folders[path] for path in archives if path not in paths]
        try:
            yield [*(folders.get(path, path) for path in paths), *beside]
        except DataError as error:
            text = str(error)
            for folder, name in called.items():
                text = text.replace(folder, name)
            raise type(error)(text) from None


def holds_several(path: Path) -> bool:
    """Whether a file is such an archive."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            if packing_of(file.read(4)) != "zip":
                return False
        with zipfile.ZipFile(path) as archive:
            members = members_of(archive)
    except (OSError, ValueError, *FAULTS):
        return False  # what is wrong with it is its reader's to say
    return len(members) > 1 and not is_office(members)


def _unpack(path: Path, target: Path) -> Path:
    """Write the archive's files below ``target``; the folder that holds all of them."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            members = members_of(archive)
            if len(members) > MOST_MEMBERS:
                raise DataError(f"{path} holds {len(members):,} files; at most {MOST_MEMBERS:,} are read: unpack it")
            if any(each.flag_bits & 1 for each in members):
                raise DataError(f"{path} is an encrypted zip archive: unpack it and give the folder")
            stated = sum(each.file_size for each in members)
            check_bytes(str(path), stated, size)
            target.mkdir(parents=True)
            free = shutil.disk_usage(target).free
            if stated > free:
                raise DataError(f"{path}: {stated:,} bytes unpacked, {free:,} are free in {target.parent}: unpack it")
            for each in members:
                _write(path, archive, each, target)
    except FAULTS as error:
        raise DataError(f"{path}: the zip data are cut off or damaged ({error}); fetch the file again") from error
    parents = {str(PurePosixPath(each.filename).parent) for each in members}
    return target / commonpath(parents)


def _write(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """One file, of no more bytes than the archive's list states."""
    place = PurePosixPath(member.filename)
    if place.is_absolute() or ".." in place.parts or "\\" in member.filename or ":" in member.filename:
        raise DataError(f"{path}: {member.filename!r} leads out of the archive; it is malicious or broken")
    to = target / place
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        unpacked = to.open("xb")
    except OSError as error:
        why = "it stands in it twice, as a file or a folder" if isinstance(error, FileExistsError) else error.strerror
        raise DataError(f"{path}: {shown(member.filename)} cannot be unpacked: {why}") from error
    left = member.file_size
    with archive.open(member) as source, unpacked as written:
        while block := source.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise DataError(f"{path}: {member.filename!r} is longer than the archive's list states; it is broken")
            written.write(block)
