"""One way in for all formats of raw files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from upgan.data.detect import NEEDS, detect_format, files_of, readable
from upgan.data.read import hetrec as read_hetrec
from upgan.data.read import kb4rec as read_kb4rec
from upgan.data.read import kgat as read_kgat
from upgan.data.read import ntriples as read_ntriples
from upgan.data.read import recbole as read_recbole
from upgan.data.read import release as read_release
from upgan.data.read import tsv as read_tsv
from upgan.data.read.kb4rec import DumpReading
from upgan.data.read.raw import RawSource
from upgan.data.read.text_stream import STRICT, ReadOptions
from upgan.data.read.text_tables import read_table
from upgan.errors import ConfigError, DataError, listed

Reader = Callable[[Sequence[Path], str, ReadOptions], RawSource]

#: Reader of each format: takes files, the catalogue's name and how text is read.
READERS: dict[str, Reader] = {
    "tsv": read_tsv.read_tsv_files,
    "recbole": read_recbole.read_recbole_files,
    "release": read_release.read_release_files,
    "kgat": read_kgat.read_kgat_files,
    "hetrec": read_hetrec.read_hetrec_files,
    "ntriples": read_ntriples.read_ntriples_files,
}


def read_sources(
    paths: Sequence[Path],
    format: str = "auto",
    labels: Sequence[Path] = (),
    options: ReadOptions = STRICT,
    dump: DumpReading | None = None,
) -> RawSource:
    """Read one catalogue from folders and files.

    ``format``: "auto" (by file names), "kb4rec" (``dump``: how its dump is read) or a name of READERS. ``labels``:
    tables id, label; a later one overrides an earlier one and the source's own. Raises ConfigError for an unknown
    format, DataError for a file that is missing, malformed or not recognised, naming file, line and value.
    """
    allowed = ("auto", *READERS, read_kb4rec.FORMAT)
    if format not in allowed:
        raise ConfigError(f"unknown format {format!r}; allowed: {', '.join(allowed)}")
    if not paths:
        raise ConfigError("no source given; give a folder or files")
    sources = list(dict.fromkeys(Path(path) for path in paths))
    for path in sources:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{path} is neither a file nor a folder; give a regular file")
    chosen = detect_format(sources) if format == "auto" else format
    if chosen == read_kb4rec.FORMAT:
        source = read_kb4rec.read_kb4rec(sources, _name(sources), dump)
    else:
        source = READERS[chosen](readable(files_of(sources), chosen, sources), _name(sources), options)
    if not len(source.triples):
        found = listed(file.name for file in files_of(sources))
        raise DataError(f"no triples file in {listed(sources)} (found: {found}); a graph needs one: {NEEDS[chosen]}")
    for path in labels:
        source = _with_labels(source, Path(path), options)
    return source


def _with_labels(source: RawSource, path: Path, options: ReadOptions) -> RawSource:
    table = read_table(path, options=options)
    frame = read_tsv.read_role(table, read_tsv.LABELS).astype(str)
    return replace(
        source,
        labels=pd.concat([source.labels, frame], ignore_index=True),
        files=(*source.files, table.file(len(frame))),
    )


def _name(paths: Sequence[Path]) -> str:
    """A name for the dataset: that of the first folder, or of the first file without its extension."""
    first = paths[0].resolve()
    return first.name if first.is_dir() else first.stem
