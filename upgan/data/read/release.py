"""The UPGAN authors' release, and the KTUP family it comes from: numbered triples and ratings, and maps to ids.

    rs/  u_map.dat, i_map.dat (number, original id) · i2kg_map.tsv (item, [title,] entity) · ratings.txt (user, item,
         rating[, time])
    kg/  e_map.dat, r_map.dat (number, original id) · train.dat, valid.dat, test.dat (numbers of a triple)

The files are known by their names, so that both folders may also be one. Two things differ between releases and are
decided by looking, never by position alone; the manifest says what was found:

* whether a triple is head, relation, tail or head, tail, relation: the column all of whose numbers are in r_map.dat,
  while those of the others are in e_map.dat, is the relation's;
* whether ratings name users and items by original id or by number: the one under which more items are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.data.raw.format import Format, Layout, Sources
from upgan.data.raw.gathered import Gathered, assemble, entity_labels
from upgan.data.raw.id_maps import IdMap
from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import INTERACTIONS, LABELS, LINKS, TRIPLES, unnamed_interactions
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_stream import ReadOptions
from upgan.data.raw.text_tables import TextTable, by_plain_name, read_table
from upgan.errors import DataError, listed
from upgan.types import SPLITS

#: Without these it is no release.
MAPS = ("e_map.dat", "r_map.dat")
_SPLIT_FILES = {f"{split}.dat": split for split in SPLITS}
_FILES = frozenset({*MAPS, *_SPLIT_FILES, "u_map.dat", "i_map.dat", "i2kg_map.tsv", "ratings.txt", "ratings.dat"})
#: Orders of a triple's columns, the authors' own first: it counts where the numbers allow both.
_ORDERS = {"head, relation, tail": (0, 1, 2), "head, tail, relation": (0, 2, 1)}


def read_release(sources: Sources) -> RawSource:
    """Read a release from its files. Raises DataError for a missing or malformed file and for unknown numbers."""
    paths, options = sources.files, sources.options
    graph, rest = _sides(paths)
    gathered = Gathered()
    _gather_triples(gathered, graph, options)
    ratings = [rest[name] for name in ("ratings.txt", "ratings.dat") if name in rest][:1]
    if not ratings and rest is not graph:
        ratings = [rest[file] for file in _SPLIT_FILES if file in rest]
    if ratings:
        for needed in ("i_map.dat", "i2kg_map.tsv"):
            if needed not in rest:
                raise DataError(f"{ratings[0]} holds interactions, but {needed} is missing; {_found(paths)}")
        _gather_links(gathered, rest["i2kg_map.tsv"], options)
        _gather_ratings(gathered, ratings, rest, options)
    return assemble(sources.name, "release", gathered)


def _sides(paths: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Path]]:
    """The files in the folder of e_map.dat by name, and the others."""
    homes = {path.parent for path in paths if plain_name(path) == "e_map.dat"}
    if len(homes) != 1:
        count = f"{len(homes)} folders with" if homes else "no"
        raise DataError(f"{count} e_map.dat; a release has one, beside r_map.dat and train.dat; {_found(paths)}")
    graph = by_plain_name(path for path in paths if path.parent in homes)
    rest = by_plain_name(path for path in paths if path.parent not in homes) or graph
    for needed in (*MAPS, "train.dat"):
        if needed not in graph:
            raise DataError(f"{needed} is missing beside {graph['e_map.dat']}; {_found(paths)}")
    return graph, rest


def _gather_triples(gathered: Gathered, graph: Mapping[str, Path], options: ReadOptions) -> None:
    entities, relations = (_read_map(gathered, graph[name], options) for name in MAPS)
    tables = {split: _plain(graph[name], 3, options) for name, split in _SPLIT_FILES.items() if name in graph}
    order = _order(list(tables.values()), entities, relations, gathered)
    for split, table in tables.items():
        place = _places(table)
        columns = [table.cells[column].to_pandas() for column in _ORDERS[order]]
        frame = pd.DataFrame(
            {
                "head": entities.decode(columns[0], place),
                "relation": relations.decode(columns[1], place),
                "tail": entities.decode(columns[2], place),
                "split": split,
            }
        )
        gathered.add(TRIPLES, frame, table)


def _order(tables: Sequence[TextTable], entities: IdMap, relations: IdMap, gathered: Gathered) -> str:
    """The order under which most numbers are known; where both fit, the column with fewer different ones."""
    columns = [pd.concat([table.cells[place].to_pandas() for table in tables], ignore_index=True) for place in range(3)]
    known = {
        order: float(np.mean(entities.holds(columns[places[2]]) & relations.holds(columns[places[1]])))
        for order, places in _ORDERS.items()
    }
    best, other = sorted(_ORDERS, key=lambda order: -known[order])
    if known[best] > known[other]:
        gathered.reading["triple_columns"] = best
        return best
    middle, last = columns[1].nunique(), columns[2].nunique()
    chosen = "head, tail, relation" if last < middle else "head, relation, tail"
    gathered.reading["triple_columns"] = f"{chosen} (the numbers also allow the other order)"
    return chosen


def _gather_links(gathered: Gathered, path: Path, options: ReadOptions) -> None:
    """i2kg_map.tsv: item and entity, with the title between them where there are three columns or more."""
    table = _plain(path, 2, options)
    last = 2 if len(table.cells) > 2 else 1
    frame = table.frame({"item": 0, "entity": last, **({"label": 1} if last == 2 else {})}, 0)
    frame["entity"] = _bare(frame["entity"])
    gathered.add(LINKS, frame, table)
    if last == 2:
        titles = frame.rename(columns={"item": "id"})[["id", "label"]]
        gathered.titles.append(titles)
        gathered.parts[LABELS.name].append(entity_labels(frame, titles[titles["label"] != ""]))


def _gather_ratings(gathered: Gathered, paths: Sequence[Path], rest: Mapping[str, Path], options: ReadOptions) -> None:
    users = _read_map(gathered, rest["u_map.dat"], options) if "u_map.dat" in rest else None
    items = _read_map(gathered, rest["i_map.dat"], options)
    linked = set(gathered.parts[LINKS.name][0]["item"])
    for path in paths:
        table = _plain(path, 2, options)
        frame = unnamed_interactions(table)
        by_original = float(frame["item"].isin([*linked, *items.originals]).mean())
        by_number = float(np.mean(items.holds(frame["item"])))
        # Only ratings.txt is documented as raw; where both readings fit, numbered files are numbered.
        numbered = by_number > by_original or (by_number == by_original and plain_name(path) in _SPLIT_FILES)
        if numbered:
            place = _places(table)
            frame["item"] = items.decode(frame["item"], place)
            if users is not None:
                frame["user"] = users.decode(frame["user"], place)
        gathered.reading[f"ids_in_{path.name}"] = "numbers of the maps" if numbered else "original ids"
        gathered.add(INTERACTIONS, frame, table)


def _read_map(gathered: Gathered, path: Path, options: ReadOptions) -> IdMap:
    """number, original id; the columns are exchanged where only the second one holds different whole numbers."""
    table = _plain(path, 2, options)
    first, second = table.cells[0].to_pandas(), table.cells[1].to_pandas()
    if not _are_numbers(first) and _are_numbers(second):
        first, second = second, first
        gathered.reading[path.name] = "original id, number"
    gathered.files.append(table.file(len(first)))
    return IdMap.of(path, first, _bare(second), table.lines)


def _are_numbers(column: pd.Series) -> bool:
    return bool(column.str.fullmatch(r"\d{1,18}").all() and not column.duplicated().any())


def _plain(path: Path, columns: int, options: ReadOptions) -> TextTable:
    """A table between tabs, or else between spaces, with at least so many columns."""
    table = read_table(path, "\t", options)
    if len(table.cells) < columns:
        table = read_table(path, " ", options)
    if len(table.cells) < columns:
        raise DataError(
            f"{path}, line {table.lines[0]}: {len(table.cells)} column(s); this file has at least {columns}, between "
            "tabs"
        )
    return table


def _places(table: TextTable) -> Callable[[int], str]:
    return lambda row: f"{table.path}, line {table.lines[row]}"


def _bare(ids: pd.Series) -> pd.Series:
    """Ids without the angle brackets that some releases write around a URI; other ids as they are, ``<b>x</b>`` too."""
    return ids.str.replace(r"^<([^<>\s]+)>$", r"\1", regex=True)


def _found(paths: Sequence[Path]) -> str:
    return "found: " + listed(sorted(f"{path.parent.name}/{path.name}" for path in paths))


def _recognised(sources: Sources) -> str:
    return ", ".join(MAPS) if {plain_name(file) for file in sources.files} >= set(MAPS) else ""


FORMAT = Format(
    name="release",
    place=3,
    needs="kg/e_map.dat, kg/r_map.dat, kg/train.dat; with users rs/ratings.txt, rs/i_map.dat, rs/i2kg_map.tsv",
    recognised=_recognised,
    read=read_release,
    takes=lambda path: plain_name(path) in _FILES,
    layout=lambda path: Layout(("\t", " "), "triples", 3) if plain_name(path) in _SPLIT_FILES else Layout(),
)
