"""Ranks that a reproduction keeps: taken up where the file is whole, found again where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.predict.toy import make_run
from upgan.predict.predictor import load
from upgan.reproduce.measure import ranking_of


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    from tests.conftest import toy_tables
    from upgan.data.dataset import build_dataset

    tables: dict[str, Any] = {**toy_tables()}
    data = build_dataset(name="toy", **tables)
    folder = tmp_path_factory.mktemp("ranked")
    return make_run(folder / "run", data), data, folder / "ranks"


def test_they_are_kept_and_taken_up(ranked):
    run, data, cache = ranked
    found = ranking_of(run, data, cache)
    np.testing.assert_array_equal(found.ranks, load(run).rank("test").ranks)
    (kept,) = cache.iterdir()
    np.savez(kept.with_suffix(""), ranks=found.ranks + 1)
    np.testing.assert_array_equal(ranking_of(run, data, cache).ranks, found.ranks + 1)
    np.savez(kept.with_suffix(""), ranks=found.ranks)


def test_a_flipped_bit_or_a_missing_end_is_noticed_and_they_are_found_again(ranked):
    run, data, cache = ranked
    right = ranking_of(run, data, cache).ranks
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    damaged = [whole[:place] for place in range(0, len(whole), 40)]
    for place in range(0, len(whole), 7):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    for content in damaged:
        kept.write_bytes(content)
        np.testing.assert_array_equal(ranking_of(run, data, cache).ranks, right)
    np.savez(kept.with_suffix(""), ranks=np.full_like(right, np.nan, dtype=float))
    np.testing.assert_array_equal(ranking_of(run, data, cache).ranks, right)
