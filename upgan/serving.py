"""The k best of many candidates for a few queries: one block of candidates at a time, never all scores at once.

Exact, with memory that does not grow with the number of candidates. A table in half precision is a way to hold more
of them; given the vectors it was rounded from, the answer is still exactly theirs. ``recall`` says what an approximate
index gives up against that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from upgan.errors import QueryError

#: Scores held at once: 16 MB in float32, whatever the number of candidates.
SCORES_PER_BLOCK = 4_000_000

Progress = Callable[[int, int], None]


class Best(NamedTuple):
    """(B, k) scores, best first, and the rows of the table they belong to; ties in the order of the rows."""

    scores: Tensor
    candidates: Tensor


@torch.no_grad()
def top_k(
    vectors: Tensor, table: Tensor, k: int, *, exact: Tensor | None = None, progress: Progress | None = None
) -> Best:
    """The ``k`` highest products of each of (B, D) query vectors with the (N, D) rows of ``table``.

    Args:
        table: float32, or float16 and bfloat16, of which one block at a time is widened. May be memory-mapped.
        exact: (N, D) float32 vectors that ``table`` is a rounding of. The result is then exactly that of ``exact``:
            each rounded score is wrong by at most a bound (``rounding_bound``), so that a candidate outside the k best
            by more than twice that cannot be among them; the others are scored again.

    Raises QueryError where k is below 1 or the widths differ. With fewer than k rows all of them come back.
    """
    if k < 1:
        raise QueryError(f"k = {k}: ask for at least one candidate")
    if vectors.ndim != 2 or table.ndim != 2 or vectors.shape[1] != table.shape[1]:
        raise QueryError(f"query vectors {tuple(vectors.shape)} and candidates {tuple(table.shape)} do not fit")
    if exact is not None and exact.shape != table.shape:
        raise QueryError(f"exact vectors {tuple(exact.shape)} are not those of the table {tuple(table.shape)}")
    if exact is not None:
        return _rescored(vectors, table, exact, k, progress)
    best = Best(vectors.new_empty(len(vectors), 0), torch.empty(len(vectors), 0, dtype=torch.long))
    size = block_rows(len(vectors))
    for start in range(0, len(table), size):
        block = table[start : start + size].to(vectors.dtype)
        best = _merged(best, vectors @ block.T, start, k)
        if progress is not None:
            progress(min(start + size, len(table)), len(table))
    return best


def block_rows(queries: int) -> int:
    """How many candidates are scored at once."""
    return max(1024, SCORES_PER_BLOCK // max(queries, 1))


def _merged(best: Best, scores: Tensor, first: int, k: int) -> Best:
    """The k best of those so far and of a block (B, C) that begins at row ``first``."""
    candidates = torch.arange(first, first + scores.shape[1], device=scores.device).expand_as(scores)
    if best.scores.shape[1] == k:
        # Most blocks have little that is better than the k-th so far; ties with it come later in the order and lose.
        better = (scores > best.scores[:, -1:]).any(0).nonzero().flatten()
        scores, candidates = scores.index_select(1, better), candidates.index_select(1, better)
    scores = torch.cat([best.scores, scores], dim=1)
    candidates = torch.cat([best.candidates, candidates], dim=1)
    least = scores.topk(min(k, scores.shape[1]), dim=1, sorted=False).values.amin(1, keepdim=True)
    # What ties with the last one is kept until the order of the rows has decided.
    kept = (scores >= least).any(0).nonzero().flatten()
    scores, candidates = scores.index_select(1, kept), candidates.index_select(1, kept)
    order = torch.argsort(scores, dim=1, descending=True, stable=True)[:, :k]
    return Best(scores.gather(1, order), candidates.gather(1, order))


def rounding_bound(vectors: Tensor, table: Tensor, exact: Tensor) -> Tensor:
    """(B,) how far a score of ``table`` can be from that of ``exact``: |q . (t - t')| <= |q| |t - t'|.

    The largest distance of a row from its rounding is measured block by block; the float32 products' own rounding is
    added (a sum of D terms errs by at most D eps |q| |t|).
    """
    farthest = longest = 0.0
    size = block_rows(1) // max(table.shape[1], 1) + 1
    for start in range(0, len(table), size):
        true = exact[start : start + size]
        farthest = max(farthest, float((true - table[start : start + size].to(true.dtype)).norm(dim=1).max()))
        longest = max(longest, float(true.norm(dim=1).max()))
    products = 4 * table.shape[1] * torch.finfo(vectors.dtype).eps * longest
    bound: Tensor = vectors.norm(dim=1) * (farthest + products)
    return bound


def _rescored(vectors: Tensor, table: Tensor, exact: Tensor, k: int, progress: Progress | None) -> Best:
    """Find the k-th rounded score, then score again whatever may reach it."""
    rough = top_k(vectors, table, k, progress=progress)
    if not rough.scores.shape[1]:
        return rough
    least = rough.scores[:, -1] - 2 * rounding_bound(vectors, table, exact)
    found = [_reaching(vectors, table, exact, least, start) for start in range(0, len(table), block_rows(len(vectors)))]
    candidates = torch.cat(found)
    best = Best(vectors.new_empty(len(vectors), 0), torch.empty(len(vectors), 0, dtype=torch.long))
    again = _merged(best, vectors @ exact.index_select(0, candidates).T, 0, k)
    return Best(again.scores, candidates[again.candidates])


def _reaching(vectors: Tensor, table: Tensor, exact: Tensor, least: Tensor, start: int) -> Tensor:
    """Rows of the block at ``start`` that reach ``least`` (B,) for one of the queries at least."""
    block = table[start : start + block_rows(len(vectors))].to(vectors.dtype)
    return ((vectors @ block.T) >= least.unsqueeze(1)).any(0).nonzero().flatten() + start


def recall(found: Tensor, true: Tensor) -> float:
    """Share of the (B, k) true candidates that are among the (B, k') found ones."""
    return float((true.unsqueeze(2) == found.unsqueeze(1)).any(2).double().mean())
