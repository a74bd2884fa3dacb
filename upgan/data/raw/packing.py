"""Packed files: what the first bytes say a file is packed with, its unpacked bytes, and the name that it then has.

Read are gzip, bzip2 and xz (of several members too), zstandard, and zip archives of one file (those of several are
unpacked first: upgan.data.raw.archives). How much comes out is counted while it does, and bounded (upgan.bounds).
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from upgan.bounds import check_bytes
from upgan.errors import DataError

BLOCK = 8 << 20
#: First bytes -> how it is packed.
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
#: Extensions that say no more than that a file is packed.
EXTENSIONS = (".gz", ".bz2", ".xz", ".zst")
#: What libraries raise about data that are cut off or damaged.
FAULTS = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException, RuntimeError)


def packing_of(head: bytes) -> str | None:
    """What a file that begins with ``head`` is packed with, None where it is not."""
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)


def unpacked(path: Path, file: BinaryIO, packing: str) -> Iterator[bytes]:
    """The unpacked bytes of an open file. DataError where it is damaged, grows without end or is a whole archive."""
    size = 0
    try:
        # The library closes what it was given, so zstandard gets the file opened once more.
        source = path.open("rb") if packing == "zstd" else file
        with opened(path, source, packing) as stream:
            while block := stream.read(BLOCK):
                size += len(block)
                check_bytes(str(path), size, source.tell(), f"of {packing} data so far")
                yield block
    except FAULTS as error:
        raise DataError(f"{path}: the {packing} data are cut off or damaged ({error}); fetch the file again") from error


def opened(path: Path, file: BinaryIO, packing: str) -> BinaryIO:
    """The unpacked bytes of an open file as a file. DataError for an archive of other than one file; see FAULTS."""
    if packing == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if packing == "bzip2":
        return cast(BinaryIO, bz2.BZ2File(file))
    if packing == "xz":
        return cast(BinaryIO, lzma.LZMAFile(file))
    if packing == "zstd":
        return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    archive = zipfile.ZipFile(file)
    members = members_of(archive)
    if len(members) != 1:
        raise DataError(f"{path} is {what_archive(members)}")
    if members[0].flag_bits & 1:
        raise DataError(f"{path} is an encrypted zip archive: unpack it and give the folder")
    check_bytes(str(path), members[0].file_size, path.stat().st_size)
    return cast(BinaryIO, archive.open(members[0]))


def members_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without those that only a Mac sees."""
    return [
        each
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/") and Path(each.filename).name[:1] != "."
    ]


def what_archive(members: list[zipfile.ZipInfo]) -> str:
    """What to say about an archive of other than one file."""
    if is_office(members):
        return "an Excel workbook or another Office file: read it by `upgan data import`, or save its sheet as CSV"
    if not members:
        return "an empty zip archive"
    return f"a zip archive of {len(members)} files, which is no table: unpack it and name one of them"


def is_office(members: list[zipfile.ZipInfo]) -> bool:
    """Whether an archive's files are those of a workbook or another document of an office."""
    return any(each.filename in ("[Content_Types].xml", "mimetype") for each in members)


def plain_name(path: Path) -> str:
    """The name that says what a file is: "a.tsv" of "a.tsv", of "a.tsv.gz" and of a zip archive that holds it alone."""
    suffix = path.suffix.lower()
    if suffix in EXTENSIONS:
        return path.stem
    if suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                members = members_of(archive)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
            return path.name
        return Path(members[0].filename).name if len(members) == 1 else path.name
    return path.name
