"""When two scores are equal: the rule of every rank, list and metric.

Scores are float32 sums whose last digits depend on the order of the sum, and so on how many questions are asked at
once. Entities that a model cannot tell apart (NBFNet: those with the same neighbourhood) get scores that differ in
these digits only; they tie. A score s equals a score t where

    |s - t| <= TIE * max(1, |t|)

which is some ten times what the order of sums has been seen to change, and, as scores are logits, a hundred-thousandth
of the odds. Infinite scores equal themselves alone, NaN nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

TIE = 1e-5


def bounds(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the greatest score that equals each, in the scores' own precision."""
    margin = TIE * scores.abs().clamp(min=1)
    margin = torch.where(torch.isinf(scores), torch.zeros_like(margin), margin)
    return scores - margin, scores + margin


def better(scores: Tensor) -> Tensor:
    """(E,) how many of the (E,) scores are better than each: equal scores have equally many. NaN is the best."""
    ascending = torch.sort(scores).values
    return len(scores) - torch.searchsorted(ascending, bounds(scores)[1], right=True)


def listed(scores: Tensor) -> Tensor:
    """(E,) entities in the order of a list: by how many are better, then by number."""
    return torch.argsort(better(scores), stable=True)
