"""OpenKE's benchmarks: numbered triples with the relation last, and lists that give each name its number.

    train2id.txt, valid2id.txt, test2id.txt   a first line with their number, then head, tail, relation as numbers
    entity2id.txt, relation2id.txt            a first line with their number, then name and number

Interactions, links, labels and kinds are text tables beside them, by name. Only train2id.txt and the lists are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from upgan.data.raw.format import Format, Layout, Sources, is_table, table_layout
from upgan.data.raw.gathered import Gathered, assemble, gather_table
from upgan.data.raw.id_maps import IdMap
from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import TRIPLES
from upgan.data.raw.source import RawSource, SourceFile
from upgan.data.raw.text_stream import ReadOptions, read_lines
from upgan.data.raw.text_tables import by_plain_name
from upgan.errors import DataError, listed, shown

SPLITS = {"train2id.txt": "train", "valid2id.txt": "valid", "test2id.txt": "test"}
LISTS = {"entity": "entity2id.txt", "relation": "relation2id.txt"}
_NAME_AND_NUMBER = r"^(?P<name>.+?)[ \t]+(?P<number>[0-9]+)$"
_TRIPLE = r"^(?P<head>[0-9]+)[ \t]+(?P<tail>[0-9]+)[ \t]+(?P<relation>[0-9]+)$"


def read_openke(sources: Sources) -> RawSource:
    """Read a benchmark. Raises DataError for a file that is missing or malformed, and for a number a list lacks."""
    tables = [path for path in sources.files if plain_name(path) not in {*SPLITS, *LISTS.values()}]
    files = by_plain_name(path for path in sources.files if path not in tables)
    for needed in ("train2id.txt", *LISTS.values()):
        if needed not in files:
            raise DataError(f"{needed} is missing; OpenKE's layout needs it; found: {listed(sorted(files))}")
    gathered = Gathered()
    gathered.reading["triple_columns"] = "head, tail, relation, as OpenKE writes them"
    lists = {kind: _read_list(gathered, files[name], sources.options) for kind, name in LISTS.items()}
    for name, split in SPLITS.items():
        if name in files:
            _gather_triples(gathered, files[name], split, lists, sources.options)
    for path in tables:
        gather_table(gathered, path, sources.options)
    return assemble(sources.name, "openke", gathered)


def _read_list(gathered: Gathered, path: Path, options: ReadOptions) -> IdMap:
    """name, number; a name may hold spaces."""
    parts, numbers, sha256 = _parts(path, _NAME_AND_NUMBER, "a name and its number", options)
    gathered.files.append(SourceFile(path.name, sha256, len(parts), path))
    return IdMap.of(
        path, pc.struct_field(parts, "number").to_pandas(), pc.struct_field(parts, "name").to_pandas(), numbers
    )


def _gather_triples(
    gathered: Gathered, path: Path, split: str, lists: Mapping[str, IdMap], options: ReadOptions
) -> None:
    parts, numbers, sha256 = _parts(path, _TRIPLE, "the numbers of head, tail and relation", options)
    kinds = {"head": "entity", "relation": "relation", "tail": "entity"}
    frame = pd.DataFrame(
        {
            column: lists[kind].decode(
                pc.struct_field(parts, column).to_pandas(), lambda row: f"{path}, line {numbers[row]}"
            )
            for column, kind in kinds.items()
        }
    )
    gathered.parts[TRIPLES.name].append(frame.assign(split=split))
    gathered.files.append(SourceFile(path.name, sha256, len(frame), path))


def _parts(path: Path, pattern: str, what: str, options: ReadOptions) -> tuple[pa.Array, np.ndarray, str]:
    """The parts of each line below the first, their line numbers, and the file's hash; the first line counts them."""
    lines, numbers, sha256 = read_lines(path, options)
    first = lines[0].as_py()
    stated = int(first) if first.isdecimal() and len(first) < 19 else -1
    lines, numbers = (lines.slice(1), numbers[1:]) if stated >= 0 else (lines, numbers)
    if not len(lines):
        raise DataError(f"{path} has no row below its count")
    parts = pc.extract_regex(lines, pattern)
    if parts.null_count:
        row = int(np.flatnonzero(parts.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(f"{path}, line {numbers[row]}: {shown(lines[row].as_py())} is not {what}")
    if stated >= 0 and stated != len(lines):
        raise DataError(
            f"{path}, line 1: states {stated} rows, but {len(lines)} follow; the file is cut off or was changed"
        )
    return parts, numbers, sha256


def _layout(path: Path) -> Layout:
    return Layout() if plain_name(path) in {*SPLITS, *LISTS.values()} else table_layout(path)


FORMAT = Format(
    name="openke",
    place=8,
    needs="train2id.txt, entity2id.txt, relation2id.txt; with users also interactions.tsv and links.tsv",
    recognised=lambda sources: next((file.name for file in sources.files if plain_name(file) == "train2id.txt"), ""),
    read=read_openke,
    takes=lambda path: plain_name(path) in {*SPLITS, *LISTS.values()} or is_table(path),
    tables=True,
    layout=_layout,
)
