"""A guard against work that grows with the wrong size: ratios of processor time, never seconds.

Limits are generous: several times what is measured, a fraction of what such a regression costs.
"""

from __future__ import annotations

import torch

from upgan.bench.growth import HELD, evaluation_of, propagation_of
from upgan.bench.measure import in_turn
from upgan.serving import top_k


def ratio(works, repeat=5):
    own, reference = in_turn(works, repeat)
    return own.median / reference.median


def test_evaluation_costs_little_more_than_its_matrix_product():
    torch.manual_seed(0)
    size = {**HELD, "batch": 100, "K": 100}
    table, heads = torch.randn(size["entities"], 100), torch.arange(102)
    # About 1.3; 2.7 with a plain sum of booleans, 50 and more with a sort of the scores.
    assert ratio([evaluation_of(size, 0), lambda: table[heads] @ table.T]) < 2.3


def test_propagation_does_not_pay_for_entities_edge_by_edge():
    small = {**HELD, "entities": 2_000}
    # Ten times the edges; something like a pass over all entities per edge would take a hundred times.
    assert ratio([propagation_of({**small, "edges": 100_000}, 0), propagation_of({**small, "edges": 10_000}, 0)]) < 25
    # Ten times the entities, the same edges.
    assert ratio([propagation_of({**HELD, "entities": 20_000}, 0), propagation_of(small, 0)]) < 25


def test_serving_costs_little_more_than_its_matrix_product():
    vectors, table = torch.randn(16, 100), torch.randn(100_000, 100)
    assert ratio([lambda: top_k(vectors, table, 10), lambda: vectors @ table.T]) < 4
