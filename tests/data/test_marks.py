"""Ratings and times in a prepared dataset: every format's, each with its own interaction after every filter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import sources
from upgan.data.dataset import KGDataset, load_dataset
from upgan.data.formats import read_sources
from upgan.data.marks import NO_TIME
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.prepare.repeated import rows_that_count
from upgan.data.raw.format import DumpReading
from upgan.data.raw.ratings import time_numbers
from upgan.data.tables import fingerprint_of
from upgan.errors import DataError

EVERYTHING = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))
TRIPLES = "m1\tby\tp1\nm2\tby\tp1\nm3\tby\tp2\nm1\tgenre\tg1\n"
LINKS = "item\tentity\n1\tm1\n2\tm2\n3\tm3\n"
FOUR = {("u1", "m1"): (5, 100), ("u1", "m2"): (2, 200), ("u2", "m2"): (4, 300), ("u2", "m3"): (3, 400)}


def marks(dataset: KGDataset) -> dict[tuple[str, str], tuple[float | None, int | None]]:
    """(user, entity) -> (rating, time), None for what is not known."""
    count = len(dataset.interactions)
    ratings = np.full(count, np.nan) if dataset.ratings is None else dataset.ratings
    times = np.full(count, NO_TIME) if dataset.times is None else dataset.times
    assert ratings.shape == times.shape == (count,)
    assert ratings.dtype == np.float64
    assert times.dtype == np.int64
    return {
        (dataset.users[user], dataset.entities[item]): (
            None if np.isnan(rating) else float(rating),
            None if time == NO_TIME else int(time),
        )
        for (user, item), rating, time in zip(dataset.interactions.tolist(), ratings, times, strict=True)
    }


def prepared(folder: Path, files: dict[str, str], chosen: PrepareSettings = EVERYTHING) -> KGDataset:
    source = sources.write_source(folder / "source", files)
    return prepare(read_sources([source], dump=DumpReading(min_interactions=1)), folder / "out", chosen)


# Every format --------------------------------------------------------------------------------------------------------

HETREC = {"triples.tsv": TRIPLES, "links.tsv": LINKS}
PLAIN = {"triples.tsv": TRIPLES, "links.tsv": LINKS}
FORMATS = {
    "tsv": (sources.TSV, FOUR),
    "recbole": (sources.RECBOLE, FOUR),
    "release": (
        sources.RELEASE,
        {(user, f"{sources._NS}m.{item[1:]}"): mark for (user, item), mark in FOUR.items()},
    ),
    "hetrec listening": (
        sources.HETREC,
        {("2", "m1"): (13883, None), ("2", "m2"): (11690, None), ("4", "m2"): (300, None), ("4", "m3"): (20, None)},
    ),
    "hetrec films": (
        {**HETREC, "user_ratedmovies-timestamps.dat": "userID\tmovieID\trating\ttimestamp\n75\t3\t1\t1162160236000\n"},
        {("75", "m3"): (1, 1162160236)},
    ),
    "hetrec tags": (
        {
            **HETREC,
            "user_taggedartists-timestamps.dat": "userID\tartistID\ttagID\ttimestamp\n2\t1\t13\t1238536800000\n"
            "2\t1\t14\t1238536900000\n2\t2\t13\t1238536800000\n",
        },
        {("2", "m1"): (None, 1238536900), ("2", "m2"): (None, 1238536800)},
    ),
    "MovieLens-100K": (
        {**PLAIN, "u.data": "196\t2\t3\t881250949\n186\t3\t4\t891717742\n"},
        {("196", "m2"): (3, 881250949), ("186", "m3"): (4, 891717742)},
    ),
    "MovieLens-1M": (
        {**PLAIN, "ratings.dat": "1::1::5::978300760\n1::2::3::978302109\n"},
        {("1", "m1"): (5, 978300760), ("1", "m2"): (3, 978302109)},
    ),
    "MovieLens-25M": (
        {**PLAIN, "ratings.csv": "userId,movieId,rating,timestamp\n1,2,3.5,1147880044\n1,3,0.5,1147868817\n"},
        {("1", "m2"): (3.5, 1147880044), ("1", "m3"): (0.5, 1147868817)},
    ),
    "reviews with stars": (
        {**PLAIN, "interactions.tsv": "unixtime\tuser\titem\tstars\n1271635200\tann\t1\t4.5\n\tbob\t1\t\n"},
        {("ann", "m1"): (4.5, 1271635200), ("bob", "m1"): (None, None)},
    ),
    "dates": (
        {**PLAIN, "interactions.csv": "user,item,date\nann,1,2010-04-19\nbob,2,2010-04-19T00:00:01.9Z\n"},
        {("ann", "m1"): (None, 1271635200), ("bob", "m2"): (None, 1271635201)},
    ),
    "N-Triples": (
        {
            "graph.nt": sources.NTRIPLES["graph.nt"],
            "interactions.tsv": "user\titem\trating\nu1\ta\t-1\n",
            "links.tsv": sources.NTRIPLES["links.tsv"],
        },
        {("u1", f"{sources._DBR}Alien_%28film%29"): (-1, None)},
    ),
    "KB4Rec": (
        {
            "links.txt": "1\tm.0f1\n2\tm.0f2\n",
            "ratings.csv": "userId,movieId,rating,timestamp\nu1,1,4.0,1150000000\nu1,2,3.5,\nu1,1,2.0,1150000001\n"
            "u2,1,5,1150000001\nu2,1,,1150000009\nu2,2,1,\nu2,2,2,5\n",
            "freebase-rdf": sources.dump_of("f1 film.film.directed_by p1, f2 film.film.directed_by p1"),
        },
        {
            ("u1", "m.0f1"): (2, 1150000001),
            ("u1", "m.0f2"): (3.5, None),
            ("u2", "m.0f1"): (5, 1150000001),
            ("u2", "m.0f2"): (2, 5),
        },
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_hands_its_ratings_and_times_on(tmp_path, name):
    files, expected = FORMATS[name]
    dataset = prepared(tmp_path, files)
    assert marks(dataset) == expected
    for place, column in ((0, "ratings"), (1, "times")):
        known = sorted(mark[place] for mark in expected.values() if mark[place] is not None)
        assert (getattr(dataset, column) is None) == (not known)
        if known:
            assert dataset.manifest["counts"][column] == len(known)
            ends = [value for key, value in dataset.manifest["marks"][column].items() if key not in ("rows", "unit")]
            assert ends == [known[0], known[-1]]
    assert marks(load_dataset(tmp_path / "out")) == expected


def test_the_rows_of_a_file_of_ratings_give_the_same_bytes_each_time(tmp_path):
    """Several threads read it: of rows of one time the highest rating counts, whoever comes first."""
    rows = [f"u{n % 50},{n % 2 + 1},{n % 7},1150000000" for n in range(20_000)]
    files = {**FORMATS["KB4Rec"][0], "ratings.csv": "userId,movieId,rating,timestamp\n" + "\n".join(rows) + "\n"}
    first = prepared(tmp_path / "a", files)
    assert set(marks(first).values()) == {(6.0, 1150000000)}
    assert prepared(tmp_path / "b", files).fingerprint == first.fingerprint


@pytest.mark.parametrize("name", ["csv", "kgat", "ntriples"])
def test_a_source_without_ratings_and_times_has_no_columns_for_them(tmp_path, name):
    dataset = prepared(tmp_path, sources.FORMATS[name])
    assert (dataset.ratings, dataset.times) == (None, None)
    assert pq.read_schema(tmp_path / "out" / "interactions.parquet").names == ["user", "item"]
    assert {"marks", "repeated"}.isdisjoint(dataset.manifest)
    assert {"ratings", "times"}.isdisjoint(dataset.manifest["counts"])
    # What a fingerprint was taken of before there were ratings and times.
    names = ("entities", "entity_labels", "entity_kinds", "relations", "relation_labels", "users", "interactions")
    content = {key: getattr(dataset, key) for key in (*names, "train", "valid", "test")}
    assert dataset.fingerprint == fingerprint_of(content)


def test_ratings_that_the_filters_left_none_of_are_no_column(tmp_path):
    files = {**PLAIN, "interactions.tsv": "user\titem\trating\nann\t1\t\nbob\t9\t5\n"}
    dataset = prepared(tmp_path, files)
    assert marks(dataset) == {("ann", "m1"): (None, None)}
    assert dataset.ratings is None


@pytest.mark.parametrize("time", ["1e30", "-1e25", "99999999999999999999999999"])
def test_a_number_that_is_no_time_is_named(time):
    with pytest.raises(DataError, match=r"line 2: the timestamp .* neither a number of seconds"):
        time_numbers(pd.Series(["5", time], dtype=object), lambda row: f"line {row + 1}")


# Which row counts ----------------------------------------------------------------------------------------------------


def counted(rows):
    """The slow way: pair -> place of the row that counts."""
    best: dict[tuple[int, int], int] = {}
    for place, (user, item, rating, time) in enumerate(rows):
        if (user, item) in best:
            _, _, before_rating, before_time = rows[best[user, item]]
            if (rating is not None, -1 if time is None else time) < (
                before_rating is not None,
                -1 if before_time is None else before_time,
            ):
                continue
        best[user, item] = place
    return [best[pair] for pair in sorted(best)]


numbers = st.one_of(st.none(), st.integers(0, 3))


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), numbers, numbers), max_size=40))
def test_of_repeated_rows_the_last_counts(rows):
    pairs = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
    ratings, times = (
        np.array([np.nan if row[place] is None else row[place] for row in rows], dtype=float) for place in (2, 3)
    )
    assert rows_that_count(pairs, ratings, times).tolist() == counted(rows)
    assert rows_that_count(pairs, ratings, None).tolist() == counted([(*row[:3], None) for row in rows])
    assert rows_that_count(pairs, None, times).tolist() == counted([(*row[:2], None, row[3]) for row in rows])
    assert rows_that_count(pairs, None, None).tolist() == counted([(*row[:2], None, None) for row in rows])


def test_a_corrected_rating_counts_and_the_manifest_has_the_number(tmp_path):
    rows = "u\t1\t5\t100\nu\t1\t2\t300\nu\t1\t4\t200\nv\t2\t1\t\nv\t2\t3\t\nv\t2\t\t900\n"
    dataset = prepared(tmp_path, {**PLAIN, "interactions.tsv": f"user\titem\trating\ttime\n{rows}"})
    assert marks(dataset) == {("u", "m1"): (2, 300), ("v", "m2"): (3, None)}
    assert dataset.manifest["repeated"]["rows"] == 4
    assert "the last counts" in dataset.manifest["repeated"]["rule"]
    assert {"what": "interactions", "count": 4, "reason": "the same user and item again"} in dataset.manifest["dropped"]


def test_items_of_one_entity_are_one_pair(tmp_path):
    files = {
        **PLAIN,
        "links.tsv": "1\tm1\n2\tm1\n3\tm3\n",
        "interactions.tsv": "user\titem\trating\nu\t2\t3\nu\t1\t4\nv\t3\t1\n",
    }
    assert marks(prepared(tmp_path, files)) == {("u", "m1"): (4, None), ("v", "m3"): (1, None)}


# Filters -------------------------------------------------------------------------------------------------------------

DAY = 86_400
WINDOW = (("since", "1990-01-01"), ("until", "2030-01-01"))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A source of many users and films with repeats, gaps and unlinked films; and its rows as the file has them."""
    rng = np.random.default_rng(3)
    rows = []
    for place in range(3000):
        user, item = f"u{rng.integers(60)}", int(rng.zipf(1.4) % 90)
        rating = "" if rng.random() < 0.1 else f"{rng.integers(1, 11) / 2}"
        time = "" if rng.random() < 0.1 else str(1_000_000_000 + int(rng.integers(900)) * DAY + place % 7)
        rows.append((user, str(item), rating, time))
    triples = [f"m{n}\tby\tp{n % 11}\nm{n}\tin\tg{n % 4}\n" for n in range(70)] + ["p1\tof\tc0\nc0\tin\tc1\n"]
    files = {
        "triples.tsv": "".join(triples),
        "links.tsv": "".join(f"{n}\tm{n % 75}\n" for n in range(85)),
        "interactions.tsv": "user\titem\trating\ttimestamp\n" + "".join("\t".join(row) + "\n" for row in rows),
    }
    return sources.write_source(tmp_path_factory.mktemp("many"), files), rows


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_interactions": 6},
        {"min_interactions": 3, "min_triples": 2},
        {"min_rating": 3.0},
        {"since": "2002-01-01", "until": "2003-06-30"},
        {"since": "2002-01-01", "min_rating": 2.5, "min_interactions": 3, "min_triples": 2, "split": (0.6, 0.2, 0.2)},
    ],
    ids=str,
)
def test_every_interaction_keeps_its_own_rating_and_time(tmp_path, many, options):
    source, rows = many
    chosen = PrepareSettings(**{"min_interactions": 1, "min_triples": 1, "split": (1, 0, 0), **options})
    dataset = prepare(read_sources([source]), tmp_path / "out", chosen)
    low, high = (pd.Timestamp(options.get(name, day), tz="UTC").timestamp() for name, day in WINDOW)
    expected: dict[tuple[str, str], tuple[float | None, int | None]] = {}
    for user, item, rating_text, time_text in rows:
        rating, time = float(rating_text) if rating_text else None, int(time_text) if time_text else None
        if time is not None and not low <= time < high + DAY:
            continue
        if "min_rating" in options and (rating is None or rating < options["min_rating"]):
            continue
        if int(item) >= 85:
            continue
        pair = user, f"m{int(item) % 75}"
        before = expected.get(pair, (None, None))
        if (rating is not None, time or 0) >= (before[0] is not None, before[1] or 0):
            expected[pair] = rating, time
    found = marks(dataset)
    assert len(found) > 100
    assert found == {pair: expected[pair] for pair in found}
    assert any(mark[1] is None for mark in found.values())
    assert all(dataset.interactions[:-1, 0] <= dataset.interactions[1:, 0]), "rows stay sorted"
