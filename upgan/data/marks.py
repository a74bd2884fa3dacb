"""What interactions carry beside user and item, where the source has it: how they were rated, and when they were.

Both are arrays in the order of the interactions (M of them). ``ratings``: float64, NaN where a row has none.
``times``: int64, seconds since 1970 or, where a source has no more than an order, places in it; NO_TIME where a row has
none, which sorts before every time. A column without a single value is no column: None.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from upgan.data.raw.ratings import LEAST_TIME
from upgan.data.tables import NUMBERS, Table, row_order
from upgan.errors import DataError

#: Stands for a time that is not known.
NO_TIME = int(np.iinfo(np.int64).min)
#: Seconds since 1970 of the years 1 and 10000: what a calendar has.
_CALENDAR = (-62_135_596_800, 253_402_300_800)


def whole_seconds(seconds: np.ndarray) -> np.ndarray:
    """Times int64 (M,) of seconds float64 (M,): the second in which each lies, NO_TIME for NaN."""
    times = np.full(len(seconds), NO_TIME, dtype=np.int64)
    known = ~np.isnan(seconds)
    times[known] = np.floor(seconds[known]).astype(np.int64)
    return times


def marks_of(table: Table, pairs: np.ndarray) -> dict[str, np.ndarray]:
    """``ratings`` and ``times`` of a table of interactions, sorted by its numbered ``pairs`` (M, 2); none, no entry.

    Raises DataError with the 1-based row for a rating that is no finite number, or a time that is no whole number.
    """
    found = {}
    if "rating" in table and not np.isnan(ratings := _ratings(pd.Series(table["rating"]))).all():
        found["ratings"] = ratings
    if "time" in table and timed(times := _times(pd.Series(table["time"]))).any():
        found["times"] = times
    if found:
        order = row_order(pairs)
        found = {name: values[order] for name, values in found.items()}
    for values in found.values():
        values.setflags(write=False)
    return found


def timed(times: np.ndarray) -> np.ndarray:
    """Which rows (M,) have a time, bool."""
    known: np.ndarray = times != NO_TIME
    return known


def columns_of(ratings: np.ndarray | None, times: np.ndarray | None) -> dict[str, pa.Array]:
    """The columns of a file, null where a row has no value."""
    types, columns = NUMBERS["interactions"], {}
    if ratings is not None:
        columns["rating"] = pa.array(ratings, type=types["rating"], mask=np.isnan(ratings))
    if times is not None:
        columns["time"] = pa.array(times, type=types["time"], mask=~timed(times))
    return columns


def ranges_of(ratings: np.ndarray | None, times: np.ndarray | None) -> dict[str, dict[str, Any]]:
    """For JSON, of what is there: ``ratings`` (rows, lowest, highest) and ``times`` (rows, first, last, unit).

    ``unit`` is "seconds since 1970", or "order" where the numbers are too small to be dates.
    """
    found: dict[str, dict[str, Any]] = {}
    if ratings is not None:
        known = ratings[~np.isnan(ratings)]
        found["ratings"] = {"rows": len(known), "lowest": float(known.min()), "highest": float(known.max())}
    if times is not None:
        known = times[timed(times)]
        first, last = int(known.min()), int(known.max())
        dated = last >= LEAST_TIME and _CALENDAR[0] <= first and last < _CALENDAR[1]
        unit = "seconds since 1970" if dated else "order"
        found["times"] = {"rows": len(known), "first": first, "last": last, "unit": unit}
    return found


def range_words(ranges: Mapping[str, Mapping[str, Any]], interactions: int) -> dict[str, str]:
    """``ranges_of`` in words, one text for ratings and one for times."""
    words = {"ratings": "none", "times": "none"}
    if ratings := ranges.get("ratings"):
        span = f"from {ratings['lowest']:g} to {ratings['highest']:g}"
        words["ratings"] = f"{ratings['rows']:,} of {interactions:,} interactions, {span}"
    if times := ranges.get("times"):
        ends = [times["first"], times["last"]]
        if times["unit"] == "order":
            span = f"an order, from {ends[0]} to {ends[1]}"
        else:
            span = "from {} to {}".format(*(datetime.fromtimestamp(end, UTC).date().isoformat() for end in ends))
        words["times"] = f"{times['rows']:,} of {interactions:,} interactions, {span}"
    return words


def _ratings(cells: pd.Series) -> np.ndarray:
    numbers = _floats("rating", cells, "a rating is a number")
    wrong = np.flatnonzero(np.isinf(numbers))
    if len(wrong):
        raise _wrong("rating", int(wrong[0]), numbers[wrong[0]], "a finite number")
    # One zero and one NaN, so that equal ratings are equal bytes.
    return np.where(np.isnan(numbers), np.nan, numbers + 0.0)


def _times(cells: pd.Series) -> np.ndarray:
    if pd.api.types.is_integer_dtype(cells.dtype):
        return cells.fillna(NO_TIME).to_numpy(dtype=np.int64) if cells.hasnans else cells.to_numpy(dtype=np.int64)
    numbers = _floats("time", cells, "a time is a whole number of seconds since 1970, or a place in an order")
    wrong = np.flatnonzero(~np.isnan(numbers) & ~((np.floor(numbers) == numbers) & (np.abs(numbers) < 2.0**63)))
    if len(wrong):
        raise _wrong("time", int(wrong[0]), numbers[wrong[0]], "a whole number")
    return whole_seconds(numbers)


def _floats(column: str, cells: pd.Series, what: str) -> np.ndarray:
    if cells.isna().all():
        return np.full(len(cells), np.nan)
    if not pd.api.types.is_numeric_dtype(cells.dtype) or pd.api.types.is_bool_dtype(cells.dtype):
        raise DataError(f"table interactions: column {column} holds {cells.dtype}; {what}")
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def _wrong(column: str, row: int, value: float, allowed: str) -> DataError:
    return DataError(f"table interactions, row {row + 1}: {column} {value:g}; allowed: {allowed}, or null")
