"""Tables that come with names and types, parquet and JSON lines, as the same columns of strings that text tables are.

A null is an empty cell, a list one cell with a sign between its values, a whole number has no point.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from upgan.data.raw.packing import plain_name
from upgan.data.raw.text_stream import STRICT, ReadOptions, TextStream, refuse_carriage_returns
from upgan.errors import DataError, shown
from upgan.files import sha256_of_file

PARQUET, JSON_LINES = (".parquet",), (".jsonl", ".ndjson")
#: Between the values of a list: the first of these that stands in none of them.
_BETWEEN = ("|", ";", "\x1f")
#: A parquet file of more than this many rows for each of its bytes holds the same row again and again, without end.
_ROWS_A_BYTE, _FREE_ROWS = 8, 10_000_000


def is_typed(path: Path) -> bool:
    """Whether a file's name says that it is such a table."""
    return Path(plain_name(path)).suffix.lower() in (*PARQUET, *JSON_LINES)


def read_typed(path: Path, options: ReadOptions = STRICT) -> tuple[list[str], list[pa.ChunkedArray], np.ndarray, str]:
    """Names, cells, the line (JSON) or row (parquet) that each row stands in, from 1, and the file's SHA-256.

    Raises DataError for a file that is damaged, has no column or no row, or a column of no plain values.
    """
    if Path(plain_name(path)).suffix.lower() in PARQUET:
        table = _parquet(path)
        lines = np.arange(1, len(table) + 1, dtype=np.int64)
        sha256 = sha256_of_file(path)
    else:
        table, lines, sha256 = _json_lines(path, options)
    if not table.num_columns or not len(table):
        raise DataError(f"{path} has no row; a table needs at least one")
    return (
        list(table.column_names),
        [_cells(path, name, table.column(name)) for name in table.column_names],
        lines,
        sha256,
    )


def _parquet(path: Path) -> pa.Table:
    try:
        # A file object: a path with a colon in it would be taken for an address.
        with path.open("rb") as file:
            footer = pq.ParquetFile(file)
            rows, size = footer.metadata.num_rows, path.stat().st_size
            if rows > _FREE_ROWS and rows > _ROWS_A_BYTE * size:
                raise DataError(f"{path} states {rows:,} rows in {size:,} bytes, as no catalogue does")
            return footer.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); export it again") from error


def _json_lines(path: Path, options: ReadOptions) -> tuple[pa.Table, np.ndarray, str]:
    """One JSON object a line; a name that a line lacks is an empty cell there."""
    stream = TextStream(path, options)
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for block in stream.blocks():
        refuse_carriage_returns(path, block.lines, block.first)
        for number, line in enumerate(block.lines.to_pylist(), block.first):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number}: not a JSON object ({error}); got {shown(line)}") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: {shown(line)} is not a JSON object, {{name: value, …}}")
            rows.append({name: _plain(value) for name, value in row.items()})
            lines.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if any(not _is_text(name) for name in names):
        raise DataError(f"{path}: a column's name holds half a character (a lone surrogate), which is no text")
    columns = [[row.get(name, "") for row in rows] for name in names]
    arrays = [_joined(path, name, lines, cells) for name, cells in zip(names, columns, strict=True)]
    return pa.table(arrays, names=names), np.array(lines, dtype=np.int64), stream.sha256


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
    sign = next((sign for sign in _BETWEEN if not any(sign in each for cell in lists for each in cell)), "\x1f")
    try:
        return pa.array([sign.join(cell) if isinstance(cell, list) else cell for cell in cells], pa.large_string())
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: {name} holds half a character (a lone surrogate), which is no text") from error


def _cells(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as strings without white space around them."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_floating(kind):
        filled = column.drop_null()
        whole = pc.all(pc.and_(pc.is_finite(filled), pc.equal(filled, pc.floor(filled)))).as_py()
        if whole and (pc.max(pc.abs(filled)).as_py() or 0) < 2**53:
            column = column.cast(pa.int64())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = pc.list_flatten(column).cast(pa.large_string()).drop_null()
        sign = next((sign for sign in _BETWEEN if not pc.any(pc.match_substring(values, sign)).as_py()), "\x1f")
        chunks = column.cast(pa.large_list(pa.large_string())).chunks
        column = pa.chunked_array([pc.binary_join(chunk, sign) for chunk in chunks], pa.large_string())
    elif pa.types.is_null(kind):
        column = pa.chunked_array([pa.array([""] * len(column), pa.large_string())])
    try:
        text = pc.fill_null(column.cast(pa.large_string()), "")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: column {shown(name)} holds {kind}; a cell is a text, a number, a date or a list"
        ) from error
    trimmed: pa.ChunkedArray = pc.utf8_trim_whitespace(text)
    return trimmed
