"""Triples as queries: every distinct (h, r) once, both directions, with all its known answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.graph.device import OnDevice
from upgan.graph.sparse import spans
from upgan.types import IntArray


@dataclass(frozen=True)
class QueryIndex(OnDevice):
    """The distinct queries of some triples (T, 3), asked both ways, and their answers row by row.

    A triple (h, r, t) answers <h, r, ?> with t and <t, r + R, ?> with h.
    """

    num_entities: int
    num_relations: int
    heads: Tensor  # (Q,)
    relations: Tensor  # (Q,) 0 .. 2R-1
    start: Tensor  # (Q + 1,) where each query's answers begin
    answer: Tensor  # (2T,) answers, query by query
    key: Tensor  # (Q,) h * 2R + r, ascending: how a query is found
    triple: Tensor  # (2T,) the triple each answer comes from, in the order of ``answer``
    #: (2T,) query row of each triple asked forwards (first T) and backwards (last T).
    row_of_triple: Tensor

    @staticmethod
    def build(triples: IntArray, num_entities: int, num_relations: int) -> QueryIndex:
        heads = np.concatenate([triples[:, 0], triples[:, 2]])
        relations = np.concatenate([triples[:, 1], triples[:, 1] + num_relations])
        answers = np.concatenate([triples[:, 2], triples[:, 0]])
        keys = heads * (2 * num_relations) + relations
        # By key, then by answer. torch sorts whole numbers by their digits, in linear time; numpy compares them.
        by_answer = torch.argsort(torch.from_numpy(answers), stable=True)
        order = by_answer[torch.argsort(torch.from_numpy(keys)[by_answer], stable=True)].numpy()
        begins = np.diff(keys[order], prepend=-1) != 0
        distinct, row = keys[order][begins], np.empty(len(keys), dtype=np.int64)
        row[order] = np.cumsum(begins) - 1
        start = np.append(np.flatnonzero(begins), len(keys))
        return QueryIndex(
            num_entities=num_entities,
            num_relations=num_relations,
            heads=torch.from_numpy(distinct // (2 * num_relations)),
            relations=torch.from_numpy(distinct % (2 * num_relations)),
            start=torch.from_numpy(start),
            answer=torch.from_numpy(answers[order]),
            triple=torch.from_numpy(order % max(len(triples), 1)),
            key=torch.from_numpy(distinct),
            row_of_triple=torch.from_numpy(row),
        )

    def without(self, triples: IntArray) -> QueryIndex:
        """The index of all triples but those with these numbers, as if it were built of them."""
        stays = np.ones(len(self.row_of_triple) // 2, dtype=bool)
        stays[triples] = False
        number = np.cumsum(stays) - 1
        kept = stays[self.triple.numpy()]
        start = np.concatenate([[0], np.cumsum(kept)])[self.start.numpy()]
        answered = np.diff(start) > 0
        row = self.row_of_triple.numpy()[np.concatenate([stays, stays])]
        return QueryIndex(
            num_entities=self.num_entities,
            num_relations=self.num_relations,
            heads=self.heads[torch.from_numpy(answered)],
            relations=self.relations[torch.from_numpy(answered)],
            start=torch.from_numpy(np.concatenate([start[:-1][answered], start[-1:]])),
            answer=self.answer[torch.from_numpy(kept)],
            triple=torch.from_numpy(number[self.triple.numpy()[kept]]),
            key=self.key[torch.from_numpy(answered)],
            row_of_triple=torch.from_numpy((np.cumsum(answered) - 1)[row]),
        )

    def __len__(self) -> int:
        return len(self.heads)

    def triples(self) -> Tensor:
        """(T, 3) the triples that the index was built of, in their order."""
        count = len(self.row_of_triple) // 2
        forward, backward = self.row_of_triple[:count], self.row_of_triple[count:]
        return torch.stack([self.heads[forward], self.relations[forward], self.heads[backward]], dim=1)

    def rows(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B,) their rows here; -1 for a query without a known answer."""
        if not len(self):
            return torch.full_like(heads, -1)
        keys = heads * (2 * self.num_relations) + relations
        place = torch.searchsorted(self.key, keys).clamp_(max=len(self) - 1)
        return torch.where(self.key.index_select(0, place) == keys, place, -1)

    def answers_of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) rows (-1: none) -> (position in B, answer) pairs of all their known answers, position ascending."""
        position, place = self.places_of(rows)
        return position, self.answer.index_select(0, place)

    def places_of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) rows (-1: none) -> (position in B, place in ``answer``) of all their known answers."""
        if not len(self):
            return rows.new_empty(0), rows.new_empty(0)
        return spans(self.start, rows)
