"""Packed files: what the first bytes say a file is packed with, its unpacked bytes, and the name that it then has.

Read are gzip, bzip2 and xz (of several members too), zstandard, and zip archives of one file. How much comes out is
bounded: a file that grows hundredfold is no catalogue.
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

from upgan.errors import DataError

BLOCK = 8 << 20
#: A packed file may grow to so many times its size once it has passed the first so many bytes. Tables of text shrink to
#: a tenth or a fiftieth; a file made to fill a memory grows a thousandfold.
RATIO, FREE = 200, 64 << 20
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
_FAULTS = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException, RuntimeError)


class EndlessError(DataError):
    """A line longer than any row, or packed data that grow without end."""


def packing_of(head: bytes) -> str | None:
    """What a file that begins with ``head`` is packed with, None where it is not."""
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)


def unpacked(path: Path, file: BinaryIO, packing: str) -> Iterator[bytes]:
    """The unpacked bytes of an open file. DataError where it is damaged, grows without end or is a whole archive."""
    size = 0
    try:
        # The library closes what it was given, so zstandard gets the file opened once more.
        source = path.open("rb") if packing == "zstd" else file
        with _opened(path, source, packing) as stream:
            while block := stream.read(BLOCK):
                size += len(block)
                taken = max(source.tell(), 1)
                if size > FREE and size > RATIO * taken:
                    raise EndlessError(
                        f"{path}: the {packing} data grow more than {RATIO}-fold ({taken} bytes gave {size} so far), "
                        "as no catalogue does; decompress the file yourself if this is meant"
                    )
                yield block
    except _FAULTS as error:
        raise DataError(f"{path}: the {packing} data are cut off or damaged ({error}); fetch the file again") from error


def _opened(path: Path, file: BinaryIO, packing: str) -> BinaryIO:
    if packing == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if packing == "bzip2":
        return cast(BinaryIO, bz2.BZ2File(file))
    if packing == "xz":
        return cast(BinaryIO, lzma.LZMAFile(file))
    if packing == "zstd":
        return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    archive = zipfile.ZipFile(file)
    members = _members(archive)
    if len(members) != 1:
        raise DataError(f"{path} is {what_archive(members)}")
    if members[0].flag_bits & 1:
        raise DataError(f"{path} is an encrypted zip archive: unpack it and give the folder")
    return cast(BinaryIO, archive.open(members[0]))


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without those that only a Mac sees."""
    return [
        each
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/") and Path(each.filename).name[:1] != "."
    ]


def what_archive(members: list[zipfile.ZipInfo]) -> str:
    """What to say about an archive of other than one file."""
    names = {each.filename for each in members}
    if "[Content_Types].xml" in names:
        return "an Excel workbook or another Office file: read it by `upgan data import`, or save its sheet as CSV"
    if not names:
        return "an empty zip archive"
    return f"a zip archive of {len(names)} files: unpack it and give the folder"


def plain_name(path: Path) -> str:
    """The name that says what a file is: "a.tsv" of "a.tsv", of "a.tsv.gz" and of a zip archive that holds it alone."""
    suffix = path.suffix.lower()
    if suffix in EXTENSIONS:
        return path.stem
    if suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                members = _members(archive)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
            return path.name
        return Path(members[0].filename).name if len(members) == 1 else path.name
    return path.name
