"""Where candidates stand among the scores of one query: positions, filtered ranks, known answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from upgan.explain.results import Standing
from upgan.types import SplitName


@dataclass(frozen=True)
class Scored:
    """All candidates of one query: (E,) scores with users and without, and the answers that are known."""

    scores: Tensor
    without: Tensor
    #: Known answers and the split that holds each.
    known: dict[int, SplitName]

    def standing(self, candidate: int) -> Standing:
        """Scores and ranks of one candidate."""
        return Standing(
            score=float(self.scores[candidate]),
            rank=position(self.scores, candidate),
            filtered_rank=filtered_ranks(self.scores, [candidate], self.known)[0],
            score_without_users=float(self.without[candidate]),
            rank_without_users=position(self.without, candidate),
            filtered_rank_without_users=filtered_ranks(self.without, [candidate], self.known)[0],
        )

    def first_without(self, candidate: int) -> int:
        """Which candidate is first without users, the known answers but ``candidate`` left out."""
        scores = self.without.clone()
        scores[[answer for answer in self.known if answer != candidate]] = -torch.inf
        return candidate if scores[candidate] >= scores.max() else int(scores.argmax())

    def best(self, count: int) -> Tensor:
        """The ``count`` best candidates, best first; ties by entity order."""
        if count < len(self.scores) // 8:
            # Faster than sorting everything; what ties with the last one is kept until entity order has decided.
            least = torch.topk(self.scores, count, sorted=False).values.min()
            chosen = (self.scores >= least).nonzero().flatten()
            if len(chosen) >= count:  # fewer only where a score is NaN
                order = torch.argsort(self.scores[chosen], descending=True, stable=True)
                return chosen[order][:count]
        return torch.argsort(self.scores, descending=True, stable=True)[:count]


def position(scores: Tensor, candidate: int) -> int:
    """Place of one candidate in the ranked list of (E,) scores, 1 for the best; ties by entity order."""
    own = scores[candidate]
    return 1 + int((scores > own).sum()) + int((scores[:candidate] == own).sum())


def positions(scores: Tensor) -> Tensor:
    """(E,) scores -> (E,) position of each entity in the ranked list, 1 for the best; ties by entity order."""
    order = torch.argsort(scores, descending=True, stable=True)
    places = torch.empty_like(order)
    places[order] = torch.arange(1, len(order) + 1)
    return places


def filtered_ranks(scores: Tensor, candidates: list[int], known: dict[int, SplitName]) -> list[float]:
    """Protocol ranks of candidates: other known answers left out, ties at their mean rank."""
    kept = torch.ones(len(scores), dtype=torch.bool)
    kept[torch.tensor(sorted(known), dtype=torch.long)] = False
    ascending = torch.sort(scores[kept]).values if len(candidates) > 8 else scores[kept]
    ranks = []
    for candidate in candidates:
        better, ties = _above(ascending, scores[candidate : candidate + 1], ordered=len(candidates) > 8)
        ranks.append(1 + better + (ties - (candidate not in known)) / 2)
    return ranks


def _above(values: Tensor, own: Tensor, *, ordered: bool) -> tuple[int, int]:
    """How many values are greater than (1,) ``own``, and how many equal it."""
    if not ordered:
        return int((values > own).sum()), int((values == own).sum())
    below = int(torch.searchsorted(values, own))
    upto = int(torch.searchsorted(values, own, right=True))
    return len(values) - upto, upto - below
