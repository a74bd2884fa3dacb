"""The embedded catalogue: two tables of real books and series, written from common knowledge (see README.md here).

The tables hold facts only (titles, names, years), no description and no copied prose. Cells with several values are
separated by ``|``; an empty cell means that nobody was sure.
"""

from __future__ import annotations

import hashlib
import io
from importlib.resources import files

import pandas as pd

from upgan.data.raw.source import SourceFile

#: What stands between several values of one cell.
SEPARATOR = "|"


def load_books() -> pd.DataFrame:
    """One row per book, all cells strings: title, author, series, part, genres, publisher, language, awards, year."""
    return _table("books.tsv")


def load_series() -> pd.DataFrame:
    """One row per series, all cells strings: series, parent (the larger cycle, may be empty), author."""
    return _table("series.tsv")


def source_files() -> tuple[SourceFile, ...]:
    """The two tables as they lie in the package, for a dataset's manifest."""
    return tuple(
        SourceFile(name, hashlib.sha256(_bytes(name)).hexdigest(), len(_table(name)))
        for name in ("books.tsv", "series.tsv")
    )


def _bytes(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()


def _table(name: str) -> pd.DataFrame:
    # quoting=3: a title may hold quotation marks; keep_default_na off: an empty cell is an empty string, not NaN.
    return pd.read_csv(io.BytesIO(_bytes(name)), sep="\t", dtype=str, keep_default_na=False, quoting=3)
