"""Files as columns of text under the names of their first row: CSV, TSV, Excel sheets, parquet, JSON lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.format import printable
from upgan.data.raw.packing import plain_name
from upgan.data.raw.source import SourceFile
from upgan.data.raw.text_stream import NotUtf8Error, ReadOptions, TextStream
from upgan.data.raw.text_tables import read_table
from upgan.data.raw.typed_tables import JSON, is_typed, read_typed
from upgan.data.wide.workbook import rows_of
from upgan.errors import DataError, listed, shown
from upgan.files import sha256_of_file

#: Larger files are refused. A table is held whole, as columns of packed text: about as many bytes as the file has, and
#: for a moment three times as many.
MOST_BYTES = 1 << 30
#: The same where every cell is an object of Python's first: workbooks and JSON lines.
MOST_BYTES_OF_OBJECTS = 256 << 20
#: And columns: more are a matrix, not what an item has.
MOST_COLUMNS = 2_000
#: What may stand between cells, the usual one first.
SEPARATORS = (",", ";", "\t", "|")
EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_SAMPLE, _BATCH = 200, 10_000
#: Told a file's name, how many of its bytes are read, and of how many.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class WideTable:
    """The columns of a table as text without white space around it, and where each row stands."""

    path: Path
    #: Name -> cells (N,); an empty cell is "".
    columns: dict[str, pd.Series]
    #: The line of a text file, or the row of a sheet or parquet file, that each row begins on: int64 (N,), from 1.
    rows: np.ndarray
    unit: str
    sha256: str
    sheet: str = ""
    encoding: str = ""
    separator: str = ""
    #: Sheets of the workbook that were not read.
    other_sheets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return printable(self.path.name)

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int, column: str = "") -> str:
        """Where a cell is, for a message."""
        sheet = f", sheet {self.sheet}" if self.sheet else ""
        return f"{self.name}{sheet}, {self.unit} {self.rows[row]}" + (f", column {column}" if column else "")

    def file(self) -> SourceFile:
        return SourceFile(self.name, self.sha256, len(self), self.path)


def read_wide(
    path: Path, *, sheet: str = "", encoding: str = "", separator: str = "", progress: Progress | None = None
) -> WideTable:
    """Read a table; what is not given is guessed. Raises DataError naming file, row and what is wrong.

    ``sheet``: of a workbook; the first with rows where none is given. ``encoding``: UTF-8, or else Windows-1252.
    ``separator``: of a text table, one of SEPARATORS or any other sign. ``progress``: of text tables, in bytes.
    """
    if not path.is_file():
        raise DataError(f"{printable(str(path))}: {'not a file' if path.exists() else 'no such file'}")
    size, suffix = path.stat().st_size, Path(plain_name(path)).suffix.lower()
    most = MOST_BYTES_OF_OBJECTS if suffix in (*EXCEL, *JSON) else MOST_BYTES
    if size > most:
        instead = "save it as CSV or parquet" if most < MOST_BYTES else "leave columns out, split it"
        raise DataError(
            f"{printable(path.name)} is {size / 1e6:,.0f} MB; of its kind, files of up to {most / 1e6:,.0f} MB are "
            f"imported: {instead}, or give facts and interactions to `upgan data prepare`, which has no limit"
        )
    if not size:
        raise DataError(f"{printable(path.name)} is empty; row 1 names the columns, and each row below is an item")
    if suffix in EXCEL:
        table = _read_sheet(path, sheet)
    elif is_typed(path):
        names, cells, rows, sha256 = read_typed(path, ReadOptions(progress=progress))
        unit = "line" if suffix in JSON else "row"
        table = WideTable(path, _named(names, [cell.to_pandas() for cell in cells]), rows, unit, sha256)
    else:
        table = _read_text(path, encoding, separator, progress)
    if not len(table):
        where = f", sheet {table.sheet}" if table.sheet else ""
        raise DataError(f"{table.name}{where} has no row below row 1, which names the columns")
    return table


def _read_text(path: Path, encoding: str, separator: str, progress: Progress | None) -> WideTable:
    options = ReadOptions(encoding or None, progress=progress)
    try:
        separator = separator or _separator(path, options)
        table = read_table(path, separator, options, quoted=True)
    except NotUtf8Error:
        # What Excel in Western Europe writes; the mapping says so, and another can be chosen.
        encoding, options = "cp1252", replace(options, encoding="cp1252")
        separator = separator or _separator(path, options)
        table = read_table(path, separator, options, quoted=True)
    except DataError as error:
        if not encoding and _utf16(path):
            return _read_text(path, "utf-16", separator, progress)
        raise error
    names, cells = table.row(0), [column.slice(1).to_pandas() for column in table.cells]
    rows = table.lines[1:]
    return WideTable(path, _named(names, cells), rows, "line", table.sha256, "", encoding or "utf-8", separator)


def _utf16(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"\xff\xfe", b"\xfe\xff")


def _separator(path: Path, options: ReadOptions) -> str:
    """The sign that stands most often in the first row, of those that stand equally often in the next ones."""
    block = next(TextStream(path, options).blocks(), None)
    if block is None:
        return SEPARATORS[0]
    # A sign inside quotation marks separates nothing.
    lines = pc.replace_substring_regex(block.lines.slice(0, _SAMPLE), r'"[^"]*"', "")
    lines = lines.filter(pc.not_equal(pc.utf8_trim_whitespace(lines), ""))
    if not len(lines):
        return SEPARATORS[0]
    best, most = SEPARATORS[0], (0.0, 0)
    for sign in SEPARATORS:
        counts = pc.count_substring(lines, sign).to_numpy(zero_copy_only=False)
        alike = float((counts == counts[0]).mean()) if counts[0] else 0.0
        if (alike, int(counts[0])) > most:
            best, most = sign, (alike, int(counts[0]))
    return best


def _read_sheet(path: Path, wanted: str) -> WideTable:
    name = printable(path.name)
    sheets, title, rows = rows_of(path, wanted, name)
    _, names = next(rows)
    columns: list[list[pa.Array]] = [[] for _ in names]
    numbers: list[int] = []
    while body := list(islice(rows, _BATCH)):
        for _ in range(max(len(cells) for _, cells in body) - len(columns)):
            names.append("")
            columns.append([pa.array([""] * len(numbers), pa.large_string())])
        for place, column in enumerate(columns):
            texts = [cells[place] if place < len(cells) else "" for _, cells in body]
            column.append(pa.array(texts, pa.large_string()))
        numbers += [number for number, _ in body]
    cells = [pa.chunked_array(column, pa.large_string()).to_pandas() for column in columns]
    return WideTable(
        path,
        _named(names, cells),
        np.array(numbers, dtype=np.int64),
        "row",
        sha256_of_file(path),
        title,
        other_sheets=tuple(other for other in sheets if other != title),
    )


def _named(names: list[str], cells: list[pd.Series]) -> dict[str, pd.Series]:
    """Columns by unique names; one without a name is called by its place, a name that comes again by a number."""
    if len(names) > MOST_COLUMNS:
        raise DataError(
            f"row 1 names {len(names):,} columns; tables of up to {MOST_COLUMNS:,} are imported: leave columns out, or "
            "put values of one kind into one column"
        )
    columns: dict[str, pd.Series] = {}
    for place, (name, values) in enumerate(zip(names, cells, strict=True), 1):
        name = " ".join(name.split()) or f"column {place}"
        again = 2
        unique = name
        while unique in columns:
            unique, again = f"{name} ({again})", again + 1
        if name.startswith("column ") and not (values != "").any():
            continue  # what a spreadsheet leaves right of its table
        columns[unique] = values.astype(str).reset_index(drop=True)
    if not columns:
        raise DataError(f"row 1 names no column; got {listed(map(shown, names))}")
    return columns
