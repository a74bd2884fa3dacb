"""An import from files to a prepared dataset, and everything there is to say before it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from upgan.data.check import CheckReport, check_raw
from upgan.data.dataset import KGDataset, check_replaceable
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.format import printable
from upgan.data.raw.source import RawSource
from upgan.data.wide.build import build_source, preview
from upgan.data.wide.guess import guess_mapping
from upgan.data.wide.mapping import Mapping
from upgan.data.wide.tables import Progress, WideTable, read_wide
from upgan.errors import DataError

MAP_FILE = "map.toml"
#: No filter but the split: every fact of the export is in the dataset, and every item that has one.
SETTINGS = PrepareSettings(min_interactions=1, min_triples=1, max_hops=None, keep_reverse=True, unseen="train")


@dataclass(frozen=True, eq=False)
class Import:
    """Tables, what they were taken for, and the catalogue that they are."""

    tables: tuple[WideTable, ...]
    mapping: Mapping
    source: RawSource

    def preview(self) -> pd.DataFrame:
        """Ten rows of each table of items as facts: where, subject, relation, object."""
        return preview(self.tables, self.mapping)

    def check(self) -> CheckReport:
        """What is suspicious in the catalogue, as `upgan data check` finds it."""
        return check_raw(self.source, [table.path for table in self.tables], min_interactions=1)


def read_import(
    paths: Sequence[Path],
    mapping: Mapping | None = None,
    *,
    encoding: str = "",
    separator: str = "",
    progress: Progress | None = None,
) -> Import:
    """Read tables and map them, by guesses where no ``mapping`` is given.

    ``encoding``, ``separator``: of text tables, where the mapping does not say. Raises DataError and ConfigError naming
    file, row and column.
    """
    if not paths:
        raise DataError("no file given: give a table of items, and one of interactions")
    tables = []
    for path in dict.fromkeys(map(Path, paths)):
        part = mapping.of_file(printable(path.name)) if mapping else None
        told = {"sheet": part.sheet, "encoding": part.encoding, "separator": part.separator} if part else {}
        given = {"encoding": encoding, "separator": separator}
        told |= {name: value for name, value in given.items() if value}
        tables.append(read_wide(path, **told, progress=progress))
    mapping = mapping or guess_mapping(tables)
    first = Path(paths[0])
    return Import(tuple(tables), mapping, build_source(tables, mapping, printable(first.stem)))


def write_import(
    imported: Import,
    out: Path,
    *,
    seed: int = 0,
    name: str = "",
    min_rating: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> KGDataset:
    """Write the prepared dataset, with the mapping as map.toml in it; nothing is written on an error."""
    from dataclasses import replace

    check_replaceable(out)
    source = replace(imported.source, name=name or imported.source.name)
    settings = replace(SETTINGS, seed=seed, min_rating=min_rating)
    return prepare(source, out, settings, progress, {MAP_FILE: imported.mapping.to_toml()})
