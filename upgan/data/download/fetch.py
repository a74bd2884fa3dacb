"""Fetch the files of a source, check what arrived, and unpack it."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pooch
from pydantic import TypeAdapter

from upgan.data.download.ranged import Progress, RangedDownloader
from upgan.data.download.sources import RemoteFile, Source
from upgan.errors import DataError, DownloadError
from upgan.files import checked, folder_written_whole, read_object, sha256_of_file, write_json

#: Where archives, unfinished files and recorded hashes lie, in the folder of the download.
KEPT = ".downloads"
#: An archive that unpacks to more is refused.
MOST_UNPACKED = 4 << 30


def fetch_source(
    source: Source,
    out: Path,
    *,
    base_url: str | None = None,
    say: Callable[[str], None] = lambda message: None,
    progress: Callable[[str], Progress] | None = None,
    pause: float = 1.0,
) -> list[Path]:
    """Download and unpack every file of ``source`` into ``out``; the folders written.

    Raises DownloadError where a server cannot be reached or refuses, DataError where a file is not what it must be
    (it is removed) or an archive is unsafe (nothing of it is written).
    """
    kept = out / KEPT
    kept.mkdir(parents=True, exist_ok=True)
    folders = []
    for file in source.files:
        say(f"{file.name}: {file.at(base_url)}")
        archive = _fetched(file, kept, base_url, say, progress, pause)
        unpack(archive, out / file.unpack_to, file.members)
        folders.append(out / file.unpack_to)
    return folders


def _fetched(
    file: RemoteFile,
    kept: Path,
    base_url: str | None,
    say: Callable[[str], None],
    progress: Callable[[str], Progress] | None,
    pause: float,
) -> Path:
    recorded = _recorded(kept / "hashes.json")
    wanted = file.hash or recorded.get(file.name) or None
    bar = progress(file.name) if progress else None
    # The name is the registry's: what a server proposes (Content-Disposition) is never read.
    downloader = RangedDownloader(kept / f"{file.name}.part", bar, pause)
    pooch.get_logger().setLevel("ERROR")
    try:
        path = Path(pooch.retrieve(file.at(base_url), wanted, file.name, kept, downloader=downloader))
    except ValueError as error:
        downloader.forget()
        raise DataError(
            f"{file.at(base_url)}: what arrived does not have the hash {wanted} and was removed; the file was changed "
            "or damaged on the way: try again, or compare with its publisher"
        ) from error
    except OSError as error:
        raise DownloadError(f"{file.name} cannot be written: {error.strerror or error}") from error
    if not file.hash and file.name not in recorded:
        recorded[file.name] = sha256_of_file(path)
        write_json(kept / "hashes.json", recorded)
        say(
            f"{file.name}: no hash of this file is known beforehand; recorded {recorded[file.name]} in "
            f"{kept / 'hashes.json'}, later downloads must equal it"
        )
    return path


_HASHES: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])


def _recorded(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return checked(read_object(path), _HASHES)
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}); remove it to record hashes anew") from error


def unpack(archive: Path, folder: Path, members: tuple[str, ...]) -> None:
    """Unpack what lies under ``members`` of a zip into ``folder``, without the archive's own top folders.

    DataError, and nothing written, where it is no zip, a name leads out of the folder, an entry is a link or
    encrypted, or it unpacks to more than MOST_UNPACKED bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened, folder_written_whole(folder) as building:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            for entry in entries:
                _check_entry(archive, entry)
            if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
                raise DataError(f"{archive} would unpack to more than {MOST_UNPACKED >> 30} GiB: refused")
            wanted = [(entry, prefix) for entry in entries for prefix in members if entry.filename.startswith(prefix)]
            if not wanted:
                raise DataError(f"{archive} holds nothing under {', '.join(members)}; the source may have moved it")
            for entry, prefix in wanted:
                target = building / entry.filename.removeprefix(prefix)
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as content, target.open("wb") as stream:
                    shutil.copyfileobj(content, stream)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise DataError(f"{archive} cannot be unpacked: {error}") from error


def _check_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    drive = ":" in path.parts[0] if path.parts else True
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or drive:
        raise DataError(f"{archive}: the entry {entry.filename!r} leads out of the folder; nothing was unpacked")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise DataError(f"{archive}: the entry {entry.filename!r} is a link; nothing was unpacked")
