"""The softmax of systems that score by a distance: against enumeration, and its estimate from a pool."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.oracles import scores as oracle
from upgan.systems.negatives import Sample, softmax_loss

F64 = torch.float64
ENTITIES = 5
#: Query 0 has two answers, query 2 all entities but one.
PAIRS = [(0, 1), (0, 4), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]
ROW, ANSWER = torch.tensor(PAIRS).T
KNOWN = torch.zeros(3, ENTITIES, dtype=torch.bool).index_put((ROW, ANSWER), torch.tensor(True))


NOTHING = torch.zeros(1)


def sample(pool):
    pool = torch.tensor(pool)
    return Sample(torch.arange(3), torch.zeros(3), ROW, ANSWER, pool, KNOWN[:, pool], ENTITIES)


@pytest.mark.parametrize("kind", ["cross_entropy", "cross_entropy_filtered"])
def test_with_all_entities_in_the_pool_the_softmax_is_exact(kind):
    scores = torch.randn(3, ENTITIES, dtype=F64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    pool = [3, 0, 4, 1, 2]
    found = softmax_loss(scores[ROW, ANSWER], scores[:, pool], sample(pool), whole=kind == "cross_entropy")
    (own,) = torch.autograd.grad(found, scores)
    loss, grad = oracle.one_to_n(scores.detach().numpy(), PAIRS, PAIRS, kind)
    np.testing.assert_allclose(found.item(), loss, rtol=0, atol=1e-12)
    np.testing.assert_allclose(own.numpy(), grad, rtol=0, atol=1e-12)


def test_what_is_not_known_is_estimated_without_bias():
    """Recovered from a pair's filtered loss, exp(loss) = 1 + S / exp(s); its mean over all pools is the exact one."""
    scores = torch.randn(3, ENTITIES, dtype=F64, generator=torch.Generator().manual_seed(2))
    for row in (0, 1):  # a pool of four always holds an entity that these do not know
        sums = []
        for pool in itertools.combinations(range(ENTITIES), 4):
            known, drawn = KNOWN[row].nonzero().squeeze(1), torch.tensor(pool)
            one = Sample(NOTHING, NOTHING, known * 0, known, drawn, KNOWN[row : row + 1, drawn], ENTITIES)
            answers = scores[row, known]
            total = softmax_loss(answers, scores[row : row + 1, drawn], one, whole=False)
            # The mean over the query's pairs of log(1 + S / exp s): S by bisection, as it rises with S.
            low, high = 0.0, 1e4
            for _ in range(200):
                middle = (low + high) / 2
                below = torch.log1p(middle / answers.exp()).mean() < total
                low, high = (middle, high) if below else (low, middle)
            sums.append(low)
        exact = scores[row].exp()[~KNOWN[row]].sum()
        np.testing.assert_allclose(np.mean(sums), exact, rtol=1e-9)


@pytest.mark.parametrize("whole", [True, False])
def test_a_pool_of_known_answers_alone_leaves_a_finite_gradient(whole):
    scores = torch.randn(3, ENTITIES, dtype=F64, requires_grad=True)
    loss = softmax_loss(scores[ROW, ANSWER], scores[:, [0, 1]], sample([0, 1]), whole=whole)
    (grad,) = torch.autograd.grad(loss, scores)
    assert torch.isfinite(loss)
    assert torch.isfinite(grad).all()
    # Query 2 knows both of the pool: only its own answers are in its softmax.
    if whole:
        shares = torch.softmax(scores.detach()[2, :4], dim=0)
        expected = (4 * shares - 1) / len(PAIRS)
        torch.testing.assert_close(grad[2, :4], expected, rtol=0, atol=1e-12)
