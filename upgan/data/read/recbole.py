"""RecBole's atomic files: a folder with one .kg, and optionally .inter, .link and .item.

Cells lie between tabs, and the first row is a header of ``name:type`` cells. Which file a name means is told by its
extension alone, so ``data.link.published`` beside ``data.link`` is another file and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from upgan.data.raw.format import Format, Layout, Sources, table_layout
from upgan.data.raw.gathered import Gathered, assemble, entity_labels
from upgan.data.raw.headers import Columns, left_over_numbers, named_places, plain_word
from upgan.data.raw.roles import INTERACTIONS, LABELS, LINKS, TRIPLES, Role, with_numbers
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_tables import TextTable, read_table, table_suffix
from upgan.errors import DataError, listed, shown

#: Extension -> role, and the file's field for each of the role's columns.
FIELDS: dict[str, tuple[Role, dict[str, str]]] = {
    ".kg": (TRIPLES, {"head": "head_id", "relation": "relation_id", "tail": "tail_id"}),
    ".inter": (INTERACTIONS, {"user": "user_id", "item": "item_id"}),
    ".link": (LINKS, {"item": "item_id", "entity": "entity_id"}),
    ".item": (LABELS, {"id": "item_id"}),
}
TYPES = ("token", "token_seq", "float", "float_seq")
#: Fields of .item that name an item, best first.
TITLES = ("title", "name", "movie_title", "book_title", "artist_name", "item_name", "item_title")


def read_recbole(sources: Sources) -> RawSource:
    """Read a catalogue from atomic files; DataError where there is no .kg, two of a kind, or users without links."""
    paths = sources.files
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
    gathered = Gathered()
    titles: pd.DataFrame | None = None
    for extension, path in by_extension.items():
        role, fields = FIELDS[extension]
        table = read_table(path, "\t", sources.options)
        header = _header(table)
        if extension == ".item":
            title = next((field for field in TITLES if header.get(field, (0, ""))[1].startswith("token")), None)
            fields = fields | {"label": title} if title else fields
        places = _places(table, header, fields)
        if extension == ".inter":
            places |= _numbers(table, header, places)
        unread = [field for field, (place, _) in header.items() if place not in places.values()]
        notes = (f"fields that are not read: {listed(unread)}",) if unread else ()
        gathered.note(path.name, Columns(places, 1, True, notes))
        frame = with_numbers(table, table.frame(places, 1), 1)
        if role is LABELS:
            titles = frame if "label" in frame else None
            gathered.titles += [] if titles is None else [titles]
            gathered.files.append(table.file(len(frame)))
        else:
            gathered.add(role, frame, table)
    for triples in gathered.parts[TRIPLES.name]:
        triples["split"] = ""
    links = gathered.parts[LINKS.name]
    if titles is not None and links:
        gathered.parts[LABELS.name] = [entity_labels(links[0], titles)]
    return assemble(sources.name, "recbole", gathered)


def _by_extension(paths: Sequence[Path]) -> dict[str, Path]:
    """The file of each kind, in the order of FIELDS."""
    files: dict[str, Path] = {}
    for path in paths:
        extension = table_suffix(path)
        if extension not in FIELDS:
            raise DataError(f"{path}: not an atomic file; known extensions: {', '.join(FIELDS)}")
        if extension in files:
            raise DataError(f"two {extension} files: {files[extension]} and {path}; give one of them")
        files[extension] = path
    return {extension: files[extension] for extension in FIELDS if extension in files}


def _header(table: TextTable) -> dict[str, tuple[int, str]]:
    """Field name -> place and type, from the typed header."""
    fields: dict[str, tuple[int, str]] = {}
    for place, cell in enumerate(table.row(0)):
        name, _, kind = cell.rpartition(":")
        if not name or kind not in TYPES:
            raise DataError(
                f"{table.path}, line {table.lines[0]}: header cell {shown(cell)} is not name:type; "
                f"types are {', '.join(TYPES)}, for example user_id:token"
            )
        if name in fields:
            raise DataError(f"{table.path}, line {table.lines[0]}: the header has the field {shown(name)} twice")
        fields[name] = (place, kind)
    return fields


def _numbers(table: TextTable, header: dict[str, tuple[int, str]], taken: dict[str, int]) -> dict[str, int]:
    """Rating and time of an .inter file: float fields by their usual names, or the only one that is left."""
    floats = [place for place, kind in header.values() if kind == "float"]
    others = {place for place, _ in header.values()} - set(floats)
    words = [plain_word(cell) for cell in table.row(0)]
    named, _ = named_places(words, INTERACTIONS.optional, {*others, *taken.values()})
    wanted = {"rating", "timestamp"} - named.keys()
    return named | left_over_numbers(table, 1, {*others, *taken.values(), *named.values()}, wanted)


def _places(table: TextTable, header: dict[str, tuple[int, str]], fields: dict[str, str]) -> dict[str, int]:
    missing = [field for field in fields.values() if field not in header]
    if missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header lacks the field(s) {', '.join(missing)}; "
            f"found: {listed(header)}"
        )
    return {column: header[field][0] for column, field in fields.items()}


def _names(paths: Sequence[Path]) -> str:
    return listed(path.name for path in paths)


def _recognised(sources: Sources) -> str:
    atomic = [file.name for file in sources.files if table_suffix(file) in (".kg", ".inter", ".link")]
    return min(atomic, default="")


def _layout(path: Path) -> Layout:
    if table_suffix(path) not in FIELDS:
        return table_layout(path)
    role, fields = FIELDS[table_suffix(path)]
    return Layout(("\t",), role.name, len(fields))


FORMAT = Format(
    name="recbole",
    place=2,
    needs="NAME.kg; with users also NAME.inter and NAME.link",
    recognised=_recognised,
    read=read_recbole,
    takes=lambda path: table_suffix(path) in FIELDS,
    layout=_layout,
)
