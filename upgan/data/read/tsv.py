"""Catalogues made of text tables: what each file is for, where its columns are, with or without a header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.read.ratings import LEAST_TIME, looks_numeric, rating_numbers, time_numbers
from upgan.data.read.raw import RawSource, SourceFile
from upgan.data.read.text_stream import STRICT, ReadOptions
from upgan.data.read.text_tables import TextTable, read_table, table_stem
from upgan.errors import DataError, listed, shown

_SPLIT_NAMES = {
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
    stems=frozenset({"triples", "kg", *_SPLIT_NAMES}),
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
    places |= _optional_places(first, role, set(places.values()))
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
    found = []
    for column in (cells.to_pandas() for cells in table.cells[2:4]):
        numbers = looks_numeric(column)
        if numbers is None:
            break
        found.append((column, numbers))
    if found and np.nanmin(found[0][1]) >= LEAST_TIME:
        frame["timestamp"] = found[0][0]
    else:
        for name, (column, _) in zip(("rating", "timestamp"), found, strict=False):
            frame[name] = column
    return with_numbers(table, frame, 0)


def role_of_stem(path: Path) -> Role | None:
    """The role that a file's name tells, or None."""
    stem = table_stem(path)
    return next((role for role in ROLES if stem in role.stems), None)


def read_tsv_files(paths: Sequence[Path], name: str, options: ReadOptions = STRICT) -> RawSource:
    """Read a catalogue from text tables; a file whose name tells nothing is taken by its header or column count."""
    gathered = Gathered()
    for path in paths:
        gather_table(gathered, path, options)
    return assemble(name, "tsv", gathered)


def gather_table(gathered: Gathered, path: Path, options: ReadOptions = STRICT) -> None:
    """Read one text table into ``gathered``, by the role that its name, header or column count tells."""
    table = read_table(path, options=options)
    role = role_of_stem(path) or _role_of_content(table)
    frame = read_role(table, role)
    if role is TRIPLES and "split" not in frame:
        frame["split"] = _SPLIT_NAMES.get(table_stem(path), "")
    gathered.add(role, frame, table)


@dataclass
class Gathered:
    """What a reader has read so far: tables by role, files, what was left out, and how columns were understood."""

    parts: dict[str, list[pd.DataFrame]] = field(default_factory=lambda: {role.name: [] for role in ROLES})
    files: list[SourceFile] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)
    #: id of an item, label: titles from lists of items, which also name the linked entities.
    titles: list[pd.DataFrame] = field(default_factory=list)

    def add(self, role: Role, frame: pd.DataFrame, table: TextTable) -> None:
        """One table, read from its file."""
        self.parts[role.name].append(frame)
        self.files.append(table.file(len(frame)))
        self.drop(f"{table.path.name}: another number of cells than the first row (--skip-bad-lines)", table.skipped)

    def drop(self, reason: str, count: int) -> None:
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count


def assemble(name: str, format_name: str, gathered: Gathered) -> RawSource:
    """One RawSource of the tables read, by role; a row that stands there again is dropped and counted."""
    parts, dropped = gathered.parts, gathered.dropped
    whole: dict[str, pd.DataFrame] = {"interactions": _interactions(parts["interactions"])}
    for role in (TRIPLES, LINKS, LABELS, KINDS):
        columns = [*role.columns, "split"] if role is TRIPLES else list(role.columns)
        frames = [frame[columns] for frame in parts[role.name]]
        table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
        table = table.astype(str)
        # Of labels and kinds the later counts, so their order must stay as it is.
        once = table.drop_duplicates(ignore_index=True, keep="last" if role in (LABELS, KINDS) else "first")
        if len(once) < len(table):
            dropped[f"{role.name}: the same row again"] = len(table) - len(once)
        whole[role.name] = once
    return RawSource(
        name=name,
        format=format_name,
        triples=whole["triples"],
        interactions=whole["interactions"],
        links=whole["links"] if parts["links"] else None,
        labels=whole["labels"],
        kinds=whole["kinds"],
        files=tuple(gathered.files),
        dropped=dropped,
        reading=gathered.reading,
        titles=_titles(gathered.titles),
    )


def _titles(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """item, title: the last title that a list gives each item."""
    titles = pd.concat([pd.DataFrame({"id": [], "label": []}, dtype=object), *frames], ignore_index=True).astype(str)
    titles = titles[titles["label"] != ""].drop_duplicates("id", keep="last", ignore_index=True)
    return titles[["id", "label"]].set_axis(["item", "title"], axis=1)


def entity_labels(links: pd.DataFrame, titles: pd.DataFrame) -> pd.DataFrame:
    """Titles as labels of the linked entities; of several items of one entity the first in the link file names it.

    ``links``: item, entity; ``titles``: id (of an item), label.
    """
    first = links[["item", "entity"]].drop_duplicates("item").drop_duplicates("entity")
    named = first.merge(titles.drop_duplicates("id"), left_on="item", right_on="id", how="inner")
    return pd.DataFrame({"id": named["entity"], "label": named["label"]})


def _interactions(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All interactions, repeated pairs too: which of them count is decided by rating and time, later.

    Where one file has ratings and another none, those of the other are unknown (NaN).
    """
    kept = [
        frame[[name for name in (*INTERACTIONS.columns, *INTERACTIONS.optional) if name in frame]] for frame in frames
    ]
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(INTERACTIONS.columns))
    return table.astype(dict.fromkeys(INTERACTIONS.columns, str))


def _role_of_content(table: TextTable) -> Role:
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
    places: dict[str, int] = {}
    for column, aliases in role.aliases.items():
        named = [place for place, cell in enumerate(first) if cell in aliases.split()]
        if named:
            places[column] = named[0]
    # "entity" may mean an id in one role and nothing in another; one cell cannot be two columns.
    long = {place for place in places.values() if len(first[place]) > 1}
    whole = len(set(places.values())) == len(role.columns)
    return places if whole or len(long) >= role.header_names else None


def _optional_places(first: list[str], role: Role, taken: set[int]) -> dict[str, int]:
    """Where a header row names the role's optional columns, in cells that name nothing else."""
    found = {}
    for column, aliases in role.optional.items():
        named = [place for place, cell in enumerate(first) if cell in aliases.split() and place not in taken]
        if named:
            found[column] = named[0]
    return found


def _checked_splits(table: TextTable, values: pd.Series) -> pd.Series:
    splits = values.str.casefold().map({**_SPLIT_NAMES, "": ""})
    wrong = np.flatnonzero(splits.isna())
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.path}, line {table.lines[row + 1]}: split {shown(values.iloc[row])}; "
            "allowed: train, valid, test or empty"
        )
    return splits
