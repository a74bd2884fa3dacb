"""Where candidates stand among the scores of one query: positions, filtered ranks, known answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from upgan.evaluation.ties import better, bounds, listed
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
        """Which candidate is first without users, the known answers but ``candidate`` left out; itself among ties."""
        scores = self.without.clone()
        scores[[answer for answer in self.known if answer != candidate]] = -torch.inf
        best = Scored(scores, scores, {}).best(1)
        return candidate if scores.max() <= bounds(scores[candidate])[1] else int(best)

    def best(self, count: int) -> Tensor:
        """The ``count`` best candidates in the order of the list (upgan.evaluation.ties)."""
        if count < len(self.scores) // 8:
            # Faster than sorting everything: who equals the last one is kept until the order of the list has decided.
            last = torch.topk(self.scores, count, sorted=False).values.min()
            chosen = (bounds(self.scores)[1] >= last).nonzero().flatten()
            if len(chosen) >= count:  # fewer only where a score is NaN
                return chosen[listed(self.scores[chosen])][:count]
        return listed(self.scores)[:count]


def position(scores: Tensor, candidate: int) -> int:
    """Place of one candidate in the list of (E,) scores, 1 for the best."""
    above = better(scores)
    own = above[candidate]
    return 1 + int((above < own).sum()) + int((above[:candidate] == own).sum())


def positions(scores: Tensor) -> Tensor:
    """(E,) scores -> (E,) place of each entity in the list, 1 for the best."""
    order = listed(scores)
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
        above, ties = _above(ascending, scores[candidate : candidate + 1], ordered=len(candidates) > 8)
        ranks.append(1 + above + (ties - (candidate not in known)) / 2)
    return ranks


def _above(values: Tensor, own: Tensor, *, ordered: bool) -> tuple[int, int]:
    """How many values are better than (1,) ``own``, and how many equal it."""
    least, most = bounds(own)
    if not ordered:
        upto, below = int((values <= most).sum()), int((values < least).sum())
    else:
        upto, below = int(torch.searchsorted(values, most, right=True)), int(torch.searchsorted(values, least))
    return len(values) - upto, upto - below
