"""From the bytes of a text file to blocks of whole lines, with memory bounded by a block whatever the file holds.

Everything that makes a file no text is refused here, once for all readers: other encodings, NUL bytes, archives, packed
data that are cut off or grow without end, a line longer than any row of a catalogue. Errors name the file and the
1-based line.
"""

from __future__ import annotations

import codecs
import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.bounds import EndlessError, check_rows
from upgan.data.raw.no_value import NO_VALUES, folded
from upgan.data.raw.packing import BLOCK, packing_of, unpacked
from upgan.errors import ConfigError, DataError

#: No row of a table is longer; a row of a KGAT list of items may be (see LONGEST_LIST).
LONGEST_LINE = 1 << 20
LONGEST_LIST = 64 << 20
#: First bytes of files that are no text, and what to say about them.
_MAGIC = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it and give the folder",
    b"Rar!": "a rar archive: unpack it and give the folder",
    b"PAR1": "a parquet file, which is read where it is a table of its own (NAME.parquet)",
}
_TAR_PLACE, _TAR = 257, b"ustar"


class NotUtf8Error(DataError):
    """A file whose encoding was not given holds a byte that UTF-8 does not allow."""


@dataclass(frozen=True)
class ReadOptions:
    """How text files are read. Raises ConfigError for an encoding that Python does not know."""

    #: Encoding of all files; None is UTF-8, and nothing is guessed.
    encoding: str | None = None
    #: Leave out, and count, lines that do not fit their format instead of refusing the file.
    skip_bad_lines: bool = False
    #: Told a file's name, the bytes of it read so far, and its size, now and then.
    progress: Callable[[str, int, int], None] | None = None
    #: File -> numbers of lines that are taken for blank.
    blank: Mapping[Path, Collection[int]] = field(default_factory=dict)
    #: Cells that say there is no value, folded (see upgan.data.raw.no_value).
    no_value: frozenset[str] = folded(NO_VALUES)

    def __post_init__(self) -> None:
        if self.encoding is None:
            return
        try:
            "".encode(self.encoding)
            codecs.getincrementaldecoder(self.encoding)
        except (LookupError, UnicodeError, ValueError):
            raise ConfigError(
                f"unknown encoding {self.encoding!r}; for example: utf-8, latin-1, cp1252, utf-16"
            ) from None


#: Plain UTF-8, every line as it must be.
STRICT = ReadOptions()


@dataclass(frozen=True, eq=False)
class LineBlock:
    """Lines as a large_string array (without their line ends), and the 1-based number of the first of them."""

    lines: pa.LargeStringArray
    first: int


class TextStream:
    """The lines of a file, block by block; ``sha256`` is that of the file's bytes once all blocks were taken."""

    def __init__(self, path: Path, options: ReadOptions | None = None, longest: int = LONGEST_LINE) -> None:
        options = options or STRICT
        encoding = options.encoding
        self.path = path
        self.encoding = None if encoding is None or codecs.lookup(encoding).name == "utf-8" else encoding
        self.progress = options.progress
        self.longest = longest
        self.blank = options.blank.get(path, ())
        #: Whether it begins with a byte-order mark of UTF-8, known after the first block.
        self.marked = False
        self.sha256 = ""
        #: Bytes on disk, known once reading began.
        self.size = 0

    def blocks(self) -> Iterator[LineBlock]:
        """Raises DataError for what is no text (see the module); blank lines are kept, so that numbers are right."""
        for number, text in self.whole_lines():
            if self.blank:
                lines = enumerate(text.split(b"\n"), number)
                text = b"\n".join(b"" if line in self.blank else content for line, content in lines)
            yield LineBlock(self._lines(text if text.endswith(b"\n") else text + b"\n", number), number)

    def whole_lines(self) -> Iterator[tuple[int, bytes]]:
        """The 1-based number of a first line and whole lines, in UTF-8 as far as they are text; the last may lack its
        end. Nothing is judged but what makes the whole file no text."""
        rest, number = b"", 1
        for chunk in self._utf8(self._bytes()):
            rest += chunk
            cut = rest.rfind(b"\n") + 1
            if cut:
                yield number, rest[:cut]
                number += rest.count(b"\n", 0, cut)
                check_rows(str(self.path), number - 1, self.size)
                rest = rest[cut:]
            self._check_length(len(rest), number)
        if rest:
            yield number, rest

    def text(self) -> Iterator[str]:
        """The text in pieces that end anywhere; DataError where it is none."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for chunk in self._utf8(self._bytes()):
                yield decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise NotUtf8Error(f"{self.path}: {error}; save it as UTF-8 or give its encoding (--encoding)") from error

    def _bytes(self) -> Iterator[bytes]:
        """The file's bytes, decompressed; the digest is taken of what lies on disk."""
        try:
            with self.path.open("rb") as file:
                head = file.read(512)
                file.seek(0)
                size = self.size = os.fstat(file.fileno()).st_size
                packing, first = packing_of(head), True
                for block in unpacked(self.path, file, packing) if packing else iter(lambda: file.read(BLOCK), b""):
                    if first:
                        self._refuse_other_kinds(block[:512])
                    first = False
                    yield block
                    if self.progress is not None:
                        self.progress(self.path.name, file.tell(), size)
                file.seek(0)
                self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise DataError(f"{self.path}: no such file") from error
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _utf8(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same text in UTF-8, without a byte-order mark."""
        if self.encoding is None:
            first = next(chunks, b"")
            self.marked = first.startswith(codecs.BOM_UTF8)
            yield first.removeprefix(codecs.BOM_UTF8)
            yield from chunks
            return
        line = 1
        try:
            for text in codecs.iterdecode(chunks, self.encoding):
                self.marked |= line == 1 and text.startswith("\ufeff")
                yield text.removeprefix("\ufeff").encode("utf-8") if line == 1 else text.encode("utf-8")
                line += text.count("\n")
        except UnicodeError as error:
            raise DataError(
                f"{self.path}, line {line} or after: not {self.encoding} ({error}); --encoding is that of all files"
            ) from error

    def _lines(self, text: bytes, number: int) -> pa.LargeStringArray:
        """``text`` (whole lines) as an array whose offsets are the newlines' places: no Python object per line."""
        nul = text.find(b"\0")
        if nul >= 0:
            line = number + text.count(b"\n", 0, nul)
            raise DataError(
                f"{self.path}, line {line}: a NUL byte (0x00); the file is binary, or UTF-16 without a byte-order "
                "mark: save it as UTF-8 text or give --encoding"
            )
        try:
            text.decode("utf-8")
        except UnicodeDecodeError as error:
            line = number + text.count(b"\n", 0, error.start)
            raise NotUtf8Error(f"{self.path}, line {line}: {_not_utf8(text, error.start)}") from error
        ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
        offsets = np.concatenate([[0], ends + 1]).astype(np.int64)
        lengths = np.diff(offsets)
        longest = int(lengths.argmax())
        self._check_length(int(lengths[longest]), number + longest)
        lines = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
        return pc.utf8_rtrim(lines, "\r\n")

    def _check_length(self, length: int, line: int) -> None:
        if length > (LONGEST_LIST if line in self.blank else self.longest):
            raise EndlessError(
                f"{self.path}, line {line}: longer than {self.longest >> 20} MiB; no row is: the file may have other "
                "line ends (\\r alone) or be no table"
            )

    def _refuse_other_kinds(self, head: bytes) -> None:
        kind = next((text for magic, text in _MAGIC.items() if head.startswith(magic)), None)
        if packing := packing_of(head):
            kind = f"packed twice, the second time as {packing}: unpack it and give the folder"
        if head[_TAR_PLACE : _TAR_PLACE + len(_TAR)] == _TAR:
            kind = "a tar archive: unpack it and give the folder"
        if kind:
            raise DataError(f"{self.path} is {kind}")
        if self.encoding is None and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(
                f"{self.path}, line 1: a byte-order mark of UTF-16; save the file as UTF-8 text or give "
                "--encoding utf-16"
            )


def read_lines(
    path: Path, options: ReadOptions = STRICT, longest: int = LONGEST_LINE
) -> tuple[pa.Array, np.ndarray, str]:
    """All lines with something on them, their 1-based numbers int64, and the file's SHA-256; DataError for none."""
    stream = TextStream(path, options, longest)
    kept, numbers = [], []
    for block in stream.blocks():
        refuse_carriage_returns(path, block.lines, block.first)
        lines = pc.utf8_trim_whitespace(block.lines)
        filled = pc.not_equal(lines, "")
        numbers.append(np.flatnonzero(filled.to_numpy(zero_copy_only=False)) + block.first)
        kept.append(lines.filter(filled))
    count = sum(map(len, kept))
    if not count:
        raise DataError(f"{path} is empty; it needs at least one row")
    return pa.concat_arrays(kept), np.concatenate(numbers).astype(np.int64), stream.sha256


def as_mask(values: pa.Array) -> np.ndarray:
    """Truth values as numpy's, a copy that may be written to."""
    return np.array(values.to_numpy(zero_copy_only=False), dtype=bool)


def refuse_carriage_returns(path: Path, lines: pa.Array, first: int) -> None:
    """DataError where a line, without its end, holds a carriage return: another file's rows run together in it."""
    inside = pc.match_substring(lines, "\r")
    if pc.any(inside).as_py():
        line = first + int(np.flatnonzero(inside.to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"{path}, line {line}: a carriage return (\\r) inside it; lines end in \\n or \\r\\n, not in \\r alone"
        )


def _not_utf8(text: bytes, place: int) -> str:
    """What to say about the byte at ``place`` that UTF-8 does not allow."""
    byte = text[place]
    line = text[text.rfind(b"\n", 0, place) + 1 : text.find(b"\n", place)]
    # Letters beyond ASCII are a small part of a Latin-1 line; of binary data they are a large one.
    foreign = sum(value >= 0x80 for value in line[:1000])
    guess = "it looks like Latin-1 (or Windows-1252)" if byte >= 0xA0 and 4 * foreign <= len(line[:1000]) else ""
    return (
        f"byte 0x{byte:02x} is not UTF-8{'; ' + guess if guess else ''}; save the file as UTF-8 text or give its "
        f"encoding (--encoding {'latin-1' if guess else 'NAME'})"
    )
