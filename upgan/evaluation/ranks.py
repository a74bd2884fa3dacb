"""Filtered ranks of true answers among all entities (5.2.1), a block of queries at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from upgan.evaluation.ties import bounds


def filtered_ranks(scores: Tensor, answers: Tensor, known_row: Tensor, known: Tensor) -> Tensor:
    """Rank each answer among all entities that are no other known answer of its query.

    Args:
        scores: (B, E); overwritten. A NaN counts as better than everything where it is a competitor and as worse than
            everything where it is the answer, so that a broken model cannot rank first.
        answers: (B,) the entity whose rank is asked for.
        known_row, known: query position and entity of each known answer (the answer itself may be among them).

    Returns:
        (B,) float64 ranks, the mean of the optimistic (1 + better) and the pessimistic one (1 + better + ties);
        upgan.evaluation.ties says what ties.
    """
    position = torch.arange(len(answers), device=scores.device)
    target = scores[position, answers].unsqueeze(1)
    broken = torch.isnan(target).squeeze(1)
    scores[known_row, known] = -torch.inf
    scores[position, answers] = -torch.inf
    least, most = bounds(target)
    # NaN compares false: a NaN competitor counts as better.
    reached = _row_counts(torch.le, scores, most)
    better = scores.shape[1] - reached
    ties = reached - _row_counts(torch.lt, scores, least)
    # An answer scored -inf equals the entities that were just filtered out; they are no competitors.
    lowest = torch.isneginf(target).squeeze(1)
    ties = torch.where(lowest, ties - _filtered(answers, known_row, known), ties)
    ranks = 1.0 + better.double() + ties.double() / 2
    return torch.where(broken, torch.full_like(ranks, float(scores.shape[1])), ranks)


#: Booleans are one byte each. Sums of so many 64-bit words of them stay within a byte.
WORDS = 128


def _row_counts(holds: Callable[..., Tensor], scores: Tensor, target: Tensor) -> Tensor:
    """(B,) in how many of the (B, E) scores ``holds(score, target)`` is true; target (B, 1).

    A sum of booleans converts each to a 64-bit number and takes as long as the matrix product that made the scores.
    Adding eight at a time, as the bytes of a word, takes a tenth of it.
    """
    rows, columns = scores.shape
    width = -(-columns // (8 * WORDS)) * 8 * WORDS
    held = torch.empty(rows, width, dtype=torch.bool, device=scores.device)
    held[:, columns:] = False
    holds(scores, target, out=held[:, :columns])
    words = held.view(torch.int64).view(rows, -1, WORDS).sum(2)
    return words.view(torch.uint8).sum(1, dtype=torch.int64)


def _filtered(answers: Tensor, known_row: Tensor, known: Tensor) -> Tensor:
    """(B,) how many entities are no competitors: the known answers and the answer itself, each counted once."""
    other = (known != answers.index_select(0, known_row)).long()
    return torch.ones_like(answers).index_add_(0, known_row, other)
