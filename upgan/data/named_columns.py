"""Small tables with named columns, as people and spreadsheets write them: every cell is text, every row has a line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from upgan.errors import DataError, listed
from upgan.escapes import line
from upgan.parquet import UNREADABLE, read_bounded

ENDINGS = (".csv", ".tsv", ".parquet")


def read_named(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """The columns of a CSV, TSV (UTF-8) or parquet file as strings, and ``line``, the line that each row ends on.

    Columns of neither name are left out; the frame's ``attrs`` have their names as "unread". DataError where the file
    is missing, has another ending, lacks a column, is no such table, or has no row.
    """
    ending = path.suffix.lower()
    if not path.is_file():
        raise DataError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if ending not in ENDINGS:
        raise DataError(f"{path}: the file's name must end in {', '.join(ENDINGS)}")
    table = _parquet(path) if ending == ".parquet" else _text(path, "\t" if ending == ".tsv" else ",")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        found = listed(line(str(name)) for name in table.columns.drop("line"))
        raise DataError(f"{path}: lacks the column(s) {', '.join(missing)}; found: {found}")
    if not len(table):
        raise DataError(f"{path}: has a header and no row")
    kept: pd.DataFrame = table[[*needed, *(name for name in optional if name in table.columns), "line"]]
    for name in needed:
        empty = kept["line"][kept[name].str.strip() == ""]
        if len(empty):
            raise DataError(f"{path}, line {empty.iloc[0]}: column {name} is empty")
    kept.attrs["unread"] = [line(str(name)) for name in table.columns if name not in kept.columns and str(name).strip()]
    return kept


def numbers_of(path: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """A column as numbers, NaN where a cell is empty; DataError naming the line of a cell that is none."""
    numbers = pd.to_numeric(table[column].where(table[column].str.strip() != ""), errors="coerce")
    wrong = table[numbers.isna() & (table[column].str.strip() != "")]
    if len(wrong):
        row = wrong.iloc[0]
        raise DataError(f"{path}, line {row['line']}: {column} {row[column]!r} is not a number")
    return numbers


def _text(path: Path, separator: str) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=separator, strict=True)
            header = [name.strip() for name in next(reader, [])]
            repeated = next((name for name in header if name and header.count(name) > 1), None)
            if repeated is not None:
                raise DataError(f"{path}, line 1: column {repeated!r} is there twice")
            rows = []
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(f"{path}, line {reader.line_num}: {len(row)} cells; the header has {len(header)}")
                rows.append([*row, reader.line_num])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not readable as UTF-8 {path.suffix[1:].upper()} ({error})") from None
    return pd.DataFrame(rows, columns=[*header, "line"], dtype=object)


def _parquet(path: Path) -> pd.DataFrame:
    try:
        table: pd.DataFrame = read_bounded(path).to_pandas(ignore_metadata=True)
    except UNREADABLE as error:
        raise DataError(f"{path}: not readable as parquet ({error})") from None
    table = table.astype(object).where(table.notna(), "").map(str)
    return table.assign(line=range(1, len(table) + 1))
