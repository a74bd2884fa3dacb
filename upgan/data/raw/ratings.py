"""Ratings and times of interactions: cells become numbers, and the rule by which a rating counts as an interaction.

A rating counts when it is at least ``--min-rating``; without that option every rating counts. A prepared dataset keeps
both columns (see upgan.data.marks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.raw.source import RawSource
from upgan.errors import ConfigError, DataError, shown

#: Times from these on count milliseconds and microseconds since 1970: in seconds they would be past the year 5000.
_MILLISECONDS, _MICROSECONDS = 1e11, 1e14
#: So many seconds are no time any more: from here on a float does not count them one by one.
BEYOND = 2.0**53
#: A third column without a name holds times, not ratings, when no value is smaller: 1e8 seconds is March 1973.
LEAST_TIME = 1e8

#: Says where row n of a column is, for a message: "ratings.csv, line 7".
Place = Callable[[int], str]


def rating_numbers(cells: pd.Series, place: Place) -> np.ndarray:
    """Ratings float64 (M,), NaN where a cell is empty; DataError for a cell that is no finite number."""
    numbers = _numbers(cells)
    filled = (cells != "").to_numpy(dtype=bool)
    wrong = np.flatnonzero(filled & ~np.isfinite(numbers))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{place(row)}: the rating {shown(cells.iloc[row])} is not a finite number")
    return numbers


def time_numbers(cells: pd.Series, place: Place) -> np.ndarray:
    """Seconds since 1970 float64 (M,), NaN where a cell is empty.

    A cell is a number (seconds, or from 1e11 on milliseconds, from 1e14 on microseconds) or an ISO 8601 date; anything
    else is a DataError.
    """
    numbers = _numbers(cells)
    numbers[np.abs(numbers) >= BEYOND * 1e6] = np.nan
    open_ = np.flatnonzero(np.isnan(numbers) & (cells != "").to_numpy(dtype=bool))
    if len(open_):
        dates = pd.to_datetime(cells.iloc[open_], format="ISO8601", utc=True, errors="coerce")
        wrong = np.flatnonzero(dates.isna().to_numpy())
        if len(wrong):
            row = int(open_[wrong[0]])
            raise DataError(
                f"{place(row)}: the timestamp {shown(cells.iloc[row])} is neither a number of seconds since 1970 nor "
                "an ISO 8601 date"
            )
        numbers[open_] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    scale = np.where(np.abs(numbers) >= _MICROSECONDS, 1e6, np.where(np.abs(numbers) >= _MILLISECONDS, 1e3, 1.0))
    seconds: np.ndarray = numbers / scale
    return seconds


def looks_numeric(cells: pd.Series) -> np.ndarray | None:
    """The numbers of a column without a name, or None where a filled cell is none: then it is not looked at."""
    numbers = _numbers(cells)
    filled = (cells != "").to_numpy(dtype=bool)
    return numbers if filled.any() and np.isfinite(numbers[filled]).all() else None


def rated_at_least(source: RawSource, minimum: float | None) -> tuple[RawSource, dict[str, Any]]:
    """Drop interactions rated below ``minimum`` and those without a rating; the manifest's facts come along.

    ``minimum`` None keeps all. Raises ConfigError where the source has no ratings, DataError where none is left.
    """
    rated = "rating" in source.interactions
    if minimum is None:
        rule = "every interaction counts, whatever its rating" if rated else "the source has no ratings"
        return source, {"rule": rule}
    if not rated:
        raise ConfigError(
            f"--min-rating {minimum:g}: the interactions of this source have no rating; leave the option out, or give "
            "interactions with a column rating"
        )
    ratings = source.interactions["rating"].to_numpy(dtype=np.float64)
    unrated, below = np.isnan(ratings), ratings < minimum
    counts = {
        f"interactions: rated below {minimum:g} (min_rating)": int(below.sum()),
        "interactions: without a rating, where min_rating is given": int(unrated.sum()),
    }
    keep = ~(unrated | below)
    if not keep.any():
        raise DataError(
            f"--min-rating {minimum:g}: none of the {len(keep)} interactions is rated so high; their ratings run from "
            f"{np.nanmin(ratings, initial=np.inf):g} to {np.nanmax(ratings, initial=-np.inf):g}"
        )
    dropped = {**source.dropped, **{reason: count for reason, count in counts.items() if count}}
    kept = source.interactions[keep].reset_index(drop=True)
    facts = {"rule": f"an interaction counts when its rating is at least {minimum:g}"}
    return replace(source, interactions=kept, dropped=dropped), facts


def _numbers(cells: pd.Series) -> np.ndarray:
    """Cells as float64 (M,), NaN where a cell is none; what Python alone reads as a number ("1_000") is none."""
    numbers: np.ndarray = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    return numbers
