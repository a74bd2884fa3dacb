"""Text tables: one row a line, cells between tabs, or standard CSV.

In TSV nothing is quoted, so a quotation mark is part of a name. Cells lose the white space around them; blank lines
count for nothing. Errors name the file, the 1-based line and the value.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw import SourceFile
from upgan.errors import DataError

EXTENSIONS = {".tsv": "\t", ".txt": "\t", ".csv": ","}
#: Columns in which a cell may be empty; in all others a row needs a value.
_MAY_BE_EMPTY = {"label", "kind", "split", "rating", "timestamp"}


@dataclass(frozen=True, eq=False)
class TextTable:
    """Cells of a text file as strings: one array (rows,) per column, and the line each row began on."""

    path: Path
    sha256: str
    cells: list[np.ndarray]
    lines: np.ndarray

    def row(self, number: int) -> list[str]:
        return [str(column[number]) for column in self.cells]

    def frame(self, places: Mapping[str, int], first_row: int) -> pd.DataFrame:
        """The columns at ``places`` from ``first_row`` on; DataError for a file without rows or an empty id."""
        frame = pd.DataFrame({name: self.cells[place][first_row:] for name, place in places.items()}, dtype=object)
        if not len(frame):
            raise DataError(f"{self.path} has a header but no row below it")
        for name in places:
            empty = np.flatnonzero((frame[name] == "").to_numpy())
            if len(empty) and name not in _MAY_BE_EMPTY:
                line = self.lines[first_row + int(empty[0])]
                raise DataError(f"{self.path}, line {line}: the {name} is empty (''); every row needs one")
        return frame

    def file(self, rows: int) -> SourceFile:
        return SourceFile(self.path.name, self.sha256, rows)


def read_table(path: Path, separator: str | None = None) -> TextTable:
    """Read a text table. Raises DataError for what cannot be read as rows of equal length in UTF-8.

    ``separator`` None takes it from the extension: a comma for .csv, otherwise a tab.
    """
    separator = separator or EXTENSIONS.get(path.suffix.lower(), "\t")
    text, digest = _read_text(path)
    if separator == "," and '"' in text:
        widths, cells, lines = _quoted_cells(path, text)
    else:
        rows = pa.array(text.replace("\r\n", "\n").split("\n"), type=pa.large_string())
        filled = pc.not_equal(pc.utf8_trim(rows, " \r"), "")
        lines = np.flatnonzero(filled.to_numpy(zero_copy_only=False)) + 1
        rows = rows.filter(filled)
        widths = pc.add(pc.count_substring(rows, separator), 1).to_numpy(zero_copy_only=False)
        flat = pc.utf8_trim_whitespace(pc.split_pattern(rows, separator).flatten())
        cells = flat.to_numpy(zero_copy_only=False)
    if not len(lines):
        raise DataError(f"{path} is empty; a table needs at least one row")
    width = int(widths[0])
    ragged = np.flatnonzero(widths != width)
    if len(ragged):
        between = "commas" if separator == "," else "tabs"
        raise DataError(
            f"{path}, line {lines[ragged[0]]}: {widths[ragged[0]]} column(s), but line {lines[0]} has {width}; "
            f"every row has the same number of cells, between {between}"
        )
    table = cells.reshape(-1, width)
    return TextTable(path, digest, [table[:, place] for place in range(width)], lines)


def _read_text(path: Path) -> tuple[str, str]:
    """A file's text without its byte-order mark, and the SHA-256 of its bytes."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    nul = raw.find(b"\0")
    if nul >= 0:
        line = raw.count(b"\n", 0, nul) + 1
        raise DataError(
            f"{path}, line {line}: a NUL byte (0x00); the file is binary or not UTF-8, save it as UTF-8 text"
        )
    try:
        return raw.decode("utf-8-sig"), hashlib.sha256(raw).hexdigest()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8 text"
        ) from error


def _quoted_cells(path: Path, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row widths, flat stripped cells and first lines of CSV with quotes; a quoted cell may run over several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, ends = [], [0]
    try:
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{path}, line {ends[-1] + 1}: not standard CSV ({error}); a quotation mark inside a quoted cell is "
            "written twice, and every opened one is closed"
        ) from error
    filled = np.array([bool(row) and row != [""] for row in rows], dtype=bool)
    kept = [row for row, keep in zip(rows, filled, strict=True) if keep]
    cells = np.array([cell.strip() for row in kept for cell in row], dtype=object)
    widths = np.array([len(row) for row in kept], dtype=np.int64)
    return widths, cells, (np.array(ends[:-1], dtype=np.int64) + 1)[filled]
