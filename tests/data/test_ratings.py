"""Ratings and times: what readers hand on, and the rule that makes a rating an interaction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from upgan.data.formats import read_sources
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.errors import ConfigError, DataError

TRIPLES = "".join(f"b{number}\tby\ta{number % 2}\n" for number in range(8))


def loose(min_rating: float | None = None) -> PrepareSettings:
    """Everything kept and nothing drawn, so that only the rule on ratings can drop an interaction."""
    return PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0), min_rating=min_rating)


def catalogue(folder: Path, ratings: str, name: str = "ratings.tsv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "triples.tsv").write_text(TRIPLES)
    (folder / name).write_text(ratings)
    return folder


def pairs(dataset) -> set[tuple[str, str]]:
    return {(dataset.users[user], dataset.entities[item]) for user, item in dataset.interactions.tolist()}


@pytest.mark.parametrize(
    ("text", "ratings", "times"),
    [
        ("u\tb1\t4.5\t100\nv\tb2\t1e0\t-5\n", [4.5, 1.0], [100.0, -5.0]),
        ("u\tb1\t4.5\nv\tb2\t\n", [4.5, np.nan], None),
        ("u\tb1\t1400000000\nv\tb2\t1500000000\n", None, [1.4e9, 1.5e9]),
        ("u\tb1\tgood\nv\tb2\t3\n", None, None),
        ("u\tb1\nv\tb2\n", None, None),
        ("timestamp\tuser\titem\tstars\n1400000000000\tu\tb1\t3\n\tv\tb2\t4\n", [3.0, 4.0], [1.4e9, np.nan]),
        ("user\titem\tdate\nu\tb1\t1970-01-02\nv\tb2\t1970-01-01T00:00:10\n", None, [86400.0, 10.0]),
        ("user\titem\tcomment\nu\tb1\t3\nv\tb2\t4\n", [3.0, 4.0], None),
    ],
    ids=["both", "one", "times-only", "words", "none", "header", "dates", "other-name"],
)
def test_readers_hand_on_ratings_and_times(tmp_path, text, ratings, times):
    frame = read_sources([catalogue(tmp_path, text)]).interactions
    assert ("rating" in frame) == (ratings is not None)
    assert ("timestamp" in frame) == (times is not None)
    for name, expected in (("rating", ratings), ("timestamp", times)):
        if expected is not None:
            np.testing.assert_array_equal(frame[name].to_numpy(), expected)
            assert frame[name].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user\titem\trating\nu\tb1\t3\nv\tb2\tgood\n", ["line 3", "rating 'good'", "finite number"]),
        ("user\titem\trating\nu\tb1\t1e999\n", ["line 2", "'1e999'"]),
        ("user\titem\trating\nu\tb1\tinf\n", ["line 2", "'inf'"]),
        ("user\titem\ttimestamp\n\nu\tb1\tyesterday\n", ["line 3", "'yesterday'", "ISO 8601"]),
    ],
)
def test_a_rating_or_time_that_is_none_is_named(tmp_path, text, words):
    with pytest.raises(DataError) as error:
        read_sources([catalogue(tmp_path, text)])
    assert all(word in str(error.value) for word in ["ratings.tsv", *words]), error.value


def test_min_rating_drops_and_counts(tmp_path):
    rows = "u\tb1\t5\nu\tb2\t2\nu\tb2\t4\nv\tb3\t3.9\nv\tb4\t4\nw\tb1\t\n"
    source = read_sources([catalogue(tmp_path, rows)])
    rated = prepare(source, tmp_path / "rated", loose(4))
    # u rated b2 twice: once is enough.
    assert pairs(rated) == {("u", "b1"), ("u", "b2"), ("v", "b4")}
    counts = {entry["reason"]: entry["count"] for entry in rated.manifest["dropped"]}
    assert counts["interactions: rated below 4 (min_rating)"] == 2
    assert counts["interactions: without a rating, where min_rating is given"] == 1
    assert rated.manifest["settings"]["min_rating"] == 4
    assert rated.manifest["ratings"] == {"rule": "an interaction counts when its rating is at least 4"}
    every = prepare(source, tmp_path / "every", loose())
    assert len(pairs(every)) == 5
    assert "every interaction counts" in every.manifest["ratings"]["rule"]


def test_min_rating_without_ratings_and_above_all_ratings(tmp_path):
    plain = read_sources([catalogue(tmp_path / "a", "u\tb1\n")])
    with pytest.raises(ConfigError, match="have no rating"):
        prepare(plain, tmp_path / "out", loose(4))
    rated = read_sources([catalogue(tmp_path / "b", "u\tb1\t3\nu\tb2\t2\n")])
    with pytest.raises(DataError, match="none of the 2 interactions is rated so high; their ratings run from 2 to 3"):
        prepare(rated, tmp_path / "out", loose(4))
    with pytest.raises(ConfigError, match="min_rating is nan"):
        PrepareSettings(min_rating=float("nan"))
    assert not (tmp_path / "out").exists()


def test_recbole_numbers_are_those_of_type_float(tmp_path):
    files = {
        "d.kg": "head_id:token\trelation_id:token\ttail_id:token\nm1\tby\tp1\n",
        "d.link": "item_id:token\tentity_id:token\n1\tm1\n",
        "d.inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu\t1\t3\t881250949\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    frame = read_sources([tmp_path]).interactions
    assert frame[["rating", "timestamp"]].to_numpy().tolist() == [[3.0, 881250949.0]]
    (tmp_path / "d.inter").write_text(files["d.inter"].replace("rating:float", "rating:token"))
    assert "rating" not in read_sources([tmp_path]).interactions
