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

from upgan.config.sections import FusionConfig, ModelConfig, WalksConfig
from upgan.graph.candidates import Candidates
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.graph.sparse import EdgeMatrix, spans, spmm
from upgan.model.base import FullScorer, Reused
from upgan.model.evidence import EvidenceFusion
from upgan.model.excerpt import Excerpt, reading
from upgan.model.guided import AnyDiscriminator, Excerpted, QueryVectors, View
from upgan.model.product import compose
from upgan.model.walks import Walks
from upgan.objectives.batches import Batch
from upgan.objectives.losses import once

#: Standard deviation of the users' relation vectors at the start: small, so that the warm start is kept.
START = 1e-3


class BilinearDiscriminator(AnyDiscriminator):
    """Entity vectors and three (2R, W) tables of relation vectors."""

    users_in = "paths"

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        config: ModelConfig,
        fusion: FusionConfig,
        walks: WalksConfig | None = None,
    ) -> None:
        super().__init__(num_entities, num_relations, config)
        #: v'_r, read with the target's users, and v''_r, read with the candidate's.
        self.target_relation = nn.Parameter(torch.empty(2 * num_relations, self.width))
        self.answer_relation = nn.Parameter(torch.empty(2 * num_relations, self.width))
        self.fusion = EvidenceFusion(num_relations, fusion.smoothing)
        #: None where the settings have no walks.
        self.walks = Walks(num_relations, walks.paths) if walks is not None and walks.enabled else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.draw_vectors()
        with torch.no_grad():
            self.target_relation.normal_(0.0, START)
            self.answer_relation.normal_(0.0, START)

    def preferences(self, graph: LayeredGraph) -> Tensor:
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
        changed[items, self.width :] = spmm(rows, weight, self.entity)
        return changed

    def queries(self, heads: Tensor, relations: Tensor, preferences: Tensor) -> QueryVectors:
        """(B,) queries with p of every entity -> (B, 2W) vectors in the space of the table."""
        product = self.product
        entity = self.entity.index_select(0, heads)
        known = compose(product, entity, self.relation.index_select(0, relations))
        preferred = compose(
            product, preferences.index_select(0, heads), self.target_relation.index_select(0, relations)
        )
        answered = compose(product, entity, self.answer_relation.index_select(0, relations))
        return QueryVectors(torch.cat([known + preferred, answered], dim=1), entity.new_zeros(len(heads)))

    def without_users(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B, E) scores with p = 0 everywhere and no evidence: (v_h o v_r) . v_t."""
        return self.composed(heads, relations) @ self.entity.T

    @torch.no_grad()
    def on(self, graph: LayeredGraph, facts: Facts | None = None, reused: Reused | None = None) -> FullScorer:
        # Put together once: at a hundred thousand entities this takes longer than the product with a query.
        if reused is None:
            table = self.table(self.preferences(graph))
        else:
            table = self.changed_table(reused.table, graph, reused.items)
        preferences, co = table[:, self.width :], graph.cointeraction

        def with_users(heads: Tensor, relations: Tensor, among: Candidates | None = None) -> Tensor:
            rows = table if among is None else table.index_select(0, among.entities)
            scores = self.queries(heads, relations, preferences).against(rows)
            if facts is not None and co is not None and self.config.use_users and not self.fusion.silent:
                self.fusion.add(scores, co.common, facts, heads, relations, among)
            return walking(scores, heads, relations, True, among)

        def without_users(heads: Tensor, relations: Tensor) -> Tensor:
            return walking(self.without_users(heads, relations), heads, relations, False)

        def walking(
            scores: Tensor, heads: Tensor, relations: Tensor, users: bool, among: Candidates | None = None
        ) -> Tensor:
            if self.walks is None or self.walks.silent:
                return scores
            assert facts is not None, "a score with walks is given the facts that they go along"
            edges = facts.walk_edges(graph.said if self.config.use_users else ())
            return self.walks.add(scores, edges, heads, relations, users=users, among=among)

        return FullScorer(with_users, without_users, table, with_users)

    # One training step -----------------------------------------------------------------------------------------------

    def view(self, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> View:
        """No triple is walked at all, so that there is nothing to take out of the graph."""
        preferences = self.preferences(graph)
        return View(self.queries(batch.heads, batch.relations, preferences), self.table(preferences), preferences)

    excerpts = True

    def excerpt(self, graph: LayeredGraph, batch: Batch, pool: Tensor, by_rows: bool) -> Excerpted:
        """What is asked about first, then the items that its p is read along."""
        asked = Excerpt.of(len(self.entity), batch.heads, batch.answer, batch.known, pool)
        near, co = asked, graph.cointeraction
        if self.config.use_users and co is not None:
            pattern = co.similar.pattern
            position, place = spans(pattern.row_start, asked.entities)
            column, weight = pattern.column[place], co.similar.weight[place].to(self.entity.dtype)
            near = asked.with_more(column)
            vectors = near.vectors(self.entity, by_rows)
            along, _ = EdgeMatrix.build(position, near.place(column), len(asked), len(near))
            preferences = spmm(along, weight, vectors)
        else:
            vectors = near.vectors(self.entity, by_rows)
            preferences = torch.zeros_like(vectors)
        part, own = reading(self, vectors[: len(asked)]), asked.batch(batch)
        queries = part.queries(own.heads, own.relations, preferences)
        return Excerpted(part, own, asked.place(pool), View(queries, part.table(preferences), preferences))

    def factors(self, batch: Batch, view: View) -> list[Tensor]:
        """p is a factor like the others: without its part it would escape the regularisation."""
        assert view.preferences is not None
        heads, relations = batch.heads[batch.row], batch.relations[batch.row]
        return [
            *super().factors(batch, view),
            view.preferences.index_select(0, heads),
            self.target_relation.index_select(0, relations),
            view.preferences.index_select(0, batch.answer),
            self.answer_relation.index_select(0, relations),
        ]

    def used_parameters(self, batch: Batch) -> list[Tensor]:
        read = [once(self.target_relation, batch.relations), once(self.answer_relation, batch.relations)]
        return [*super().used_parameters(batch), *read]
