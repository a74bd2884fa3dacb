"""A large text file, compressed or not, as blocks of whole lines: one pass, bounded memory, the next block read ahead.

Decompression is pyarrow's for gzip with several members, bzip2 and zstandard; xz and a zip archive of one file are
read too. A file that ends in the middle of a
compressed stream, or that is damaged, is a DataError that says how far it could be read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from upgan.data.raw.packing import FAULTS, opened, packing_of
from upgan.errors import DataError

#: Bytes of text that are read at once; a block is this much and the rest of its last line.
BLOCK = 24 << 20
#: A longer line is refused: it would have to be held in memory as a whole.
LONGEST_LINE = 64 << 20
#: Text of a file's start that is looked at to tell what it is.
_HEAD = 1 << 16
#: How a file is packed -> what pyarrow calls that.
_PYARROW = {"gzip": "gzip", "bzip2": "bz2", "zstd": "zstd"}


@dataclass(frozen=True)
class Block:
    """Whole lines. ``offset`` is where they begin in the uncompressed text, ``first_line`` the 1-based line number."""

    data: bytes
    offset: int
    first_line: int
    lines: int

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


class DumpStream:
    """Reads ``path`` once from its start; use as a context manager and iterate over ``blocks``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._file = _opened(path)
        self._stream = BufferedReader(_unpacked(path, self._file))

    def __enter__(self) -> DumpStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def bytes_read(self) -> int:
        """Bytes of the file (compressed ones, where it is) read so far."""
        return self._file.tell()

    def sha256(self) -> str:
        """The hash of the file's bytes, for which they are read once more: after the blocks."""
        self._file.seek(0)
        return hashlib.file_digest(self._file, "sha256").hexdigest()

    def blocks(
        self, skip: int = 0, skipped_lines: int = 0, on_skip: Callable[[int], None] | None = None
    ) -> Iterator[Block]:
        """Blocks of whole lines from byte ``skip`` of the text on, which must be the start of a line.

        ``skipped_lines`` lie before it; ``on_skip`` is told the offset while the text before it is passed over.
        Raises DataError where the compressed data end early or are damaged, and for a line that is too long.
        """
        offset, line = 0, skipped_lines
        with ThreadPoolExecutor(1, thread_name_prefix="decompress") as reader:
            ahead = reader.submit(self._whole_lines)
            while data := self._result(ahead, line, offset):
                ahead = reader.submit(self._whole_lines)
                if offset + len(data) <= skip:
                    offset += len(data)
                    if on_skip:
                        on_skip(offset)
                    continue
                if offset < skip:
                    data, offset = data[skip - offset :], skip
                if not data.endswith(b"\n"):
                    data += b"\n"
                block = Block(data, offset, line + 1, data.count(b"\n"))
                if len(data) - data.rfind(b"\n", 0, -1) > LONGEST_LINE + 1:
                    raise DataError(
                        f"{self.path}, line {line + block.lines}: longer than {LONGEST_LINE >> 20} MB; this is not a "
                        "dump of one statement a line"
                    )
                yield block
                offset, line = block.end, line + block.lines

    def _whole_lines(self) -> bytes:
        return self._stream.read(BLOCK) + self._stream.readline(LONGEST_LINE + 1)

    def _result(self, ahead: Any, line: int, offset: int) -> bytes:
        try:
            data: bytes = ahead.result()
        except FAULTS as error:
            where = (
                f"read so far: {line:,} whole lines ({offset:,} bytes of text), {self.bytes_read:,} of {self.size:,}"
            )
            if "runcated" in str(error) or "nexpected end" in str(error):
                why = "ends in the middle of its compressed data; the download is not complete"
            else:
                why = f"cannot be decompressed ({error}); the file is damaged"
            raise DataError(f"{self.path} {why} ({where} bytes of the file). Fetch it again") from error
        return data


def compression_of(path: Path) -> str | None:
    """The compression of a file, by its first bytes."""
    with _opened(path) as file:
        return packing_of(file.peek(8))


def _unpacked(path: Path, file: BufferedReader) -> Any:
    """The file's text as a stream."""
    packing = packing_of(file.peek(8))
    if packing and packing not in _PYARROW:
        return opened(path, file, packing)
    stream = pa.PythonFile(file, mode="r")
    return pa.CompressedInputStream(stream, _PYARROW[packing]) if packing else stream


def first_lines(path: Path, count: int = 5) -> list[str]:
    """The first lines of a file, decompressed, as far as its start tells; bytes that are no UTF-8 become U+FFFD.

    Also of a file that is truncated or damaged further on: the pass over it is what says so.
    """
    head = b""
    with _opened(path) as file, suppress(DataError, *FAULTS):
        stream = _unpacked(path, file)
        # A little at a time: what comes before the damage is what there is to look at.
        while len(head) < _HEAD and (piece := stream.read(256)):
            head += piece
    return head[:_HEAD].decode("utf-8-sig", errors="replace").splitlines()[:count]


def identity_of(path: Path) -> dict[str, Any]:
    """What tells one file from another without reading it whole: name, size, time of change, hash of the first MiB."""
    status = path.stat()
    with _opened(path) as stream:
        head = hashlib.sha256(stream.read(1 << 20)).hexdigest()
    return {"name": path.name, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "head_sha256": head}


def _opened(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder; a file is needed") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error
