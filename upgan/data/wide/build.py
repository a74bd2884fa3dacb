"""From tables and their mapping to facts: what each cell says, what is left out and why, ten rows to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from upgan.data.raw.no_value import folded, says_nothing
from upgan.data.raw.ratings import rating_numbers, time_numbers
from upgan.data.raw.source import Notice, RawSource
from upgan.data.wide.guess import parts_of
from upgan.data.wide.mapping import Interactions, Items, Mapping, check_mapping
from upgan.data.wide.tables import WideTable
from upgan.errors import DataError, listed, shown

#: Rows that a preview shows as facts.
PREVIEW = 10


@dataclass(frozen=True, eq=False)
class Facts:
    """The facts of one table of items: entity, its label and kind, and triples with the row each is from."""

    triples: pd.DataFrame  # head, relation, tail, row
    entities: pd.DataFrame  # id, label, kind
    notices: tuple[Notice, ...]


def build_source(tables: Sequence[WideTable], mapping: Mapping, name: str) -> RawSource:
    """The catalogue that the tables are under the mapping.

    Raises ConfigError for a mapping that does not fit, DataError naming file, row and column for an id that is empty
    or stands in two rows, and for a rating or a time that is none.
    """
    by_name = _checked(tables, mapping)
    parts = [facts_of(by_name[part.file], part, mapping) for part in mapping.items]
    entities = _one_thing_each(pd.concat([part.entities for part in parts], ignore_index=True))
    triples = pd.concat([part.triples for part in parts], ignore_index=True)
    notices = [*_other_sheets(tables), *(notice for part in parts for notice in part.notices)]
    items = {value for part in mapping.items for value in by_name[part.file].columns[part.id]}
    chosen = [_interactions(by_name[part.file], part, items, mapping, notices) for part in mapping.interactions]
    if not len(triples):
        raise DataError(f"{listed(by_name)}: no column is a relation, so there is no fact; map one at least")
    notices += _without_facts(by_name, mapping, triples)
    once = triples[["head", "relation", "tail"]].drop_duplicates(ignore_index=True)
    empty = pd.DataFrame({"user": [], "item": []}, dtype=str)
    return RawSource(
        name=name,
        format="import",
        triples=once.assign(split=""),
        interactions=pd.concat(chosen, ignore_index=True) if chosen else empty,
        links=None,
        labels=entities[["id", "label"]],
        kinds=entities[["id", "kind"]],
        files=tuple(table.file() for table in tables),
        dropped={"triples: the same row again": len(triples) - len(once)} if len(once) < len(triples) else {},
        reading={"mapping": mapping.model_dump()},
        notices=tuple(notices),
        unread=tuple(f"{table.name}, sheet {sheet}" for table in tables for sheet in table.other_sheets),
    )


def _one_thing_each(entities: pd.DataFrame) -> pd.DataFrame:
    """The entities, each once; DataError for an id of two: items of two tables, or an item and a value of a column."""
    entities = entities.drop_duplicates(["id", "kind", "label"])
    again = entities[entities["id"].duplicated()]
    if len(again):
        both = entities[entities["id"] == again["id"].iloc[0]]
        things = [f"{kind} {shown(label)}" for kind, label in zip(both["kind"], both["label"], strict=True)]
        raise DataError(
            f"the id {shown(again['id'].iloc[0])} would stand for two things: {' and '.join(things[:2])}"
            f"{_more(again['id'].nunique(), 'ids')}; give the items of each table ids of their own, or the values of a "
            "column another word (kind)"
        )
    return entities


def _checked(tables: Sequence[WideTable], mapping: Mapping) -> dict[str, WideTable]:
    """The tables by name; every one of them is mapped, and the mapping fits."""
    by_name = {table.name: table for table in tables}
    if len(by_name) < len(tables):
        raise DataError(f"two files have one name: {listed(table.name for table in tables)}; rename one")
    check_mapping(mapping, {name: list(table.columns) for name, table in by_name.items()})
    left = [name for name in by_name if mapping.of_file(name) is None]
    if left:
        raise DataError(f"{listed(left)}: the mapping says nothing of it; leave the file out or map it")
    return by_name


def facts_of(table: WideTable, part: Items, mapping: Mapping) -> Facts:
    """The facts of one table of items; DataError for an id that is empty or repeated."""
    nothing = folded(mapping.no_value)
    ids = table.columns[part.id]
    _check_ids(table, part.id, ids, nothing)
    titles = table.columns[part.title] if part.title else ids
    titles = titles.mask(says_nothing(titles, nothing) | (titles == ""), ids)
    triples, entities, notices = [], [pd.DataFrame({"id": ids, "label": titles, "kind": part.kind})], []
    for name, cells in table.columns.items():
        column = part.columns.get(name)
        if name in (part.id, part.title):
            continue
        if column is None or column.use == "leave out":
            why = column.why if column is not None and column.why else "as mapped"
            text = f"{table.name}: the column {name} is left out ({why})"
            notices.append(Notice("columns-left-out", text, 1, examples=(text,)))
            continue
        values = parts_of(cells, column.split)
        silent = says_nothing(values, nothing)
        notices += _silent_cells(table, name, cells, values, silent)
        values = values[~silent]
        kind = column.kind or name
        tails = kind + ":" + values
        triples.append(
            pd.DataFrame(
                {
                    "head": ids.loc[values.index].to_numpy(),
                    "relation": name,
                    "tail": tails.to_numpy(),
                    "row": values.index,
                }
            )
        )
        entities.append(pd.DataFrame({"id": tails, "label": values, "kind": kind}).drop_duplicates("id"))
    columns = ["head", "relation", "tail", "row"]
    return Facts(
        triples=pd.concat(triples, ignore_index=True) if triples else pd.DataFrame(columns=columns, dtype=object),
        entities=pd.concat(entities, ignore_index=True),
        notices=tuple(notices),
    )


def _check_ids(table: WideTable, column: str, ids: pd.Series, nothing: frozenset[str]) -> None:
    empty = np.flatnonzero(((ids == "") | says_nothing(ids, nothing)).to_numpy())
    if len(empty):
        raise DataError(
            f"{table.place(int(empty[0]), column)}: the id is {shown(ids.iloc[empty[0]])}"
            f"{_more(len(empty))}; each item needs one of its own"
        )
    again = np.flatnonzero(ids.duplicated().to_numpy())
    if len(again):
        row = int(again[0])
        first = int(np.flatnonzero((ids == ids.iloc[row]).to_numpy())[0])
        raise DataError(
            f"{table.place(row, column)}: the id {shown(ids.iloc[row])} is that of {table.unit} {table.rows[first]} too"
            f"{_more(len(again))}; one row is one item, and several values go into one cell"
        )


def _more(count: int, what: str = "rows") -> str:
    return f" ({count:,} such {what})" if count > 1 else ""


def _silent_cells(table: WideTable, name: str, cells: pd.Series, values: pd.Series, silent: pd.Series) -> list[Notice]:
    """How many rows of a column have no value, and in which words they say so."""
    without = len(cells) - values[~silent].index.nunique()
    if not without:
        return []
    words = values[silent].value_counts()
    said = [f"{count:,} say {shown(word)}" for word, count in words.items()]
    empty = int((cells == "").sum())
    said = [f"{empty:,} are empty", *said] if empty else said
    text = f"{table.name}: {without:,} of {len(cells):,} rows have no {name} ({listed(said, 6)})"
    return [Notice("cells-without-value", text, without, len(cells), (text,))]


def _other_sheets(tables: Sequence[WideTable]) -> list[Notice]:
    texts = [
        f'{table.name}: of its sheets {table.sheet} is read; not read: {listed(table.other_sheets, 6)} (sheet = "…" in '
        "the mapping chooses another)"
        for table in tables
        if table.other_sheets
    ]
    return [Notice("unread-sheets", text, 1, examples=(text,)) for text in texts]


def _without_facts(by_name: dict[str, WideTable], mapping: Mapping, triples: pd.DataFrame) -> list[Notice]:
    """Items that no fact is about: a graph cannot hold them."""
    notices = []
    heads = set(triples["head"])
    for part in mapping.items:
        ids = by_name[part.file].columns[part.id]
        alone = ids[~ids.isin(heads)]
        if len(alone):
            text = (
                f"{part.file}: {len(alone):,} of {len(ids):,} items have no fact at all, so they are not in the graph: "
                f"{listed(alone, 5)}"
            )
            notices.append(Notice("items-without-facts", text, len(alone), len(ids), tuple(alone.head(5))))
    return notices


def _interactions(
    table: WideTable, part: Interactions, items: set[str], mapping: Mapping, notices: list[Notice]
) -> pd.DataFrame:
    """Who chose what; those of items that no table has are left out by preparation, and named here."""
    nothing = folded(mapping.no_value)
    frame = pd.DataFrame({"user": table.columns[part.user], "item": table.columns[part.item]})
    for column, source in (("user", part.user), ("item", part.item)):
        empty = np.flatnonzero(((frame[column] == "") | says_nothing(frame[column], nothing)).to_numpy())
        if len(empty):
            raise DataError(
                f"{table.place(int(empty[0]), source)}: the {column} is {shown(frame[column].iloc[empty[0]])}"
                f"{_more(len(empty))}; each row needs one"
            )
    numbers = {"rating": (part.rating, rating_numbers), "timestamp": (part.time, time_numbers)}
    for column, (source, read) in numbers.items():
        if source:
            cells = table.columns[source]
            cells = cells.mask(says_nothing(cells, nothing), "")
            frame[column] = read(cells, partial(table.place, column=source))
            notices += _empty_marks(table, source, column, cells)
    unknown = ~frame["item"].isin(items)
    if unknown.all():
        raise DataError(
            f"{table.place(0, part.item)}: none of the {len(frame):,} rows is of an item of the other tables (first: "
            f"{shown(frame['item'].iloc[0])}, there: {shown(min(items))}); map the column that has the items' ids"
        )
    if unknown.any():
        names = frame["item"][unknown].unique()
        text = (
            f"{table.name}: {int(unknown.sum()):,} of {len(frame):,} rows are of {len(names):,} items that no table of "
            f"items has, and are left out: {listed(names, 5)}"
        )
        notices.append(Notice("items-outside-tables", text, int(unknown.sum()), len(frame), (text,)))
    left = [name for name in table.columns if name not in (part.user, part.item, part.rating, part.time)]
    notices += [
        Notice("columns-left-out", text, 1, examples=(text,))
        for text in (f"{table.name}: the column {name} is left out" for name in left)
    ]
    return frame


def _empty_marks(table: WideTable, source: str, column: str, cells: pd.Series) -> list[Notice]:
    empty = int((cells == "").sum())
    if not empty:
        return []
    what = "rating" if column == "rating" else "time"
    text = (
        f"{table.name}: {empty:,} of {len(cells):,} rows have no {source}; they count as interactions without a {what}"
    )
    return [Notice("cells-without-value", text, empty, len(cells), (text,))]


def preview(tables: Sequence[WideTable], mapping: Mapping, rows: int = PREVIEW) -> pd.DataFrame:
    """The first ``rows`` rows of each table as facts in words: where, subject, relation, object."""
    by_name = _checked(tables, mapping)
    frames = []
    for part in mapping.items:
        table = _first(by_name[part.file], rows)
        facts = facts_of(table, part, mapping)
        label = dict(zip(facts.entities["id"], facts.entities["label"], strict=True))
        triples = facts.triples.sort_values("row", kind="stable")
        frames.append(
            pd.DataFrame(
                {
                    "where": [table.place(int(row)) for row in triples["row"]],
                    "subject": triples["head"].map(label),
                    "relation": triples["relation"],
                    "object": triples["tail"].map(label),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _first(table: WideTable, rows: int) -> WideTable:
    return WideTable(
        table.path,
        {name: cells.iloc[:rows] for name, cells in table.columns.items()},
        table.rows[:rows],
        table.unit,
        table.sha256,
        table.sheet,
    )
