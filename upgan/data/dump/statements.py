"""Lines of N-Triples as columns: subject, predicate and object as the file writes them, brackets and quotes included.

Most dumps put tabs between the parts, so lines are first split at tabs. A line that does not fall into four cells so
(spaces between the parts, a tab within a string) is taken apart by a pattern; what is no statement then is malformed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.text_stream import as_mask

_STATEMENT = re.compile(
    r"\s*(<[^<>\s]+>|_:\S+)\s+(<[^<>\s]+>)\s+(<[^<>\s]*>|_:\S+|\"(?:.*)\"\S*|[^\s\"<]\S*)\s*\.\s*", re.S
)
#: Subject, predicate, object and the full stop.
_CELLS = 4


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
    text = data.replace(b"\r\n", b"\n").removesuffix(b"\n")
    ends = pa.py_buffer(np.array([0, len(text)], dtype=np.int32))
    lines = pc.split_pattern(pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(text)]), b"\n").flatten()
    rows = pc.split_pattern(lines, b"\t")
    fine = as_mask(pc.equal(pc.list_value_length(rows), _CELLS))
    cells = rows.filter(pa.array(fine)).flatten()
    columns = [cells.take(pa.array(np.arange(place, len(cells), _CELLS))) for place in range(_CELLS)]
    right = _well_formed(*columns)
    columns = [column.filter(pa.array(right)) for column in columns[:3]]
    fine[fine] = right
    odd = np.flatnonzero(~fine)
    texts = [line.decode("utf-8", errors="replace") for line in lines.take(pa.array(odd)).to_pylist()]
    matched = [
        (line, text, _STATEMENT.fullmatch(text))
        for line, text in zip((odd + 1).tolist(), texts, strict=True)
        if text.strip() and not text.startswith("#")
    ]
    more = [match.groups() for _, _, match in matched if match]
    if more:
        extra = [pa.array([row[place].encode() for row in more], pa.binary()) for place in range(3)]
        columns = [pa.concat_arrays([column, added]) for column, added in zip(columns, extra, strict=True)]
    malformed = [(line, text) for line, text, match in matched if not match]
    return Statements(columns[0], columns[1], columns[2], malformed, len(odd) - len(matched))


def _well_formed(subjects: pa.Array, predicates: pa.Array, objects: pa.Array, stops: pa.Array) -> np.ndarray:
    checks = [
        pc.or_(pc.starts_with(subjects, b"<"), pc.starts_with(subjects, b"_:")),
        pc.starts_with(predicates, b"<"),
        pc.greater(pc.binary_length(objects), 0),
        pc.equal(stops, b"."),
    ]
    result: np.ndarray = np.logical_and.reduce([check.to_numpy(zero_copy_only=False) for check in checks])
    return result
