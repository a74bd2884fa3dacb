"""Tables that come with names and types, parquet and JSON, as the same columns of strings that text tables are.

A null is an empty cell, a list one cell with a sign between its values, a whole number has no point.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.json_tables import BETWEEN, read_json
from upgan.data.raw.packing import packing_of, plain_name
from upgan.data.raw.text_stream import STRICT, ReadOptions
from upgan.errors import DataError, shown
from upgan.files import sha256_of_file
from upgan.parquet import UNREADABLE, read_bounded

PARQUET, JSON = (".parquet",), (".jsonl", ".ndjson", ".json")


def is_typed(path: Path) -> bool:
    """Whether a file's name says that it is such a table."""
    return Path(plain_name(path)).suffix.lower() in (*PARQUET, *JSON)


def read_typed(
    path: Path, options: ReadOptions = STRICT, most: int | None = None
) -> tuple[list[str], list[pa.ChunkedArray], np.ndarray, str]:
    """Names, cells, the line (JSON) or row (parquet) that each row stands in, from 1, and the file's SHA-256.

    ``most``: of the first so many rows, and without the hash. Raises DataError for a file that is damaged, has no
    column or no row, or a column of no plain values.
    """
    if Path(plain_name(path)).suffix.lower() in PARQUET:
        table = _parquet(path, most)
        lines = np.arange(1, len(table) + 1, dtype=np.int64)
        sha256 = "" if most else sha256_of_file(path)
    else:
        table, lines, sha256 = read_json(path, options, most)
    if not table.num_columns or not len(table):
        raise DataError(f"{path} has no row; a table needs at least one")
    return (
        list(table.column_names),
        [_cells(path, name, table.column(name)) for name in table.column_names],
        lines,
        sha256,
    )


def _parquet(path: Path, most: int | None) -> pa.Table:
    try:
        with path.open("rb") as file:
            packing = packing_of(file.read(8))
        if packing:
            raise DataError(f"{path} is packed with {packing}: unpack it; what parquet holds is packed already")
        return read_bounded(path, most=most)
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); export it again") from error


def _cells(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as strings without white space around them."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = pa.large_string() if pa.types.is_string(kind.value_type) else kind.value_type
        column = column.cast(kind)
    if pa.types.is_floating(kind):
        filled = column.drop_null()
        whole = pc.all(pc.and_(pc.is_finite(filled), pc.equal(filled, pc.floor(filled)))).as_py()
        if whole and (pc.max(pc.abs(filled)).as_py() or 0) < 2**53:
            column = column.cast(pa.int64())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values = pc.list_flatten(column).cast(pa.large_string()).drop_null()
        sign = next((sign for sign in BETWEEN if not pc.any(pc.match_substring(values, sign)).as_py()), "\x1f")
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
