"""The k best of many candidates for a few queries: one block of candidates at a time, never all scores at once.

Exact, with memory that does not grow with the number of candidates. A table in half precision is a way to hold more
of them; given the vectors it was rounded from, the answer is still exactly theirs. ``recall`` says what an approximate
index gives up against that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from upgan.errors import QueryError
from upgan.evaluation.evaluator import Progress

#: Scores held at once: 16 MB in float32, whatever the number of candidates.
SCORES_PER_BLOCK = 4_000_000
#: Numbers of a table in half precision that are widened at once: 4 MB, which stay in the processor's cache. Blocks of
#: 100 MB take four times as long, and then half precision costs more than it saves.
WIDENED = 1_000_000


class Best(NamedTuple):
    """(B, k) scores, best first, and the rows of the table they belong to; ties in the order of the rows."""

    scores: Tensor
    candidates: Tensor


class Rounding(NamedTuple):
    """How far the rows of a table are from the vectors they were rounded from, at most, and how long those are."""

    farthest: float
    longest: float

    @classmethod
    def of(cls, table: Tensor, exact: Tensor) -> Rounding:
        """Measured row by row, of all (N, D) rows: once for a table, not for each question."""
        farthest = longest = 0.0
        size = _widened_rows(table)
        for start in range(0, len(table), size):
            true = exact[start : start + size]
            farthest = max(farthest, float((true - table[start : start + size].to(true.dtype)).norm(dim=1).max()))
            longest = max(longest, float(true.norm(dim=1).max()))
        return cls(farthest, longest)

    def bound(self, vectors: Tensor) -> Tensor:
        """(B,) how far a score of the table can be from the exact one: |q . (t - t')| <= |q| |t - t'|.

        The float32 products' own rounding is added (a sum of D terms errs by at most D eps |q| |t|).
        """
        products = 4 * vectors.shape[1] * torch.finfo(vectors.dtype).eps * self.longest
        bound: Tensor = vectors.norm(dim=1) * (self.farthest + products)
        return bound


@torch.no_grad()
def top_k(
    vectors: Tensor,
    table: Tensor,
    k: int,
    *,
    exact: Tensor | None = None,
    rounding: Rounding | None = None,
    progress: Progress | None = None,
) -> Best:
    """The ``k`` highest products of each of (B, D) query vectors with the (N, D) rows of ``table``.

    Args:
        table: float32, or float16 and bfloat16, of which one block at a time is widened. May be memory-mapped.
        exact: (N, D) float32 vectors that ``table`` is a rounding of. The result is then exactly that of ``exact``:
            each rounded score is wrong by at most a bound (``Rounding``), so that a candidate outside the k best by
            more than twice that cannot be among them; the others are scored again. Only their rows are read, so that
            ``exact`` may stay on disk.
        rounding: that of ``table``, where it was measured before; otherwise it is measured, over all of ``exact``.

    Raises QueryError where k is below 1 or the widths differ. With fewer than k rows all of them come back.
    """
    if k < 1:
        raise QueryError(f"k = {k}: ask for at least one candidate")
    if vectors.ndim != 2 or table.ndim != 2 or vectors.shape[1] != table.shape[1]:
        raise QueryError(f"query vectors {tuple(vectors.shape)} and candidates {tuple(table.shape)} do not fit")
    if exact is not None and exact.shape != table.shape:
        raise QueryError(f"exact vectors {tuple(exact.shape)} are not those of the table {tuple(table.shape)}")
    blocks = _scored_blocks(vectors, table, progress)
    if exact is not None:
        slack = 2 * (rounding or Rounding.of(table, exact)).bound(vectors)
        return _rescored(vectors, exact, k, blocks, slack)
    best = _nothing(vectors)
    for scores, candidates in blocks:
        best = _merged(best, scores, candidates, k)
    return best


def block_rows(queries: int) -> int:
    """How many candidates are scored at once."""
    return max(1024, SCORES_PER_BLOCK // max(queries, 1))


def _widened_rows(table: Tensor) -> int:
    """How many rows of a table are widened at once."""
    return max(1024, WIDENED // max(table.shape[1], 1))


def _scored_blocks(vectors: Tensor, table: Tensor, progress: Progress | None) -> Iterator[tuple[Tensor, Tensor]]:
    """(B, C) scores of one block of rows after another, and (C,) which rows these are."""
    size = block_rows(len(vectors))
    wide = table.dtype == vectors.dtype
    if not wide:
        size = min(size, _widened_rows(table))
    # Written over at every block: new memory for each would come page by page.
    widened = vectors.new_empty(0 if wide else min(size, len(table)), table.shape[1])
    for start in range(0, len(table), size):
        block = table[start : start + size]
        if not wide:
            block = widened[: len(block)].copy_(block)
        yield vectors @ block.T, torch.arange(start, start + len(block), device=vectors.device)
        if progress is not None:
            progress(start + len(block), len(table))


def _nothing(vectors: Tensor) -> Best:
    return Best(vectors.new_empty(len(vectors), 0), torch.empty(len(vectors), 0, dtype=torch.long))


def _merged(best: Best, scores: Tensor, rows: Tensor, k: int) -> Best:
    """The k best of those so far and of a block (B, C) of the table's ``rows`` (C,), which come after all before."""
    candidates = rows.expand_as(scores)
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


def _rescored(vectors: Tensor, exact: Tensor, k: int, blocks: Iterator[tuple[Tensor, Tensor]], slack: Tensor) -> Best:
    """Keep what comes within ``slack`` (B,) of the k-th rounded score so far, for one query at least; score it again.

    The k-th score only rises, so that nothing is left out that comes within it of the last one.
    """
    best, near = _nothing(vectors), []
    for scores, rows in blocks:
        if best.scores.shape[1] == k:
            scores, rows = _reaching(scores, rows, best, slack)
        best = _merged(best, scores, rows, k)
        near.append(_reaching(scores, rows, best, slack))
    if not near:
        return best
    scores, rows = (torch.cat(parts, dim=-1) for parts in zip(*near, strict=True))
    _, rows = _reaching(scores, rows, best, slack)
    return _merged(_nothing(vectors), vectors @ exact.index_select(0, rows).T, rows, k)


def _reaching(scores: Tensor, rows: Tensor, best: Best, slack: Tensor) -> tuple[Tensor, Tensor]:
    """Those columns of (B, C) scores that come within ``slack`` of the last of the best; and of (C,) their rows."""
    least = best.scores[:, -1:] - slack.unsqueeze(1)
    reaching = (scores >= least).any(0).nonzero().flatten()
    return scores.index_select(1, reaching), rows.index_select(0, reaching)


def recall(candidates: Tensor, true: Tensor) -> float:
    """Share of the (B, k) true candidates that are among the (B, k') candidates that a search gave."""
    return float((true.unsqueeze(2) == candidates.unsqueeze(1)).any(2).double().mean())
