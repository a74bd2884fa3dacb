"""A tolerant pass over raw text files: every line that a reader would stop at, not only the first.

Files are read in blocks of whole lines, so memory does not grow with them. A line is bad where it is not UTF-8, holds
a NUL byte, has another number of cells than most, or lacks an id. ``without_bad_lines`` has readers take it for
blank: blank lines count for nothing, so line numbers stay true and the other checks can go on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.bounds import EndlessError
from upgan.data.check.report import Finding, finding
from upgan.data.raw.format import Layout, Sources
from upgan.data.raw.text_stream import LONGEST_LIST, ReadOptions, TextStream, as_mask
from upgan.data.raw.text_tables import read_table, table_suffix

#: Rows of a CSV file that one row may span: an unclosed quotation mark takes the rest of the file.
_MOST_LINES = 100
#: A file of this many bytes whose rows have no known form (a dump of a whole graph) is left to its reader.
LARGE = 1 << 30
#: Files of this many bytes or more are not read a second time to show where rows repeat.
_REREAD_LIMIT = 300 << 20
Progress = Callable[[str, int, int], None]


@dataclass
class FileScan:
    """One file's bad lines by kind: 1-based line number -> what is wrong."""

    path: Path
    layout: Layout
    bad: dict[str, dict[int, str]] = field(default_factory=dict)
    lines: int = 0
    #: The separator and number of cells of most lines, told by the first block.
    separator: str = ""
    width: int = 0
    byte_order_mark: bool = False
    #: Lines with white space around a cell, which reading trims.
    padded: list[int] = field(default_factory=list)
    padded_count: int = 0
    #: A CSV file with a quotation mark in it: its rows are read as CSV once more.
    quoted: bool = False
    #: Further lines of bad rows that span several.
    also_bad: set[int] = field(default_factory=set)

    @property
    def path_is_csv(self) -> bool:
        return table_suffix(self.path) == ".csv"

    def note(self, kind: str, line: int, text: str) -> None:
        self.bad.setdefault(kind, {})[line] = text


OVERLONG = "overlong-lines"
#: What a line may be found to be.
KINDS = ("undecodable-lines", "ragged-lines", "empty-ids", OVERLONG)


def scan(sources: Sources, layout_of: Callable[[Path], Layout], progress: Progress) -> list[FileScan]:
    """Look through every text file of a source; DataError only for a file that cannot be read at all."""
    options = sources.options
    layouts = [(path, layout_of(path)) for path in sources.files if path.is_file()]
    layouts = [(path, layout) for path, layout in layouts if layout.text]
    files = [(path, layout) for path, layout in layouts if layout.separators or path.stat().st_size < LARGE]
    total = sum(path.stat().st_size for path, _ in files)
    done = 0
    scans = []
    for path, layout in files:
        result = FileScan(path, layout)
        before = done

        def read(name: str, count: int, size: int, before: int = before) -> None:
            progress("reading lines", min(before + count, total), total)

        stream = TextStream(path, replace(options, progress=read), LONGEST_LIST)
        try:
            for first, block in stream.whole_lines():
                _look(result, first, block)
                result.lines = first - 1 + block.count(b"\n") + (not block.endswith(b"\n"))
        except EndlessError as error:
            result.note(OVERLONG, result.lines + 1, str(error).removeprefix(str(path)).lstrip(":, "))
        result.byte_order_mark = stream.marked
        if result.quoted:
            # Counted by separators, a quoted cell that holds one would be two.
            look_at_quoted(result, sources.options)
        done += path.stat().st_size
        scans.append(result)
    return scans


def findings_of(scans: Sequence[FileScan], limit: int) -> list[Finding]:
    """The bad lines of all files as findings, with file:line examples."""
    findings = []
    for kind in KINDS:
        lines = [(scan.path, *line) for scan in scans for line in sorted(scan.bad.get(kind, {}).items())]
        findings.append(
            finding(
                kind,
                len(lines),
                total=sum(scan.lines for scan in scans),
                examples=(f"{path}:{line}: {text}" for path, line, text in lines[:limit]),
                megabytes=LONGEST_LIST >> 20,
            )
        )
    marked = [str(scan.path) for scan in scans if scan.byte_order_mark]
    padded = [f"{scan.path}:{line}" for scan in scans for line in scan.padded]
    return [
        *findings,
        finding("byte-order-marks", len(marked), total=len(scans), examples=marked[:limit]),
        finding("padded-cells", sum(scan.padded_count for scan in scans), examples=padded[:limit]),
    ]


def repeats(scans: Sequence[FileScan], limit: int, options: ReadOptions) -> dict[str, list[str]]:
    """Where rows stand again, by role: "file:line: ids (as in line n)". Files are read whole, so only if need be."""
    examples: dict[str, list[str]] = {}
    for result in scans:
        keys = result.layout.keys
        if keys < 2 or not result.separator or result.path.stat().st_size > _REREAD_LIMIT or result.bad:
            continue
        table = read_table(result.path, result.separator, options)
        frame = pd.DataFrame({place: cells.to_pandas() for place, cells in enumerate(table.cells[:keys])})
        again = np.flatnonzero(frame.duplicated().to_numpy())[:limit]
        rows = examples.setdefault(result.layout.role, [])
        for row in again.tolist():
            first = int(np.flatnonzero((frame == frame.iloc[row]).all(axis=1).to_numpy())[0])
            ids = "  ".join(frame.iloc[row])
            rows.append(f"{result.path}:{table.lines[row]}: {ids} (as in line {table.lines[first]})")
    return {role: rows[:limit] for role, rows in examples.items()}


def without_bad_lines(scans: Sequence[FileScan], options: ReadOptions) -> ReadOptions:
    """``options`` with the bad lines blank; an overlong one, whose end nobody looked for, stays."""
    blank = {
        result.path: result.also_bad.union(*(lines for kind, lines in result.bad.items() if kind != OVERLONG))
        for result in scans
    }
    return replace(options, blank=blank)


def _look(result: FileScan, first: int, block: bytes) -> None:
    """Judge the lines of one block."""
    if result.layout.any_encoding:
        return
    lines = block.split(b"\n")
    text = _decoded(result, first, block, lines)
    if not result.layout.separators:
        return
    rows = pc.utf8_rtrim(pa.array(text.split("\n"), type=pa.large_string()), "\r")
    numbers = np.arange(first, first + len(rows))
    bad = result.bad.get("undecodable-lines", {})
    fine = as_mask(pc.not_equal(pc.utf8_trim_whitespace(rows), "")) & ~np.isin(numbers, list(bad))
    # Cells of quoted CSV may hold the separator or a line end: a count of separators says nothing there.
    if "," in result.layout.separators and '"' in text and result.path_is_csv:
        result.quoted = True
    if result.quoted:
        return
    _look_at_cells(result, rows.filter(pa.array(fine)), numbers[fine])


def _look_at_cells(result: FileScan, rows: pa.Array, numbers: np.ndarray) -> None:
    if not len(rows):
        return
    if not result.width:
        result.separator, result.width = _usual_form(rows, result.layout.separators)
    separator = result.separator
    widths = _widths(rows, separator)
    ragged = widths != result.width
    for place in np.flatnonzero(ragged).tolist():
        result.note(
            "ragged-lines", int(numbers[place]), f"{widths[place]} cells, not {result.width}: {_cut(rows[place])}"
        )
    if separator == " ":
        return  # White space divides: there are no empty cells and no white space around them.
    even, kept = rows.filter(pa.array(~ragged)), numbers[~ragged]
    mark = "\\|" if separator == "|" else separator
    for column in range(min(result.layout.keys, result.width)):
        pattern = rf"^(?:[^{mark}]*{mark}){{{column}}}[ ]*(?:{mark}|$)"
        for place in np.flatnonzero(as_mask(pc.match_substring_regex(even, pattern))).tolist():
            result.note("empty-ids", int(kept[place]), f"column {column + 1} is empty: {_cut(even[place])}")
    padded = as_mask(pc.match_substring_regex(even, rf"(?:^|{mark})[ ]|[ ](?:{mark}|$)"))
    result.padded_count += int(padded.sum())
    result.padded += kept[padded][: max(0, 100 - len(result.padded))].tolist()


def look_at_quoted(result: FileScan, options: ReadOptions) -> None:
    """Judge a CSV file with quotation marks row by row, from its start, as a reader of CSV takes it."""
    for kind in ("ragged-lines", "empty-ids"):
        result.bad.pop(kind, None)
    result.padded, result.padded_count = [], 0
    lines: list[str] = []
    for _, block in TextStream(result.path, replace(options, progress=None), LONGEST_LIST).whole_lines():
        lines += block.decode("utf-8", errors="replace").removesuffix("\n").split("\n")
    bad = result.bad.get("undecodable-lines", {})
    lines = ["" if number in bad else line.removesuffix("\r") for number, line in enumerate(lines, 1)]
    separator = (
        result.separator
        or _usual_form(
            pc.replace_substring_regex(pa.array(lines[:200], pa.large_string()), r'"[^"]*"', ""),
            result.layout.separators,
        )[0]
    )
    result.separator = separator
    rows = list(_csv_rows(result, lines, separator))
    widths = np.bincount([len(row) for _, _, row in rows])
    result.width = int(widths[2:].argmax()) + 2 if len(widths) > 2 else 1
    for line, end, row in rows:
        if len(row) != result.width:
            result.also_bad.update(range(line, end + 1))
            result.note("ragged-lines", line, f"{len(row)} cells, not {result.width}: {_short(separator.join(row))}")
            continue
        for column in range(min(result.layout.keys, result.width)):
            if not row[column].strip():
                result.also_bad.update(range(line, end + 1))
                result.note("empty-ids", line, f"column {column + 1} is empty: {_short(separator.join(row))}")
        if any(cell != cell.strip(" ") for cell in row):
            result.padded_count += 1
            result.padded += [line] if len(result.padded) < 100 else []


def _csv_rows(result: FileScan, lines: list[str], separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """The lines each filled row begins and ends on, and its cells.

    A line that is no CSV is noted, and reading begins anew with the next one.
    """
    start = 0
    while start < len(lines):
        reader = csv.reader((f"{line}\n" for line in lines[start:]), strict=True, delimiter=separator)
        begun = start
        try:
            for row in reader:
                if reader.line_num + start - begun > _MOST_LINES:
                    raise csv.Error(f"a quoted cell of more than {_MOST_LINES} lines")
                if len(row) > 1 or (row and row[0].strip()):
                    yield begun + 1, start + reader.line_num, row
                begun = start + reader.line_num
            return
        except csv.Error as error:
            result.note("ragged-lines", begun + 1, f"not standard CSV ({error}): {_short(lines[begun])}")
            start = begun + 1


def _usual_form(rows: pa.Array, separators: Sequence[str]) -> tuple[str, int]:
    """The separator that divides most lines alike into two cells or more, and into how many; the first if none does."""
    best, form = 0, (separators[0], 1)
    for separator in separators:
        counts = np.bincount(_widths(rows, separator))
        alike = int(counts[2:].max(initial=0))
        if alike > best:
            best, form = alike, (separator, int(counts[2:].argmax()) + 2)
    return form


def _widths(rows: pa.Array, separator: str) -> np.ndarray:
    if separator == " ":
        separators = pc.count_substring_regex(pc.utf8_trim_whitespace(rows), r"\s+")
    else:
        separators = pc.count_substring(rows, separator)
    widths: np.ndarray = separators.to_numpy(zero_copy_only=False) + 1
    return widths


def _decoded(result: FileScan, first: int, block: bytes, lines: list[bytes]) -> str:
    """The block's text; lines that are not UTF-8 or hold a NUL are noted, and stand there with marks."""
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        for number, line in enumerate(lines, first):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                line_text = line.decode("latin-1")
                byte = f"byte 0x{line[error.start]:02x} at {error.start + 1}"
                result.note("undecodable-lines", number, f"{byte}: {line_text[:80]!r}")
        text = block.decode("utf-8", errors="replace")
    if "\0" in text:
        for number, line in enumerate(lines, first):
            if b"\0" in line:
                result.note("undecodable-lines", number, f"a NUL byte at {line.index(0) + 1}")
    return text


def _cut(value: pa.Scalar) -> str:
    return _short(value.as_py())


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
