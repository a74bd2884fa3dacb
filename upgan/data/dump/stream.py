"""A large text file, compressed or not, as blocks of whole lines: one pass, bounded memory, the next block read ahead.

Decompression is pyarrow's: gzip with several members, bzip2 and zstandard. A file that ends in the middle of a
compressed stream, or that is damaged, is a DataError that says how far it could be read.
"""

from __future__ import annotations

import bz2
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import pyarrow as pa

from upgan.errors import DataError

#: Bytes of text that are read at once; a block is this much and the rest of its last line.
BLOCK = 24 << 20
#: A longer line is refused: it would have to be held in memory as a whole.
LONGEST_LINE = 64 << 20
#: Text of a file's start that is looked at to tell what it is.
_HEAD = 1 << 16
#: First bytes of a file -> the name of its compression.
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}


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
        stream: Any = pa.PythonFile(self._file, mode="r")
        self.compression = compression_of(path)
        self._stream = pa.CompressedInputStream(stream, self.compression) if self.compression else stream

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
        offset, line, rest = 0, skipped_lines, b""
        with ThreadPoolExecutor(1, thread_name_prefix="decompress") as reader:
            ahead = reader.submit(self._stream.read, BLOCK)
            while True:
                data = self._result(ahead, line, offset)
                if not data:
                    break
                ahead = reader.submit(self._stream.read, BLOCK)
                if offset + len(data) <= skip:
                    offset += len(data)
                    if on_skip:
                        on_skip(offset)
                    continue
                if offset < skip:
                    data, offset = data[skip - offset :], skip
                cut = data.rfind(b"\n") + 1
                if not cut:
                    rest += data
                    if len(rest) > LONGEST_LINE:
                        raise DataError(
                            f"{self.path}, line {line + 1}: longer than {LONGEST_LINE >> 20} MB; this is not a dump of "
                            "one statement a line"
                        )
                    continue
                whole, rest = rest + data[:cut], data[cut:]
                block = Block(whole, offset, line + 1, whole.count(b"\n"))
                yield block
                offset, line = block.end, line + block.lines
            if rest:
                yield Block(rest + b"\n", offset, line + 1, 1)

    def _result(self, ahead: Any, line: int, offset: int) -> bytes:
        try:
            data: bytes = ahead.result()
        except (OSError, pa.ArrowException) as error:
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
    with _opened(path) as stream:
        head = stream.read(4)
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def first_lines(path: Path, count: int = 5) -> list[str]:
    """The first lines of a file, decompressed, as far as its first MiB tells; bytes that are no UTF-8 become U+FFFD.

    Also of a file that is truncated or damaged further on: the pass over it is what says so.
    """
    compression = compression_of(path)
    with _opened(path) as stream:
        head = stream.read(1 << 20)
    try:
        if compression == "gzip":
            head = zlib.decompressobj(31).decompress(head, _HEAD)
        elif compression == "bz2":
            head = bz2.BZ2Decompressor().decompress(head, _HEAD)
        elif compression == "zstd":
            head = pa.CompressedInputStream(pa.BufferReader(head), "zstd").read(_HEAD)
    except (OSError, zlib.error, pa.ArrowException):
        return []
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
