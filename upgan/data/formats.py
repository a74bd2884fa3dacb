"""Which reader a source needs: detection by file names, and one way in for all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from upgan.data import read_kb4rec, read_recbole, read_tsv, text_tables
from upgan.data.raw import RawSource
from upgan.data.read_kb4rec import DumpReading
from upgan.errors import ConfigError, DataError

#: Formats that can be read.
READABLE = ("tsv", "recbole", "kb4rec")
#: Formats that the command line knows by name but that this version cannot read.
NOT_YET = ("release", "kgat", "hetrec")


def read_sources(
    paths: Sequence[Path], format: str = "auto", labels: Sequence[Path] = (), *, dump: DumpReading | None = None
) -> RawSource:
    """Read one catalogue from folders and files.

    ``format``: "auto" (by file names), "tsv" or "recbole". ``labels``: tables id, label; a later one overrides an
    earlier one and the source's own. ``dump``: how a Freebase dump is read, where there is one. Raises ConfigError for an unknown format, DataError for a file that is missing,
    malformed or not recognised, naming file, line and value.
    """
    if format in NOT_YET:
        raise ConfigError(f"format {format!r} cannot be read yet; this version reads: auto, {', '.join(READABLE)}")
    if format != "auto" and format not in READABLE:
        raise ConfigError(f"unknown format {format!r}; allowed: auto, {', '.join(READABLE)}")
    if not paths:
        raise ConfigError("no source given; give a folder or files")
    sources = [Path(path) for path in paths]
    for path in sources:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
    chosen = detect_format(sources) if format == "auto" else format
    if chosen == read_kb4rec.FORMAT:
        source = read_kb4rec.read_kb4rec(sources, _name(sources), dump)
    else:
        source = _read_recbole(sources) if chosen == "recbole" else _read_tsv(sources)
    for path in labels:
        source = _with_labels(source, Path(path))
    return source


def detect_format(paths: Sequence[Path]) -> str:
    """ "recbole" where an atomic file (.kg, .inter, .link) is among the files, "kb4rec" where a Freebase dump and links
    to its topics are, otherwise "tsv"."""
    atomic = {".kg", ".inter", ".link"}
    if any(file.suffix in atomic for path in paths for file in _files_of(path)):
        return "recbole"
    return read_kb4rec.FORMAT if read_kb4rec.find_files(paths) else "tsv"


def _files_of(path: Path) -> list[Path]:
    """A folder's files sorted by name, or the file itself; hidden files are left out."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))


def _read_recbole(paths: Sequence[Path]) -> RawSource:
    files = [
        file
        for path in paths
        for file in _files_of(path)
        # A folder may hold other files; a file that was named must be one that can be read.
        if file.suffix in read_recbole.FIELDS or not path.is_dir()
    ]
    return read_recbole.read_recbole_files(files, _name(paths))


def _read_tsv(paths: Sequence[Path]) -> RawSource:
    files = [
        file
        for path in paths
        for file in _files_of(path)
        if not path.is_dir() or (file.suffix.lower() in text_tables.EXTENSIONS and read_tsv.role_of_stem(file))
    ]
    source = read_tsv.read_tsv_files(files, _name(paths))
    if not len(source.triples):
        found = ", ".join(file.name for path in paths for file in _files_of(path)) or "no file"
        stems = ", ".join(sorted(read_tsv.TRIPLES.stems))
        prepared = any((path / "manifest.json").is_file() for path in paths)
        hint = "; this looks like a dataset that is prepared already" if prepared else ""
        raise DataError(
            f"no triples file in {', '.join(map(str, paths))} (found: {found}); a graph needs one named "
            f"{stems} with extension .tsv, .txt or .csv{hint}"
        )
    return source


def _with_labels(source: RawSource, path: Path) -> RawSource:
    table = text_tables.read_table(path)
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
