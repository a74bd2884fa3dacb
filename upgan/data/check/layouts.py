"""Which files of a source are text, and what a line of each should look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from upgan.data.detect import files_of, readable
from upgan.data.read import hetrec as read_hetrec
from upgan.data.read import kgat as read_kgat
from upgan.data.read import recbole as read_recbole
from upgan.data.read import tsv as read_tsv
from upgan.data.read.text_tables import EXTENSIONS, plain_name, table_suffix
from upgan.types import SPLITS

#: A file of this many bytes whose rows have no known form (a dump of a whole graph) is left to its reader.
LARGE = 1 << 30


@dataclass(frozen=True)
class Layout:
    """``separators``: those the file may have (none: its rows need not be equally long). ``role``: of its rows."""

    separators: tuple[str, ...] = ()
    role: str = ""
    #: The first columns that hold ids and may not be empty; 0 where the columns are not known.
    keys: int = 0
    #: Readers take another encoding than UTF-8 too.
    any_encoding: bool = False


def layouts_of(paths: Sequence[Path], format_name: str) -> list[tuple[Path, Layout]]:
    """The files that the reader of this format looks at, in its order."""
    files = readable(files_of(paths), format_name, paths)
    found = [(path, _layout(path, format_name)) for path in files if path.is_file()]
    return [(path, layout) for path, layout in found if layout.separators or path.stat().st_size < LARGE]


def _layout(path: Path, format_name: str) -> Layout:
    if format_name == "recbole" and table_suffix(path) in read_recbole.FIELDS:
        role, fields = read_recbole.FIELDS[table_suffix(path)]
        return Layout(("\t",), role.name, len(fields))
    if format_name == "release" and plain_name(path) in {f"{split}.dat" for split in SPLITS}:
        return Layout(("\t", " "), "triples", 3)
    if format_name == "kgat":
        return Layout((" ",), "triples", 3) if plain_name(path) == read_kgat.GRAPH else Layout()
    if format_name == "hetrec":
        if plain_name(path) in {domain.titles for domain in read_hetrec.DOMAINS}:
            return Layout(any_encoding=True)
        if plain_name(path) in {domain.interactions for domain in read_hetrec.DOMAINS}:
            return Layout(("\t",), "interactions", 2)
    role_of_name = read_tsv.role_of_stem(path)
    if table_suffix(path) not in EXTENSIONS or format_name == "release":
        return Layout()
    if role_of_name is None:
        return Layout(EXTENSIONS[table_suffix(path)])
    # A label may be empty; an id may not.
    keys = sum(column not in ("label", "kind") for column in role_of_name.columns)
    return Layout(EXTENSIONS[table_suffix(path)], role_of_name.name, keys)
