"""Lines of N-Triples as columns: subject, predicate and object as the file writes them, brackets and quotes included.

Most dumps put tabs between the parts, so lines are first split at tabs. A line that does not fall into four cells so
(spaces between the parts, a tab within a string) is taken apart by a pattern; what is no statement then is malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

_STATEMENT = re.compile(
    r"\s*(<[^<>\s]+>|_:\S+)\s+(<[^<>\s]+>)\s+(<[^<>\s]*>|_:\S+|\"(?:.*)\"\S*|[^\s\"<]\S*)\s*\.\s*", re.S
)
_CELLS = ("subject", "predicate", "object", "stop")


@dataclass(frozen=True, eq=False)
class Statements:
    """Columns of bytes, one value per statement, and what was none: (line of the block from 1, its text)."""

    subjects: pa.Array
    predicates: pa.Array
    objects: pa.Array
    malformed: list[tuple[int, str]]
    blank: int


def split_statements(data: bytes) -> Statements:
    """Split whole lines. The statements that the pattern found come last, otherwise their order is the file's."""
    # pyarrow hands rows of another width over as text, and fails where they are none.
    table, odd = _cells(data if _is_utf8(data) else data.decode("utf-8", errors="replace").encode())
    columns = [_one_chunk(table[name]) for name in _CELLS]
    wrong = ~_well_formed(*columns)
    if wrong.any():
        odd += _rows_as_text(columns, wrong, [line for line, _ in odd])
        columns = [column.filter(pa.array(~wrong)) for column in columns]
    blank = sum(not text.strip() or text.startswith("#") for _, text in odd)
    matched = [(line, text, _STATEMENT.fullmatch(text)) for line, text in odd]
    more = [match.groups() for _, _, match in matched if match]
    malformed = [
        (line, text) for line, text, match in matched if not match and text.strip() and not text.startswith("#")
    ]
    if more:
        extra = [pa.array([row[place].encode() for row in more], pa.binary()) for place in range(3)]
        columns = [pa.concat_arrays([column, added]) for column, added in zip(columns, extra, strict=False)]
    return Statements(columns[0], columns[1], columns[2], sorted(malformed), blank)


def _cells(data: bytes) -> tuple[pa.Table, list[tuple[int, str]]]:
    """Rows of four cells between tabs, and all other rows as (line, text)."""
    odd: list[tuple[int, str]] = []

    def keep(row: Any) -> str:
        odd.append((row.number, row.text))
        return "skip"

    table = csv.read_csv(
        pa.BufferReader(data),
        read_options=csv.ReadOptions(column_names=list(_CELLS), use_threads=False, block_size=len(data) + 1),
        parse_options=csv.ParseOptions(
            delimiter="\t", quote_char=False, ignore_empty_lines=False, invalid_row_handler=keep
        ),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(_CELLS, pa.binary()), strings_can_be_null=False, check_utf8=False
        ),
    )
    return table, odd


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _well_formed(subjects: pa.Array, predicates: pa.Array, objects: pa.Array, stops: pa.Array) -> np.ndarray:
    checks = [
        pc.or_(pc.starts_with(subjects, b"<"), pc.starts_with(subjects, b"_:")),
        pc.starts_with(predicates, b"<"),
        pc.greater(pc.binary_length(objects), 0),
        pc.equal(stops, b"."),
    ]
    result: np.ndarray = np.logical_and.reduce([check.to_numpy(zero_copy_only=False) for check in checks])
    return result


def _rows_as_text(columns: list[pa.Array], wrong: np.ndarray, skipped: list[int]) -> list[tuple[int, str]]:
    """Rows of four cells that are no statement, with their lines: those of the rows that were skipped lie between."""
    lines = np.setdiff1d(np.arange(1, len(wrong) + len(skipped) + 1), skipped)
    rows = zip(*(column.filter(pa.array(wrong)).to_pylist() for column in columns), strict=True)
    texts = [b"\t".join(cells).decode("utf-8", errors="replace") for cells in rows]
    return list(zip(lines[wrong].tolist(), texts, strict=True))


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.array([], pa.binary()), *column.chunks])
