"""The four tables of a prepared dataset: their columns, how they lie on disk, and how their ids become numbers.

Every error names the table, the 1-based data row and the value, because a dataset may have been made by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from upgan.errors import DataError

SPLITS = ("train", "valid", "test")
COLUMNS = {
    "triples": ("head", "relation", "tail", "split"),
    "interactions": ("user", "item"),
    "entities": ("id", "label", "kind"),
    "relations": ("id", "label"),
}
#: Rows of a row group of the parquet files.
ROW_GROUP = 1 << 20
#: Columns that build_dataset fills in where a caller's frame has none, and whose cells may be empty.
OPTIONAL = frozenset({"label", "kind"})
_AGAIN = "prepare the dataset again with `upgan data prepare SOURCE... --out DIR`"


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of strings as places (N,) in a list of values: ten million cells need not be ten million objects."""

    codes: np.ndarray
    values: Sequence[str]

    def strings(self) -> pa.ChunkedArray:
        """The column spelled out, in pieces as long as a row group, so that no piece outgrows its 32-bit offsets."""
        values = pa.array(self.values, type=pa.string())
        starts = range(0, max(len(self.codes), 1), ROW_GROUP)
        return pa.chunked_array([values.take(pa.array(self.codes[at : at + ROW_GROUP])) for at in starts], pa.string())


def read_table(folder: Path, key: str) -> pd.DataFrame:
    """One table of a prepared dataset as strings; DataError where it is missing, truncated or of other types."""
    path = folder / f"{key}.parquet"
    if not path.is_file():
        raise DataError(f"{path} is missing; {_AGAIN}, or copy the whole folder")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet ({error}); it may be truncated: {_AGAIN}") from error
    missing = [column for column in COLUMNS[key] if column not in table.column_names]
    if missing:
        raise DataError(
            f"{path} lacks the column(s) {', '.join(missing)}; found: {', '.join(table.column_names) or 'none'}; "
            f"needed: {', '.join(COLUMNS[key])}"
        )
    columns = {}
    for column in COLUMNS[key]:
        values = table.column(column)
        plain = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        # A table without rows, or a column without values, may have any type: nothing tells a writer which.
        textual = pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_null(plain)
        if len(values) and not textual:
            raise DataError(f"{path}: column {column} holds {values.type}; ids and labels are strings")
        columns[column] = values.cast(pa.large_string()).to_pandas()
    return pd.DataFrame(columns, columns=list(COLUMNS[key]))


def write_table(folder: Path, key: str, columns: Mapping[str, Coded]) -> None:
    """Write one table with fixed options and no writer's metadata, so equal content gives equal bytes."""
    schema = pa.schema([(column, pa.string()) for column in COLUMNS[key]])
    table = pa.table([columns[column].strings() for column in COLUMNS[key]], schema=schema)
    pq.write_table(table, folder / f"{key}.parquet", compression="zstd", version="2.6", row_group_size=ROW_GROUP)


def checked_columns(key: str, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns of ``table`` as arrays of str; optional ones that are absent are not in the result.

    Raises DataError for a missing column, and for an empty or null id with its row.
    """
    missing = [column for column in COLUMNS[key] if column not in table.columns and column not in OPTIONAL]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise DataError(f"table {key} lacks the column(s) {', '.join(missing)}; found: {found}")
    columns: dict[str, np.ndarray] = {}
    for column in (name for name in COLUMNS[key] if name in table.columns):
        values = table[column].to_numpy(dtype=object, na_value="")
        if len(values) and pd.api.types.infer_dtype(values) not in ("string", "empty"):
            raise DataError(f"table {key}: column {column} holds {table[column].dtype}; ids and labels are strings")
        empty = np.flatnonzero(values == "")
        if len(empty) and column not in OPTIONAL:
            raise DataError(f"table {key}, row {empty[0] + 1}: column {column} is empty; every row needs a value")
        columns[column] = values
    return columns


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Sorted unique ids (V of them) and the columns that go with them, in the same order."""

    table: str
    ids: list[str]
    columns: dict[str, list[str]]

    @classmethod
    def of(cls, table: str, columns: dict[str, np.ndarray]) -> Vocabulary:
        """Raises DataError where an id stands in two rows."""
        ids = columns["id"].astype(str).astype(object) if len(columns["id"]) else columns["id"]
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

    def number(self, table: str, column: str, values: np.ndarray) -> np.ndarray:
        """Numbers int64 of ``values`` (the cells of ``table``.``column``); DataError for an id that is not here."""
        numbers = pd.Index(self.ids, dtype=object).get_indexer(pd.Index(values, dtype=object)).astype(np.int64)
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            row = int(unknown[0])
            raise DataError(
                f"table {table}, row {row + 1}: {column} {values[row]!r} is not an id of table {self.table} "
                f"({len(unknown)} such rows); add it there or remove the row"
            )
        return numbers


def split_rows(triples: np.ndarray, names: np.ndarray) -> dict[str, np.ndarray]:
    """Triples (N, 3) by split, each sorted; DataError for another split name, a repeated triple or no training."""
    unknown = np.flatnonzero(~np.isin(names.astype(str), SPLITS)) if len(names) else np.zeros(0, dtype=np.int64)
    if len(unknown):
        row = int(unknown[0])
        raise DataError(f"table triples, row {row + 1}: split {names[row]!r}; allowed: {', '.join(SPLITS)}")
    repeated = np.flatnonzero(pd.DataFrame(triples).duplicated().to_numpy())
    if len(repeated):
        raise DataError(
            f"table triples, row {repeated[0] + 1}: the triple stands in an earlier row too ({len(repeated)} such "
            "rows); a triple belongs to one split, once"
        )
    result = {split: sorted_rows(triples[names == split]) for split in SPLITS}
    if not len(result["train"]):
        raise DataError("table triples has no row of split 'train'; a model cannot learn from nothing")
    return result


def unique_rows(table: str, pairs: np.ndarray) -> np.ndarray:
    """``pairs`` (M, 2) sorted; DataError naming the row of ``table`` where one is repeated."""
    repeated = np.flatnonzero(pd.DataFrame(pairs).duplicated().to_numpy())
    if len(repeated):
        raise DataError(f"table {table}, row {repeated[0] + 1}: stands in an earlier row too; every pair counts once")
    return sorted_rows(pairs)


def sorted_rows(rows: np.ndarray) -> np.ndarray:
    """Rows (N, C) in lexicographic order, as a read-only contiguous int64 array."""
    order = np.lexsort(rows.T[::-1]) if len(rows) else np.zeros(0, dtype=np.int64)
    result = np.ascontiguousarray(rows[order], dtype=np.int64)
    result.setflags(write=False)
    return result


def fingerprint_of(content: dict[str, Any]) -> str:
    """SHA-256 over lists of strings and int64 arrays, by name; the same on every machine and for every writer."""
    digest = hashlib.sha256()
    for name in sorted(content):
        value = content[name]
        if isinstance(value, np.ndarray):
            block = np.ascontiguousarray(value, dtype="<i8").tobytes()
        else:
            block = json.dumps(value, ensure_ascii=True).encode("ascii")
        # The length keeps one field's end from being read as the next one's start.
        digest.update(f"{name}:{len(block)}:".encode("ascii"))
        digest.update(block)
    return digest.hexdigest()
