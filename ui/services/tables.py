"""A table of one's own from the browser: read, mapped as a person says, looked at, made into a dataset."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ui.services.access import require_training
from ui.services.datasets import new_folder, refuse_large_inside
from upgan.errors import DataError

if TYPE_CHECKING:
    from upgan.data.check import CheckReport
    from upgan.data.wide.mapping import Mapping as Columns
    from upgan.data.wide.run import Import
    from upgan.data.wide.tables import WideTable

#: Limits of what a browser may send; one table has a limit of its own.
MOST_FILES, MOST_MEGABYTES = 8, 200
TEXTS, BOOKS = ("csv", "tsv", "txt", "jsonl", "ndjson", "json"), ("xlsx", "xlsm", "xls", "ods")
ENDINGS = (*TEXTS, *BOOKS, "parquet", "gz", "bz2", "xz", "zip")
#: A mapping of an earlier import.
MAP_ENDING = "toml"
#: Signs at which cells may be split, and how a form calls them.
SPLITS = {"": "one value", "|": "|", ";": ";", ",": ",", "/": "/", "\n": "line break", "•": "•", "&": "&"}
SEPARATORS = {"": "as told by the file", ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar |"}
ENCODINGS = ("", "utf-8", "cp1252", "latin-1", "utf-16", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc-kr")
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")
_HIDDEN = frozenset({".", ".."})


class Sent:
    """Tables from a browser in a folder of their own, gone when this is; read once for each way of reading."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """DataError for a name, a number of files or a size out of bounds, and for a mapping that is none."""
        from upgan.data.wide.mapping import load_mapping

        require_training()
        if len(files) > MOST_FILES:
            raise DataError(f"{len(files)} files: at most {MOST_FILES} at once")
        size = sum(map(len, files.values())) / 1e6
        if size > MOST_MEGABYTES:
            raise DataError(f"{size:,.0f} MB: at most {MOST_MEGABYTES} MB; import more by `upgan data import`")
        for name in files:
            if not _FILE_NAME.fullmatch(name) or name.startswith("."):
                raise DataError(f"{name[:60]!r} is no plain name of a file")
        self._folder = tempfile.TemporaryDirectory(prefix="upgan-tables-")
        self._read: dict[tuple[str, str, str, str], WideTable] = {}
        self.paths: dict[str, Path] = {}
        self.mapping: Columns | None = None
        for name, content in files.items():
            path = Path(self._folder.name) / name
            path.write_bytes(content)
            if name.casefold().endswith(f".{MAP_ENDING}"):
                with self.as_named():
                    self.mapping = load_mapping(path)
            else:
                self.paths[name] = path
        with self.as_named():
            refuse_large_inside([path for path in self.paths.values() if path.suffix[1:].casefold() not in BOOKS])

    def table(self, name: str, sheet: str = "", encoding: str = "", separator: str = "") -> WideTable:
        """One of the tables; DataError for what cannot be read so."""
        from upgan.data.wide.tables import read_wide

        key = (name, sheet, encoding, separator)
        if key not in self._read:
            with self.as_named():
                self._read[key] = read_wide(self.paths[name], sheet=sheet, encoding=encoding, separator=separator)
        return self._read[key]

    def close(self) -> None:
        """Remove the files now."""
        self._folder.cleanup()

    @contextlib.contextmanager
    def as_named(self) -> Iterator[None]:
        """Errors from within say a file's name, not where this machine keeps it."""
        try:
            yield
        except DataError as error:
            raise DataError(str(error).replace(f"{self._folder.name}/", "")) from None


def guessed(tables: list[WideTable]) -> Columns:
    """What the tables may be; DataError where none of them has items."""
    from upgan.data.wide.guess import guess_mapping

    return guess_mapping(tables)


def guessed_items(table: WideTable) -> dict[str, object]:
    """What a table of items may be, as plain values; an empty id where no column is one."""
    from upgan.data.wide.guess import guess_items

    try:
        return guess_items(table).model_dump()
    except DataError:
        return {"id": "", "title": "", "kind": table.name.split(".")[0], "columns": {}}


def guessed_interactions(table: WideTable, ids: set[str]) -> dict[str, object]:
    """What a table of interactions may be, as plain values."""
    from upgan.data.wide.guess import guess_interactions

    try:
        return guess_interactions(table, ids).model_dump()
    except DataError:
        return {"user": "", "item": "", "rating": "", "time": ""}


def import_of(tables: list[WideTable], document: dict[str, object], name: str) -> Import:
    """The catalogue that the tables are under a mapping of plain values. Raises DataError and ConfigError."""
    from upgan.data.wide.build import build_source
    from upgan.data.wide.mapping import mapping_of
    from upgan.data.wide.run import Import

    mapping = mapping_of(document, "the mapping")
    return Import(tuple(tables), mapping, build_source(tables, mapping, name))


def findings(report: CheckReport) -> list[dict[str, object]]:
    """The warnings and errors of a check, worst first, that are not said by the import itself."""
    return [
        {
            "what": found.title,
            "how many": found.count,
            "for example": "; ".join(found.examples[:3]),
            "so": found.meaning,
        }
        for found in (*report.of("error"), *report.of("warning"))
    ]


def examples(cells: pd.Series, most: int = 3) -> str:
    """The first different values of a column, for a form."""
    values = cells[cells != ""].drop_duplicates().head(most)
    return " · ".join(value if len(value) <= 40 else value[:40] + "…" for value in values)


def make(imported: Import, name: str, seed: int = 0) -> Path:
    """Write the dataset in the data folder under ``name``; nothing stays of one that fails, or where read-only."""
    from upgan.data.wide.run import write_import

    require_training()
    out = new_folder(name)
    write_import(imported, out, seed=seed, name=name)
    return out
