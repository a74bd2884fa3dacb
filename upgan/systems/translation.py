"""Learning of systems that score by minus a distance: all answers against one pool of negatives per step."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from upgan.config.systems import TranslationSettings
from upgan.graph.queries import QueryIndex
from upgan.objectives.losses import half_squared_norm, once
from upgan.objectives.phase import Phase
from upgan.systems.base import Objective, System
from upgan.systems.negatives import draw_sample, loss_of


class TranslationSystem(System):
    """A relation takes the head to a point, and an answer is as good as it is near; W is the length of a vector."""

    settings: TranslationSettings
    num_relations: int
    #: (E, W), and (R, ...): <?, r, t> goes the way of r back.
    entity: nn.Parameter
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

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        settings = self.settings

        def objective(rows: Tensor) -> Objective:
            sample = draw_sample(rows, index, settings.negatives, random)
            query = self.queries(sample.heads, sample.relations)
            apart = query.index_select(0, sample.row) - self.entity.index_select(0, sample.answer)
            negative = -self.distances(query, self.entity.index_select(0, sample.pool))
            loss = loss_of(-self.lengths(apart), negative, sample, settings)
            total = loss
            if settings.l2:
                used = [once(self.entity, torch.cat([sample.heads, sample.answer]))]
                total = total + settings.l2 * half_squared_norm(used)
            return {"loss": loss}, total

        return self.phase_by_queries(name, settings, index, random, objective)
