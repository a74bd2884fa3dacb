"""The discriminator with users on both sides of the score.

    s(h, r, t) = (v_h o v_r + p_h o v'_r) . v_t + (v_h o v''_r) . p_t

Eq. 7's tanh and matrices are left out, and the users of the candidate speak too: p is the co-interaction preference of
upgan.graph.cointeraction (a convex combination of what an item's users chose; 0 where no user speaks), v'_r and v''_r
are relation vectors of their own, per direction, that start near zero. After training, evidence in plain facts is added
where it helps on validation (upgan.model.evidence).

With the table [v_t | p_t] of all candidates the score is one product of vectors, like Eq. 7's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.settings import FusionConfig, ModelConfig
from upgan.graph.layered import LayeredGraph
from upgan.graph.sparse import EdgeMatrix, spans, spmm
from upgan.model.discriminator import QueryVectors, constrain_entities
from upgan.model.evidence import EvidenceFusion
from upgan.model.factorisation import Factorisation
from upgan.model.product import compose

#: Standard deviation of the users' relation vectors at the start: small, so that the warm start is kept.
START = 1e-3


class BilinearDiscriminator(nn.Module):
    """(E, W) entity vectors and three (2R, W) tables of relation vectors; W is K, or 2K for ComplEx's product."""

    def __init__(self, num_entities: int, num_relations: int, config: ModelConfig, fusion: FusionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.entity = nn.Parameter(torch.empty(num_entities, width))
        self.relation = nn.Parameter(torch.empty(2 * num_relations, width))
        #: v'_r, read with the target's users, and v''_r, read with the candidate's.
        self.target_relation = nn.Parameter(torch.empty(2 * num_relations, width))
        self.answer_relation = nn.Parameter(torch.empty(2 * num_relations, width))
        self.fusion = EvidenceFusion(num_relations, fusion.smoothing)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.entity.normal_(0.0, 0.1)
            self.relation.normal_(0.0, 0.1)
            self.target_relation.normal_(0.0, START)
            self.answer_relation.normal_(0.0, START)

    def initialise_from(self, start: Factorisation) -> None:
        """Copy the pre-trained entity and relation vectors (5.2.3)."""
        with torch.no_grad():
            self.entity.copy_(start.entity)
            self.relation.copy_(start.relation)

    def preferences(self, graph: LayeredGraph) -> Tensor:
        """(E, W) p of every entity; zeros where no user speaks, and everywhere without users."""
        co = graph.cointeraction
        if not self.config.use_users or co is None:
            return torch.zeros_like(self.entity)
        return spmm(co.similar.pattern, co.similar.weight.to(self.entity.dtype), self.entity)

    def table(self, preferences: Tensor) -> Tensor:
        """(E, W) p -> (E, 2W) what queries are multiplied with: [v_t | p_t]."""
        return torch.cat([self.entity, preferences], dim=1)

    def changed_table(self, table: Tensor, graph: LayeredGraph, items: Tensor) -> Tensor:
        """A copy of ``table`` with p of (B,) ``items`` read from another graph."""
        co = graph.cointeraction
        if not self.config.use_users or co is None or not len(items):
            return table
        position, place = spans(co.similar.pattern.row_start, items)
        column, weight = co.similar.pattern.column[place], co.similar.weight[place].to(self.entity.dtype)
        rows, _ = EdgeMatrix.build(position, column, len(items), len(self.entity))
        changed = table.clone()
        changed[items, self.entity.shape[1] :] = spmm(rows, weight, self.entity)
        return changed

    def queries(self, heads: Tensor, relations: Tensor, preferences: Tensor) -> QueryVectors:
        """(B,) queries with p of every entity -> (B, 2W) vectors in the space of the table."""
        product = self.config.product
        entity = self.entity.index_select(0, heads)
        known = compose(product, entity, self.relation.index_select(0, relations))
        preferred = compose(
            product, preferences.index_select(0, heads), self.target_relation.index_select(0, relations)
        )
        answered = compose(product, entity, self.answer_relation.index_select(0, relations))
        return QueryVectors(torch.cat([known + preferred, answered], dim=1), entity.new_zeros(len(heads)))

    def without_users(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B, E) scores with p = 0 everywhere and no evidence: (v_h o v_r) . v_t."""
        known = compose(
            self.config.product, self.entity.index_select(0, heads), self.relation.index_select(0, relations)
        )
        return known @ self.entity.T

    def constrain(self) -> None:
        """Keep entity vectors within the configured length (5.2.3)."""
        constrain_entities(self.entity, self.config)
