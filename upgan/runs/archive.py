"""A run as one file to give away, and back: `upgan export` and `upgan import`.

An archive is a zip file of a run's own files, and ``checksums.json`` with size and SHA-256 of each. Importing trusts
nothing: only files of a run are taken, by their exact names, so that no path can lead out of the folder; sizes are
bounded before and counted while reading; weights must be well-formed safetensors files. Nothing in an archive is
executed: no format read here can hold code, and a pickle is refused whatever its name. The run appears in its place
whole, or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from upgan.errors import DataError, InputError, RunError
from upgan.files import folder_written_whole, sha256_of_file, spelled_in_utf8, write_atomic
from upgan.parquet import UNREADABLE, check_footer
from upgan.runs import files
from upgan.runs.status import check_over
from upgan.version import __version__

CHECKSUMS = "checksums.json"
MB, GB = 10**6, 10**9


class Stated(BaseModel):
    """What checksums.json says of a file."""

    bytes: int
    sha256: str


class Checksums(BaseModel):
    """checksums.json."""

    format_version: Literal[1]
    upgan_version: str = ""
    name: Any = ""
    files: dict[str, Stated]


@dataclass(frozen=True)
class Kind:
    """A file that a run may hold: how large, whether it must be there, whether it is packed."""

    most: int
    needed: bool = False
    compressed: bool = True


TABLE = Kind(4 * GB, needed=True, compressed=False)
WEIGHTS = Kind(16 * GB, compressed=False)
#: The files that are shared. What only resuming needs, and event files that are made from metrics.jsonl, are not.
FILES: dict[str, Kind] = {
    files.CONFIG_FILE: Kind(1 * MB, needed=True),
    files.SEAL_FILE: Kind(1 * MB, needed=True),
    files.MODEL_FILE: Kind(16 * GB, needed=True, compressed=False),
    files.GENERATOR_FILE: WEIGHTS,
    files.SQUARES_FILE: WEIGHTS,
    files.RESULT_FILE: Kind(64 * MB),
    files.METRICS_FILE: Kind(1 * GB),
    files.PINNED_FILE: Kind(1 * GB),
    files.STATUS_FILE: Kind(1 * MB),
    files.LOG_FILE: Kind(1 * GB),
    files.CARD_FILE: Kind(64 * MB),
    files.MANIFEST_FILE: Kind(64 * MB, needed=True),
    **dict.fromkeys(files.TABLE_FILES, TABLE),
    "dataset/reviewed.parquet": Kind(4 * GB, compressed=False),
}
#: A file beyond this size that shrank to less than this share of it is no text of a run.
SMALL, RATIO = 1 * MB, 200
BLOCK = 1 << 20
NAME = re.compile(r"[\w][\w.+-]{0,99}")


def export_run(run: Path, out: Path) -> None:
    """Write a run's files and their checksums to ``out``, whole or not at all.

    Raises RunError where the run is at work or has no weights yet.
    """
    check_over(run)
    names = [name for name in FILES if (run / name).is_file()]
    missing = [name for name, kind in FILES.items() if kind.needed and name not in names]
    if missing:
        raise RunError(
            f"{run}: {missing[0]} is missing, so the run is not complete; train it to the end before exporting it"
        )
    stated = {name: Stated(bytes=(run / name).stat().st_size, sha256=sha256_of_file(run / name)) for name in names}
    checksums = Checksums(format_version=1, upgan_version=__version__, name=run.resolve().name, files=stated)

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr(_entry(CHECKSUMS, compressed=True), json.dumps(checksums.model_dump(), indent=2))
            for name in names:
                with (
                    (run / name).open("rb") as source,
                    archive.open(_entry(name, compressed=FILES[name].compressed), "w", force_zip64=True) as target,
                ):
                    shutil.copyfileobj(source, target, BLOCK)

    write_atomic(out, write)


def import_run(archive: Path, to: Path | None, root: Path, check: Callable[[Path], Any] | None = None) -> Path:
    """Unpack an archive to ``to``, or to its own name in ``root``; returns the run's folder.

    ``check`` is given the unpacked folder before it gets its place, and may raise. Raises RunError for an archive that
    is damaged or not what it says, naming the file in it and what is wrong, and where there is something at ``to``.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            checksums = _checked(archive, opened)
            folder = to or root / _name(checksums, archive)
            if folder.exists():
                raise RunError(f"{folder}: exists already; name another folder with --to")
            _check_space(archive, folder, checksums)
            with folder_written_whole(folder) as building:
                for name, stated in checksums.files.items():
                    _unpack(archive, opened, name, stated, building / name)
                if check is not None:
                    _check_opened(archive, building, check)
    except FileNotFoundError:
        raise RunError(f"{archive}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, EOFError, ValueError, OverflowError) as error:
        raise RunError(f"{archive}: not a zip file, or a damaged one ({error}); get it again from its source") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise RunError(f"{archive}: damaged, it points outside itself; get it again from its source") from None
    return folder


def _check_opened(archive: Path, building: Path, check: Callable[[Path], Any]) -> None:
    """``check`` the unpacked folder; its errors name the archive, not a folder that is gone when they are read."""
    try:
        check(building)
    except InputError as error:
        raise RunError(
            str(error).replace(f"{building}/", f"{archive}: ").replace(str(building), str(archive))
        ) from None


def _checked(archive: Path, opened: zipfile.ZipFile) -> Checksums:
    """The checksums, once the list of files is known to be that of a run and no more; nothing is unpacked yet."""
    entries = opened.infolist()
    if len(entries) > len(FILES) + 1:
        raise RunError(f"{archive}: holds {len(entries)} files, a run has at most {len(FILES) + 1}")
    names = [entry.filename for entry in entries]
    for entry in entries:
        _check_entry(archive, entry)
        if names.count(entry.filename) > 1:
            raise RunError(f"{archive}: {entry.filename!r} is in the archive twice")
    if sum(entry.compress_size for entry in entries) > archive.stat().st_size:
        raise RunError(f"{archive}: its files overlap, as in a zip bomb")
    checksums = _read_checksums(archive, opened, names)
    stated = set(checksums.files)
    if stated != set(names) - {CHECKSUMS}:
        odd = sorted(stated ^ (set(names) - {CHECKSUMS}))[0]
        raise RunError(f"{archive}: {odd!r} is in {CHECKSUMS} or in the archive, but not in both")
    missing = [name for name, kind in FILES.items() if kind.needed and name not in stated]
    if missing:
        raise RunError(f"{archive}: {missing[0]} is missing, so this is not a complete run")
    return checksums


def _check_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name or ":" in name:
        raise RunError(f"{archive}: {name!r} leads out of the run's folder; the archive is malicious or broken")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise RunError(f"{archive}: {name!r} is a link or another special file; a run has plain files only")
    if name != CHECKSUMS and name not in FILES:
        raise RunError(f"{archive}: {name!r} is not a file of a run; allowed: {', '.join(FILES)}")
    if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RunError(f"{archive}: {name!r} is encrypted or compressed by another method than deflate")
    most = 1 * MB if name == CHECKSUMS else FILES[name].most
    if entry.file_size > most:
        raise RunError(f"{archive}: {name!r} is {entry.file_size} bytes long; at most {most} are allowed")
    if entry.file_size > max(SMALL, RATIO * entry.compress_size):
        raise RunError(f"{archive}: {name!r} grows more than {RATIO}-fold when unpacked, as in a zip bomb")


def _read_checksums(archive: Path, opened: zipfile.ZipFile, names: list[str]) -> Checksums:
    if CHECKSUMS not in names:
        raise RunError(f"{archive}: {CHECKSUMS} is missing; `upgan export` writes it")
    try:
        with opened.open(CHECKSUMS) as stream:
            return Checksums.model_validate_json(stream.read(1 * MB + 1))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RunError(f"{archive}: {CHECKSUMS} is not readable by this upgan ({place}: {first['msg']})") from None


def _unpack(archive: Path, opened: zipfile.ZipFile, name: str, stated: Stated, to: Path) -> None:
    """Write one file, counting what really comes out; its checksum, its kind and its header must fit."""
    to.parent.mkdir(exist_ok=True)
    with opened.open(name) as source, to.open("xb") as target:
        size, digest = _copy(source, target, stated.bytes)
    if size != stated.bytes:
        raise RunError(f"{archive}: {name!r} is not as {CHECKSUMS} states: expected {stated.bytes} bytes, found {size}")
    if digest != stated.sha256:
        raise RunError(f"{archive}: {name!r} is damaged: its checksum differs from the one in {CHECKSUMS}")
    try:
        # By its header alone: of weights it must describe exactly the bytes that follow.
        if to.suffix == ".safetensors":
            with spelled_in_utf8(to) as spelled, safe_open(spelled, framework="numpy"):
                pass
        elif to.suffix == ".parquet":
            check_footer(to, f"{archive}: {name!r}")
    except DataError as error:
        raise RunError(str(error)) from None
    except (SafetensorError, *UNREADABLE) as error:
        raise RunError(f"{archive}: {name!r} is not a sound {to.suffix[1:]} file ({error})") from None


def _copy(source: IO[bytes], target: IO[bytes], most: int) -> tuple[int, str]:
    """Copy until the end, or one block beyond what is expected: (bytes, SHA-256)."""
    size, digest = 0, hashlib.sha256()
    while size <= most and (block := source.read(BLOCK)):
        size += len(block)
        digest.update(block)
        target.write(block)
    return size, digest.hexdigest()


def _check_space(archive: Path, folder: Path, checksums: Checksums) -> None:
    needed = sum(file.bytes for file in checksums.files.values())
    place = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise RunError(f"{archive}: needs {needed / MB:.0f} MB at {place}, {free / MB:.0f} MB are free")


def _name(checksums: Checksums, archive: Path) -> str:
    """The run's own name where it is a harmless one, else the archive's."""
    for name in (checksums.name, archive.stem):
        if isinstance(name, str) and NAME.fullmatch(name):
            return name
    return "imported"


def _entry(name: str, *, compressed: bool) -> zipfile.ZipInfo:
    """The same run gives the same archive: no times."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry
