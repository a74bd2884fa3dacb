"""Whether the first row of a table is a header, which column each of its words means, and what the others may be.

Words count first. Where none is known, what stands below decides: a word above numbers, a word without a colon above
addresses, a first row that shares nothing with the rows below.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.ratings import LEAST_TIME, looks_numeric
from upgan.data.raw.text_tables import TextTable
from upgan.errors import listed, shown

#: Types that some formats write after the name of a column.
_TYPE = re.compile(r":(?:token|token_seq|float|float_seq|string|int|long|double|boolean|date|datetime)(?:\[\])?$")
#: Rows that must stand below a first row before its contents say that it is a header.
_FEW, _ENOUGH = 3, 20
#: Rows looked at before a whole column is.
_SAMPLE = 1000
#: Each relation of a table whose first row alone has another one stands in so many rows.
_COMMON = 3


@dataclass(frozen=True)
class Columns:
    """Where the columns of a table are, and how that is known."""

    places: dict[str, int]
    #: Rows before the first of data: 1 below a header.
    first_row: int
    #: The header's own words named the columns.
    named: bool
    #: Decisions and columns that are not read, in words.
    notes: tuple[str, ...] = ()
    #: What the values say against the order of the columns, in words.
    doubt: str = ""


def plain_word(cell: str) -> str:
    """A header's cell as it is compared: "User-ID", "user_id:token" and "userId" are "userid", ":START_ID(Film)" is
    "startid"."""
    text = re.sub(r"\(.*\)$", "", _TYPE.sub("", cell.casefold().strip()))
    return "".join(letter for letter in text if letter.isalnum())


def named_places(
    words: Sequence[str], aliases: Mapping[str, str], taken: Collection[int] = ()
) -> tuple[dict[str, int], list[str]]:
    """The place, of those not ``taken``, that a header row names for each column, and in words where two could be it.

    Of two words for one column the more usual counts: the one that stands earlier in ``aliases``.
    """
    places: dict[str, int] = {}
    notes = []
    for column, text in aliases.items():
        known = {word: rank for rank, word in enumerate(text.split())}
        free = [place for place, word in enumerate(words) if word in known and place not in {*taken, *places.values()}]
        if not free:
            continue
        free.sort(key=lambda place: known[words[place]])
        places[column] = free[0]
        if len(free) > 1:
            notes.append(f"more than one column may be the {column}; the more usual name counts: column {free[0] + 1}")
    return places, notes


def header_by_content(table: TextTable, keys: Sequence[int]) -> str:
    """Why the first row is a header though its words are not known, "" where it is data.

    ``keys``: the columns of ids; of three the second is the relation's.
    """
    first, rows = table.row(0), len(table.lines) - 1
    if rows < _FEW:
        return ""
    for cell, column in zip(first, table.cells, strict=True):
        if cell and _stands_above(cell, column.slice(1)):
            return f"{shown(cell)} is above values of another kind"
    if rows >= _ENOUGH and _unlike_the_rest(first, [table.cells[place] for place in keys]):
        return f"its cells {listed(map(shown, first))} are in no other row"
    return ""


def _stands_above(cell: str, below: pa.ChunkedArray) -> bool:
    """A word above numbers or above addresses."""
    if _number(cell):
        return False
    for rows in (below.slice(0, _SAMPLE), below):
        values = rows.to_pandas()
        numbers = looks_numeric(values)
        addresses = ":" not in cell and bool(values.str.match(r"<?[A-Za-z][\w+.-]*:.").all())
        if numbers is None and not addresses:
            return False
        if len(rows) == len(below):
            break
    return True


def _number(cell: str) -> bool:
    return looks_numeric(pd.Series([cell], dtype=str)) is not None


def _unlike_the_rest(first: Sequence[str], columns: Sequence[pa.ChunkedArray]) -> bool:
    """No id of the first row stands in another row, while those of the other rows come back."""
    if len(columns) == 3:
        relation = pc.value_counts(pa.chunked_array(columns[1].chunks))
        counts = {row["values"]: row["counts"] for row in relation.to_pylist()[: _SAMPLE + 1]}
        if len(relation) > _SAMPLE or counts.pop(first[1], 0) != 1 or not counts or min(counts.values()) < _COMMON:
            return False
        ends = (columns[0], columns[2])
        alone = [sum(pc.sum(pc.equal(end, cell)).as_py() or 0 for end in ends) == 1 for cell in (first[0], first[2])]
        return all(alone)
    for place, column in enumerate(columns):
        counts = pc.value_counts(column).field("counts").to_numpy(zero_copy_only=False)
        own = pc.sum(pc.equal(column, first[place])).as_py()
        if own != 1 or int((counts == 1).sum()) != 1:
            return False
    return True


def left_over_numbers(
    table: TextTable, first_row: int, taken: Collection[int], wanted: Collection[str]
) -> dict[str, int]:
    """Which of the columns that no word names is the rating, which the time: numbers, and one column for each.

    Times are numbers from LEAST_TIME on. ``wanted``: of rating and timestamp those not known yet.
    """
    kinds: dict[str, list[int]] = {"rating": [], "timestamp": []}
    for place in range(len(table.cells)):
        if place in taken:
            continue
        cells = table.marks(place, first_row)
        if looks_numeric(cells.iloc[:_SAMPLE]) is None:
            continue
        numbers = looks_numeric(cells)
        if numbers is not None:
            kinds["timestamp" if np.nanmin(numbers) >= LEAST_TIME else "rating"].append(place)
    return {kind: places[0] for kind, places in kinds.items() if kind in wanted and len(places) == 1}


def relation_place(columns: Sequence[pd.Series]) -> tuple[int, str]:
    """Which of a triple's three columns (0 to 2) holds the relations, and why in words where it is not the second.

    Relations are few and stand in one column; what is head here is tail there. -1 where counts alone say that the
    order may be another: that is no proof.
    """
    sets = [set(column.unique()) for column in columns]
    sizes = [len(each) for each in sets]
    names = ("first", "second", "third")
    for place in (2, 0):
        one, other = (each for each in (0, 1, 2) if each != place)
        both = sets[one] & sets[other]
        own = len(sets[place] & (sets[one] | sets[other]))
        few = 5 * sizes[place] <= min(sizes[one], sizes[other])
        if few and own <= 0.05 * sizes[place] and len(both) >= 0.3 * min(sizes[one], sizes[other]):
            order = "head, tail, relation" if place == 2 else "relation, head, tail"
            return place, (
                f"the {names[place]} column has {sizes[place]} values and the second {sizes[1]}, of which "
                f"{len(sets[1] & sets[2 - place])} stand in the {names[2 - place]} too: are these {order}?"
            )
    if 10 * sizes[2] <= sizes[1] and sizes[1] >= 50:
        return -1, (
            f"the third column has {sizes[2]} values and the second {sizes[1]}: are these head, tail, relation?"
        )
    return 1, ""
