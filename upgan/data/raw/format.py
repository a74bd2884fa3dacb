"""What a format of raw files is: how a source of it is recognised, which of its files are read, and how."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import role_of_stem
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_stream import STRICT, ReadOptions
from upgan.data.raw.text_tables import EXTENSIONS, MOVIELENS, TABLES, table_suffix
from upgan.data.raw.typed_tables import PARQUET


@dataclass(frozen=True)
class DumpReading:
    """How a dump of a whole graph is read: what decides which topics the search in it starts from, how far it goes and
    along which properties; where long passes are kept (``work`` None: in a temporary folder, gone afterwards), and who
    is told how far they are."""

    min_interactions: int = 5
    min_rating: float | None = None
    since: str | None = None
    until: str | None = None
    max_hops: int = 4
    #: First parts of the properties that are walked (film, music.artist); empty: all but Freebase's housekeeping.
    relations: tuple[str, ...] = ()
    work: Path | None = None
    say: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Sources:
    """The files of one catalogue."""

    #: Folders and files as they were named.
    named: Sequence[Path]
    #: The files themselves.
    files: Sequence[Path]
    options: ReadOptions = STRICT
    dump: DumpReading | None = None

    @property
    def name(self) -> str:
        """A name for the dataset: that of the first folder, or of the first file without its extension."""
        first = self.named[0].resolve()
        return printable(first.name if first.is_dir() else first.stem)


def printable(name: str) -> str:
    """A file's name as text: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Layout:
    """What a line of a file should look like.

    ``separators``: those the file may have (none: its rows need not be equally long). ``role``: of its rows.
    """

    separators: tuple[str, ...] = ()
    role: str = ""
    #: The first columns that hold ids and may not be empty; 0 where the columns are not known.
    keys: int = 0
    #: Readers take another encoding than UTF-8 too.
    any_encoding: bool = False
    #: False where a file is no text.
    text: bool = True


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a text table of a plain catalogue, and of which role."""
    return plain_name(path) in MOVIELENS or (table_suffix(path) in TABLES and role_of_stem(path) is not None)


def table_layout(path: Path) -> Layout:
    """The layout of a text table by its extension, and by the role that its name tells."""
    if plain_name(path) in MOVIELENS:
        return Layout(MOVIELENS[plain_name(path)], "interactions", 2)
    if table_suffix(path) not in EXTENSIONS:
        return Layout(text=table_suffix(path) not in PARQUET)
    role = role_of_stem(path)
    if role is None:
        return Layout(EXTENSIONS[table_suffix(path)])
    # A label may be empty; an id may not.
    keys = sum(column not in ("label", "kind") for column in role.columns)
    return Layout(EXTENSIONS[table_suffix(path)], role.name, keys)


@dataclass(frozen=True)
class Format:
    """A format, as its file in upgan/data/read registers it."""

    #: The name of its file, which is also what ``--format`` takes.
    name: str
    #: Where it stands in lists of formats.
    place: int
    #: What a source of it holds, for messages.
    needs: str
    #: What shows that the sources are of this format, "" where nothing does.
    recognised: Callable[[Sources], str]
    #: Reads them; DataError for what is missing or malformed, naming file, line and value.
    read: Callable[[Sources], RawSource]
    #: Which files it reads; a folder may hold others.
    takes: Callable[[Path], bool]
    #: Plain text tables of any name are a part of it, where their header tells a role that no other file has.
    tables: bool = False
    #: What `upgan data check` expects of a file's lines; None where it cannot check the format.
    layout: Callable[[Path], Layout] | None = table_layout
    #: Of the formats that recognise a source those of the highest precedence count; several of them are ambiguous.
    precedence: int = 1
    #: Formats whose files may lie beside its own, as a part of the same source.
    includes: tuple[str, ...] = ()
