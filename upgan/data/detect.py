"""Which format a source is in, told by the names of its files, and what each format needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from upgan.data.read import hetrec as read_hetrec
from upgan.data.read import kb4rec as read_kb4rec
from upgan.data.read import kgat as read_kgat
from upgan.data.read import ntriples as read_ntriples
from upgan.data.read import recbole as read_recbole
from upgan.data.read import release as read_release
from upgan.data.read import tsv as read_tsv
from upgan.data.read.text_tables import EXTENSIONS, plain_name, table_suffix
from upgan.errors import DataError, listed

#: Folders of a source that may hold its files, beside the source itself.
SUBFOLDERS = ("rs", "kg")
#: What every format needs, in the order in which they are shown.
NEEDS = {
    "tsv": "triples.tsv, or train, valid and test (.tsv, .txt, .csv); with users also interactions.tsv",
    "recbole": "NAME.kg; with users also NAME.inter and NAME.link",
    "release": "kg/e_map.dat, kg/r_map.dat, kg/train.dat; with users rs/ratings.txt, rs/i_map.dat, rs/i2kg_map.tsv",
    "kgat": "kg_final.txt, train.txt; for ids instead of numbers user_list.txt, entity_list.txt, relation_list.txt",
    "hetrec": "user_artists.dat, user_ratedmovies.dat or user_taggedbookmarks.dat; and a graph, triples.tsv, links.tsv",
    read_kb4rec.FORMAT: read_kb4rec.NEEDS,
    "ntriples": "NAME.nt or NAME.nt.gz; with users also interactions.tsv and links.tsv",
}


@dataclass(frozen=True)
class Found:
    """The files of a source, and why they are in the format."""

    format: str
    because: str


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Files that were named, and those in folders (and in their rs/ and kg/) by name; hidden files are left out."""
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        for folder in (path, *(path / name for name in SUBFOLDERS)):
            if folder.is_dir():
                files += sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    return list(dict.fromkeys(files))


def detect_format(paths: Sequence[Path]) -> str:
    """The one format that the files' names tell; DataError where none does, or several do, saying what each needs."""
    if read_kb4rec.find_files(paths):
        return read_kb4rec.FORMAT
    files = files_of(paths)
    found = list(_found(files))
    if len(found) == 1:
        return found[0].format
    if found:
        seen = "; ".join(f"{each.format} ({each.because})" for each in found)
        raise DataError(f"{_named(paths)} may be several formats: {seen}; choose one with --format, or move files away")
    tables = [file for file in files if table_suffix(file) in EXTENSIONS]
    if any(read_tsv.role_of_stem(file) for file in tables) or any(path in tables for path in paths):
        return "tsv"
    prepared = [path for path in paths if (path / "manifest.json").is_file()]
    if prepared:
        raise DataError(f"{prepared[0]} looks like a dataset that is prepared already; it needs no preparation")
    needs = "".join(f"\n  {name}: {text}" for name, text in NEEDS.items())
    raise DataError(
        f"no known format in {_named(paths)} (found: {listed(file.name for file in files)}). Each format needs:{needs}"
    )


def _found(files: Sequence[Path]) -> Iterable[Found]:
    """The formats other than plain tables that the names tell."""
    names = {plain_name(file) for file in files}
    atomic = sorted(file.name for file in files if table_suffix(file) in (".kg", ".inter", ".link"))
    if atomic:
        yield Found("recbole", atomic[0])
    if names >= set(read_release.MAPS):
        yield Found("release", ", ".join(read_release.MAPS))
    if read_kgat.GRAPH in names:
        yield Found("kgat", read_kgat.GRAPH)
    hetrec = [domain.interactions for domain in read_hetrec.DOMAINS if domain.interactions in names]
    if hetrec:
        yield Found("hetrec", hetrec[0])
    graphs = sorted(file.name for file in files if read_ntriples.is_ntriples(file))
    # An .nt file beside HetRec's interactions is the graph that they lack.
    if graphs and not hetrec:
        yield Found("ntriples", graphs[0])


def readable(files: Sequence[Path], format: str, named: Sequence[Path]) -> list[Path]:
    """The files of a source that a reader looks at: a folder may hold others, but a file that was named must be one."""

    def is_for(file: Path) -> bool:
        table = table_suffix(file) in EXTENSIONS and read_tsv.role_of_stem(file) is not None
        if format == "recbole":
            return table_suffix(file) in read_recbole.FIELDS
        if format == "tsv":
            return table
        return format != "ntriples" or table or read_ntriples.is_ntriples(file)

    return [file for file in files if file in named or is_for(file)]


def _named(paths: Sequence[Path]) -> str:
    return listed(paths)
