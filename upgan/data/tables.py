"""The four tables of a prepared dataset: their columns, how they lie on disk, and how their ids become numbers.

Every error names the table, the 1-based data row and the value, because a dataset may have been made by hand.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from upgan.bounds import LONGEST_TEXT
from upgan.errors import DataError
from upgan.parquet import UNREADABLE, read_bounded
from upgan.types import SPLITS

COLUMNS = {
    "triples": ("head", "relation", "tail", "split"),
    "interactions": ("user", "item"),
    "entities": ("id", "label", "kind"),
    "relations": ("id", "label"),
    "reviewed": ("head", "relation", "tail", "verdict", "who", "when", "run", "model", "score", "sure", "reason"),
}
#: Tables that a dataset may lack. ``reviewed``: what people said of proposed facts, "yes" of triples that have joined
#: it and "no" of known non-facts, with who, when (ISO 8601), which run proposed it (name, fingerprint) and how sure.
OPTIONAL_TABLES = frozenset({"reviewed"})
#: Columns that a table may have beside them, and their types; the meaning stands in upgan.data.marks.
NUMBERS: dict[str, dict[str, pa.DataType]] = {"interactions": {"rating": pa.float64(), "time": pa.int64()}}
#: Rows of a row group of the parquet files.
ROW_GROUP = 1 << 20
#: Columns that build_dataset fills in where a caller's frame has none, and whose cells may be empty.
OPTIONAL = frozenset({"label", "kind", "who", "when", "run", "model", "score", "sure", "reason"})
#: Strings in a list or an object array.
Names = Sequence[str] | np.ndarray
_AGAIN = "prepare the dataset again with `upgan data prepare SOURCE... --out DIR`"


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of strings as places (N,) in a list of values: ten million cells need not be ten million objects."""

    codes: np.ndarray
    values: Names

    @classmethod
    def of(cls, column: pd.Series) -> Coded:
        """A column of a frame, categorical or not; a null becomes "". ValueError where it holds other than strings."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            codes = column.cat.codes.to_numpy(dtype=np.int64)
            values = column.cat.categories.to_numpy(dtype=object)
            if (codes < 0).any():
                codes, values = np.where(codes < 0, len(values), codes), np.append(values, "")
        else:
            codes, values = pd.factorize(column.to_numpy(dtype=object, na_value=""))
        if len(values) and pd.api.types.infer_dtype(values) != "string":
            raise ValueError
        return cls(codes.astype(np.int64, copy=False), values)

    def cells(self) -> np.ndarray:
        """The column spelled out, an object array (N,)."""
        spelled: np.ndarray = np.asarray(self.values, dtype=object)[self.codes]
        return spelled

    def rows_where(self, holds: np.ndarray) -> np.ndarray:
        """The rows, sorted, whose value ``holds`` (a mask over the values)."""
        return np.flatnonzero(holds[self.codes]) if holds.any() else np.zeros(0, dtype=np.int64)

    def strings(self) -> pa.ChunkedArray:
        """The column spelled out, in pieces as long as a row group, so that no piece outgrows its 32-bit offsets."""
        values = pa.array(self.values, type=pa.string())
        starts = range(0, max(len(self.codes), 1), ROW_GROUP)
        return pa.chunked_array([values.take(pa.array(self.codes[at : at + ROW_GROUP])) for at in starts], pa.string())


#: A table in memory: a frame, or columns that are places in lists already (ratings and times: numbers).
Table = pd.DataFrame | Mapping[str, Coded] | Mapping[str, Coded | np.ndarray]


def triple_columns(rows: np.ndarray, entities: Names, relations: Names) -> dict[str, Coded]:
    """Triples (N, 3) as columns, their numbers being places in ``entities`` and ``relations``."""
    return {
        "head": Coded(rows[:, 0], entities),
        "relation": Coded(rows[:, 1], relations),
        "tail": Coded(rows[:, 2], entities),
    }


def pair_columns(pairs: np.ndarray, users: Names, items: Names) -> dict[str, Coded]:
    """Interactions (M, 2) as columns, their numbers being places in ``users`` and ``items``."""
    return {"user": Coded(pairs[:, 0], users), "item": Coded(pairs[:, 1], items)}


def plain_columns(columns: Mapping[str, Sequence[str]]) -> dict[str, Coded]:
    """Columns given as their cells."""
    return {name: Coded(np.arange(len(cells)), cells) for name, cells in columns.items()}


def read_table(folder: Path, key: str) -> pd.DataFrame:
    """One table of a prepared dataset, its columns categories of strings; ratings and times are numbers.

    Raises DataError where it is missing, truncated or of other types.
    """
    path = folder / f"{key}.parquet"
    if not path.is_file():
        raise DataError(f"{path} is missing; {_AGAIN}, or copy the whole folder")
    try:
        # Text stays what it mostly is in the file, places in a list of values; other types are refused below.
        table = read_bounded(path, {*COLUMNS[key], *NUMBERS.get(key, {})})
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); it may be truncated: {_AGAIN}") from error
    missing = [column for column in COLUMNS[key] if column not in table.column_names]
    if missing:
        raise DataError(
            f"{path} lacks the column(s) {', '.join(missing)}; found: {', '.join(table.column_names) or 'none'}; "
            f"needed: {', '.join(COLUMNS[key])}"
        )
    for column in COLUMNS[key]:
        values = table.column(column)
        plain = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        # A table without rows, or a column without values, may have any type: nothing tells a writer which.
        textual = pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_null(plain)
        if len(values) and not textual:
            raise DataError(f"{path}: column {column} holds {values.type}; ids and labels are strings")
    numbers = [name for name in NUMBERS.get(key, {}) if name in table.column_names]
    # With a null among them whole numbers would become floats.
    types = {integer: pd.Int64Dtype() for integer in (pa.int64(), pa.int32())}
    try:
        frame: pd.DataFrame = table.select([*COLUMNS[key], *numbers]).to_pandas(
            strings_to_categorical=True, ignore_metadata=True, types_mapper=types.get
        )
    except UNREADABLE as error:
        raise DataError(f"{path}: its cells cannot be read ({error}); it may be damaged: {_AGAIN}") from error
    return frame


def write_table(
    folder: Path, key: str, columns: Mapping[str, Coded], numbers: Mapping[str, pa.Array] | None = None
) -> None:
    """Write one table with fixed options and no writer's metadata, so equal content gives equal bytes."""
    numbers = numbers or {}
    schema = pa.schema(
        [(name, pa.string()) for name in COLUMNS[key]] + [(name, numbers[name].type) for name in numbers]
    )
    table = pa.table([*(columns[column].strings() for column in COLUMNS[key]), *numbers.values()], schema=schema)
    with (folder / f"{key}.parquet").open("wb") as file:
        options: Any = {"compression": "zstd", "version": "2.6", "write_page_checksum": True}
        pq.write_table(table, file, row_group_size=ROW_GROUP, **options)


def checked_columns(key: str, table: Table) -> dict[str, Coded]:
    """The columns of ``table``; optional ones that are absent are not in the result.

    Raises DataError for a missing column, and for an empty or null id with its row.
    """
    missing = [column for column in COLUMNS[key] if column not in table and column not in OPTIONAL]
    if missing:
        names = ", ".join(map(str, table)) or "none"
        raise DataError(f"table {key} lacks the column(s) {', '.join(missing)}; found: {names}")
    columns: dict[str, Coded] = {}
    for column in (name for name in COLUMNS[key] if name in table):
        cells = table[column]
        if isinstance(cells, Coded):
            coded = cells
        else:
            try:
                coded = Coded.of(pd.Series(cells))
            except (ValueError, TypeError):
                raise DataError(
                    f"table {key}: column {column} holds {cells.dtype}; ids and labels are strings"
                ) from None
        empty = coded.rows_where(np.asarray(coded.values, dtype=object) == "")
        if len(empty) and column not in OPTIONAL:
            raise DataError(f"table {key}, row {empty[0] + 1}: column {column} is empty; every row needs a value")
        _refuse_endless(key, column, coded)
        columns[column] = coded
    return columns


def numbered_by_name(column: Coded) -> tuple[np.ndarray, list[str]]:
    """Numbers int64 (N,) of a column's cells, and the names they stand for: those that occur, sorted."""
    occurs = np.flatnonzero(np.bincount(column.codes, minlength=len(column.values)))
    places, names = pd.factorize(np.asarray(column.values, dtype=object)[occurs], sort=True)
    numbers = np.zeros(len(column.values), dtype=np.int64)
    numbers[occurs] = places
    return numbers[column.codes], names.tolist()


def _refuse_endless(key: str, column: str, coded: Coded) -> None:
    """DataError for a text that no id or label is as long as: every list, page and hash would hold it again."""
    if max(map(len, coded.values), default=0) * 4 <= LONGEST_TEXT:
        return
    sizes = np.array([len(value.encode("utf-8", "surrogatepass")) for value in coded.values])
    rows = coded.rows_where(sizes > LONGEST_TEXT)
    if len(rows):
        raise DataError(
            f"table {key}, row {rows[0] + 1}: column {column} holds a text of {sizes[coded.codes[rows[0]]]:,} bytes "
            f"({len(rows):,} such rows); an id or label has at most {LONGEST_TEXT:,}"
        )


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Sorted unique ids (V of them) and the columns that go with them, in the same order."""

    table: str
    ids: list[str]
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, table: str, coded: Mapping[str, Coded]) -> Vocabulary:
        """Raises DataError where an id stands in two rows."""
        columns = {name: column.cells() for name, column in coded.items()}
        ids = columns["id"]
        repeated = np.flatnonzero(pd.Series(ids, dtype=object).duplicated())
        if len(repeated):
            row = int(repeated[0])
            raise DataError(f"table {table}, row {row + 1}: id {ids[row]!r} is in an earlier row too; ids are unique")
        order = np.argsort(ids, kind="stable")
        return cls(table, ids[order].tolist(), {name: values[order].tolist() for name, values in columns.items()})

    def column(self, name: str, *, empty_is_id: bool) -> list[str]:
        """The values of ``name`` in id order; an absent or empty one is "" or, with ``empty_is_id``, the id."""
        values = self.columns.get(name, [""] * len(self.ids))
        return [value or key for value, key in zip(values, self.ids, strict=True)] if empty_is_id else values

    def number(self, table: str, column: str, coded: Coded) -> np.ndarray:
        """Numbers int64 (N,) of the cells of ``table``.``column``; DataError for an id that is not here."""
        places = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(coded.values, dtype=object)).astype(np.int64)
        unknown = coded.rows_where(places < 0)
        if len(unknown):
            row = int(unknown[0])
            raise DataError(
                f"table {table}, row {row + 1}: {column} {coded.values[coded.codes[row]]!r} is not an id of table "
                f"{self.table} ({len(unknown)} such rows); add it there or remove the row"
            )
        numbers: np.ndarray = places[coded.codes]
        return numbers


def split_rows(triples: np.ndarray, names: Coded) -> dict[str, np.ndarray]:
    """Triples (N, 3) by split, each sorted; DataError for another split name, a repeated triple or no training."""
    values = np.asarray(names.values, dtype=object)
    unknown = names.rows_where(~np.isin(values.astype(str), SPLITS))
    if len(unknown):
        row = int(unknown[0])
        raise DataError(
            f"table triples, row {row + 1}: split {values[names.codes[row]]!r}; allowed: {', '.join(SPLITS)}"
        )
    repeated = _repeated_rows(triples)
    if len(repeated):
        raise DataError(
            f"table triples, row {repeated[0] + 1}: the triple stands in an earlier row too ({len(repeated)} such "
            "rows); a triple belongs to one split, once"
        )
    result = {str(split): sorted_rows(triples[names.rows_where(values == split)]) for split in SPLITS}
    if not len(result["train"]):
        raise DataError("table triples has no row of split 'train'; a model cannot learn from nothing")
    return result


def unique_rows(table: str, pairs: np.ndarray) -> np.ndarray:
    """``pairs`` (M, 2) sorted; DataError naming the row of ``table`` where one is repeated."""
    repeated = _repeated_rows(pairs)
    if len(repeated):
        raise DataError(f"table {table}, row {repeated[0] + 1}: stands in an earlier row too; every pair counts once")
    return sorted_rows(pairs)


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    """Rows (N, C) in lexicographic order, as a read-only contiguous int64 array."""
    result = np.ascontiguousarray(rows[row_order(rows)], dtype=np.int64)
    result.setflags(write=False)
    return result


def row_order(rows: np.ndarray) -> np.ndarray:
    """Places that sort non-negative ``rows`` (N, C) lexicographically, equal rows in the order they stand in.

    By one number per row where that fits 64 bits: one sort, which is fast on rows that are nearly sorted already.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.int64)
    spans = [int(column.max()) + 1 for column in rows.T]
    if math.prod(spans) >= 2**63:
        return np.lexsort(rows.T[::-1])
    keys = rows[:, 0].astype(np.int64)
    for column, span in zip(rows.T[1:], spans[1:], strict=True):
        keys = keys * span + column
    return np.argsort(keys, kind="stable")


def same_as_before(rows: np.ndarray) -> np.ndarray:
    """Which of the sorted ``rows`` (N, C) equal the row before them, bool (N,)."""
    same = np.zeros(len(rows), dtype=bool)
    same[1:] = (rows[1:] == rows[:-1]).all(axis=1)
    return same


def distinct_rows(rows: np.ndarray) -> np.ndarray:
    """Non-negative ``rows`` (N, C), each once and sorted."""
    rows = sorted_rows(rows)
    distinct: np.ndarray = rows[~same_as_before(rows)]
    return distinct


def _repeated_rows(rows: np.ndarray) -> np.ndarray:
    """The places, sorted, of rows (N, C) that stand in an earlier row too."""
    order = row_order(rows)
    return np.sort(order[same_as_before(rows[order])])


def fingerprint_of(content: dict[str, Any]) -> str:
    """SHA-256 over lists of strings and int64 or float64 arrays, by name; the same on every machine and writer."""
    digest = hashlib.sha256()
    for name in sorted(content):
        value = content[name]
        if isinstance(value, np.ndarray):
            block = np.ascontiguousarray(value, dtype="<f8" if value.dtype.kind == "f" else "<i8").tobytes()
        else:
            block = json.dumps(value, ensure_ascii=True).encode("ascii")
        # The length keeps one field's end from being read as the next one's start.
        digest.update(f"{name}:{len(block)}:".encode("ascii"))
        digest.update(block)
    return digest.hexdigest()
