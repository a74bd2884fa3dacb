"""Ratings and times in a prepared dataset: every format's, each with its own interaction after every filter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command_line import upgan
from tests.data import sources
from upgan.data.check import check_dataset, check_source
from upgan.data.dataset import KGDataset, build_dataset, copy_dataset, load_dataset
from upgan.data.describe import describe
from upgan.data.formats import read_sources
from upgan.data.marks import NO_TIME, timed
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


# The dataset ---------------------------------------------------------------------------------------------------------


def with_marks(frames, **columns):
    return build_dataset(name="toy", **{**frames, "interactions": frames["interactions"].assign(**columns)})


TEN = {"rating": [np.nan, *np.arange(9) / 2], "time": pd.array([*range(9), None], dtype="Int64")}


def test_ratings_and_times_go_with_their_rows(toy_frames, toy_dataset, tmp_path):
    dataset = with_marks(toy_frames, **TEN)
    assert np.array_equal(dataset.interactions, toy_dataset.interactions)
    # The toy's rows are sorted as they stand.
    assert dataset.ratings is not None
    assert np.array_equal(dataset.ratings, np.array(TEN["rating"]), equal_nan=True)
    assert dataset.times.tolist() == [*range(9), NO_TIME]
    assert timed(dataset.times).tolist() == [True] * 9 + [False]
    for values in (dataset.ratings, dataset.times):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
    copy_dataset(dataset, tmp_path / "one")
    again = load_dataset(tmp_path / "one")
    assert (marks(again), again.fingerprint) == (marks(dataset), dataset.fingerprint)
    copy_dataset(again, tmp_path / "two")
    assert (tmp_path / "one" / "interactions.parquet").read_bytes() == (
        tmp_path / "two" / "interactions.parquet"
    ).read_bytes()
    table = pq.read_table(tmp_path / "one" / "interactions.parquet")
    assert [str(field.type) for field in table.schema] == ["string", "string", "double", "int64"]
    assert (table["rating"].null_count, table["time"].null_count) == (1, 1)


def test_row_order_and_types_of_a_file_change_nothing(toy_frames):
    frames = {**toy_frames, "interactions": toy_frames["interactions"].assign(**TEN)}
    dataset = build_dataset(name="toy", **frames)
    mixed = {**frames, "interactions": frames["interactions"].sample(frac=1, random_state=2)}
    assert build_dataset(name="toy", **mixed).fingerprint == dataset.fingerprint
    floats = [*map(float, range(9)), np.nan]
    assert with_marks(toy_frames, rating=TEN["rating"], time=floats).fingerprint == dataset.fingerprint
    assert with_marks(toy_frames, rating=[0] * 10).fingerprint == with_marks(toy_frames, rating=[-0.0] * 10).fingerprint


def test_files_of_another_writer(toy_frames, tmp_path):
    dataset = with_marks(toy_frames, **TEN)
    copy_dataset(dataset, tmp_path / "d")
    path = tmp_path / "d" / "interactions.parquet"
    frame = pd.read_parquet(path)
    assert frame["time"].dtype == np.float64, "null makes floats of whole numbers"
    frame.assign(rating=frame["rating"].astype("float32")).to_parquet(path)
    assert load_dataset(tmp_path / "d").fingerprint == dataset.fingerprint


def test_the_fingerprint_sees_ratings_and_times(toy_frames, toy_dataset):
    prints = {
        toy_dataset.fingerprint,
        with_marks(toy_frames, rating=[1.0] * 10).fingerprint,
        with_marks(toy_frames, time=[1] * 10).fingerprint,
        with_marks(toy_frames, rating=[1.0] * 9 + [2.0]).fingerprint,
        with_marks(toy_frames, **TEN).fingerprint,
    }
    assert len(prints) == 5
    for nothing in ([None] * 10, [np.nan] * 10):
        assert with_marks(toy_frames, rating=nothing, time=nothing).fingerprint == toy_dataset.fingerprint


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"rating": [1.0] * 4 + [np.inf] * 6}, r"table interactions, row 5: rating inf; allowed: a finite number"),
        ({"rating": ["good"] * 10}, "column rating holds"),
        ({"rating": [True] * 10}, "column rating holds bool"),
        ({"time": [1.0] * 9 + [1.5]}, r"row 10: time 1\.5; allowed: a whole number"),
        ({"time": [1e30] * 10}, "row 1: time 1e\\+30"),
        ({"time": pd.to_datetime(["2020-01-01"] * 10)}, "column time holds datetime64"),
    ],
)
def test_ratings_and_times_that_are_none(toy_frames, columns, words):
    with pytest.raises(DataError, match=words):
        with_marks(toy_frames, **columns)


def test_a_changed_rating_is_noticed_and_the_file_named(toy_frames, tmp_path):
    copy_dataset(with_marks(toy_frames, **TEN), tmp_path / "d")
    path = tmp_path / "d" / "interactions.parquet"
    frame = pd.read_parquet(path)
    frame.assign(rating=5.0).to_parquet(path)
    with pytest.raises(DataError, match="states 9 ratings, the tables hold 10"):
        load_dataset(tmp_path / "d")
    frame.assign(rating=frame["rating"] + 1).to_parquet(path)
    with pytest.raises(DataError, match="changed after preparation"):
        load_dataset(tmp_path / "d")
    frame.assign(rating=np.inf).to_parquet(path)
    with pytest.raises(DataError, match=r"interactions\.parquet, row 1: rating inf"):
        load_dataset(tmp_path / "d")


# What is said of them ------------------------------------------------------------------------------------------------


def test_describe_and_check_say_whether_they_are_there(toy_frames, toy_dataset, tmp_path):
    dated = with_marks(toy_frames, rating=TEN["rating"], time=[10**9 + n * DAY for n in range(10)])
    described = json.loads(json.dumps(describe(dated).to_dict()))["marks"]
    assert described["ratings"] == {"rows": 9, "lowest": 0.0, "highest": 4.0}
    assert described["times"] == {
        "rows": 10,
        "first": 10**9,
        "last": 10**9 + 9 * DAY,
        "unit": "seconds since 1970",
    }
    checked = check_dataset(dated).finding("ratings-and-times")
    assert checked is not None
    for text in (describe(dated).to_text(), checked.meaning):
        assert "atings: 9 of 10 interactions, from 0 to 4" in text
        assert "imes: 10 of 10 interactions, from 2001-09-09 to 2001-09-18" in text
    assert "times: 9 of 10 interactions, an order, from 0 to 8" in describe(with_marks(toy_frames, **TEN)).to_text()
    plain = describe(toy_dataset)
    assert plain.to_dict()["marks"] == {}
    assert "ratings: none\n  times: none" in plain.to_text()
    finding = check_dataset(toy_dataset).finding("ratings-and-times")
    assert finding is not None
    assert (finding.severity, finding.count) == ("ok", 0)
    copy_dataset(dated, tmp_path / "d")
    manifest = json.loads((tmp_path / "d" / "manifest.json").read_text())
    assert manifest["marks"]["words"]["ratings"] == "9 of 10 interactions, from 0 to 4"
    shown = json.loads(upgan("data", "describe", tmp_path / "d", "--json").stdout)
    assert shown["marks"] == described


def test_the_check_of_a_source_says_what_preparation_keeps(tmp_path):
    folder = sources.write_source(tmp_path / "tsv", sources.TSV)
    found = check_source([folder], min_interactions=1).finding("ratings-and-times")
    assert found is not None
    assert (found.severity, found.count, found.total) == ("note", 4, 4)
    assert found.details == {
        "ratings": {"rows": 4, "lowest": 2.0, "highest": 5.0},
        "times": {"rows": 4, "first": 100, "last": 400, "unit": "order"},
    }


# Real data -----------------------------------------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "file", "separator"),
    [
        ("ml-100k", "ml-100k.inter", "\t"),
        ("rkge-ml100k", "interactions.tsv", "\t"),
        ("dbbook", "interactions.tsv", "\t"),
        ("hetrec2011-movielens-2k", "user_ratedmovies-timestamps.dat", "\t"),
        ("hetrec2011-lastfm-2k", "user_artists.dat", "\t"),
    ],
)
def test_real_catalogues_keep_their_ratings_and_times(shared_data, tmp_path, folder, file, separator):
    path = shared_data / folder / file
    if not path.is_file():
        pytest.skip(f"no {folder}/{file} in {shared_data}")
    source = read_sources([shared_data / folder])
    dataset = prepare(source, tmp_path / "out", PrepareSettings(2, 3))
    entity = {} if source.links is None else dict(source.links.drop_duplicates("item").to_numpy().tolist())
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    names = [cell.partition(":")[0].lower() for cell in header.split(separator)]
    expected: dict[tuple[str, str], tuple[float | None, int | None]] = {}
    for line in lines:
        row = dict(zip(names, line.split(separator), strict=True))
        user = row.get("user_id") or row.get("userid") or row["user"]
        item = next(row[name] for name in ("item_id", "movieid", "artistid", "item") if name in row)
        rating = float(row["weight"] if "weight" in row else row["rating"])
        time = int(row["timestamp"]) if "timestamp" in row else None
        if time is not None and time >= 10**11:
            time //= 1000
        pair = user, entity.get(item, item)
        if pair not in expected or (time or 0) >= (expected[pair][1] or 0):
            expected[pair] = rating, time
    found = marks(dataset)
    assert len(found) > 10_000
    assert found == {pair: expected[pair] for pair in found}
