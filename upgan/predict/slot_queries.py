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
    #: (B,) the part of the softmax over all entities that known answers leave.
    unknown: FloatArray

    def above(self, least: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Place in the block, entity and x of all answers whose x is above the (B,) ``least``."""
        row, column = torch.nonzero(self.left > torch.from_numpy(least).float().unsqueeze(1), as_tuple=True)
        return row.numpy(), self.columns[column].numpy(), self.left[row, column].double().numpy()


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
    parts = torch.exp(scores - scores.max(dim=1, keepdim=True).values)
    whole = parts.sum(dim=1)
    position, answer = known.answers_of(known.rows(entities, torch.full_like(entities, end)))
    parts[position, answer] = 0
    rest = parts.sum(dim=1)
    parts[torch.arange(len(entities)), entities] = 0
    # Where known answers have all of it, what is left is too small to be told from 0.
    left = parts.index_select(1, columns) / rest.clamp(min=torch.finfo(rest.dtype).tiny).unsqueeze(1)
    return Block(end, entities.numpy(), columns, left, (rest.double() / whole.double()).numpy())
