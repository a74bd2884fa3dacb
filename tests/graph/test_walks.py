"""Walks against every path counted one by one, and a triple left out against a graph built without it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.oracles import walks as oracle
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.marked import Marked
from upgan.graph.said import said_by_users
from upgan.graph.walks import LONGEST, Own, WalkEdges

ENTITIES, RELATIONS, USERS = 7, 2, 6
KINDS = range(2 * RELATIONS + 2)
PATHS = sorted(path for length in range(1, LONGEST + 1) for path in product(KINDS, repeat=length))


def world(seed):
    """Triples (a loop and parallel relations among them) and two kinds of what users say."""
    random = np.random.default_rng(seed)
    drawn = np.stack([random.integers(ENTITIES, size=16), random.integers(RELATIONS, size=16)], axis=1)
    triples = np.column_stack([drawn, random.integers(ENTITIES, size=16)])
    triples = np.unique(np.concatenate([triples, [[0, 0, 0], [1, 0, 2], [1, 1, 2]]]), axis=0)
    reads = np.column_stack([random.integers(USERS, size=25), random.integers(5, size=25)])
    co = build_cointeraction(reads, ENTITIES, USERS, power=3.0, neighbours=30, counted=30)
    return triples, said_by_users(
        co, Marked(reads, random.integers(1, 6, size=25).astype(np.float64)), ("together", "ratings")
    )


def built(triples, kinds):
    return WalkEdges.build(triples, (ENTITIES, RELATIONS), kinds)


def weights_of(kind):
    """(i, j) -> the step's weight."""
    return {(i, j): float(kind.weight[i, j]) for i, j in np.argwhere(kind.weight.toarray()).tolist()}


@pytest.mark.parametrize("seed", range(2))
def test_what_is_reached_is_the_sum_over_every_path(seed):
    triples, kinds = world(seed)
    heads = np.arange(0, ENTITIES, 2)
    facts, weights = [tuple(row) for row in triples.tolist()], [weights_of(kind) for kind in kinds]
    assert all(weights), "users say something"
    for path, reached in zip(PATHS, built(triples, kinds).along(PATHS, heads), strict=True):
        expected = [oracle.reached(facts, RELATIONS, weights, ENTITIES, path, head) for head in heads.tolist()]
        np.testing.assert_allclose(reached.toarray(), expected, atol=1e-12, err_msg=str(path))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("relation", range(2 * RELATIONS))
def test_a_triple_left_out_of_its_own_walks_is_as_if_it_had_never_been(seed, relation):
    triples, kinds = world(seed)
    edges = built(triples, kinds)
    asked = triples[triples[:, 1] == relation % RELATIONS]
    heads, answers = (asked[:, 0], asked[:, 2]) if relation < RELATIONS else (asked[:, 2], asked[:, 0])
    own = Own(heads, relation, answers)
    got = [reached.toarray() for reached in edges.along(PATHS, heads, own)]
    facts = edges.own_facts[answers] + edges.own_fact_less(own)
    into = [edges.before(answers, kind, own).toarray() for kind in KINDS]
    for row, triple in enumerate(asked.tolist()):
        rest = built(triples[~(triples == triple).all(axis=1)], kinds)
        expected = [reached.toarray()[0] for reached in rest.along(PATHS, heads[row : row + 1])]
        np.testing.assert_allclose([each[row] for each in got], expected, atol=1e-12)
        np.testing.assert_allclose(facts[row], rest.own_facts[answers[row]], atol=1e-12)
        for kind in KINDS:
            weight = rest.weight[kind].toarray()[:, answers[row]]
            np.testing.assert_allclose(into[kind][row], weight, atol=1e-12)


def test_paths_of_users_are_those_with_a_step_beyond_the_facts():
    triples, kinds = world(0)
    edges = built(triples, kinds)
    assert edges.num_kinds == 2 * RELATIONS + 2
    assert [edges.speaking(kind) for kind in KINDS] == [*[None] * 2 * RELATIONS, *kinds]
    assert built(triples, ()).num_kinds == 2 * RELATIONS


def test_no_facts_and_nobody_is_no_walk():
    edges = built(np.empty((0, 3), dtype=np.int64), ())
    assert all(not reached.nnz for reached in edges.along([(0,), (0, 1)], np.array([0, 3])))
    assert not edges.own_facts.any()
