"""Catalogues made of plain text tables: triples.tsv, interactions.tsv and the like."""

from __future__ import annotations

from upgan.data.raw.format import Format, Sources, is_table
from upgan.data.raw.gathered import Gathered, assemble, gather_table
from upgan.data.raw.roles import role_of_header
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_tables import TABLES, first_rows, table_suffix


def read_tsv(sources: Sources) -> RawSource:
    """Read a catalogue from text tables; a file whose name tells nothing is taken by its header or column count."""
    gathered = Gathered()
    for path in sources.files:
        gather_table(gathered, path, sources.options)
    return assemble(sources.name, "tsv", gathered)


def _recognised(sources: Sources) -> str:
    """A table of a known name, any table that was named itself, or one whose header tells what it is."""
    tables = [file for file in sources.files if table_suffix(file) in TABLES or is_table(file)]
    known = next((file.name for file in tables if is_table(file) or file in sources.named), "")
    return known or next((file.name for file in tables if (rows := first_rows(file)) and role_of_header(rows)), "")


FORMAT = Format(
    name="tsv",
    place=1,
    needs="triples.tsv, or train, valid and test (.tsv, .txt, .csv, .parquet, .jsonl); with users interactions.tsv",
    recognised=_recognised,
    read=read_tsv,
    takes=is_table,
    tables=True,
    # Other formats have tables beside their own files.
    precedence=0,
)
