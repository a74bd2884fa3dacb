"""Users of very many items: heard on some by a stated rule, and everything after it exact."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.errors import TrainingError
from upgan.graph import cointeraction
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.cointeraction_update import changed_cointeraction
from upgan.graph.heavy import heard
from upgan.graph.marked import Marked
from upgan.graph.observed import shuffled
from upgan.graph.said import said_by_users
from upgan.types import Heard

ENTITIES, USERS = 12, 5
pairs = st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(0, ENTITIES - 1)), max_size=70)
KEPT: dict[str, Any] = {"power": 3.0, "neighbours": 30, "counted": 30}


def lot(user: int, item: int) -> int:
    """SplitMix64 in Python's whole numbers."""
    mask = 2**64 - 1
    value = ((user << 32) + item + 0x9E3779B97F4A7C15) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return value ^ (value >> 31)


def as_rows(reads) -> np.ndarray:
    return np.array(reads, dtype=np.int64).reshape(-1, 2)


@settings(deadline=None, max_examples=100)
@given(pairs, st.integers(0, 8))
def test_a_user_is_heard_on_the_items_of_its_smallest_lots(reads, most):
    """Whatever the order, each row of a repeated pair alike."""
    expected = set()
    for user in range(USERS):
        items = sorted({item for owner, item in reads if owner == user}, key=lambda item: lot(user, item))
        expected |= {(user, item) for item in (items[:most] if most else items)}
    kept = heard(as_rows(reads), most)
    assert [pair in expected for pair in reads] == kept.tolist()


def test_lots_fall_evenly():
    everything = as_rows([(user, item) for user in range(400) for item in range(50)])
    counts = Counter(everything[heard(everything, 10), 1].tolist())
    assert sum(counts.values()) == 400 * 10
    assert max(abs(counts[item] - 80) for item in range(50)) < 5 * np.sqrt(400 * 0.2 * 0.8)


@settings(deadline=None, max_examples=60)
@given(pairs, st.integers(1, 6))
def test_co_interaction_is_that_of_what_is_heard_with_weights_of_everything(reads, most):
    """Against building on the heard rows alone, whose a_u are put right."""
    rows = as_rows(reads)
    co = build_cointeraction(rows, ENTITIES, USERS, **KEPT, most_items=most)
    items = len({item for _, item in reads})
    for user in range(USERS):
        chosen = len({item for owner, item in reads if owner == user})
        assert co.user_weight[user] == pytest.approx(np.log1p(items / max(chosen, 1)), rel=1e-12)
    heard_pairs = {tuple(pair) for pair in rows[heard(rows, most)].tolist()}
    for item in range(ENTITIES):
        expected = {}
        for other in range(ENTITIES):
            both = [u for u in range(USERS) if (u, item) in heard_pairs and (u, other) in heard_pairs]
            if other != item and both:
                expected[other] = sum(co.user_weight[user] for user in both)
        others, counts = co.common.of(item)
        assert dict(zip(others.tolist(), counts.tolist(), strict=True)) == pytest.approx(expected, rel=1e-6)
        paths = co.similar_paths(item)
        assert paths.weight.sum() == pytest.approx(1.0 if len(paths.weight) else 0.0, abs=1e-12)
        assert {(u, item) for u in paths.user.tolist()} <= heard_pairs, "nobody speaks that is not heard"


@settings(deadline=None, max_examples=60)
@given(pairs, st.integers(1, 5), st.integers(0, USERS - 1), st.sets(st.integers(0, ENTITIES - 1)))
def test_a_change_of_a_heavy_user_is_that_of_building_anew(reads, most, user, dropped):
    asked: dict[str, Any] = {"power": 3.0, "neighbours": 3, "counted": 4, "most_items": most}
    after = as_rows(sorted(pair for pair in reads if pair[0] != user or pair[1] not in dropped))
    before = build_cointeraction(as_rows(sorted(reads)), ENTITIES, USERS, **asked)
    changed = changed_cointeraction(before, after, np.array([user]))
    if changed is not None:
        anew = build_cointeraction(after, ENTITIES, USERS, **asked)
        for one, other in ((changed[0].similar, anew.similar), (changed[0].common, anew.common)):
            assert torch.equal(one.weight, other.weight)
            assert torch.equal(one.pattern.column, other.pattern.column)
        np.testing.assert_array_equal(changed[0].user_weight, anew.user_weight)


def test_every_kind_of_what_users_say_hears_the_same_rows():
    rows = as_rows([(user, item) for user in range(3) for item in range(10)])
    ratings, times = np.arange(30.0) % 7, np.arange(30, dtype=np.int64) * 13 % 31
    co = build_cointeraction(rows, ENTITIES, USERS, **KEPT, most_items=4)
    whole = Marked(rows, ratings, times)
    few = whole.heard(4)
    assert len(few.interactions) == 12
    hears: tuple[Heard, ...] = ("together", "ratings", "order")
    for one, other in zip(said_by_users(co, whole, hears), said_by_users(co, few, hears), strict=True):
        assert abs(one.weight - other.weight).sum() == 0
        assert abs(one.values - other.values).sum() == 0
        assert set(zip(*one.values.nonzero()[::-1], strict=True)) <= {tuple(pair) for pair in few.interactions.tolist()}


def test_time_and_pairs_of_one_user_stop_growing_with_the_square_of_the_items():
    pairs_of = []
    for items in (4_000, 8_000):
        co = build_cointeraction(as_rows([(0, item) for item in range(items)]), items, 1, **KEPT)
        pairs_of.append(float((np.diff(co.incidence.indptr) * 1000).sum()))
    assert pairs_of == [1e6, 1e6]


def test_the_time_that_is_over_ends_the_counting(monkeypatch):
    monkeypatch.setattr(cointeraction, "PATHS_PER_BLOCK", 1)
    rows = as_rows([(user, item) for user in range(3) for item in range(10)])
    with pytest.raises(TrainingError, match=r"max_seconds .* 1 of 12 entities.*most_items"):
        build_cointeraction(rows, ENTITIES, USERS, **KEPT, until=time.monotonic() - 1)
    build_cointeraction(rows, ENTITIES, USERS, **KEPT, until=time.monotonic() + 100)


def test_a_dense_log_is_shuffled_without_repeats():
    """Where the largest users have two thirds of all items; whole permutations would repeat thousands of pairs."""
    random = np.random.default_rng(0)
    drawn = [
        np.stack([np.full(count, user), random.choice(300, count, replace=False, p=popularity)], axis=1)
        for popularity in [np.arange(300, 0, -1.0) ** 2 / (np.arange(300, 0, -1.0) ** 2).sum()]
        for user, count in enumerate(random.integers(5, 200, size=600).tolist())
    ]
    rows = np.concatenate(drawn).astype(np.int64)
    found = shuffled(rows, 1)
    assert len(np.unique(found, axis=0)) == len(found)
    for side in (0, 1):
        assert np.array_equal(np.bincount(found[:, side]), np.bincount(rows[:, side]))
    assert np.array_equal(found[:, 0], rows[:, 0]), "users stay in their rows"
