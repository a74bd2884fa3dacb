"""The entities that a step reads, numbered anew: its time then follows them, not all entities there are.

A step with drawn candidates reads the vectors of its heads, answers and candidates, and of what their users chose.
Loss and gradient are those of the whole tables: every other row of the gradient is 0. So that no such row is written,
the gradient can be one of rows (``torch.sparse``), which Adagrad takes as it takes a table of zeros elsewhere: a row
without a gradient keeps its vector and its accumulated squares.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from upgan.model.vectors import Vectors
from upgan.objectives.batches import Batch

Made = TypeVar("Made", bound=Vectors)


@dataclass(frozen=True)
class Excerpt:
    """Some of the E entities in an order of their own."""

    #: (N,) distinct entities, and (E,) the place of each among them, -1 where it is not.
    entities: Tensor
    places: Tensor

    @staticmethod
    def of(num_entities: int, *read: Tensor) -> Excerpt:
        """The entities in any of ``read``, ascending."""
        return Excerpt._numbered(_distinct(num_entities, *read), num_entities)

    @staticmethod
    def _numbered(entities: Tensor, num_entities: int) -> Excerpt:
        places = torch.full((num_entities,), -1, dtype=torch.long, device=entities.device)
        return Excerpt(entities, places.index_copy_(0, entities, torch.arange(len(entities), device=entities.device)))

    def __len__(self) -> int:
        return len(self.entities)

    def with_more(self, read: Tensor) -> Excerpt:
        """The same, followed by the entities in ``read`` that it does not have."""
        more = _distinct(len(self.places), read)
        more = more[self.places.index_select(0, more) < 0]
        return self._numbered(torch.cat([self.entities, more]), len(self.places))

    def place(self, entities: Tensor) -> Tensor:
        """(B,) entities of the excerpt -> their places in it."""
        return self.places.index_select(0, entities)

    def vectors(self, table: Tensor, by_rows: bool) -> Tensor:
        """(N, W) their rows of an (E, W) table; ``by_rows``: the table's gradient is one of these rows."""
        return functional.embedding(self.entities, table, sparse=by_rows)

    def batch(self, batch: Batch) -> Batch:
        """A mini-batch by places."""
        heads, answer, known = (self.place(named) for named in (batch.heads, batch.answer, batch.known))
        return replace(batch, heads=heads, answer=answer, known=known)


def excerpted(candidates: int, table: Tensor) -> bool:
    """Whether steps that draw so many candidates read an excerpt.

    Not on a GPU, which would wait for its size, and to which whole tables are cheap.
    """
    return 0 < candidates < len(table) and table.device.type == "cpu"


def _distinct(num_entities: int, *read: Tensor) -> Tensor:
    """The distinct entities in any of ``read``, ascending."""
    named = torch.zeros(num_entities, dtype=torch.bool, device=read[0].device)
    for entities in read:
        named.index_fill_(0, entities, True)
    return named.nonzero().flatten()


def reading(model: Made, vectors: Tensor) -> Made:
    """The model with ``vectors`` (N, W) as its entities; all else that it has is shared."""
    part = copy.copy(model)
    part._parameters = {name: value for name, value in model._parameters.items() if name != "entity"}
    part.entity = vectors  # type: ignore[assignment]
    return part
