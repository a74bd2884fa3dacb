"""Tables of JSON objects: one a line, or all in one list. A name that an object lacks is an empty cell there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from upgan.data.raw.text_stream import LONGEST_LINE, ReadOptions, TextStream, refuse_carriage_returns
from upgan.errors import DataError, shown

#: Between the values of a list: the first of these that stands in none of them.
BETWEEN = ("|", ";", "\x1f")
_BLANK = re.compile(r"[ \t\n\r]*")


def read_json(path: Path, options: ReadOptions, most: int | None = None) -> tuple[pa.Table, np.ndarray, str]:
    """Cells as strings, the line that each object begins on, and the file's SHA-256 (where it is read to its end).

    ``most``: of the first so many objects. Raises DataError naming the line of what is no object of plain values.
    """
    stream = TextStream(path, options)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    listed = _begins_as_list(path, options)
    for line, row in islice((_listed if listed else _line_by_line)(stream), most):
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {line}: {shown(json.dumps(row))} is not a JSON object, {{name: value, …}}")
        rows.append({name: _plain(value) for name, value in row.items()})
        lines.append(line)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if any(not _is_text(name) for name in names):
        raise DataError(f"{path}: a column's name holds half a character (a lone surrogate), which is no text")
    columns = [[row.get(name, "") for row in rows] for name in names]
    arrays = [_joined(path, name, lines, cells) for name, cells in zip(names, columns, strict=True)]
    return pa.table(arrays, names=names), np.array(lines, dtype=np.int64), stream.sha256


def _begins_as_list(path: Path, options: ReadOptions) -> bool:
    stream = TextStream(path, replace(options, progress=None))
    return next((text.lstrip() for text in stream.text() if text.strip()), "").startswith("[")


def _line_by_line(stream: TextStream) -> Iterator[tuple[int, Any]]:
    """Each line's number and value; DataError for a line that is no JSON."""
    for block in stream.blocks():
        refuse_carriage_returns(stream.path, block.lines, block.first)
        for number, line in enumerate(block.lines.to_pylist(), block.first):
            if not line.strip():
                continue
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                document = "; one document of several lines is read where it is a list of objects"
                raise DataError(
                    f"{stream.path}, line {number}: not a JSON object ({error}); got {shown(line)}"
                    f"{document if line.lstrip().startswith('{') else ''}"
                ) from None


def _listed(stream: TextStream) -> Iterator[tuple[int, Any]]:
    """The values of one list and the lines that they begin on; DataError for what is no list of objects."""
    document = _Document(stream)
    document.take("[")
    if document.ahead() == "]":
        document.take("]")
    else:
        yield document.value()
        while document.take(",]") == ",":
            yield document.value()
    if document.ahead():
        raise document.wrong()


class _Document:
    """A JSON document piece by piece: no more of it is in memory than a piece and the value that begins in it."""

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._pieces = stream.text()
        self._decoder = json.JSONDecoder()
        self._text, self._at, self._line = "", 0, 1

    def ahead(self) -> str:
        """The next sign that is no blank; "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._go(blank.end() if blank else self._at)
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, allowed: str) -> str:
        """Pass over the next sign, one of ``allowed``."""
        sign = self.ahead()
        if not sign or sign not in allowed:
            raise self.wrong()
        self._go(self._at + 1)
        return sign

    def value(self) -> tuple[int, Any]:
        """Pass over an object: the line that it begins on, and what it is."""
        if self.ahead() != "{":
            raise self.wrong()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError:
                raise self.wrong("objects in objects without end") from None
            except ValueError:
                if len(self._text) - self._at > LONGEST_LINE or not self._more():
                    raise self.wrong() from None
            else:
                line = self._line
                self._go(end)
                return line, value

    def wrong(self, why: str = "not a JSON list of objects, [{name: value, …}, …]") -> DataError:
        """What to say about the place that was reached."""
        got = self._text[self._at : self._at + 100]
        return DataError(f"{self._stream.path}, line {self._line}: {why}; got {shown(got) if got else 'its end'}")

    def _go(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is not None:
            self._text, self._at = self._text[self._at :] + piece, 0
        return piece is not None


def _is_text(value: str) -> bool:
    """Whether a string can be written down: JSON's escapes can say half of a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """A JSON value as the text of a cell, or as a list of such texts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, dict) else str(value)


def _joined(path: Path, name: str, lines: list[int], cells: list[Any]) -> pa.Array:
    """Cells as strings; DataError for an object, or a list in a list."""
    lists = [cell for cell in cells if isinstance(cell, list)]
    for line, cell in zip(lines, cells, strict=True):
        if isinstance(cell, dict) or (isinstance(cell, list) and not all(isinstance(each, str) for each in cell)):
            raise DataError(f"{path}, line {line}: {name} is {shown(json.dumps(cell))}; a cell is a value or a list")
    sign = next((sign for sign in BETWEEN if not any(sign in each for cell in lists for each in cell)), "\x1f")
    try:
        return pa.array([sign.join(cell) if isinstance(cell, list) else cell for cell in cells], pa.large_string())
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: {name} holds half a character (a lone surrogate), which is no text") from error
