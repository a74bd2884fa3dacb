"""Catalogues made of text tables: what each file is for, where its columns are, with or without a header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.data.raw import RawSource, SourceFile
from upgan.data.text_tables import TextTable, read_table
from upgan.errors import DataError

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
        return table.frame({column: place for place, column in enumerate(role.columns)}, 0)
    missing = [column for column in role.columns if column not in places]
    if missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header lacks the column(s) {', '.join(missing)}; found: "
            f"{', '.join(table.row(0))}; needed: {', '.join(role.columns)}"
        )
    if role is TRIPLES and "split" in first:
        places["split"] = first.index("split")
    frame = table.frame(places, 1)
    if "split" in frame:
        frame["split"] = _checked_splits(table, frame["split"])
    return frame


def role_of_stem(path: Path) -> Role | None:
    """The role that a file's name tells, or None."""
    stem = path.stem.lower()
    return next((role for role in ROLES if stem in role.stems), None)


def read_tsv_files(paths: Sequence[Path], name: str) -> RawSource:
    """Read a catalogue from text tables; a file whose name tells nothing is taken by its header or column count."""
    parts: dict[str, list[pd.DataFrame]] = {role.name: [] for role in ROLES}
    files: list[SourceFile] = []
    for path in paths:
        table = read_table(path)
        role = role_of_stem(path) or _role_of_content(table)
        frame = read_role(table, role)
        if role is TRIPLES and "split" not in frame:
            frame["split"] = _SPLIT_NAMES.get(path.stem.lower(), "")
        parts[role.name].append(frame)
        files.append(table.file(len(frame)))
    return assemble(name, "tsv", parts, files)


def assemble(
    name: str, format_name: str, parts: Mapping[str, Sequence[pd.DataFrame]], files: Sequence[SourceFile]
) -> RawSource:
    """One RawSource of the tables read, by role; a row that stands there again is dropped and counted."""
    dropped: dict[str, int] = {}
    whole: dict[str, pd.DataFrame] = {}
    for role in ROLES:
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
        files=tuple(files),
        dropped=dropped,
    )


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


def _checked_splits(table: TextTable, values: pd.Series) -> pd.Series:
    splits = values.str.casefold().map({**_SPLIT_NAMES, "": ""})
    wrong = np.flatnonzero(splits.isna())
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{table.path}, line {table.lines[row + 1]}: split {values.iloc[row]!r}; "
            "allowed: train, valid, test or empty"
        )
    return splits
