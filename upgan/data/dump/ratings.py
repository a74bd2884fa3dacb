"""Ratings too many for memory: filtered and merged by DuckDB while they are read.

Known layouts: a table with a header that names user and item (MovieLens: userId,movieId,rating,timestamp); user, item,
rating, timestamp without a header (Amazon's CSV, MovieLens' ``::``); and LFM-1b's listening events, user, artist,
album, track, timestamp between tabs, where the item is the track: KB4Rec links tracks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from upgan.data.dump.passes import Say, quoted, run_saying
from upgan.data.dump.stream import compression_of, first_lines
from upgan.data.prepare.window import checked_window
from upgan.data.raw.ratings import BEYOND, LEAST_TIME
from upgan.data.raw.roles import INTERACTIONS
from upgan.errors import DataError

LFM_COLUMNS = ("user", "artist", "album", "item", "timestamp")
MALFORMED_SHARE = 0.01
MALFORMED_FREE = 10
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class RatingFile:
    """A file of ratings: its columns in order (user and item among them; others may have any name)."""

    path: Path
    separator: str
    columns: tuple[str, ...]
    header: bool


@dataclass(frozen=True, eq=False)
class Ratings:
    """What was kept: user, item and, where known, rating and timestamp, each pair once.

    Of the rows of a pair the last by time counts, and of those of one time the highest rating, because a file read by
    several threads has no order; a row without a rating does not replace one with a rating.
    """

    interactions: pd.DataFrame
    rows: int
    dropped: dict[str, int]
    without_timestamp: int
    examples: list[str]


def recognise_ratings(path: Path) -> RatingFile | None:
    """The layout of a file of ratings, or None where its first lines are something else."""
    lines = [line for line in first_lines(path) if line.strip()]
    if not lines:
        return None
    separator = "::" if "::" in lines[0] else "\t" if "\t" in lines[0] else ","
    rows = [[cell.strip().strip('"') for cell in line.split(separator)] for line in lines]
    header = _header(rows[0])
    if header:
        # A table of tags names user and item as well, and its rows are no ratings.
        return None if "tag" in header else RatingFile(path, separator, header, True)
    width = len(rows[0])
    if any(len(row) != width for row in rows) or width not in (3, 4, 5):
        return None
    if width == 5:
        whole = all(_NUMBER.fullmatch(cell) for row in rows for cell in row)
        lfm = separator == "\t" and whole and all(float(row[4]) >= LEAST_TIME for row in rows)
        return RatingFile(path, separator, LFM_COLUMNS, False) if lfm else None
    if not all(_NUMBER.fullmatch(cell) for row in rows for cell in row[2:]):
        return None
    last = all(float(row[-1]) >= LEAST_TIME for row in rows)
    if width == 4:
        return RatingFile(path, separator, ("user", "item", "rating", "timestamp"), False) if last else None
    return RatingFile(path, separator, ("user", "item", "timestamp" if last else "rating"), False)


def read_ratings(
    connection: duckdb.DuckDBPyConnection,
    file: RatingFile,
    items: pd.Series,
    *,
    min_rating: float | None,
    since: str | None,
    until: str | None,
    say: Say,
) -> Ratings:
    """The ratings of ``items`` within the time window and from ``min_rating`` on.

    One pass. A rating that fails is counted under the first rule that it fails: time, rating, no link. Raises
    DataError for a rating or timestamp that is none, for too many rows of another width, and where none is left.
    """
    rated, timed = "rating" in file.columns, "timestamp" in file.columns
    first, last = checked_window(since, until)
    rules = ["WHEN coalesce(u, '') = '' OR coalesce(i, '') = '' THEN 'empty'"]
    if rated:
        rules.append("WHEN r IS NULL AND rating <> '' OR isnan(r) OR isinf(r) THEN 'bad rating'")
    if timed:
        rules.append(f"WHEN (t IS NULL OR NOT abs(t) < {BEYOND}) AND timestamp <> '' THEN 'bad timestamp'")
        rules += [f"WHEN t < {first} THEN 'window'"] if first is not None else []
        rules += [f"WHEN t > {last} THEN 'window'"] if last is not None else []
    if min_rating is not None and rated:
        rules += [f"WHEN r < {min_rating} THEN 'low'", "WHEN r IS NULL THEN 'unrated'"]
    rules.append("WHEN i NOT IN (SELECT item FROM linked_items) THEN 'unlinked'")
    connection.register("given_items", pd.DataFrame({"item": items.drop_duplicates()}))
    connection.execute("CREATE OR REPLACE TEMP TABLE linked_items AS SELECT item FROM given_items")
    query = f"""
        CREATE OR REPLACE TEMP TABLE kept AS SELECT * EXCLUDE (newest), nullif(newest.r, {_NEVER}) AS rating,
            nullif(newest.t, {_NEVER}) AS timestamp
        FROM (SELECT why, CASE WHEN why = '' THEN u END AS user,
            CASE WHEN why = '' THEN i END AS item, count(*) AS times, {_NEWEST if rated and timed else _MOST} AS newest,
            count(*) FILTER (t IS NULL) AS timeless,
            any_value(CASE WHEN why LIKE 'bad%' THEN {"rating" if rated else "''"} END) AS rating_text,
            any_value(CASE WHEN why LIKE 'bad%' THEN {"timestamp" if timed else "''"} END) AS timestamp_text
        FROM (SELECT *, CASE {" ".join(rules)} ELSE '' END AS why FROM (
            SELECT *, trim("user") AS u, trim(item) AS i, {"TRY_CAST(rating AS DOUBLE)" if rated else "NULL"} AS r,
                {_SECONDS if timed else "NULL::DOUBLE"} AS t FROM {_scan(file)}))
        GROUP BY ALL)"""
    try:
        run_saying(
            connection, lambda: connection.execute(query), f"reading {file.path.name}", say, file.path.stat().st_size
        )
    except duckdb.Error as error:
        raise DataError(f"{file.path} cannot be read as ratings: {str(error).splitlines()[0]}") from error
    return _result(connection, file, rated, timed, min_rating, (since, until))


#: Of a pair's rows the one that counts (r its rating, t its time). In a struct null compares as the greatest value, so
#: none is let in. Where only one of the two is known, no struct is kept for each of millions of pairs.
_NEVER = "'-infinity'::DOUBLE"
_NEWEST = f"max(struct_pack(rated := r IS NOT NULL, t := coalesce(t, {_NEVER}), r := coalesce(r, {_NEVER})))"
_MOST = "struct_pack(r := max(r), t := max(t))"
#: Seconds since 1970 from a date or a number (of seconds, milli- or microseconds, as upgan.data.raw.ratings has it).
_SECONDS = """coalesce(
    CASE WHEN abs(TRY_CAST(timestamp AS DOUBLE)) >= 1e14 THEN TRY_CAST(timestamp AS DOUBLE) / 1e6
         WHEN abs(TRY_CAST(timestamp AS DOUBLE)) >= 1e11 THEN TRY_CAST(timestamp AS DOUBLE) / 1e3
         ELSE TRY_CAST(timestamp AS DOUBLE) END,
    epoch(TRY_CAST(timestamp AS TIMESTAMP)))"""


def _result(
    connection: duckdb.DuckDBPyConnection,
    file: RatingFile,
    rated: bool,
    timed: bool,
    min_rating: float | None,
    window: tuple[str | None, str | None],
) -> Ratings:
    counts = {
        why: int(count) for why, count in connection.execute("SELECT why, sum(times) FROM kept GROUP BY why").fetchall()
    }
    for column in ("rating", "timestamp"):
        if counts.get(f"bad {column}"):
            _refuse_value(connection, file, column, counts[f"bad {column}"])
    rejects = connection.execute("SELECT DISTINCT line, csv_line FROM reject_errors ORDER BY line").fetchall()
    connection.execute("DELETE FROM reject_errors; DELETE FROM reject_scans")
    rows = sum(counts.values()) + len(rejects)
    wrong = len(rejects) + counts.get("empty", 0)
    examples = [f"{file.path.name}, line {line}: {str(text)[:200]!r}" for line, text in rejects[:5]]
    if wrong > max(MALFORMED_FREE, MALFORMED_SHARE * rows):
        raise DataError(
            f"{file.path}: {wrong:,} of {rows:,} rows do not have {len(file.columns)} cells with a user and an item "
            f"(more than {MALFORMED_SHARE:.0%}); columns: {', '.join(file.columns)}. First examples: "
            f"{'; '.join(examples) or 'empty user or item'}"
        )
    if not counts.get(""):
        outcome = ", ".join(f"{_reasons(window, min_rating)[why]}: {count:,}" for why, count in counts.items() if why)
        raise DataError(f"{file.path}: no interaction is left of {rows:,} rows ({outcome or 'none'})")
    columns = ["user", "item"] + ["rating"] * rated + ["timestamp"] * timed
    chosen = ", ".join(f'"{name}"' for name in columns)
    # By way of arrow: as Python strings ten million rows would take gigabytes. Preparation sorts them.
    frame = connection.sql(f"SELECT {chosen} FROM kept WHERE why = ''").to_arrow_table().to_pandas()
    dropped = {f"interactions: {text}": counts.get(why, 0) for why, text in _reasons(window, min_rating).items()}
    dropped["interactions: row of another width, or not UTF-8"] = len(rejects)
    dropped["interactions: the same user and item again"] = counts[""] - len(frame)
    timeless = connection.execute("SELECT coalesce(sum(timeless), 0) FROM kept WHERE why = ''").fetchone()
    return Ratings(
        interactions=frame,
        rows=rows,
        dropped={reason: count for reason, count in dropped.items() if count},
        without_timestamp=int(timeless[0]) if timeless else 0,
        examples=examples,
    )


def _reasons(window: tuple[str | None, str | None], min_rating: float | None) -> dict[str, str]:
    return {
        "empty": "no user or no item",
        "window": f"outside the time window {window[0] or ''}..{window[1] or ''} (from, until)",
        "low": f"rated below {min_rating or 0:g} (min_rating)",
        "unrated": "without a rating, where min_rating is given",
        "unlinked": "item without a link to an entity",
    }


def _refuse_value(connection: duckdb.DuckDBPyConnection, file: RatingFile, column: str, count: int) -> None:
    row = connection.execute(f"SELECT {column}_text FROM kept WHERE why = 'bad {column}'").fetchone()
    value = str(row[0]) if row else ""
    place = file.columns.index(column)
    number = "?"
    with file.path.open("rb") as stream:
        for line, data in enumerate(stream, 1):
            cells = data.decode("utf-8", errors="replace").strip().split(file.separator)
            if len(cells) > place and cells[place].strip('" ') == value.strip() and not (file.header and line == 1):
                number = str(line)
                break
    allowed = "a number" if column == "rating" else "seconds since 1970 or an ISO 8601 date"
    raise DataError(f"{file.path}, line {number}: {column} {value!r} ({count} such rows); allowed: {allowed}, or empty")


def _header(cells: list[str]) -> tuple[str, ...] | None:
    """The columns that a header names, others under their own name; None where user and item are not both named."""
    known = {**INTERACTIONS.aliases, **INTERACTIONS.optional}
    extra = {"item": "track_id trackid track asin book movie song_id", "user": "reviewerid listener"}
    names = [
        next(
            (
                column
                for column, words in known.items()
                if cell.casefold() in f"{words} {extra.get(column, '')}".split()
            ),
            cell,
        )
        for cell in cells
    ]
    if names.count("user") != 1 or names.count("item") != 1 or len(set(names)) < len(names):
        return None
    return tuple(names)


def _scan(file: RatingFile) -> str:
    compression = compression_of(file.path) or "none"
    if compression not in ("none", "gzip", "zstd"):
        raise DataError(f"{file.path} is packed with {compression}: unpack it, or use gzip")
    quote = '"' if file.separator == "," else ""
    columns = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in file.columns)
    return (
        f"read_csv({quoted(file.path)}, delim = {quoted(file.separator)}, quote = {quoted(quote)}, "
        f"escape = {quoted(quote)}, header = {str(file.header).lower()}, auto_detect = false, "
        f"compression = {quoted(compression)}, columns = {{{columns}}}, store_rejects = true)"
    )
