"""Splitting by units: shares, no unit torn apart, presets kept, nothing unseen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgan.data.prepare.split import OPEN, TRAIN, answers_in_training, draw_split, units_of, unseen_in_training

TRIPLES = st.sets(st.tuples(st.integers(0, 8), st.integers(0, 2), st.integers(0, 8)), min_size=3, max_size=80)
OWN_CLASS = np.arange(3)


def array(triples):
    return np.array(sorted(triples), dtype=np.int64).reshape(-1, 3)


def drawn(triples, relation_class=OWN_CLASS, together=True, seed=0, fractions=(0.8, 0.1, 0.1)):
    units = units_of(triples, relation_class, together)
    open_ = np.full(len(triples), OPEN)
    return draw_split(units, open_, fractions, np.random.default_rng(seed))


@given(TRIPLES, st.integers(0, 50))
def test_mirrored_triples_share_a_split(triples, seed):
    codes = dict(zip(sorted(triples), drawn(array(triples), seed=seed).tolist(), strict=True))
    for (h, r, t), code in codes.items():
        assert codes.get((t, r, h), code) == code


@given(TRIPLES, st.integers(0, 50))
def test_partner_relations_share_a_split_even_where_mirrors_are_drawn_one_by_one(triples, seed):
    partners = np.array([0, 0, 2])
    codes = dict(zip(sorted(triples), drawn(array(triples), partners, False, seed).tolist(), strict=True))
    for (h, r, t), code in codes.items():
        if r < 2:
            for other in ((t, 1 - r, h), (h, 1 - r, t)):
                assert codes.get(other, code) == code


def test_random_means_that_mirrors_may_part():
    triples = array({(a, 0, b) for a in range(8) for b in range(8) if a != b})
    assert len(np.unique(units_of(triples, OWN_CLASS, False))) == len(triples)
    codes = drawn(triples, together=False)
    assert answers_in_training(units_of(triples, OWN_CLASS, True), codes) > 0
    assert answers_in_training(units_of(triples, OWN_CLASS, True), drawn(triples)) == 0


@given(st.integers(3, 300), st.integers(0, 20), st.sampled_from([(0.8, 0.1, 0.1), (0.7, 0.2, 0.1), (0.5, 0.25, 0.25)]))
def test_shares_are_cut_at_the_floor_of_the_cumulated_fractions(count, seed, fractions):
    triples = np.stack([np.arange(count), np.zeros(count, dtype=np.int64), np.arange(count) + count], axis=1)
    sizes = np.bincount(drawn(triples, seed=seed, fractions=fractions), minlength=3)
    first = int(np.floor(fractions[0] * count + 1e-9))
    second = int(np.floor((fractions[0] + fractions[1]) * count + 1e-9))
    assert sizes.tolist() == [first, second - first, count - second]


def test_the_seed_decides():
    triples = array({(a, 0, b) for a in range(9) for b in range(9)})
    assert (drawn(triples, seed=3) == drawn(triples, seed=3)).all()
    assert (drawn(triples, seed=3) != drawn(triples, seed=4)).any()


def test_presets_stay_and_take_their_mirror_with_them():
    triples = np.array([[0, 0, 1], [1, 0, 0], [2, 0, 3], [3, 0, 2], [4, 0, 5]])
    preset = np.array([2, OPEN, 1, 0, 1])
    codes = draw_split(units_of(triples, OWN_CLASS, True), preset, (0.8, 0.1, 0.1), np.random.default_rng(0))
    assert codes.tolist() == [2, 2, 1, 0, 1]


@given(TRIPLES, st.integers(0, 50))
def test_unseen_is_what_sets_say(triples, seed):
    rows = array(triples)
    codes = np.random.default_rng(seed).integers(0, 3, len(rows))
    train = rows[codes == TRAIN]
    entities, relations = set(train[:, [0, 2]].ravel().tolist()), set(train[:, 1].tolist())
    expected = [
        code != TRAIN and not (h in entities and t in entities and r in relations)
        for (h, r, t), code in zip(rows.tolist(), codes.tolist(), strict=True)
    ]
    assert unseen_in_training(rows, codes).tolist() == expected


@pytest.mark.parametrize("fractions", [(1.0, 0.0, 0.0), (0.5, 0.5, 0.0)])
def test_a_share_of_zero_is_empty(fractions):
    triples = np.stack([np.arange(20), np.zeros(20, dtype=np.int64), np.arange(20) + 20], axis=1)
    assert (np.bincount(drawn(triples, fractions=fractions), minlength=3) / 20).tolist() == list(fractions)
