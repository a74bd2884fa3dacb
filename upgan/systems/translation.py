"""Systems whose relations move a head to a point in space."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from upgan.systems.joint import JointSystem
from upgan.systems.negatives import Sample


class TranslationSystem(JointSystem):
    """A relation takes the head to a point, and an answer is as good as it is near; W is the length of a vector."""

    num_relations: int
    #: (R, ...): <?, r, t> goes the way of r back.
    relation: nn.Parameter

    @abstractmethod
    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, W) where the answer should be."""

    @abstractmethod
    def distances(self, query: Tensor, table: Tensor) -> Tensor:
        """(B, W) points, (N, W) entities -> (B, N), with a gradient."""

    @abstractmethod
    def lengths(self, apart: Tensor) -> Tensor:
        """(P, W) differences -> (P,) distances."""

    def directed(self, relations: Tensor) -> Tensor:
        """(B,) relations (0 .. 2R-1) -> (B, ...) parameters of r, or minus those for an inverse relation."""
        sign = torch.where(relations < self.num_relations, 1.0, -1.0).to(self.relation.dtype)
        return self.relation.index_select(0, relations % max(self.num_relations, 1)) * sign.unsqueeze(1)

    def scored(self, sample: Sample) -> tuple[Tensor, Tensor]:
        query = self.queries(sample.heads, sample.relations)
        apart = query.index_select(0, sample.row) - self.entity.index_select(0, sample.answer)
        return -self.lengths(apart), -self.distances(query, self.entity.index_select(0, sample.pool))
