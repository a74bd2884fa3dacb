"""The time window of interactions: only those from ``since`` to ``until`` count, both inclusive, in UTC.

A date stands for its whole day, so 2005-01-01 to 2015-12-31 is eleven years. An interaction without a timestamp cannot
be shown to lie outside: it stays, and is counted.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from upgan.data.raw.source import RawSource
from upgan.errors import ConfigError, DataError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def seconds_of(text: str | None, *, end: bool = False) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or time; of a date alone its first or (``end``) last microsecond."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{text!r} is not an ISO 8601 date; write 2005-01-01, or 2005-01-01T12:00:00 for a time (UTC)"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if end and _DATE.fullmatch(text):
        moment += timedelta(days=1) - timedelta(microseconds=1)
    return moment.timestamp()


def checked_window(since: str | None, until: str | None) -> tuple[float | None, float | None]:
    """Both ends in seconds; ConfigError for what is no date, and for a window that ends before it begins."""
    first, last = seconds_of(since), seconds_of(until, end=True)
    if first is not None and last is not None and first > last:
        raise ConfigError(f"the time window runs from {since} until {until}: it ends before it begins")
    return first, last


def within_window(source: RawSource, since: str | None, until: str | None) -> tuple[RawSource, dict[str, Any]]:
    """Drop the interactions outside the window (see the module); the manifest's facts come along.

    A source whose interactions carry no timestamps is left as it is, and the facts say so. Raises DataError where
    no interaction is left.
    """
    first, last = checked_window(since, until)
    if first is None and last is None:
        return source, {"rule": "every interaction counts, whenever it was"}
    rule = f"an interaction counts from {since or 'the first'} until {until or 'the last'}, both inclusive (UTC)"
    if "timestamp" not in source.interactions:
        return source, {"rule": f"{rule}; not applied: the source has no timestamps"}
    times = source.interactions["timestamp"].to_numpy(dtype=np.float64)
    unknown = np.isnan(times)
    outside = np.zeros(len(times), dtype=bool)
    if first is not None:
        outside |= times < first
    if last is not None:
        outside |= times > last
    if len(times) and outside.all():
        low, high = (datetime.fromtimestamp(value, UTC).isoformat() for value in (times.min(), times.max()))
        raise DataError(
            f"none of the {len(times)} interactions lies within {since or 'the first'} to {until or 'the last'}; "
            f"they run from {low} to {high}"
        )
    facts = {"rule": rule, "kept_without_timestamp": int(unknown.sum())}
    if not outside.any():
        return source, facts
    dropped = {**source.dropped, f"interactions: {_reason(since, until)}": int(outside.sum())}
    kept = source.interactions[~outside].reset_index(drop=True)
    return replace(source, interactions=kept, dropped=dropped), facts


def refuse_window_without_times(source: RawSource) -> None:
    """ConfigError where a window was asked for and no interaction has a timestamp."""
    known = "timestamp" in source.interactions and source.interactions["timestamp"].notna().any()
    if not known:
        raise ConfigError(
            "--from and --until need interactions with timestamps, and this source has none; leave them out, or give "
            "interactions with a column timestamp"
        )


def _reason(since: str | None, until: str | None) -> str:
    return f"outside the time window {since or ''}..{until or ''} (from, until)"
