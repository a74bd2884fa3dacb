"""RecBole's atomic files: a folder with one .kg, and optionally .inter, .link and .item.

Cells lie between tabs, and the first row is a header of ``name:type`` cells. Which file a name means is told by its
extension alone, so ``data.link.published`` beside ``data.link`` is another file and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from upgan.data.raw import RawSource, SourceFile
from upgan.data.read_tsv import ROLES, assemble
from upgan.data.text_tables import TextTable, read_table
from upgan.errors import DataError

#: Extension -> role, and the file's field for each of the role's columns.
FIELDS: dict[str, tuple[str, dict[str, str]]] = {
    ".kg": ("triples", {"head": "head_id", "relation": "relation_id", "tail": "tail_id"}),
    ".inter": ("interactions", {"user": "user_id", "item": "item_id"}),
    ".link": ("links", {"item": "item_id", "entity": "entity_id"}),
    ".item": ("labels", {"id": "item_id"}),
}
TYPES = ("token", "token_seq", "float", "float_seq")
#: Fields of .item that name an item, best first.
TITLES = ("title", "name", "movie_title", "book_title", "artist_name", "item_name", "item_title")


def read_recbole_files(paths: Sequence[Path], name: str) -> RawSource:
    """Read a catalogue from atomic files; DataError where there is no .kg, two of a kind, or users without links."""
    by_extension = _by_extension(paths)
    if ".kg" not in by_extension:
        raise DataError(
            f"no .kg file (head_id, relation_id, tail_id) among: {_names(paths)}; a graph needs its triples"
        )
    if ".inter" in by_extension and ".link" not in by_extension:
        raise DataError(
            f"{by_extension['.inter']} holds interactions, but no .link file (item_id, entity_id) tells which entity "
            f"an item is; found: {_names(paths)}"
        )
    parts: dict[str, list[pd.DataFrame]] = {role.name: [] for role in ROLES}
    files: list[SourceFile] = []
    titles: pd.DataFrame | None = None
    for extension, path in by_extension.items():
        role, fields = FIELDS[extension]
        table = read_table(path, "\t")
        header = _header(table)
        if extension == ".item":
            title = next((field for field in TITLES if header.get(field, (0, ""))[1].startswith("token")), None)
            fields = fields | {"label": title} if title else fields
        frame = table.frame(_places(table, header, fields), 1)
        if extension == ".item":
            titles = frame if "label" in frame else None
        else:
            parts[role].append(frame)
        files.append(table.file(len(frame)))
    parts["triples"] = [frame.assign(split="") for frame in parts["triples"]]
    if titles is not None and parts["links"]:
        parts["labels"] = [_entity_labels(parts["links"][0], titles)]
    source = assemble(name, "recbole", parts, files)
    if titles is None:
        return source
    named = titles.set_axis(["item", "title"], axis=1).astype(str)
    return replace(source, titles=named[named["title"] != ""].drop_duplicates("item", ignore_index=True))


def _by_extension(paths: Sequence[Path]) -> dict[str, Path]:
    """The file of each kind, in the order of FIELDS."""
    found: dict[str, Path] = {}
    for path in paths:
        if path.suffix not in FIELDS:
            raise DataError(f"{path}: not an atomic file; known extensions: {', '.join(FIELDS)}")
        if path.suffix in found:
            raise DataError(f"two {path.suffix} files: {found[path.suffix]} and {path}; give one of them")
        found[path.suffix] = path
    return {extension: found[extension] for extension in FIELDS if extension in found}


def _header(table: TextTable) -> dict[str, tuple[int, str]]:
    """Field name -> place and type, from the typed header."""
    fields: dict[str, tuple[int, str]] = {}
    for place, cell in enumerate(table.row(0)):
        name, _, kind = cell.rpartition(":")
        if not name or kind not in TYPES:
            raise DataError(
                f"{table.path}, line {table.lines[0]}: header cell {cell!r} is not name:type; "
                f"types are {', '.join(TYPES)}, for example user_id:token"
            )
        fields[name] = (place, kind)
    return fields


def _places(table: TextTable, header: dict[str, tuple[int, str]], fields: dict[str, str]) -> dict[str, int]:
    missing = [field for field in fields.values() if field not in header]
    if missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header lacks the field(s) {', '.join(missing)}; "
            f"found: {', '.join(header)}"
        )
    return {column: header[field][0] for column, field in fields.items()}


def _entity_labels(links: pd.DataFrame, titles: pd.DataFrame) -> pd.DataFrame:
    """Titles as labels of the linked entities; of several items of one entity the first in the link file names it."""
    first = links.drop_duplicates("item").drop_duplicates("entity")
    named = first.merge(titles.drop_duplicates("id"), left_on="item", right_on="id", how="inner")
    return pd.DataFrame({"id": named["entity"], "label": named["label"]})


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths) or "no file"
