"""Rows of S and c counted anew where a change is felt, against building everything anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import upgan.graph.cointeraction_update as module
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.cointeraction_update import changed_cointeraction

ENTITIES, USERS = 14, 8
pairs = st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(0, ENTITIES - 1)), max_size=60)


def built(reads, **asked):
    return build_cointeraction(np.array(sorted(reads), dtype=np.int64).reshape(-1, 2), ENTITIES, USERS, **asked)


def assert_same(found, expected):
    """Every entry of S and c in both directions, their weights, and what later changes start from."""
    for one, other in ((found.similar, expected.similar), (found.common, expected.common)):
        assert torch.equal(one.weight, other.weight)
        for name, value in vars(other.pattern).items():
            assert torch.equal(torch.as_tensor(vars(one.pattern)[name]), torch.as_tensor(value)), name
    assert (found.incidence != expected.incidence).nnz == 0
    np.testing.assert_array_equal(found.user_weight, expected.user_weight)
    np.testing.assert_array_equal(found.floor, expected.floor)


@st.composite
def changes(draw):
    """Interactions (some repeated), and what some users chose instead: less, nothing, or more.

    Few kept neighbours and few users: rows are cut, and many values tie.
    """
    before = draw(pairs)
    users = draw(st.lists(st.integers(0, USERS - 1), min_size=1, max_size=3, unique=True))
    dropped = draw(st.sets(st.integers(0, ENTITIES - 1)))
    added = [(user, item) for user, item in draw(pairs.map(lambda some: some[:4])) if user in users]
    after = [pair for pair in before if pair[0] not in users or pair[1] not in dropped] + added
    asked = {
        "power": draw(st.sampled_from([1.0, 3.0])),
        "neighbours": draw(st.integers(1, 5)),
        "counted": draw(st.integers(1, 5)),
    }
    return before, after, users, asked


@settings(deadline=None, max_examples=400)
@given(changes())
def test_changed_rows_are_those_of_building_anew(change):
    before, after, users, asked = change
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "WORTHWHILE", 2.0)  # however much of the graph it is
        found = changed_cointeraction(
            built(before, **asked), np.array(sorted(after), dtype=np.int64).reshape(-1, 2), np.array(sorted(users))
        )
    chosen = [len({item for _, item in reads}) for reads in (before, after)]
    assert (found is None) == (chosen[0] != chosen[1]), "all of a_u changes with the number of items that have a user"
    if found is not None:
        assert_same(found[0], built(after, **asked))


def random_reads(seed, count=60):
    rng = np.random.default_rng(seed)
    return sorted({(int(rng.integers(USERS)), int(rng.integers(ENTITIES))) for _ in range(count)})


ASKED: dict[str, Any] = {"power": 3.0, "neighbours": 3, "counted": 4}


def test_changes_follow_one_another():
    """A changed graph can be changed again: its floors are right too."""
    reads = random_reads(1)
    co = built(reads, **ASKED)
    for user in range(3):
        of_user = [pair for pair in reads if pair[0] == user]
        spare = next(pair for pair in of_user if sum(pair[1] == item for _, item in reads) > 1)
        reads = [pair for pair in reads if pair != spare]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "WORTHWHILE", 2.0)
            changed = changed_cointeraction(co, np.array(reads), np.array([user]))
        assert changed is not None
        co = changed[0]
        assert_same(co, built(reads, **ASKED))


def test_a_change_of_most_of_the_graph_is_left_to_building_anew():
    reads = random_reads(2, 100)
    less = [pair for pair in reads if pair[0] > 2]
    assert len({item for _, item in less}) == len({item for _, item in reads})
    assert changed_cointeraction(built(reads, **ASKED), np.array(less), np.arange(3)) is None


def test_items_that_feel_nothing_keep_their_rows(monkeypatch):
    """Two groups of readers: what one of them changes leaves the other's items alone."""
    left = [(user, item) for user in range(4) for item in range(user % 3, 6)]
    right = [(user, item) for user in range(4, 8) for item in range(7 + user % 2, 14)]
    less = [pair for pair in left if pair != (0, 5)] + right
    monkeypatch.setattr(module, "WORTHWHILE", 2.0)
    changed = changed_cointeraction(built(left + right, **ASKED), np.array(sorted(less)), np.array([0]))
    assert changed is not None
    assert_same(changed[0], built(less, **ASKED))
    assert set(changed[1].tolist()) <= set(range(7))
