"""The k best of many candidates, against sorting all scores."""

from __future__ import annotations

import pytest
import torch

from upgan.bench import search as serving
from upgan.bench.search import recall, top_k
from upgan.errors import QueryError


def brute_force(vectors, table, k):
    """Every score, sorted; ties by row."""
    return torch.argsort(vectors @ table.T, dim=1, descending=True, stable=True)[:, :k]


def whole_numbers(*shape):
    """Numbers whose products are exact in float32, whatever the order of the sum, and often tie."""
    return torch.randint(-3, 4, shape).float()


@pytest.mark.parametrize("k", [1, 7, 50, 5000])
@pytest.mark.parametrize("queries", [1, 5])
def test_the_best_are_those_of_brute_force_ties_included(monkeypatch, k, queries):
    monkeypatch.setattr(serving, "SCORES_PER_BLOCK", 1)  # blocks of 1,024 candidates
    vectors, table = whole_numbers(queries, 6), whole_numbers(3000, 6)
    best = top_k(vectors, table, k)
    assert torch.equal(best.candidates, brute_force(vectors, table, k))
    assert torch.equal(best.scores, (vectors @ table.T).gather(1, best.candidates))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_with_rescoring_is_exact(monkeypatch, kind):
    monkeypatch.setattr(serving, "SCORES_PER_BLOCK", 1)
    vectors, exact = torch.randn(4, 32), torch.randn(5000, 32)
    rounded = exact.to(kind)
    true = brute_force(vectors, exact, 20)
    assert torch.equal(top_k(vectors, rounded, 20, exact=exact).candidates, true)
    # The check can fail: without the second look the rounding does change the order.
    assert not torch.equal(top_k(vectors, rounded, 20).candidates, true)


def test_progress_counts_candidates(monkeypatch):
    monkeypatch.setattr(serving, "SCORES_PER_BLOCK", 1)
    told = []
    top_k(torch.ones(1, 2), torch.ones(2500, 2), 3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1024, 2500), (2048, 2500), (2500, 2500)]


def test_recall_is_a_share():
    assert recall(torch.tensor([[1, 2], [5, 6]]), torch.tensor([[2, 3], [6, 5]])) == 0.75


@pytest.mark.parametrize(
    ("vectors", "table", "k", "says"),
    [
        (torch.ones(1, 2), torch.ones(3, 2), 0, "k = 0"),
        (torch.ones(1, 2), torch.ones(3, 4), 1, "do not fit"),
        (torch.ones(2), torch.ones(3, 2), 1, "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(vectors, table, k, says):
    with pytest.raises(QueryError, match=says):
        top_k(vectors, table, k)
