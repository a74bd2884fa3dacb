"""What a text table of a catalogue is for, where its columns are, and whether its first row is a header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.data.raw.headers import (
    Columns,
    header_by_content,
    left_over_numbers,
    named_places,
    plain_word,
    relation_place,
)
from upgan.data.raw.no_value import without_no_value
from upgan.data.raw.packing import plain_name
from upgan.data.raw.ratings import LEAST_TIME, looks_numeric, rating_numbers, time_numbers
from upgan.data.raw.text_tables import MOVIELENS, TextTable, table_stem
from upgan.errors import DataError, listed, shown

SPLIT_NAMES = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
_ITEMS = (
    "item itemid movie movieid film filmid book bookid artist artistid product productid track trackid song songid "
    "album albumid game gameid asin parentasin isbn business businessid article articleid news newsid recipe recipeid "
    "course courseid place placeid poi poiid anime animeid iid"
)


@dataclass(frozen=True)
class Role:
    """What a table is for: its columns, the header words that mean them, and how many of them make a header.

    Words are compared as ``headers.plain_word`` writes them; of two for one column the earlier counts. A first row is
    a header when at least ``header_names`` of the columns are named in it by a long word, or all of them by any word:
    a single "h" may well be an id.
    """

    name: str
    aliases: Mapping[str, str]
    header_names: int
    #: The number of columns without a header must be this, or at least this.
    exact_width: bool = False
    stems: frozenset[str] = frozenset()
    #: Columns that may be there beside the others, and the header words that mean them.
    optional: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.aliases)


TRIPLES = Role(
    "triples",
    {
        "head": "head headid subject subjectid source sourceid src node1 startid start from fromid xid h s",
        "relation": (
            "relation relationid predicate predicateid property propertyid metaedge rel relationtype relationship "
            "edgetype edgelabel edge type label interaction displayrelation r p"
        ),
        "tail": "tail tailid object objectid target targetid dst node2 endid end to toid yid t o",
    },
    header_names=2,
    exact_width=True,
    stems=frozenset({"triples", "kg", *SPLIT_NAMES}),
)
INTERACTIONS = Role(
    "interactions",
    {
        "user": (
            "user userid uid username reviewer reviewerid reader readerid listener listenerid viewer viewerid customer "
            "customerid member memberid visitor visitorid profile profileid account accountid u"
        ),
        "item": f"{_ITEMS} i",
    },
    header_names=1,
    stems=frozenset({"interactions", "ratings"}),
    optional={
        "rating": (
            "rating ratings bookrating overall score stars rate preference feedback liked like weight playcount plays "
            "click clicked label value count"
        ),
        "timestamp": "timestamp timestamps unixtime unixreviewtime time datetime date createdat ts",
    },
)
LINKS = Role(
    "links",
    {
        "item": f"{_ITEMS} i",
        "entity": "entity entityid freebaseid freebase mid wikidata wikidataid qid dbpedia dbpediaid uri iri e",
    },
    header_names=1,
    stems=frozenset({"links", "link"}),
)
LABELS = Role(
    "labels",
    {"id": "id entity entityid uri iri", "label": "label name title"},
    header_names=2,
    stems=frozenset({"labels", "names"}),
)
KINDS = Role(
    "kinds",
    {"id": "id entity entityid uri iri", "kind": "kind type class"},
    header_names=2,
    stems=frozenset({"kinds"}),
)
ROLES = (TRIPLES, INTERACTIONS, LINKS, LABELS, KINDS)


def read_role(table: TextTable, role: Role) -> pd.DataFrame:
    """The columns of ``role`` (and, for triples with a header, ``split``), by header or else by position."""
    return role_frame(table, role, role_columns(table, role))


def role_frame(table: TextTable, role: Role, columns: Columns) -> pd.DataFrame:
    """Those columns, ratings and times as numbers; DataError for an empty id, a split or number that is none."""
    frame = table.frame(columns.places, columns.first_row)
    if role is INTERACTIONS and not columns.first_row:
        return unnamed_interactions(table)
    if "split" in frame:
        frame["split"] = _checked_splits(table, frame["split"])
    return with_numbers(table, frame, columns.first_row)


def role_columns(table: TextTable, role: Role) -> Columns:
    """Where the columns of ``role`` are. Raises DataError where a header lacks one, or has one word twice."""
    words = [plain_word(cell) for cell in table.row(0)]
    places = header_places(words, role)
    if places is not None:
        return _by_words(table, role, words, places)
    width, needed = len(words), len(role.columns)
    reason = "" if width < needed else header_by_content(table, range(needed))
    if not reason and table.named and width >= needed:
        reason = "the file names its columns"
    if reason and not (role.exact_width and width > needed):
        return _by_content(table, role, words, reason)
    if width < needed or (role.exact_width and width > needed):
        least = "" if role.exact_width else "at least "
        header = f"({listed(table.row(0), 6)})" if table.named else "and no header"
        raise DataError(
            f"{table.path}, line {table.lines[0]}: {width} column(s) {header}; a {role.name} file has "
            f"{least}{needed}: {', '.join(role.columns)}"
        )
    by_position = {column: place for place, column in enumerate(role.columns)}
    if role is TRIPLES:
        return _ordered(table, by_position)
    read = {*by_position.values(), *(_unnamed_marks(table).values() if role is INTERACTIONS else ())}
    left = [str(place + 1) for place in range(width) if place not in read]
    notes = (f"columns that are not read: {listed(left)} (of {width}; there is no header)",) if left else ()
    return Columns(by_position, 0, named=False, notes=notes)


def _by_words(table: TextTable, role: Role, words: list[str], places: dict[str, int]) -> Columns:
    """The columns that a header names; one that lacks a name is the only one that is left."""
    places, notes = named_places(words, role.aliases)
    missing = [column for column in role.columns if column not in places]
    optional, more = named_places(words, role.optional, set(places.values()))
    split = {"split": words.index("split")} if role is TRIPLES and "split" in words else {}
    free = set(range(len(words))) - {*places.values(), *optional.values(), *split.values()}
    if len(missing) == 1 and len(free) == 1 and words[next(iter(free))]:
        places[missing[0]] = free.pop()
        notes.append(f"{shown(table.row(0)[places[missing[0]]])} is taken as the {missing[0]}: no other column is left")
    elif missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header lacks the column(s) {', '.join(missing)}; found: "
            f"{listed(table.row(0))}; needed: {', '.join(role.columns)}"
        )
    places |= split | optional
    for place in places.values():
        if words.count(words[place]) > 1:
            raise DataError(
                f"{table.path}, line {table.lines[0]}: the header has {shown(table.row(0)[place])} twice; it is not "
                "clear which of the two columns is meant"
            )
    if role is INTERACTIONS:
        places, more = _with_numbers_left(table, 1, places, more)
    doubt = ""
    if role is TRIPLES and len(table.lines) > 1:
        ends = [table.cells[places[column]].slice(1).to_pandas() for column in role.columns]
        if words_against := relation_place(ends)[1]:
            doubt = f"{words_against} They are read as the header says"
    return Columns(places, 1, True, (*notes, *more, *_unread(table, places)), doubt)


def _by_content(table: TextTable, role: Role, words: list[str], reason: str) -> Columns:
    """The columns below a header of unknown words: by position, and ratings and times by what they are."""
    note = f"the first row ({listed(table.row(0), 6)}) is read as a header, because {reason}"
    places = {column: place for place, column in enumerate(role.columns)}
    notes, doubt = [note], ""
    if role is INTERACTIONS:
        places, notes = _with_numbers_left(table, 1, places, notes)
    if role is TRIPLES:
        ordered = _ordered(table, places, 1)
        places, doubt = ordered.places, ordered.doubt
    taken = "; ".join(f"{column} is {shown(table.row(0)[place])}" for column, place in places.items())
    return Columns(places, 1, False, (*notes, f"columns by position: {taken}", *_unread(table, places)), doubt)


def _with_numbers_left(
    table: TextTable, first_row: int, places: dict[str, int], notes: list[str]
) -> tuple[dict[str, int], list[str]]:
    """``places`` with the rating and the time among columns that no word names."""
    wanted = {"rating", "timestamp"} - places.keys()
    told = left_over_numbers(table, first_row, places.values(), wanted) if wanted else {}
    notes = [*notes, *(f"{shown(table.row(0)[place])} is taken as the {name}" for name, place in told.items())]
    return places | told, notes


def _ordered(table: TextTable, places: dict[str, int], first_row: int = 0) -> Columns:
    """The columns of triples whose header, if any, says nothing, in the order that their values show."""
    place, reason = relation_place([cells.slice(first_row).to_pandas() for cells in table.cells[:3]])
    if place in (-1, 1):
        return Columns(
            places, first_row, False, (), f"{reason} They are read as head, relation, tail" if reason else ""
        )
    ends = [each for each in (0, 1, 2) if each != place]
    order = {"head": ends[0], "relation": place, "tail": ends[1]}
    said = "They are read so; a header row (head, relation, tail) would say otherwise"
    return Columns(order, first_row, False, (), f"{reason} {said}")


def _unread(table: TextTable, places: dict[str, int]) -> list[str]:
    """The header's names of columns that are not read, in words."""
    names = [cell for place, cell in enumerate(table.row(0)) if place not in places.values()]
    return [f"columns that are not read: {listed(names)}"] if names else []


def with_numbers(table: TextTable, frame: pd.DataFrame, first_row: int) -> pd.DataFrame:
    """``frame`` with its columns rating and timestamp, where it has them, as numbers."""

    def place(row: int) -> str:
        return f"{table.path}, line {table.lines[first_row + row]}"

    if "rating" in frame:
        frame["rating"] = rating_numbers(without_no_value(frame["rating"], table.no_value), place)
    if "timestamp" in frame:
        frame["timestamp"] = time_numbers(without_no_value(frame["timestamp"], table.no_value), place)
    return frame


def unnamed_interactions(table: TextTable) -> pd.DataFrame:
    """user, item of a table without a header; the third column is the rating and the fourth the time, if numbers.

    A third column of times alone (all from LEAST_TIME on) is one of times, and a fourth of other numbers the rating.
    """
    frame = table.frame({column: place for place, column in enumerate(INTERACTIONS.columns)}, 0)
    for name, place in _unnamed_marks(table).items():
        frame[name] = table.marks(place, 0)
    return with_numbers(table, frame, 0)


def _unnamed_marks(table: TextTable) -> dict[str, int]:
    """Which of the third and the fourth column are ratings and times, of a table without a header."""
    least: list[float] = []
    for place in range(2, min(4, len(table.cells))):
        numbers = looks_numeric(table.marks(place, 0))
        if numbers is None:
            break
        least.append(float(np.nanmin(numbers)))
    if not least or least[0] < LEAST_TIME:
        return dict(zip(("rating", "timestamp"), range(2, 2 + len(least)), strict=False))
    return {"timestamp": 2} | ({"rating": 3} if least[1:] and least[1] < LEAST_TIME else {})


def role_of_stem(path: Path) -> Role | None:
    """The role that a file's name tells, or None."""
    if plain_name(path) in MOVIELENS:
        return INTERACTIONS
    stem = table_stem(path)
    return next((role for role in ROLES if stem in role.stems), None)


def role_of_header(table: TextTable) -> Role | None:
    """The role all of whose columns the first row names, or None."""
    words = [plain_word(cell) for cell in table.row(0)]
    return next((role for role in ROLES if set(header_places(words, role) or ()) >= set(role.columns)), None)


def role_of_content(table: TextTable) -> Role:
    """The role that a table's header tells, or else its number of columns; DataError where neither does."""
    first = table.row(0)
    if role := role_of_header(table):
        return role
    by_width = {3: TRIPLES, 2: INTERACTIONS}.get(len(first))
    if by_width is None:
        stems = ", ".join(sorted(stem for each in ROLES for stem in each.stems))
        raise DataError(
            f"{table.path}, line {table.lines[0]}: {len(first)} column(s) and no known header, so it is not clear what "
            f"the file is; 3 columns are triples, 2 interactions, or name it one of: {stems}"
        )
    return by_width


def header_places(words: list[str], role: Role) -> dict[str, int] | None:
    """Where a header row (plain words) names the role's columns; None where the row is data."""
    places, _ = named_places(words, role.aliases)
    # "entity" may mean an id in one role and nothing in another; one cell cannot be two columns.
    long = {place for place in places.values() if len(words[place]) > 1}
    whole = len(set(places.values())) == len(role.columns)
    return places if whole or len(long) >= role.header_names else None


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
