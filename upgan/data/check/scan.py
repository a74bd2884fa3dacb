"""A tolerant pass over raw text files: every line that a reader would stop at, not only the first.

Files are read in blocks of whole lines, so memory does not grow with them. A line is bad where it is not UTF-8, holds
a NUL byte, has another number of cells than most, or lacks an id. ``mended`` gives the readers copies in which bad
lines are blank: blank lines count for nothing, so line numbers stay true and the other checks can go on.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data import read_recbole, read_tsv, text_tables
from upgan.data.check.report import Finding, Severity, counted
from upgan.errors import DataError

BLOCK = 1 << 24
#: A line longer than this is no row of a table; the rest of such a file is not scanned.
LONGEST_LINE = 1 << 26
#: Files of this many bytes or more are not read a second time to show where rows repeat.
_REREAD_LIMIT = 300 << 20
_BOM = b"\xef\xbb\xbf"
#: Files that may be text in a folder of a format without a table of its own below.
_TEXT = {".tsv", ".txt", ".csv", ".dat", ".nt", ".kg", ".inter", ".link", ".item", ".user"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Layout:
    """What a line of a file should look like: the separator (None: rows need not be equally long), and its role."""

    separator: str | None = None
    #: The first columns of the role, which hold ids and may not be empty; 0 where the columns are not known.
    keys: int = 0
    role: str = ""


@dataclass
class FileScan:
    """One file's bad lines by kind: 1-based line number -> what is wrong."""

    path: Path
    layout: Layout
    bad: dict[str, dict[int, str]] = field(default_factory=dict)
    lines: int = 0
    byte_order_mark: bool = False
    #: Lines with white space around a cell, which reading trims.
    padded: list[int] = field(default_factory=list)
    padded_count: int = 0

    def note(self, kind: str, line: int, text: str) -> None:
        self.bad.setdefault(kind, {})[line] = text

    @property
    def bad_lines(self) -> set[int]:
        return set().union(*self.bad.values()) if self.bad else set()


@dataclass(frozen=True)
class _Kind:
    code: str
    title: str
    meaning: str
    advice: str
    severity: Severity = "error"


_KINDS = (
    _Kind(
        "undecodable-lines",
        "lines that are not UTF-8 text",
        "Reading stops at the first of them.",
        "Save the file as UTF-8: `iconv -f LATIN1 -t UTF-8 FILE > NEW` for Western European exports.",
    ),
    _Kind(
        "ragged-lines",
        "lines with another number of cells than the file's other lines",
        "Reading stops at the first of them: a separator is missing, or stands inside a name.",
        "Repair or remove the lines; the other findings are about what is left without them.",
    ),
    _Kind(
        "empty-ids",
        "lines without one of their ids",
        "Reading stops at the first of them.",
        "Fill in the id or remove the line.",
    ),
    _Kind(
        "overlong-lines",
        f"lines of more than {LONGEST_LINE >> 20} MB",
        "The rest of such a file was not looked at: it is no table, or lacks line ends.",
        "Check the file's export.",
    ),
)


def scan(paths: Sequence[Path], format_name: str, progress: Progress) -> list[FileScan]:
    """Look through every text file of a source; DataError only for a file that cannot be opened."""
    found = [(path, layout) for source in paths for path, layout in _files(source, format_name)]
    total = sum(path.stat().st_size for path, _ in found)
    done = 0
    scans = []
    for path, layout in found:
        result = FileScan(path, layout)
        try:
            with path.open("rb") as stream:
                for first, block in _blocks(stream, result):
                    _look(result, first, block)
                    progress("reading lines", min(done + stream.tell(), total), total)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        done += path.stat().st_size
        scans.append(result)
    return scans


def findings_of(scans: Sequence[FileScan], limit: int) -> list[Finding]:
    """The bad lines of all files as findings, with file:line examples."""
    findings = []
    for kind in _KINDS:
        count = sum(len(scan.bad.get(kind.code, {})) for scan in scans)
        shown = [
            f"{scan.path}:{line}: {text}"
            for scan in scans
            for line, text in sorted(scan.bad.get(kind.code, {}).items())
        ]
        findings.append(
            counted(
                kind.code,
                kind.severity,
                kind.title,
                count,
                total=sum(scan.lines for scan in scans),
                examples=tuple(shown[:limit]),
                meaning=kind.meaning,
                advice=kind.advice,
            )
        )
    marked = [str(scan.path) for scan in scans if scan.byte_order_mark]
    padded = sum(scan.padded_count for scan in scans)
    return [
        *findings,
        counted(
            "byte-order-marks",
            "note",
            "files that begin with a byte-order mark",
            len(marked),
            total=len(scans),
            examples=tuple(marked[:limit]),
            meaning="Reading leaves it out; other tools take it for a part of the first id.",
            advice="Save as UTF-8 without a mark if other tools read the file too.",
        ),
        counted(
            "padded-cells",
            "note",
            "lines with white space around a cell",
            padded,
            examples=tuple(f"{scan.path}:{line}" for scan in scans for line in scan.padded)[:limit],
            meaning="Reading trims cells; other tools may not.",
            advice="Nothing to do here.",
        ),
    ]


def repeats(scans: Sequence[FileScan], limit: int) -> dict[str, list[str]]:
    """Where rows stand again, by role: "file:line: ids (as in line n)". Files are read whole, so only if need be."""
    shown: dict[str, list[str]] = {}
    for result in scans:
        keys, separator = result.layout.keys, result.layout.separator
        if keys < 2 or separator is None or result.path.stat().st_size > _REREAD_LIMIT or result.bad:
            continue
        table = text_tables.read_table(result.path, separator)
        frame = pd.DataFrame(dict(enumerate(table.cells[:keys])))
        again = np.flatnonzero(frame.duplicated().to_numpy())[:limit]
        rows = shown.setdefault(result.layout.role, [])
        for row in again.tolist():
            first = int(np.flatnonzero((frame == frame.iloc[row]).all(axis=1).to_numpy())[0])
            ids = "  ".join(frame.iloc[row])
            rows.append(f"{result.path}:{table.lines[row]}: {ids} (as in line {table.lines[first]})")
    return {role: rows[:limit] for role, rows in shown.items()}


@contextlib.contextmanager
def mended(paths: Sequence[Path], scans: Sequence[FileScan]) -> Iterator[list[Path]]:
    """The same paths or, where a file has bad lines, temporary copies of the source with those lines blank."""
    damaged = {result.path.resolve(): result.bad_lines for result in scans if result.bad}
    if not damaged:
        yield list(paths)
        return
    with tempfile.TemporaryDirectory(prefix="upgan-check-") as folder:
        copies = []
        for number, source in enumerate(paths):
            # The source's own name tells the dataset's name, and a file's name its role.
            copy = Path(folder) / str(number) / source.resolve().name
            copy.parent.mkdir()
            for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
                target = copy / path.relative_to(source) if source.is_dir() else copy
                if path.is_dir():
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                if path.resolve() in damaged:
                    _copy_blanked(path, target, damaged[path.resolve()])
                else:
                    target.symlink_to(path.resolve())
            copies.append(copy)
        yield copies


def _files(source: Path, format_name: str) -> list[tuple[Path, Layout]]:
    """The text files of a source, in the order of their names, and their layouts."""
    inside = source.is_dir()
    paths = sorted(path for path in source.rglob("*") if path.is_file()) if inside else [source]
    result = []
    for path in paths:
        layout = _layout(path, format_name, named=not inside)
        if layout is not None and not path.name.startswith("."):
            result.append((path, layout))
    return result


def _layout(path: Path, format_name: str, named: bool) -> Layout | None:
    """None for a file that this format does not read as text."""
    if format_name == "recbole":
        if path.suffix not in read_recbole.FIELDS:
            return None
        role, columns = read_recbole.FIELDS[path.suffix]
        return Layout("\t", len(columns), role)
    if format_name == "tsv":
        role_of_name = read_tsv.role_of_stem(path)
        if path.suffix.lower() not in text_tables.EXTENSIONS or not (role_of_name or named):
            return None
        separator = text_tables.EXTENSIONS[path.suffix.lower()]
        if role_of_name is None:
            return Layout(separator)
        # A label may be empty; an id may not.
        keys = sum(column not in ("label", "kind") for column in role_of_name.columns)
        return Layout(separator, keys, role_of_name.name)
    return Layout() if path.suffix.lower() in _TEXT else None


def _blocks(stream: object, result: FileScan) -> Iterator[tuple[int, bytes]]:
    """(number of the first line, whole lines) of a file, about BLOCK bytes at a time."""
    rest, first = b"", 1
    while True:
        data = stream.read(BLOCK)  # type: ignore[attr-defined]
        if first == 1 and not rest and data.startswith(_BOM):
            result.byte_order_mark = True
            data = data[len(_BOM) :]
        block = rest + data
        cut = len(block) if not data else block.rfind(b"\n") + 1
        if cut:
            lines = block[:cut]
            yield first, lines
            first += lines.count(b"\n")
            result.lines = first - 1 + (not lines.endswith(b"\n"))
        rest = block[cut:]
        if len(rest) > LONGEST_LINE:
            result.note("overlong-lines", first, f"more than {LONGEST_LINE >> 20} MB without a line end")
            return
        if not data:
            return


def _look(result: FileScan, first: int, block: bytes) -> None:
    """Judge the lines of one block."""
    lines = block.split(b"\n")
    text = _decoded(result, first, block, lines)
    if result.layout.separator is None:
        return
    rows = pa.array([line.removesuffix("\r") for line in text.split("\n")], type=pa.large_string())
    numbers = np.arange(first, first + len(rows))
    bad = result.bad.get("undecodable-lines", {})
    fine = _mask(pc.not_equal(pc.utf8_trim_whitespace(rows), "")) & ~np.isin(numbers, list(bad))
    # Cells of quoted CSV may hold the separator or a line end: csv tells widths, not a count of commas.
    if result.layout.separator == "," and '"' in text:
        return
    _look_at_cells(result, rows.filter(pa.array(fine)), numbers[fine])


def _look_at_cells(result: FileScan, rows: pa.Array, numbers: np.ndarray) -> None:
    separator, keys = result.layout.separator or "\t", result.layout.keys
    if not len(rows):
        return
    widths = pc.add(pc.count_substring(rows, separator), 1).to_numpy(zero_copy_only=False)
    expected = _expected_width(result, widths)
    ragged = widths != expected
    for place in np.flatnonzero(ragged).tolist():
        result.note("ragged-lines", int(numbers[place]), f"{widths[place]} cells, not {expected}: {_cut(rows[place])}")
    even = rows.filter(pa.array(~ragged))
    kept = numbers[~ragged]
    cell = f"[^{separator}]*"
    for column in range(min(keys, expected)):
        empty = _mask(pc.match_substring_regex(even, rf"^(?:{cell}{separator}){{{column}}}[ ]*(?:{separator}|$)"))
        for place in np.flatnonzero(empty).tolist():
            result.note("empty-ids", int(kept[place]), f"column {column + 1} is empty: {_cut(even[place])}")
    padded = _mask(pc.match_substring_regex(even, rf"(?:^|{separator})[ ]|[ ](?:{separator}|$)"))
    result.padded_count += int(padded.sum())
    result.padded += kept[padded][: max(0, 100 - len(result.padded))].tolist()


def _expected_width(result: FileScan, widths: np.ndarray) -> int:
    """The number of cells of most lines in the file's first block; kept for the blocks after it."""
    known = getattr(result, "_width", None)
    if known is None:
        known = int(np.bincount(widths).argmax())
        result._width = known  # type: ignore[attr-defined]
    return int(known)


def _decoded(result: FileScan, first: int, block: bytes, lines: list[bytes]) -> str:
    """The block's text; lines that are not UTF-8 or hold a NUL are noted, and stand there with marks."""
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        for number, line in enumerate(lines, first):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                shown = line.decode("latin-1")
                byte = f"byte 0x{line[error.start]:02x} at {error.start + 1}"
                result.note("undecodable-lines", number, f"{byte}: {shown[:80]!r}")
        text = block.decode("utf-8", errors="replace")
    if "\0" in text:
        for number, line in enumerate(lines, first):
            if b"\0" in line:
                result.note("undecodable-lines", number, f"a NUL byte at {line.index(0) + 1}")
    return text


def _copy_blanked(path: Path, target: Path, blank: set[int]) -> None:
    """``path`` with the lines of ``blank`` empty, line by line."""
    with path.open("rb") as stream, target.open("wb") as out:
        for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), 1):
            out.write(b"\n" if number in blank else line)


def _cut(value: pa.Scalar) -> str:
    text = value.as_py()
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _mask(found: pa.Array) -> np.ndarray:
    mask: np.ndarray = found.to_numpy(zero_copy_only=False).astype(bool)
    return mask
