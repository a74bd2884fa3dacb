"""KGAT's data sets: numbered interactions and triples, with lists that give each number its original id.

    train.txt, test.txt   a user and then all items chosen, a line each
    kg_final.txt          head, relation, tail
    user_list.txt, entity_list.txt, relation_list.txt   original id, number; with or without a header
    item_list.txt         original id, number, and often the entity's id

An item is the entity of the same number. Where a list is missing, ids are the numbers. Both files of interactions are
read and count alike, because what is split here is the graph, and that comes without a split.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.format import Format, Layout, Sources
from upgan.data.raw.gathered import Gathered, assemble
from upgan.data.raw.id_maps import IdMap
from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import INTERACTIONS, TRIPLES
from upgan.data.raw.source import RawSource, SourceFile
from upgan.data.raw.text_stream import LONGEST_LIST, ReadOptions, read_lines
from upgan.data.raw.text_tables import by_plain_name, read_table
from upgan.errors import DataError, listed, shown

GRAPH = "kg_final.txt"
INTERACTION_FILES = ("train.txt", "test.txt")
LISTS = {"user": "user_list.txt", "item": "item_list.txt", "entity": "entity_list.txt", "relation": "relation_list.txt"}
_TWO = r"^(?P<original>.+?)[ \t]+(?P<number>[0-9]+)$"
_THREE = r"^(?P<original>.+?)[ \t]+(?P<number>[0-9]+)[ \t]+(?P<entity>\S+)$"


def read_kgat(sources: Sources) -> RawSource:
    """Read KGAT's files. Raises DataError for one that is missing or malformed, and for a number a list lacks."""
    files, options = by_plain_name(sources.files), sources.options
    if GRAPH not in files:
        raise DataError(f"no {GRAPH} (head, relation, tail as numbers); found: {listed(sorted(files))}")
    gathered = Gathered()
    lists = {kind: _read_list(gathered, files[file], options) for kind, file in LISTS.items() if file in files}
    _gather_triples(gathered, files[GRAPH], lists, options)
    _compare_items(gathered, lists)
    for file in INTERACTION_FILES:
        if file in files:
            _gather_interactions(gathered, files[file], lists, options)
    return assemble(sources.name, "kgat", gathered)


def _gather_triples(gathered: Gathered, path: Path, lists: Mapping[str, IdMap], options: ReadOptions) -> None:
    table = read_table(path, " ", options)
    if len(table.cells) != 3:
        raise DataError(
            f"{path}, line {table.lines[0]}: {len(table.cells)} column(s); {GRAPH} has 3: head, relation, tail"
        )
    frame = table.frame({"head": 0, "relation": 1, "tail": 2}, 0)
    for column, kind in (("head", "entity"), ("relation", "relation"), ("tail", "entity")):
        frame[column] = _decoded(frame[column], lists.get(kind), path, table.lines)
    gathered.add(TRIPLES, frame.assign(split=""), table)


def _gather_interactions(gathered: Gathered, path: Path, lists: Mapping[str, IdMap], options: ReadOptions) -> None:
    lines, numbers, sha256 = read_lines(path, options, LONGEST_LIST)
    cells = pc.utf8_split_whitespace(lines)
    sizes = pc.list_value_length(cells).to_numpy(zero_copy_only=False)
    flat = cells.flatten()
    starts = np.zeros(len(flat), dtype=bool)
    starts[np.cumsum(sizes) - sizes] = True
    line_of = np.repeat(numbers, sizes - 1)
    items = flat.filter(pa.array(~starts)).to_pandas()
    # A user without an item is no interaction, but also no mistake: the lists are cut by time or share.
    users = flat.filter(pa.array(starts)).to_pandas().repeat(sizes - 1).reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "user": _decoded(users, lists.get("user"), path, line_of),
            "item": _decoded(items, lists.get("entity"), path, line_of),
        }
    )
    gathered.parts[INTERACTIONS.name].append(frame)
    gathered.files.append(SourceFile(path.name, sha256, len(frame), path))


def _read_list(gathered: Gathered, path: Path, options: ReadOptions) -> IdMap:
    """A list, taken apart from its end, because an original id may hold spaces."""
    lines, numbers, sha256 = read_lines(path, options)
    if pc.match_substring(lines.slice(0, 1), "remap_id").to_pylist() == [True]:
        lines, numbers = lines.slice(1), numbers[1:]
    if not len(lines):
        raise DataError(f"{path} has a header but no row below it")
    two, three = pc.extract_regex(lines, _TWO), pc.extract_regex(lines, _THREE)
    is_three = plain_name(path) == LISTS["item"] and three.null_count < two.null_count
    parts = three if is_three else two
    if parts.null_count:
        row = int(np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"{path}, line {numbers[row]}: {shown(lines[row].as_py())} is not an original id and its number"
            f"{', and the entity of it' if is_three else ''}"
        )
    gathered.files.append(SourceFile(path.name, sha256, len(lines), path))
    # An item is known by its entity's id where the list tells it.
    original = pc.struct_field(parts, "entity" if is_three else "original")
    return IdMap.of(path, pc.struct_field(parts, "number").to_pandas(), original.to_pandas(), numbers)


def _compare_items(gathered: Gathered, lists: Mapping[str, IdMap]) -> None:
    """Say in the manifest how many items are another entity in item_list.txt than in entity_list.txt, which counts."""
    if "item" not in lists or "entity" not in lists:
        return
    items, entities = lists["item"], lists["entity"]
    rows = entities.numbers.get_indexer(items.numbers)
    differ = int((entities.originals[rows[rows >= 0]] != items.originals[rows >= 0]).sum())
    gathered.reading["items_that_are_another_entity_in_item_list"] = differ


def _decoded(values: pd.Series, ids: IdMap | None, path: Path, lines: np.ndarray) -> pd.Series:
    """Original ids of numbers, or the numbers themselves where there is no list; DataError for what is no number."""
    if ids is not None:
        return ids.decode(values, lambda row: f"{path}, line {lines[row]}")
    wrong = np.flatnonzero(~values.str.fullmatch(r"[0-9]{1,18}").to_numpy(dtype=bool))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{path}, line {lines[row]}: {shown(values.iloc[row])} is not a number; ids here are whole numbers"
        )
    return values


FORMAT = Format(
    name="kgat",
    place=4,
    needs="kg_final.txt, train.txt; for ids instead of numbers user_list.txt, entity_list.txt, relation_list.txt",
    recognised=lambda sources: GRAPH if any(plain_name(file) == GRAPH for file in sources.files) else "",
    read=read_kgat,
    takes=lambda path: plain_name(path) in {GRAPH, *INTERACTION_FILES, *LISTS.values()},
    layout=lambda path: Layout((" ",), "triples", 3) if plain_name(path) == GRAPH else Layout(),
)
