"""Slots asked block by block: what part of the softmax each answer has that is not known yet.

x = e^s(t) / sum of e^s over all entities that are not known answers: the share of the softmax that is left, with which
questions of one and of many answers can be compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.data.dataset import KGDataset
from upgan.evaluation.evaluator import SCORES_PER_BLOCK
from upgan.evaluation.ties import bounds
from upgan.graph.queries import QueryIndex
from upgan.predict.predictor import Predictor
from upgan.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Block:
    """Some slots of one end and what is left for their answers."""

    end: int
    #: (B,) the entities whose slots they are.
    entities: IntArray
    #: (C,) the candidates.
    columns: Tensor
    #: (B, C) x; 0 for known answers and the entity itself.
    left: Tensor
    #: (B,) the candidate with the best score; of equal ones the first.
    first: Tensor
    #: (B,) the part of the softmax over all entities that known answers leave.
    unknown: FloatArray

    def best(self, least: float) -> tuple[IntArray, IntArray, FloatArray]:
        """Place in the block, entity and x of each slot's best answer, where x is above ``least``."""
        if not len(self.columns):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        most = self.left.gather(1, self.first.unsqueeze(1)).squeeze(1)
        row = torch.nonzero(most > least).flatten()
        return row.numpy(), self.columns[self.first[row]].numpy(), most[row].double().numpy()

    def rest(self, least: float, count: int) -> tuple[IntArray, IntArray, FloatArray]:
        """The same of all other answers, the ``count`` largest of the whole block where there are more."""
        if not len(self.columns):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        above = self.left > least
        above[torch.arange(len(above)), self.first] = False
        row, column = torch.nonzero(above, as_tuple=True)
        left = self.left[row, column]
        if len(left) > count:
            left, kept = torch.topk(left, count)
            row, column = row[kept], column[kept]
        return row.numpy(), self.columns[column].numpy(), left.double().numpy()


def block_size(data: KGDataset) -> int:
    """How many queries' scores fit the memory bound."""
    return max(1, SCORES_PER_BLOCK // max(data.num_entities, 1))


def blocks(predictor: Predictor, slots: BoolArray, candidates: BoolArray, known: QueryIndex) -> Iterator[Block]:
    """The chosen ones of (2R, E) ``slots``, end by end; (2R, E) ``candidates``: who may answer at an end."""
    data = predictor.dataset
    size = block_size(data)
    for end in np.flatnonzero(slots.any(axis=1)).tolist():
        columns = torch.from_numpy(np.flatnonzero(candidates[end]))
        for entities in torch.from_numpy(np.flatnonzero(slots[end])).split(size):
            ends = torch.full_like(entities, end)
            scores = predictor.score_queries(entities, ends)
            yield _block(end, entities, columns, scores, known)


def _block(end: int, entities: Tensor, columns: Tensor, scores: Tensor, known: QueryIndex) -> Block:
    highest = scores.max(dim=1).values
    parts = torch.exp(scores - highest.unsqueeze(1))
    whole = parts.sum(dim=1)
    position, answer = known.answers_of(known.rows(entities, torch.full_like(entities, end)))
    parts[position, answer] = 0
    rest = parts.sum(dim=1)
    parts[torch.arange(len(entities)), entities] = 0
    # Where known answers have all of it, what is left is too small to be told from 0.
    left = parts.index_select(1, columns)
    first = _first(left, highest)
    left /= rest.clamp(min=torch.finfo(rest.dtype).tiny).unsqueeze(1)
    return Block(end, entities.numpy(), columns, left, first, (rest.double() / whole.double()).numpy())


def _first(parts: Tensor, highest: Tensor) -> Tensor:
    """(B, C) e^(s - highest) -> (B,) the first candidate whose score equals the best one's."""
    if not parts.shape[1]:
        return torch.zeros(len(parts), dtype=torch.long)
    best = parts.max(dim=1).values
    least = torch.exp(bounds(best.log() + highest)[0] - highest)
    return (parts >= least.clamp(max=best).unsqueeze(1)).view(torch.uint8).argmax(dim=1)
