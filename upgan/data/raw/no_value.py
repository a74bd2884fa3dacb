"""Cells that say that there is nothing: "N/A", "unknown", "-". As an id they would tie together all that lack one.

The list can be changed; what it took is counted and named.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from upgan.data.raw.source import Notice, RawSource
from upgan.errors import listed, shown

#: Cells that hold no value, whatever their case; an empty one never does.
NO_VALUES = (
    *("N/A", "#N/A", "n.a.", "NaN", "NaT", "<NA>", "NULL", "(null)", "nil", "none", "\\N", "undefined"),
    *("unknown", "not available", "not applicable", "not known", "missing", "-", "--", "–", "—", "?", "...", "#REF!"),
    *("#VALUE!", "#NAME?"),
)

#: Signs that draw nothing.
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
#: Reason for which rows are left out.
SAYS_NOTHING = "an id that says there is no value"


def folded(words: Iterable[str]) -> frozenset[str]:
    """The list as cells are compared with it."""
    return frozenset(map(_fold, words))


def _fold(word: str) -> str:
    """Without case, widths ("Ｎ／Ａ") and signs that draw nothing (a byte-order mark inside a file)."""
    return unicodedata.normalize("NFKC", "".join(sign for sign in word if sign not in _UNSEEN)).strip().casefold()


def says_nothing(cells: pd.Series, words: frozenset[str]) -> pd.Series:
    """Which cells are one of ``words`` (folded), bool (N,); each different one is looked at once."""
    if not words or not len(cells):
        return pd.Series(False, index=cells.index)
    longest = max(map(len, words))
    codes, values = pd.factorize(cells)
    # A sign may stand for several ("…"), and some draw nothing.
    wrong = pd.Series(values).map(lambda value: len(value) <= 2 * longest and _fold(value) in words)
    return pd.Series(wrong.to_numpy(dtype=bool)[codes], index=cells.index)


def without_no_value(cells: pd.Series, words: frozenset[str]) -> pd.Series:
    """``cells`` with empty ones for those that say nothing."""
    return cells.mask(says_nothing(cells, words), "")


def leave_out_no_values(source: RawSource, words: frozenset[str]) -> RawSource:
    """``source`` without triples, interactions and links one of whose ids says nothing; how many, and which ones."""
    dropped = dict(source.dropped)
    counts: Counter[str] = Counter()
    tables: dict[str, pd.DataFrame] = {}
    for name, columns in (
        ("triples", ["head", "tail"]),
        ("interactions", ["user", "item"]),
        ("links", ["item", "entity"]),
    ):
        table: pd.DataFrame | None = getattr(source, name)
        if table is None or not len(table):
            continue
        nothing = {column: says_nothing(table[column], words) for column in columns}
        wrong = pd.concat(nothing, axis=1).any(axis=1)
        if not wrong.any():
            continue
        for column, mask in nothing.items():
            counts.update(table[column][mask].astype(str).tolist())
        tables[name] = table[~wrong].reset_index(drop=True)
        dropped[f"{name}: {SAYS_NOTHING}"] = int(wrong.sum())
    if not tables:
        return source
    names = [f"{shown(value)} ({count:,})" for value, count in counts.most_common()]
    rows = sum(dropped[f"{name}: {SAYS_NOTHING}"] for name in tables)
    notice = Notice(
        "no-value-ids",
        f"{rows:,} rows are left out, because an id in them says that there is no value: {listed(names, 8)}; "
        "--no-value changes the list (--no-value '' keeps all)",
        rows,
        examples=tuple(names),
    )
    return replace(
        source,
        triples=tables.get("triples", source.triples),
        interactions=tables.get("interactions", source.interactions),
        links=tables.get("links", source.links),
        dropped=dropped,
        notices=(*source.notices, notice),
    )
