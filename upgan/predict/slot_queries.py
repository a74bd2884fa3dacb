"""Slots asked block by block: what part of the softmax each answer has that is not known yet.

x = e^s(t) / sum of e^s over all candidates that may stand there and are not known: the share of the softmax that is
left, with which questions of one and of many answers can be compared. Only these candidates are scored: a book's author
is looked for among authors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.evaluation.evaluator import SCORES_PER_BLOCK
from upgan.evaluation.ties import bounds
from upgan.graph.candidates import Candidates
from upgan.graph.queries import QueryIndex
from upgan.predict.predictor import Predictor
from upgan.types import BoolArray, FloatArray, IntArray

#: Answers of some slots: place in the block, entity and x.
Answers = tuple[IntArray, IntArray, FloatArray]


@dataclass(frozen=True)
class Block:
    """Some slots of one end and what is left for their answers."""

    end: int
    #: (B,) the entities whose slots they are.
    entities: IntArray
    among: Candidates
    #: (B, C) x; 0 for known answers and the entity itself.
    left: Tensor
    #: (B,) the column of each slot's best answer; of equal ones the first.
    first: Tensor

    def best(self, least: float) -> Answers:
        """Each slot's best answer, where x is above ``least``."""
        if not len(self.among):
            return _none()
        most = self.left.gather(1, self.first.unsqueeze(1)).squeeze(1)
        row = torch.nonzero(most > least).flatten()
        return self._named(row, self.first[row], most[row])

    def rest(self, least: float, count: int) -> Answers:
        """All other answers above ``least``, the ``count`` largest of the whole block where there are more."""
        if len(self.among) < 2:
            return _none()
        above = self.left > least
        above.scatter_(1, self.first.unsqueeze(1), False)
        if int(above.sum()) > count:
            # Not by places: at the beginning that is every answer of the block.
            found = torch.where(above, self.left, 0).flatten().topk(count)
            row, column = found.indices // len(self.among), found.indices % len(self.among)
            return self._named(row, column, found.values)
        row, column = torch.nonzero(above, as_tuple=True)
        return self._named(row, column, self.left[row, column])

    def answers(self, index: QueryIndex) -> tuple[Tensor, Tensor]:
        """Place in the block and column of the candidates that an index has as answers to these questions."""
        return _answers(index, torch.from_numpy(self.entities), self.end, self.among)

    def _named(self, row: Tensor, column: Tensor, left: Tensor) -> Answers:
        return row.numpy(), self.among.entities[column].numpy(), left.double().numpy()


def _none() -> Answers:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)


def _answers(index: QueryIndex, entities: Tensor, end: int, among: Candidates) -> tuple[Tensor, Tensor]:
    """Position in (B,) ``entities`` and column of the answers to <entity, end, ?> that are candidates."""
    return among.cells(*index.answers_of(index.rows(entities, torch.full_like(entities, end))))


def block_size(scores: int) -> int:
    """How many queries of so many scores fit the memory bound."""
    return max(1, SCORES_PER_BLOCK // max(scores, 1))


def blocks(predictor: Predictor, slots: BoolArray, candidates: BoolArray, known: QueryIndex) -> Iterator[Block]:
    """The chosen ones of (2R, E) ``slots``, end by end; (2R, E) ``candidates``: who may answer at an end."""
    for end in np.flatnonzero(slots.any(axis=1)).tolist():
        among = Candidates.of(candidates[end])
        for entities in torch.from_numpy(np.flatnonzero(slots[end])).split(block_size(predictor.held(among))):
            scores = predictor.score_queries(entities, torch.full_like(entities, end), among=among)
            scores[_answers(known, entities, end, among)] = -torch.inf
            scores[among.cells(torch.arange(len(entities)), entities)] = -torch.inf
            first = _first(scores)
            # Where every candidate is known nothing is left, of which the softmax makes no number.
            left = torch.softmax(scores, dim=1).nan_to_num_(0.0)
            yield Block(end, entities.numpy(), among, left, first)


def _first(scores: Tensor) -> Tensor:
    """(B, C) -> (B,) the first candidate whose score equals the best one's."""
    if not scores.shape[1]:
        return torch.zeros(len(scores), dtype=torch.long)
    least = bounds(scores.max(dim=1, keepdim=True).values)[0]
    return (scores >= least).view(torch.uint8).argmax(dim=1)
