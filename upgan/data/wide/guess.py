"""What the columns of an export may be, told by their names and by what stands in them. Every guess has its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping as Given
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.data.raw.headers import named_places, plain_word
from upgan.data.raw.no_value import NO_VALUES, folded, without_no_value
from upgan.data.raw.ratings import LEAST_TIME, looks_numeric
from upgan.data.raw.roles import INTERACTIONS
from upgan.data.wide.mapping import Column, Interactions, Items, Mapping
from upgan.data.wide.tables import WideTable
from upgan.errors import DataError, listed

_IDS = "id sku ean isbn asin gtin barcode code key number nr no articlenumber artikelnummer artikelnr signature"
_TITLES = "title name label titel bezeichnung titre nom titulo título nombre titolo nome heading caption"
#: Signs at which cells are split, those that hardly stand in a name first.
SPLITS = ("|", "\x1f", ";", "\n", "•", "·", "/", ",")
#: Signs that stand in names too: most cells must have them, and their parts come again.
_IN_NAMES = frozenset({"/", ","})
#: Cells with a sign for it to be the one, by share of the filled ones.
_SOME, _MANY = 0.02, 0.3
#: Columns of which so much of the smaller one's values stand in the other are of one kind.
SAME_KIND = 0.1
#: A text whose values hardly come again is no relation: descriptions, addresses.
_ALL_DIFFERENT = 0.9


def guess_mapping(tables: Sequence[WideTable]) -> Mapping:
    """The mapping that the tables suggest. Raises DataError where none of them can be a table of items."""
    interactions = [table for table in tables if _is_interactions(table)]
    items = [table for table in tables if table not in interactions]
    if not items:
        raise DataError(
            f"none of {listed(table.name for table in tables)} is a table of items: one with a row for each item and a "
            "column whose values are all different (its id)"
        )
    guessed = [guess_items(table) for table in items]
    ids = {value for part, table in zip(guessed, items, strict=True) for value in table.columns[part.id]}
    return Mapping(
        items=guessed,
        interactions=[guess_interactions(table, ids) for table in interactions],
    )


def _is_interactions(table: WideTable) -> bool:
    """Named users and items, with users that come again or nothing beside but a rating and a time; or a few columns of
    which none names an item."""
    places, _ = named_places([plain_word(name) for name in table.columns], INTERACTIONS.aliases)
    if {"user", "item"} <= places.keys():
        user = list(table.columns.values())[places["user"]]
        words = [plain_word(name) for name in table.columns]
        marks, _ = named_places(words, INTERACTIONS.optional, set(places.values()))
        return bool(user.duplicated().any()) or len(table.columns) == len({*places.values(), *marks.values()})
    return "user" in places and len(table.columns) <= 6 and not _unique(table)


def _unique(table: WideTable) -> list[str]:
    """Columns that are filled and different in nearly every row."""
    return [
        name
        for name, cells in table.columns.items()
        if (cells != "").mean() >= 0.95 and cells[cells != ""].nunique() >= 0.98 * len(cells)
    ]


def guess_items(table: WideTable) -> Items:
    """What a table of items is."""
    id_column = _id_column(table)
    title = _title_column(table, id_column)
    columns = {name: _column(name, cells) for name, cells in table.columns.items() if name not in (id_column, title)}
    _share_kinds(table, columns)
    return Items(
        file=table.name,
        sheet=table.sheet,
        encoding=table.encoding,
        separator=table.separator,
        id=id_column,
        title=title,
        kind=_kind_of_items(table, id_column),
        columns=columns,
    )


def _id_column(table: WideTable) -> str:
    unique = _unique(table)
    words = {name: plain_word(name) for name in table.columns}
    named = [name for name, word in words.items() if word in _IDS.split() or _last_word(name) in _IDS.split()]
    ending = [name for name, word in words.items() if word.endswith("id")]
    # A column that is called an id is one even where a value comes again: that is then said, with its place.
    for candidates in ([name for name in (*named, *ending) if name in unique], named, unique):
        if candidates:
            return candidates[0]
    raise DataError(
        f"{table.name}: no column names each row's item once; an id column has another value in each row "
        f"(columns: {listed(table.columns, 30)}); say which by --map"
    )


def _last_word(name: str) -> str:
    """ "id" of "Film ID", "film_id" and "filmId"."""
    words = re.findall(r"[A-Z]?[^\W\dA-Z_]+|[A-Z]+|\d+", name)
    return words[-1].casefold() if words else ""


def _title_column(table: WideTable, id_column: str) -> str:
    rest = [name for name in table.columns if name != id_column]
    words = _TITLES.split()
    exact = sorted((name for name in rest if plain_word(name) in words), key=lambda name: words.index(plain_word(name)))
    ending = [name for name in rest if plain_word(name).endswith(("title", "name", "titel"))]
    return (exact or ending or [""])[0]


def _kind_of_items(table: WideTable, id_column: str) -> str:
    """ "Film" of a column "Film ID"; else the file's name without its plural."""
    words = id_column.replace("_", " ").replace("-", " ").split()
    if len(words) > 1 and words[-1].casefold() in ("id", "nr", "no", "number", "code"):
        return " ".join(words[:-1])
    stem = Path(table.name).name.split(".")[0].replace("_", " ")
    return stem[:-1] if len(stem) > 3 and stem.endswith("s") and not stem.endswith("ss") else stem


def _column(name: str, cells: pd.Series) -> Column:
    """Whether a column is a relation, and at which sign its cells are split."""
    filled = without_no_value(cells, folded(NO_VALUES))
    filled = filled[filled != ""]
    if not len(filled):
        return Column(use="leave out", kind=name, why="it is empty")
    if looks_numeric(filled) is not None:
        return Column(use="leave out", kind=name, why="it holds numbers, which say more by their size than as names")
    sign = guess_split(filled)
    values = parts_of(filled, sign)
    if not sign and len(filled) >= 10 and filled.nunique() > _ALL_DIFFERENT * len(filled):
        return Column(use="leave out", kind=name, why="nearly every cell is different, so it says nothing of others")
    if not sign and filled.nunique() == 1 and len(filled) == len(cells):
        return Column(use="leave out", kind=name, why="all rows have the same")
    if values.str.len().median() > 120:
        return Column(use="leave out", kind=name, why="it holds long texts")
    again = f"{values.nunique():,} different values" + (f", cells split at {sign!r}" if sign else "")
    return Column(use="relation", kind=name, split=sign, why=again)


def guess_split(cells: pd.Series) -> str:
    """The sign at which filled ``cells`` (N,) are split, "" where each is one value."""
    for sign in SPLITS:
        share = float(cells.str.contains(sign, regex=False).mean())
        if sign not in _IN_NAMES:
            if share >= _SOME and int(cells.str.contains(sign, regex=False).sum()) >= 2:
                return sign
            continue
        if share < _MANY:
            continue
        parts = parts_of(cells, sign)
        if len(parts) and parts.nunique() <= min(0.7 * len(parts), cells.nunique()):
            return sign
    return ""


def parts_of(cells: pd.Series, sign: str) -> pd.Series:
    """The values of cells, without white space around them and without empty ones; the index tells the row."""
    single = cells.str.split(sign, regex=False).explode().astype(str) if sign else cells
    values = single.str.strip()
    return values[values != ""]


def _share_kinds(table: WideTable, columns: dict[str, Column]) -> None:
    """Columns that hold the same values (directors who act) are of one kind, so that a value is one entity."""
    nothing = folded(NO_VALUES)
    values = {
        name: set(without_no_value(parts_of(table.columns[name], column.split), nothing)) - {""}
        for name, column in columns.items()
        if column.use == "relation"
    }
    for one, other in combinations(values, 2):
        common = len(values[one] & values[other])
        if common >= 3 and common >= SAME_KIND * min(len(values[one]), len(values[other])):
            kind = columns[one].kind
            joined = kind if other in kind.split(" or ") else f"{kind} or {columns[other].kind}"
            for column in columns.values():
                if column.kind in (kind, columns[other].kind):
                    column.kind = joined


def guess_interactions(table: WideTable, ids: set[str]) -> Interactions:
    """Who chose what: by the usual names, and the item by the ids it shares with the items."""
    names = list(table.columns)
    places, _ = named_places([plain_word(name) for name in names], INTERACTIONS.aliases)
    optional, _ = named_places([plain_word(name) for name in names], INTERACTIONS.optional, set(places.values()))
    shares = {name: float(cells.isin(ids).mean()) for name, cells in table.columns.items()}
    item = max(shares, key=lambda name: shares[name])
    if shares[item] < 0.5 and "item" in places:
        item = names[places["item"]]
    user = names[places["user"]] if "user" in places and names[places["user"]] != item else ""
    user = user or next((name for name in names if name != item), "")
    if not user:
        raise DataError(f"{table.name}: a table of interactions has a column of users and one of items")
    rest = [name for name in names if name not in (user, item)]
    rating = names[optional["rating"]] if "rating" in optional and names[optional["rating"]] in rest else ""
    time = names[optional["timestamp"]] if "timestamp" in optional and names[optional["timestamp"]] in rest else ""
    if not time:
        dated = [name for name in rest if name != rating and _is_date(table.columns[name])]
        time = dated[0] if len(dated) == 1 else ""
    if not rating:
        numbers = [name for name in rest if name != time and _is_rating(table.columns[name])]
        rating = numbers[0] if len(numbers) == 1 else ""
    shared = {"file": table.name, "sheet": table.sheet, "encoding": table.encoding, "separator": table.separator}
    return Interactions(**shared, user=user, item=item, rating=rating, time=time)


def _is_date(cells: pd.Series) -> bool:
    filled = cells[cells != ""]
    return bool(len(filled)) and bool(filled.str.match(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?$").all())


def _is_rating(cells: pd.Series) -> bool:
    numbers = looks_numeric(without_no_value(cells, folded(NO_VALUES)))
    return numbers is not None and bool(np.nanmin(numbers) < LEAST_TIME)


def reasons(mapping: Mapping) -> Given[str, str]:
    """Why each column of items was guessed so, by "file: column"."""
    return {f"{part.file}: {name}": column.why for part in mapping.items for name, column in part.columns.items()}
