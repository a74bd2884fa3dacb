"""HetRec 2011: Last.FM, MovieLens and Delicious. Who listened, rated or tagged, and titles; the graph comes beside it.

HetRec has no graph. The folder therefore also holds text tables as in a plain catalogue, ``triples.tsv`` and (where an
item's id is not its entity's) ``links.tsv``, or an .nt file with ``links.tsv``.

The title files of MovieLens are Latin-1 and that of Delicious holds several encodings, so a title file that is not
UTF-8 is read as Latin-1; ids are digits in either. The manifest says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from upgan.data.raw.format import Format, Layout, Sources, is_table, table_layout
from upgan.data.raw.gathered import Gathered, assemble, entity_labels, gather_table
from upgan.data.raw.packing import plain_name
from upgan.data.raw.roles import INTERACTIONS, LABELS, LINKS, TRIPLES, with_numbers
from upgan.data.raw.source import RawSource
from upgan.data.raw.text_stream import NotUtf8Error, ReadOptions
from upgan.data.raw.text_tables import TextTable, by_plain_name, read_table
from upgan.data.read.ntriples import gather_graph, is_ntriples
from upgan.errors import DataError, listed


@dataclass(frozen=True)
class Domain:
    """One of the data sets: file and columns of its interactions, file of its titles (columns id and ``title``)."""

    interactions: str
    item: str
    rating: str | None
    titles: str
    title: str
    time: str | None = None


#: Best file first: the one with times in one column before the one with times in six.
DOMAINS = (
    Domain("user_artists.dat", "artistid", "weight", "artists.dat", "name"),
    Domain("user_ratedmovies-timestamps.dat", "movieid", "rating", "movies.dat", "title", "timestamp"),
    Domain("user_ratedmovies.dat", "movieid", "rating", "movies.dat", "title"),
    Domain("user_taggedbookmarks-timestamps.dat", "bookmarkid", None, "bookmarks.dat", "title", "timestamp"),
    Domain("user_taggedbookmarks.dat", "bookmarkid", None, "bookmarks.dat", "title"),
    Domain("user_taggedartists-timestamps.dat", "artistid", None, "artists.dat", "name", "timestamp"),
)


def read_hetrec(sources: Sources) -> RawSource:
    """Read a HetRec folder with its graph. Raises DataError where either is missing or malformed."""
    files, options = by_plain_name(sources.files), sources.options
    domain = _domain(sources)
    if domain is None:
        wanted = ", ".join(domain.interactions for domain in DOMAINS)
        raise DataError(f"no file of interactions ({wanted}); found: {listed(sorted(files))}")
    gathered = Gathered()
    for path in sources.files:
        if is_ntriples(path):
            gather_graph(gathered, path, options)
        elif is_table(path):
            gather_table(gathered, path, options)
    if not gathered.parts[TRIPLES.name]:
        raise DataError(
            f"{files[domain.interactions].parent} holds HetRec's interactions, but no graph, which HetRec does not "
            "have: put triples.tsv (head, relation, tail) or an .nt file beside them, and links.tsv (item, entity) "
            "where items and entities have different ids"
        )
    _gather_interactions(gathered, files[domain.interactions], domain, options)
    if domain.titles in files:
        _gather_titles(gathered, files[domain.titles], domain, options)
    return assemble(sources.name, "hetrec", gathered)


def _domain(sources: Sources) -> Domain | None:
    names = {plain_name(file) for file in sources.files}
    return next((domain for domain in DOMAINS if domain.interactions in names), None)


def _gather_interactions(gathered: Gathered, path: Path, domain: Domain, options: ReadOptions) -> None:
    table = read_table(path, "\t", options)
    wanted = {"user": "userid", "item": domain.item, "rating": domain.rating, "timestamp": domain.time}
    places = _places(table, {column: cell for column, cell in wanted.items() if cell})
    gathered.add(INTERACTIONS, with_numbers(table, table.frame(places, 1), 1), table)


def _gather_titles(gathered: Gathered, path: Path, domain: Domain, options: ReadOptions) -> None:
    try:
        table = read_table(path, "\t", options)
    except NotUtf8Error:
        table = read_table(path, "\t", replace(options, encoding="latin-1"))
        gathered.reading[f"encoding_of_{path.name}"] = "latin-1, because it is not UTF-8"
    titles = table.frame(_places(table, {"id": "id", "label": domain.title}), 1)
    titles = titles[~titles["label"].isin(["", "\\N"])]
    gathered.files.append(table.file(len(titles)))
    gathered.titles.append(titles)
    links = gathered.parts[LINKS.name]
    if links:
        titles = entity_labels(pd.concat(links, ignore_index=True), titles)
    # A label that the graph's own files give counts more, so it stands later.
    gathered.parts[LABELS.name].insert(0, titles)


def _places(table: TextTable, wanted: dict[str, str]) -> dict[str, int]:
    """Where the header has the columns ``wanted`` (name here -> name there, in lower case)."""
    header = [cell.lower() for cell in table.row(0)]
    missing = [cell for cell in wanted.values() if header.count(cell) != 1]
    if missing:
        raise DataError(
            f"{table.path}, line {table.lines[0]}: the header must have one column {', '.join(missing)}; found: "
            f"{listed(table.row(0))}"
        )
    return {column: header.index(cell) for column, cell in wanted.items()}


def _recognised(sources: Sources) -> str:
    domain = _domain(sources)
    return domain.interactions if domain else ""


def _takes(path: Path) -> bool:
    own = {name for domain in DOMAINS for name in (domain.interactions, domain.titles)}
    return plain_name(path) in own or is_table(path) or is_ntriples(path)


def _layout(path: Path) -> Layout:
    if plain_name(path) in {domain.titles for domain in DOMAINS}:
        return Layout(any_encoding=True)
    if plain_name(path) in {domain.interactions for domain in DOMAINS}:
        return Layout(("\t",), "interactions", 2)
    return table_layout(path)


FORMAT = Format(
    name="hetrec",
    place=5,
    needs="user_artists.dat, user_ratedmovies.dat or user_taggedbookmarks.dat; and a graph, triples.tsv, links.tsv",
    recognised=_recognised,
    read=read_hetrec,
    takes=_takes,
    tables=True,
    layout=_layout,
    # An .nt file beside HetRec's interactions is the graph that they lack.
    includes=("ntriples",),
)
