"""Facts that tie target and answer together where an explanation has no path to show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import upgan
from tests.command_line import ROOT
from upgan.explain.between import MOST_BETWEEN, facts_between
from upgan.render.figure.build import figure


def joined(rows, first, last):
    """Steps from the one to the other along the rows, whichever way they read."""
    reached, steps = {first}, 0
    while last not in reached:
        more = {a if b in reached else b for a, _, b in rows.tolist() if (a in reached) != (b in reached)}
        if not more:
            return None
        reached |= more
        steps += 1
    return steps


def nearest(triples, first, last):
    """Brute force: 2 or 3 facts from the one to the other, without the fact that joins them; None for neither."""
    around: dict[int, set[int]] = {}
    for a, _, b in triples.tolist():
        around.setdefault(a, set()).add(b)
        around.setdefault(b, set()).add(a)
    near, far = (around.get(one, set()) - {first, last} for one in (first, last))
    if near & far:
        return 2
    return 3 if any(b in around[a] for a, b in itertools.product(near, far)) else None


@pytest.mark.parametrize("seed", range(20))
def test_facts_tie_both_ends_together_where_two_or_three_do(seed):
    random = np.random.default_rng(seed)
    triples = np.unique(np.stack([random.integers(0, size, 30) for size in (25, 3, 25)], axis=1), axis=0)
    triples = triples[triples[:, 0] != triples[:, 2]]
    known = {tuple(row) for row in triples.tolist()}
    for first, last in itertools.permutations(range(8), 2):
        rows = facts_between(triples, first, last)
        assert {tuple(row) for row in rows.tolist()} <= known
        wanted = nearest(triples, first, last)
        without = rows[~(np.isin(rows[:, 0], [first, last]) & np.isin(rows[:, 2], [first, last]))]
        assert joined(without, first, last) == wanted
        assert len(np.setdiff1d(rows[:, [0, 2]], [first, last])) <= MOST_BETWEEN + 1


def test_what_everything_has_ties_nothing_together():
    # Books 0-3 with language 9; 0, 1, 2 with genre 8 too; author 7 of 1 and 2, asked for 0.
    triples = np.array([[b, 0, 9] for b in range(6)] + [[b, 1, 8] for b in range(3)] + [[1, 2, 7], [2, 2, 7]])
    assert facts_between(triples, 0, 7).tolist() == [[0, 1, 8], [1, 1, 8], [1, 2, 7], [2, 1, 8], [2, 2, 7]]


def test_a_model_without_users_is_drawn_with_what_the_data_have_in_common():
    predictor = upgan.load(ROOT / "checkpoints/demo-complex")
    data = predictor.dataset
    drawn = 0
    for head, relation, tail in data.test[:20].tolist():
        found = predictor.explain(
            head=data.entities[head], relation=data.relations[relation], answer=data.entities[tail]
        )
        assert (found.paths, found.evidence, found.walks) == ((), (), ())
        known = {tuple(row) for row in data.train.tolist()}
        for edge in found.context:
            ends = (data.entity_index[edge.source.id], data.entity_index[edge.target.id])
            assert (ends[0], data.relation_index[edge.relation], ends[1]) in known
        drawn += len(figure(found).nodes) > 2
    assert drawn >= 18
