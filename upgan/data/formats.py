"""One way in for all formats of raw files: which one a source is in, told by the names of its files, and reading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from upgan.data.raw.archives import holds_several, unpacked
from upgan.data.raw.format import DumpReading, Format, Sources, is_table
from upgan.data.raw.joins import labels_of_nothing
from upgan.data.raw.no_value import leave_out_no_values
from upgan.data.raw.roles import INTERACTIONS, LABELS, LINKS, TRIPLES, read_role, role_of_header, role_of_stem
from upgan.data.raw.source import Notice, RawSource
from upgan.data.raw.text_stream import STRICT, ReadOptions
from upgan.data.raw.text_tables import TABLES, first_rows, read_table, table_suffix
from upgan.data.raw.unread import files_below, is_document, unread_of
from upgan.data.read import format_names
from upgan.errors import ConfigError, DataError, listed

#: Folders of a source that may hold its files, beside the source itself.
SUBFOLDERS = ("rs", "kg")


def _formats() -> dict[str, Format]:
    formats: list[Format] = [import_module(f"upgan.data.read.{name}").FORMAT for name in format_names()]
    return {format.name: format for format in sorted(formats, key=lambda format: format.place)}


#: Every format by its name, in the order in which they are shown.
FORMATS = _formats()


def read_sources(
    paths: Sequence[Path],
    format: str = "auto",
    labels: Sequence[Path] = (),
    options: ReadOptions = STRICT,
    dump: DumpReading | None = None,
) -> RawSource:
    """Read one catalogue from folders and files.

    ``format``: "auto" (by file names) or a name of FORMATS. ``labels``: tables id, label; a later one overrides an
    earlier one and the source's own. ``dump``: how a dump is read, where the format has one. Raises ConfigError for an
    unknown format, DataError for a file that is missing, malformed or not recognised, naming file, line and value.
    """
    named = [Path(path) for path in paths]
    archives = archives_of(named)
    with unpacked(named, archives) as opened:
        return _read(opened, format, labels, options, dump, archives)


def archives_of(paths: Sequence[Path]) -> list[Path]:
    """The zip archives of several files in a source, which are to be unpacked before it is read."""
    return [file for file in files_of(paths) if holds_several(file)]


def _read(
    paths: Sequence[Path],
    format: str,
    labels: Sequence[Path],
    options: ReadOptions,
    dump: DumpReading | None,
    archives: Sequence[Path],
) -> RawSource:
    chosen, sources = chosen_format(paths, format, options)
    source = chosen.read(replace(sources, dump=dump))
    source = leave_out_no_values(source, options.no_value)
    if not len(source.triples):
        names = listed(file.name for file in files_of(sources.named))
        raise DataError(
            f"no triples file in {listed(sources.named)} (found: {names}); a graph needs one: {chosen.needs}"
        )
    source = source.with_notices(*labels_of_nothing(source, source.labels, "labels"))
    for path in labels:
        table = read_table(Path(path), options=options)
        frame = read_role(table, LABELS).astype(str)
        source = source.with_labels(frame, table.file(len(frame)))
        source = source.with_notices(*labels_of_nothing(source, frame, Path(path).name))
    return _with_unread(source, chosen, sources, archives)


def _with_unread(source: RawSource, chosen: Format, sources: Sources, archives: Sequence[Path]) -> RawSource:
    """``source`` with the names of the files that no reader took, and of those that were read by their header.

    ``archives`` of it were unpacked.
    """
    told = [file.name for file in sources.files if file not in sources.named and not chosen.takes(file)]
    read = [file.path for file in source.files if file.path is not None] + list(archives)
    others = {
        file: name
        for file in files_below(sources.named)
        for name, format in FORMATS.items()
        if format is not chosen and format.precedence == 1 and format.takes(file) and not is_table(file)
    }
    unread, notices = unread_of(sources.named, read, others)
    texts = [f"{name}: read although its name says nothing, because its header says what it is" for name in told]
    by_header = [Notice("columns-told", text, 1, examples=(text,)) for text in texts]
    return replace(source.with_notices(*by_header, *notices), unread=unread)


def chosen_format(paths: Sequence[Path], format: str, options: ReadOptions = STRICT) -> tuple[Format, Sources]:
    """The format of that name, or ("auto") the one detected, and the files that it reads; errors as read_sources."""
    if format != "auto" and format not in FORMATS:
        raise ConfigError(f"unknown format {format!r}; allowed: auto, {', '.join(FORMATS)}")
    if not paths:
        raise ConfigError("no source given; give a folder or files")
    named = list(dict.fromkeys(Path(path) for path in paths))
    for path in named:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
        if not path.is_dir() and not path.is_file():
            raise DataError(f"{path} is neither a file nor a folder; give a regular file")
    chosen = FORMATS[detect_format(named) if format == "auto" else format]
    # A folder may hold other files as well; one that was named must be read.
    files = [file for file in files_of(named) if file in named or chosen.takes(file)]
    if chosen.tables:
        files += _told_by_header(chosen, files_of(named), files, options)
    return chosen, Sources(named, files, options)


def _told_by_header(chosen: Format, there: Sequence[Path], taken: Sequence[Path], options: ReadOptions) -> list[Path]:
    """Tables of unknown names whose header names all columns of a role that no file taken has."""
    roles = {role.name for file in taken if (role := role_of_stem(file))}
    # Other formats than plain tables have a graph of their own, and some their interactions.
    roles |= {TRIPLES.name} if chosen.precedence else set()
    wanted = {role.name for role in (TRIPLES, INTERACTIONS, LINKS)} - roles
    tables = [file for file in there if file not in taken and table_suffix(file) in TABLES and not is_document(file)]
    if not wanted:
        return []
    rows = {file: first_rows(file, options) for file in tables}
    return [file for file, table in rows.items() if table and (role := role_of_header(table)) and role.name in wanted]


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
    sources = Sources(paths, files_of(paths))
    prepared = [path for path in paths if (path / "manifest.json").is_file()]
    if prepared:
        raise DataError(
            f"{prepared[0]} looks like a dataset that is prepared already; it needs no preparation (--format tsv reads "
            "its tables as raw ones, without names and kinds)"
        )
    for precedence in sorted({format.precedence for format in FORMATS.values()}, reverse=True):
        tier = [format for format in FORMATS.values() if format.precedence == precedence]
        reasons = {format.name: reason for format in tier if (reason := format.recognised(sources))}
        included = {name for format in tier if format.name in reasons for name in format.includes}
        reasons = {name: reason for name, reason in reasons.items() if name not in included}
        if len(reasons) == 1:
            return next(iter(reasons))
        if reasons:
            several = "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
            raise DataError(
                f"{listed(paths)} may be several formats: {several}; choose one with --format, or move files away"
            )
    needs = "".join(f"\n  {format.name}: {format.needs}" for format in FORMATS.values())
    below = files_below(paths) if not sources.files else ()
    names = listed([file.name for file in sources.files] or [f"{file.parent.name}/{file.name}" for file in below])
    raise DataError(f"no known format in {listed(paths)} (found: {names}). Each format needs:{needs}")
