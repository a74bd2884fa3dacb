"""CSV with quotation marks, whose cells may hold separators and line ends: by the standard library's reader."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from upgan.data.raw.text_stream import LONGEST_LINE, TextStream, refuse_carriage_returns
from upgan.errors import DataError

#: Rows that are held as Python lists at a time. Of many more, searches for garbage that find none take most of the
#: time.
_ROWS = 2_000
# A cell may be as long as a line; the library's own limit is an eighth of it.
csv.field_size_limit(LONGEST_LINE)


def quoted_rows(path: Path, stream: TextStream, separator: str) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """All filled rows of a file as lists of cells, and the line each began on, some thousands at a time.

    Raises DataError for what is no CSV.
    """
    start = 1

    def text() -> Iterator[str]:
        for block in stream.blocks():
            refuse_carriage_returns(path, block.lines, block.first)
            yield from (f"{line}\n" for line in block.lines.to_pylist())

    reader = csv.reader(text(), strict=True, delimiter=separator)

    def numbered() -> Iterator[tuple[int, list[str]]]:
        nonlocal start
        for row in reader:
            yield start, row
            start = reader.line_num + 1

    rows = numbered()
    try:
        while batch := list(islice(rows, _ROWS)):
            filled = [(line, row) for line, row in batch if len(row) > 1 or (row and row[0].strip(" "))]
            lines = np.array([line for line, _ in filled], dtype=np.int64)
            yield pa.array([row for _, row in filled], type=pa.list_(pa.large_string())), lines
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: not standard CSV ({error}); a quotation mark inside a quoted cell is written "
            "twice, and every opened one is closed"
        ) from error
