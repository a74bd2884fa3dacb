"""Filtered ranking of a split's triples, asked both ways, over any model that scores all entities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.evaluation.metrics import Metrics
from upgan.evaluation.ranks import filtered_ranks
from upgan.graph.queries import QueryIndex
from upgan.types import FloatArray, IntArray

#: Scores held at once, whatever the number of entities: 24 MB in float32. The C library gives blocks beyond 32 MB back
#: to the system and gets new pages for each, which costs as much as the product. A GPU is given few large blocks.
SCORES_PER_BLOCK = 6_000_000
SCORES_PER_BLOCK_CUDA = 250_000_000

#: (B,) heads and (B,) relations (0 .. 2R-1) -> (B, E) scores.
Scorer = Callable[[Tensor, Tensor], Tensor]
Progress = Callable[[int, int], None]


class Sharing:
    """Processes that evaluate together; as it is here, one that does everything. Several: upgan.training.team."""

    def share(self, count: int) -> tuple[int, int]:
        """First and last + 1 of ``count`` things that this process does."""
        return 0, count

    def sum(self, value: Tensor) -> None:
        """Replace ``value`` by its sum over all processes."""


def rows_per_block(num_entities: int, device: torch.device) -> int:
    """How many queries are scored at once."""
    most = SCORES_PER_BLOCK_CUDA if device.type == "cuda" else SCORES_PER_BLOCK
    return max(1, most // max(num_entities, 1))


@dataclass(frozen=True)
class Ranking:
    """One row per query: the triple's tail asked for first (side "tail"), then its head (side "head")."""

    triples: IntArray  # (T, 3)
    ranks: FloatArray  # (2T,) tails, then heads

    @property
    def metrics(self) -> Metrics:
        return Metrics.of(self.ranks)

    @property
    def answers(self) -> IntArray:
        """(2T,) the entity asked for in each query."""
        return np.concatenate([self.triples[:, 2], self.triples[:, 0]])


class Evaluator:
    """The protocol of 5.2.1 on one split: both directions, answers of train, valid and test filtered out."""

    def __init__(self, triples: IntArray, index: QueryIndex, team: Sharing | None = None) -> None:
        """``triples`` (T, 3) are asked for; ``index`` holds the known answers of ALL splits."""
        self.triples = triples
        self.index = index
        #: Set while several processes train: each ranks its share of the queries, and all get all ranks.
        self.team = team or Sharing()
        head, relation, tail = torch.tensor(triples).to(index.heads.device).unbind(1)
        #: (2T,) heads, relations (0 .. 2R-1) and answers: tails asked for first, then heads.
        self.queries = (
            torch.cat([head, tail]),
            torch.cat([relation, relation + index.num_relations]),
            torch.cat([tail, head]),
        )

    def filtered(self, scores: Tensor, queries: Tensor) -> Tensor:
        """(B, E) scores of the (B,) ``queries``, in place -inf at their other known answers."""
        position = torch.arange(len(queries), device=scores.device)
        heads, relations, answer = (column[queries] for column in self.queries)
        own = scores[position, answer]
        known_row, known = self.index.answers_of(self.index.rows(heads, relations))
        scores[known_row, known] = -torch.inf
        scores[position, answer] = own
        return scores

    @torch.no_grad()
    def rank(self, score: Scorer, progress: Progress | None = None) -> Ranking:
        """Rank the answer of every query; equal queries stand beside each other, for scorers that answer them once."""
        key = self.queries[0] * (2 * self.index.num_relations) + self.queries[1]
        order = torch.argsort(key, stable=True)
        ranks = torch.zeros(len(key), dtype=torch.float64, device=key.device)
        size = rows_per_block(self.index.num_entities, key.device)
        order = order[slice(*self.team.share(len(order)))]
        for start in range(0, len(order), size):
            part = order[start : start + size]
            heads, relations, answers = (column[part] for column in self.queries)
            position, known = self.index.answers_of(self.index.rows(heads, relations))
            ranks[part] = filtered_ranks(score(heads, relations), answers, position, known)
            if progress is not None:
                progress(min(start + size, len(order)), len(order))
        self.team.sum(ranks)  # the others' ranks are zeros here
        return Ranking(triples=self.triples, ranks=ranks.cpu().numpy())
