"""CSV with quotation marks: whole columns at once where a line allows it, the standard library's reader elsewhere.

A cell that is quoted for no need ("Alien") only loses its quotation marks, so lines made of such cells and of plain
ones are taken apart by the block. A line with a separator or a quotation mark inside quotes goes through ``csv``. Where
a quoted cell may run over several lines the whole file goes through ``csv``, because a line alone means nothing there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.text_stream import TextStream
from upgan.errors import DataError

#: Rows that are held as Python lists at a time.
_ROWS = 50_000
_LISTS = pa.list_(pa.large_string())


def has_quotes(lines: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(lines, '"')).as_py())


def quoted_rows(lines: pa.Array, separator: str) -> pa.Array | None:
    """Lines as lists of cells, in their order; None where the lines alone do not tell, or are no CSV."""
    marks = pc.count_substring(lines, '"').to_numpy(zero_copy_only=False)
    if (marks % 2).any():
        return None
    rows = pc.split_pattern(lines, separator)
    sizes = pc.list_value_length(rows).to_numpy(zero_copy_only=False)
    cells = rows.flatten()
    quotes = pc.count_substring(cells, '"').to_numpy(zero_copy_only=False)
    whole = pc.match_substring_regex(cells, r'^"[^"]*"$').to_numpy(zero_copy_only=False)
    simple = (quotes == 0) | whole
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    hard = np.flatnonzero(np.bincount(np.repeat(np.arange(len(lines)), sizes), ~simple, len(lines)) > 0)
    bare = pc.replace_substring(cells, '"', "")
    plain = pa.ListArray.from_arrays(pa.array(starts), bare)
    if not len(hard):
        return plain
    parsed = _by_csv(lines.take(pa.array(hard)).to_pylist(), separator)
    if parsed is None:
        return None
    order = np.arange(len(lines))
    order[hard] = len(lines) + np.arange(len(hard))
    return pa.concat_arrays([plain.cast(_LISTS), parsed]).take(pa.array(order))


def rows_over_lines(path: Path, stream: TextStream, separator: str) -> Iterator[tuple[pa.Array, np.ndarray]]:
    """All filled rows of a file as lists of cells, and the line each began on, some thousands at a time.

    Raises DataError for what is no CSV.
    """
    text = (f"{line}\n" for block in stream.blocks() for line in block.lines.to_pylist())
    reader = csv.reader(text, strict=True, delimiter=separator)
    start = 1

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
            yield pa.array([row for _, row in filled], type=_LISTS), lines
    except csv.Error as error:
        raise DataError(
            f"{path}, line {start}: not standard CSV ({error}); a quotation mark inside a quoted cell is written "
            "twice, and every opened one is closed"
        ) from error


def _by_csv(lines: list[str], separator: str) -> pa.Array | None:
    """Lines that should be whole rows, as lists of cells; None where one is not."""
    try:
        rows = list(csv.reader(lines, strict=True, delimiter=separator))
    except csv.Error:
        return None
    return pa.array(rows, type=_LISTS) if len(rows) == len(lines) else None
