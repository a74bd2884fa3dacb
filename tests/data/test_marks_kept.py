"""Ratings and times in a prepared dataset: they go with their rows, are sealed, described, checked."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.command_line import upgan
from tests.data import sources
from tests.data.test_marks import DAY, marks
from upgan.data.check import check_dataset, check_source
from upgan.data.dataset import build_dataset, copy_dataset, load_dataset
from upgan.data.describe import describe
from upgan.data.formats import read_sources
from upgan.data.marks import NO_TIME, timed
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.errors import DataError


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
