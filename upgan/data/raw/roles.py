"""What a text table of a catalogue is for, where its columns are, and whether its first row is a header."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.data.raw.ratings import LEAST_TIME, looks_numeric, rating_numbers, time_numbers
from upgan.data.raw.text_tables import MOVIELENS, TextTable, plain_name, table_stem
from upgan.errors import DataError, listed, shown

SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
_ITEM_NAMES = "item item_id itemid movie_id movieid book_id bookid artist_id artistid product_id productid"


@dataclass(frozen=True)
class Role:
    """What a table is for: its columns, the header names that mean them, and how many of them make a header.

    A first row is a header when at least ``header_names`` of the columns are named in it by a long name, or all of
    them by any name: a single "h" may well be an id.
    """

    name: str
    aliases: Mapping[str, str]
    header_names: int
    #: The number of columns without a header must be this, or at least this.
    exact_width: bool = False
    stems: frozenset[str] = frozenset()
    #: Columns that may be there beside the others, and the header names that mean them.
    optional: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.aliases)


TRIPLES = Role(
    "triples",
    {
        "head": "head head_id subject subject_id h s",
        "relation": "relation relation_id predicate predicate_id r p",
        "tail": "tail tail_id object object_id t o",
    },
    header_names=2,
    exact_width=True,
    stems=frozenset({"triples", "kg", *SPLIT_NAMES}),
)
INTERACTIONS = Role(
    "interactions",
    {"user": "user user_id userid u", "item": f"{_ITEM_NAMES} i"},
    header_names=1,
    stems=frozenset({"interactions", "ratings"}),
    optional={
        "rating": "rating ratings score stars weight",
        "timestamp": "timestamp timestamps time unixtime date datetime",
    },
)
LINKS = Role(
    "links",
    {"item": f"{_ITEM_NAMES} i", "entity": "entity entity_id entityid freebase_id uri e"},
    header_names=1,
    stems=frozenset({"links", "link"}),
)
LABELS = Role(
    "labels",
    {"id": "id entity entity_id", "label": "label name title"},
    header_names=2,
    stems=frozenset({"labels", "names"}),
)
KINDS = Role("kinds", {"id": "id entity entity_id", "kind": "kind type"}, header_names=2, stems=frozenset({"kinds"}))
ROLES = (TRIPLES, INTERACTIONS, LINKS, LABELS, KINDS)


def read_role(table: TextTable, role: Role) -> pd.DataFrame:
    """The columns of ``role`` (and, for triples with a header, ``split``), by header or else by position."""
    first = [cell.casefold() for cell in table.row(0)]
    places = _header_places(first, role)
    if places is None:
        width, needed = len(first), len(role.columns)
        if width < needed or (role.exact_width and width > needed):
            least = "" if role.exact_width else "at least "
            raise DataError(
                f"{table.path}, line {table.lines[0]}: {width} column(s) and no header; a {role.name} file has "
                f"{least}{needed}: {', '.join(role.columns)}"
            )
        if role is INTERACTIONS:
            return unnamed_interactions(table)
        return table.frame({column: place for place, column in enumerate(role.columns)}, 0)
    missing = [column for column in role.columns if column not in places]
    if missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header lacks the column(s) {', '.join(missing)}; found: "
            f"{listed(table.row(0))}; needed: {', '.join(role.columns)}"
        )
    if role is TRIPLES and "split" in first:
        places["split"] = first.index("split")
    places |= _named_places(first, role.optional, set(places.values()))
    for place in places.values():
        if first.count(first[place]) > 1:
            raise DataError(
                f"{table.path}, line {table.lines[0]}: the header has {shown(table.row(0)[place])} twice; it is not "
                "clear which of the two columns is meant"
            )
    frame = table.frame(places, 1)
    if "split" in frame:
        frame["split"] = _checked_splits(table, frame["split"])
    return with_numbers(table, frame, 1)


def with_numbers(table: TextTable, frame: pd.DataFrame, first_row: int) -> pd.DataFrame:
    """``frame`` with its columns rating and timestamp, where it has them, as numbers."""

    def place(row: int) -> str:
        return f"{table.path}, line {table.lines[first_row + row]}"

    if "rating" in frame:
        frame["rating"] = rating_numbers(frame["rating"], place)
    if "timestamp" in frame:
        frame["timestamp"] = time_numbers(frame["timestamp"], place)
    return frame


def unnamed_interactions(table: TextTable) -> pd.DataFrame:
    """user, item of a table without a header; the third column is the rating and the fourth the time, if numbers.

    A third column of times alone (all from LEAST_TIME on) is one of times.
    """
    frame = table.frame({column: place for place, column in enumerate(INTERACTIONS.columns)}, 0)
    columns = []
    for column in (cells.to_pandas() for cells in table.cells[2:4]):
        numbers = looks_numeric(column)
        if numbers is None:
            break
        columns.append((column, numbers))
    if columns and np.nanmin(columns[0][1]) >= LEAST_TIME:
        frame["timestamp"] = columns[0][0]
    else:
        for name, (column, _) in zip(("rating", "timestamp"), columns, strict=False):
            frame[name] = column
    return with_numbers(table, frame, 0)


def role_of_stem(path: Path) -> Role | None:
    """The role that a file's name tells, or None."""
    if plain_name(path) in MOVIELENS:
        return INTERACTIONS
    stem = table_stem(path)
    return next((role for role in ROLES if stem in role.stems), None)


def role_of_content(table: TextTable) -> Role:
    first = [cell.casefold() for cell in table.row(0)]
    for role in ROLES:
        if set(_header_places(first, role) or ()) >= set(role.columns):
            return role
    by_width = {3: TRIPLES, 2: INTERACTIONS}.get(len(first))
    if by_width is None:
        stems = ", ".join(sorted(stem for each in ROLES for stem in each.stems))
        raise DataError(
            f"{table.path}, line {table.lines[0]}: {len(first)} column(s) and no known header, so it is not clear what "
            f"the file is; 3 columns are triples, 2 interactions, or name it one of: {stems}"
        )
    return by_width


def _header_places(first: list[str], role: Role) -> dict[str, int] | None:
    """Where a header row (case-folded cells) names the role's columns; None where the row is data."""
    places = _named_places(first, role.aliases)
    # "entity" may mean an id in one role and nothing in another; one cell cannot be two columns.
    long = {place for place in places.values() if len(first[place]) > 1}
    whole = len(set(places.values())) == len(role.columns)
    return places if whole or len(long) >= role.header_names else None


def _named_places(first: list[str], aliases: Mapping[str, str], taken: Collection[int] = ()) -> dict[str, int]:
    """The first place, of those not ``taken``, where a header row names each column."""
    places = {}
    for column, words in aliases.items():
        named = [place for place, cell in enumerate(first) if cell in words.split() and place not in taken]
        if named:
            places[column] = named[0]
    return places


def _checked_splits(table: TextTable, values: pd.Series) -> pd.Series:
    splits = values.str.casefold().map({**SPLIT_NAMES, "": ""})
    wrong = np.flatnonzero(splits.isna())
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.path}, line {table.lines[row + 1]}: split {shown(values.iloc[row])}; "
            "allowed: train, valid, test or empty"
        )
    return splits
