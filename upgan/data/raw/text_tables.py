"""Text tables: one row a line, cells between tabs, or standard CSV.

In TSV nothing is quoted, so a quotation mark is part of a name. Cells lose the white space around them; blank lines
count for nothing. Errors name the file, the 1-based line and the value.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.no_value import without_no_value
from upgan.data.raw.packing import plain_name
from upgan.data.raw.quoted_csv import quoted_rows
from upgan.data.raw.source import SourceFile
from upgan.data.raw.text_stream import STRICT, LineBlock, ReadOptions, TextStream, refuse_carriage_returns
from upgan.data.raw.typed_tables import JSON, PARQUET, is_typed, read_typed
from upgan.errors import DataError

#: Extension -> separators that such a file may have, the first of them where none is seen.
EXTENSIONS: dict[str, tuple[str, ...]] = {
    ".tsv": ("\t",),
    ".txt": ("\t", ",", ";", "|", " "),
    ".csv": (",", ";", "\t"),
}
#: Extensions of files that are tables: those, and the ones that have names and types.
TABLES = frozenset({*EXTENSIONS, *PARQUET, *JSON})
#: MovieLens' ratings (user, item, rating, timestamp) by the names of their files -> separators, the usual one first.
MOVIELENS: dict[str, tuple[str, ...]] = {"u.data": ("\t",), "ratings.dat": ("::", "\t")}
_BETWEEN = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
#: Columns in which a cell may be empty; in all others a row needs a value.
_MAY_BE_EMPTY = {"label", "kind", "split", "rating", "timestamp"}
#: Lines that a separator is told by.
_SAMPLE = 200


@dataclass(frozen=True, eq=False)
class TextTable:
    """Cells of a text file as strings: one column of ``rows`` cells each, and the line each row began on."""

    path: Path
    sha256: str
    cells: list[pa.ChunkedArray]
    lines: np.ndarray
    separator: str = "\t"
    #: Lines left out because they have another number of cells (with ``skip_bad_lines``).
    skipped: int = 0
    #: The first row is sure to name the columns.
    named: bool = False
    #: Cells (folded) that say there is no value; of ratings and times they are empty.
    no_value: frozenset[str] = frozenset()

    def row(self, number: int) -> list[str]:
        return [column[number].as_py() for column in self.cells]

    def frame(self, places: Mapping[str, int], first_row: int) -> pd.DataFrame:
        """The columns at ``places`` from ``first_row`` on; DataError for a file without rows or an empty id."""
        frame = pd.DataFrame({name: self.cells[place].slice(first_row).to_pandas() for name, place in places.items()})
        if not len(frame):
            raise DataError(f"{self.path} has a header but no row below it")
        for name in places:
            empty = np.flatnonzero((frame[name] == "").to_numpy())
            if len(empty) and name not in _MAY_BE_EMPTY:
                line = self.lines[first_row + int(empty[0])]
                raise DataError(f"{self.path}, line {line}: the {name} is empty (''); every row needs one")
        return frame

    def marks(self, place: int, first_row: int) -> pd.Series:
        """A column of what may be numbers: cells that say there is no value are empty."""
        return without_no_value(self.cells[place].slice(first_row).to_pandas(), self.no_value)

    def file(self, rows: int) -> SourceFile:
        return SourceFile(self.path.name, self.sha256, rows, self.path)


def by_plain_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by that name. Raises DataError where two have the same, one of them packed."""
    files: dict[str, Path] = {}
    for path in paths:
        other = files.setdefault(plain_name(path), path)
        if other != path:
            raise DataError(f"{other} and {path} are the same table twice; give one of them")
    return files


def table_suffix(path: Path) -> str:
    """The extension that says how a table is laid out: ".tsv" of "a.tsv" and of "a.tsv.gz"; lower case."""
    return Path(plain_name(path)).suffix.lower()


def table_stem(path: Path) -> str:
    """The name without that extension, in lower case."""
    return Path(plain_name(path)).stem.lower()


def read_table(
    path: Path, separator: str | None = None, options: ReadOptions = STRICT, *, quoted: bool = False
) -> TextTable:
    """Read a text table. Raises DataError for what cannot be read as rows of equal length.

    ``separator`` None takes it from the extension and, where that allows several (.csv, .txt), from the first lines:
    the first separator that divides all of them into the same number of cells. With ``options.skip_bad_lines`` rows of
    another length than the first are left out and counted. ``quoted``: quotation marks quote, whatever the extension.
    """
    if is_typed(path):
        return _typed_table(path, options)
    stream = TextStream(path, options)
    parts = _Parts(path, options.skip_bad_lines)
    for block in stream.blocks():
        if separator is None:
            separator = _separator(path, block.lines)
        refuse_carriage_returns(path, block.lines, block.first)
        if (quoted or table_suffix(path) == ".csv") and pc.any(pc.match_substring(block.lines, '"')).as_py():
            return _read_quoted(path, options, separator)
        lines, numbers = _filled(block)
        parts.add(_rows(lines, separator), numbers, separator)
    return parts.table(stream.sha256, separator or "\t", options)


def first_rows(path: Path, options: ReadOptions = STRICT) -> TextTable | None:
    """The table of a file's first lines, at most some hundreds of them; None where they are no table."""
    try:
        if is_typed(path):
            return _typed_table(path, options, _SAMPLE)
        stream = TextStream(path, options)
        block = next(stream.blocks(), None)
        if block is None:
            return None
        sample = LineBlock(block.lines.slice(0, _SAMPLE), block.first)
        separator = _separator(path, sample.lines)
        parts = _Parts(path, skip_bad_lines=True)
        lines, numbers = _filled(sample)
        if pc.any(pc.match_substring(lines, '"')).as_py():
            rows = list(csv.reader(lines.to_pylist(), delimiter=separator if len(separator) == 1 else "\t"))
            parts.add(pa.array(rows, pa.list_(pa.large_string())), numbers[: len(rows)], separator)
        else:
            parts.add(_rows(lines, separator), numbers, separator)
        return parts.table("", separator, options)
    except (DataError, csv.Error, pa.ArrowException, ValueError):
        return None


def _typed_table(path: Path, options: ReadOptions, most: int | None = None) -> TextTable:
    """A table with names and types, its names as the first row."""
    names, columns, lines, sha256 = read_typed(path, options, most)
    cells = [
        pa.chunked_array([pa.array([name.strip()], pa.large_string()), *column.chunks])
        for name, column in zip(names, columns, strict=True)
    ]
    return TextTable(path, sha256, cells, np.concatenate([[0], lines]), named=True, no_value=options.no_value)


class _Parts:
    """The columns of a table while its blocks come in."""

    def __init__(self, path: Path, skip_bad_lines: bool) -> None:
        self.path = path
        self.skip_bad_lines = skip_bad_lines
        self.columns: list[list[pa.Array]] = []
        self.lines: list[np.ndarray] = []
        self.skipped = 0
        self.first_line = 0

    def add(self, rows: pa.Array, lines: np.ndarray, separator: str) -> None:
        """Rows as lists of cells; the first row tells how many each has."""
        if not len(lines):
            return
        widths = pc.list_value_length(rows).to_numpy(zero_copy_only=False)
        if not self.columns:
            self.columns = [[] for _ in range(int(widths[0]))]
            self.first_line = int(lines[0])
        width = len(self.columns)
        ragged = np.flatnonzero(widths != width)
        if len(ragged) and not self.skip_bad_lines:
            raise DataError(
                f"{self.path}, line {lines[ragged[0]]}: {widths[ragged[0]]} column(s), but line {self.first_line} has "
                f"{width}; every row has the same number of cells, between {_BETWEEN.get(separator, repr(separator))}"
            )
        if len(ragged):
            self.skipped += len(ragged)
            rows, lines = rows.filter(pa.array(widths == width)), lines[widths == width]
        for place, column in enumerate(self.columns):
            column.append(pc.utf8_trim_whitespace(pc.list_element(rows, place)))
        self.lines.append(lines)

    def table(self, sha256: str, separator: str, options: ReadOptions) -> TextTable:
        if not self.columns:
            raise DataError(f"{self.path} is empty; a table needs at least one row")
        columns = [pa.chunked_array(column, type=pa.large_string()) for column in self.columns]
        return TextTable(
            self.path, sha256, columns, np.concatenate(self.lines), separator, self.skipped, no_value=options.no_value
        )


def _filled(block: LineBlock) -> tuple[pa.Array, np.ndarray]:
    """The lines with something on them, and their numbers int64."""
    filled = pc.not_equal(pc.utf8_trim(block.lines, " "), "")
    numbers = np.flatnonzero(filled.to_numpy(zero_copy_only=False)).astype(np.int64) + block.first
    return block.lines.filter(filled), numbers


def _rows(lines: pa.Array, separator: str) -> pa.Array:
    """Lines as lists of cells."""
    if separator == " ":
        return pc.utf8_split_whitespace(pc.utf8_trim_whitespace(lines))
    return pc.split_pattern(lines, separator)


def _read_quoted(path: Path, options: ReadOptions, separator: str) -> TextTable:
    """A .csv file with quotation marks, from its start."""
    stream = TextStream(path, options)
    parts = _Parts(path, options.skip_bad_lines)
    for rows, numbers in quoted_rows(path, stream, separator):
        parts.add(rows, numbers, separator)
    return parts.table(stream.sha256, separator, options)


def _separator(path: Path, lines: pa.Array) -> str:
    """The first separator the extension allows that divides all of the first lines alike into two cells or more."""
    allowed = EXTENSIONS.get(table_suffix(path), ("\t",))
    sample = lines.slice(0, _SAMPLE)
    sample = sample.filter(pc.not_equal(pc.utf8_trim_whitespace(sample), ""))
    if table_suffix(path) == ".csv":
        # A separator inside quotation marks separates nothing.
        sample = pc.replace_substring_regex(sample, r'"[^"]*"', "")
    if not len(sample):
        return allowed[0]
    for separator in allowed:
        trimmed = pc.utf8_trim_whitespace(sample) if separator == " " else sample
        counts = (
            pc.count_substring_regex(trimmed, r"\s+") if separator == " " else pc.count_substring(sample, separator)
        )
        least, most = counts.to_numpy().min(), counts.to_numpy().max()
        if least == most > 0:
            return separator
        # A ragged table is one of its usual separator, and an error that names the line; not one of another.
        if separator == allowed[0] and least > 0:
            return separator
    return allowed[0]
