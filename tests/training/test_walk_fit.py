"""The fit of the walks against the dense softmax, finite differences and, for the choice of paths, every path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logsumexp

from tests.graph.test_walks import ENTITIES, KINDS, PATHS, RELATIONS, built, world
from upgan.graph.walks import Own
from upgan.training import walk_fit, walk_paths
from upgan.training.walk_fit import Loss, fit, gather, scales

SOME = [(0, 1), (2,), (3, 1, 2), (4,), (4, 1)]


def case(seed, relation):
    """Edges, the relation's triples, and the other known answers of their queries."""
    triples, co = world(seed)
    asked = triples[triples[:, 1] == relation % RELATIONS]
    heads, answers = (asked[:, 0], asked[:, 2]) if relation < RELATIONS else (asked[:, 2], asked[:, 0])
    known = [(i, a) for i in range(len(heads)) for a in answers[heads == heads[i]].tolist() if a != answers[i]]
    rows = np.array([i for i, _ in known], dtype=np.int64), np.array([a for _, a in known], dtype=np.int64)
    return built(triples, co), Own(heads, relation, answers), rows


def dense_loss(edges, own, known, epsilon, ridge, base=None, centre=0.0):
    """The loss from its formula: every entity's score of every triple, and a softmax over those that compete."""
    said = np.stack(
        [np.log1p(f.toarray() / e) for f, e in zip(edges.along(SOME, own.heads, own), epsilon, strict=True)], axis=2
    )
    less, rows = edges.own_fact_less(own), np.arange(len(own.heads))

    def loss(weights):
        gamma, phi = weights[: len(SOME)], weights[len(SOME) : len(SOME) + 4 * RELATIONS]
        scores = said @ gamma + edges.own_facts @ phi
        if base is not None:
            scores += weights[-1] * base
        scores[rows, own.answers] += less @ phi
        right = scores[rows, own.answers].copy()
        scores[known] = -np.inf
        return (logsumexp(scores, axis=1) - right).sum() + ridge * ((weights - centre) ** 2).sum()

    return loss


@pytest.mark.parametrize("relation", range(2 * RELATIONS))
@pytest.mark.parametrize("cells", [walk_fit.CELLS, 2 * ENTITIES])
def test_the_loss_is_the_dense_softmax_and_its_gradient_the_finite_difference(monkeypatch, relation, cells):
    monkeypatch.setattr(walk_fit, "CELLS", cells)  # few cells: several blocks
    edges, own, known = case(relation, relation)
    epsilon = scales(edges, SOME, own)
    dense = dense_loss(edges, own, known, epsilon, 0.3)
    loss = Loss(gather(edges, SOME, epsilon, own, known), edges.own_facts, 0.3, np.zeros(len(SOME) + 4 * RELATIONS))
    random = np.random.default_rng(0)
    for _ in range(3):
        weights = random.normal(size=len(SOME) + edges.own_facts.shape[1])
        value, slope = loss(weights)
        assert value == pytest.approx(dense(weights), rel=1e-6)
        for place in range(len(weights)):
            nudge = np.zeros(len(weights))
            nudge[place] = 1e-4
            numeric = (dense(weights + nudge) - dense(weights - nudge)) / 2e-4
            assert slope[place] == pytest.approx(numeric, abs=2e-4)


@pytest.mark.parametrize("cells", [walk_fit.CELLS, 2 * ENTITIES])
def test_beside_a_score_with_everybody_held_it_is_the_dense_softmax_too(monkeypatch, cells):
    monkeypatch.setattr(walk_fit, "CELLS", cells)
    edges, own, known = case(1, 1)
    epsilon = scales(edges, SOME, own)
    random = np.random.default_rng(0)
    tables = {
        (h, a): random.normal(size=ENTITIES) for h, a in zip(own.heads.tolist(), own.answers.tolist(), strict=True)
    }

    def base(some):
        return np.array([tables[h, a] for h, a in zip(some.heads.tolist(), some.answers.tolist(), strict=True)])

    centre = random.normal(size=len(SOME) + 4 * RELATIONS + 1)
    dense = dense_loss(edges, own, known, epsilon, 0.3, base(own), centre)
    loss = Loss(gather(edges, SOME, epsilon, own, known, base), edges.own_facts, 0.3, centre)
    weights = random.normal(size=len(centre))
    value, slope = loss(weights)
    assert value == pytest.approx(dense(weights), rel=1e-6)
    for place in range(len(weights)):
        nudge = np.zeros(len(weights))
        nudge[place] = 1e-4
        assert slope[place] == pytest.approx((dense(weights + nudge) - dense(weights - nudge)) / 2e-4, abs=2e-4)


def test_a_few_drawn_entities_stand_for_all_that_are_not_held(monkeypatch):
    """Each stands for as many as there are, so that a flat score has the sum of all of them."""
    monkeypatch.setattr(walk_fit, "BEST", 0)
    monkeypatch.setattr(walk_fit, "DRAWN", 3)
    edges, own, known = case(1, 1)
    epsilon = scales(edges, SOME, own)
    flat = gather(edges, SOME, epsilon, own, known, lambda some: np.zeros((len(some.heads), ENTITIES)))
    assert flat.stands_for is not None
    competing = ENTITIES - np.bincount(known[0], minlength=len(own.heads))
    held = np.bincount(flat.row, np.exp(flat.stands_for))
    drawn = np.bincount(flat.row, flat.stands_for > 0) > 0
    np.testing.assert_allclose(held[drawn], competing[drawn])
    assert drawn.any()


def test_the_fit_finds_what_a_dense_optimiser_finds():
    edges, own, known = case(1, 1)
    epsilon = scales(edges, SOME, own)
    found = fit(gather(edges, SOME, epsilon, own, known), edges.own_facts, 0.3)
    dense = dense_loss(edges, own, known, epsilon, 0.3)
    best = minimize(dense, np.zeros(len(SOME) + edges.own_facts.shape[1]))
    assert dense(np.concatenate([found.gamma, found.phi])) == pytest.approx(best.fun, abs=1e-3)
    assert found.loss * len(own.heads) == pytest.approx(best.fun, abs=1e-3)


@pytest.mark.parametrize("relation", range(2 * RELATIONS))
@pytest.mark.parametrize("block", [walk_paths.BLOCK, 3])
def test_how_much_better_than_guessing_a_path_is_counts_every_path(monkeypatch, relation, block):
    monkeypatch.setattr(walk_paths, "BLOCK", block)
    edges, own, _ = case(relation, relation)
    row, number, factor = (
        np.concatenate(parts)
        for parts in zip(
            *(
                walk_paths._factors(edges, Own(own.heads[at : at + block], relation, own.answers[at : at + block]), at)
                for at in range(0, len(own.heads), block)
            ),
            strict=True,
        )
    )
    steps = walk_paths._steps(number, len(KINDS))
    got = {
        (int(i), tuple(kind for kind in path if kind >= 0)): value
        for i, path, value in zip(row, steps.tolist(), factor.tolist(), strict=True)
    }
    assert len(got) == len(row), "no path of a triple twice"
    expected = {}
    for path, reached in zip(PATHS, edges.along(PATHS, own.heads, own), strict=True):
        table = reached.toarray()
        for i, answer in enumerate(own.answers.tolist()):
            if table[i, answer] > 0:
                expected[i, path] = ENTITIES * table[i, answer] / table[i].sum()
    assert got.keys() == expected.keys()
    for key, value in expected.items():
        assert got[key] == pytest.approx(value, rel=1e-5), key


def test_every_path_has_a_number_of_its_own():
    count = sum(len(KINDS) ** length for length in (1, 2, 3))
    steps = walk_paths._steps(np.arange(count), len(KINDS))
    named = {tuple(kind for kind in path if kind >= 0) for path in steps.tolist()}
    assert named == {path for length in (1, 2, 3) for path in product(KINDS, repeat=length)}


def test_chosen_paths_hold_one_step_of_users_at_most_and_never_the_relation_alone():
    edges, own, _ = case(2, 0)
    chosen = walk_paths.choose_paths(edges, own, 24, 0.0)
    assert chosen.paths
    assert chosen.gain > 0
    assert (own.relation,) not in chosen.paths
    assert all(sum(kind >= 2 * RELATIONS for kind in path) <= 1 for path in chosen.paths)
    assert len(walk_paths.choose_paths(edges, own, 2, 0.0).paths) <= 2
    assert not walk_paths.choose_paths(edges, own, 24, 1e9).paths
