"""The user preference guided discriminator (Section 4.3).

    x_q = [v_h o v_r ; p_h o v_r]                                   (Eq. 8; o: the paper's *, or ComplEx's product)
    s(h, r, t) = (W2 v_t + b2)^T tanh(W1 x_q + b1)                   (Eq. 7)
    D(t | h, r) = 1 / (1 + exp(-s))                                  (Eq. 6)

W2 is moved to the query's side: s = (W2^T y) . v_t + b2 . y with y = tanh(W1 x_q + b1), which is the same number with
one product per query instead of one per candidate.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from upgan.config.sections import ModelConfig
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.model.base import FullScorer, Reused, UsersIn
from upgan.model.guided import AnyDiscriminator, QueryVectors, View
from upgan.model.product import compose
from upgan.model.propagation import Propagated, Propagation
from upgan.objectives.batches import Batch


class Discriminator(AnyDiscriminator):
    """Entity and relation vectors, both propagation stages, and the score of Eq. 7."""

    users_in: ClassVar[UsersIn] = "layers"

    def __init__(self, num_entities: int, num_relations: int, num_users: int, config: ModelConfig) -> None:
        super().__init__(num_entities, num_relations, config)
        dim = self.width
        self.propagation = Propagation(2 * num_relations + 2, num_users, dim, config.propagation)
        self.w1 = nn.Parameter(torch.empty(dim, 2 * dim))
        self.b1 = nn.Parameter(torch.empty(dim))
        self.w2 = nn.Parameter(torch.empty(dim, dim))
        self.b2 = nn.Parameter(torch.empty(dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """W1 = [I | small], W2 = I + small: at the start the score is that of the vectors D is initialised with.

        Random W1 and W2 would destroy the initialisation.
        """
        dim = self.width
        self.draw_vectors()
        with torch.no_grad():
            self.w1.normal_(0.0, 0.01 * dim**-0.5)
            self.w1[:, :dim] += torch.eye(dim)
            self.w1[:, dim:] += self.config.preference_init * torch.eye(dim)
            self.w2.normal_(0.0, 0.01 * dim**-0.5).add_(torch.eye(dim))
            self.b1.zero_()
            self.b2.zero_()

    def propagate(self, graph: LayeredGraph, masked: Tensor | None = None, unread: Tensor | None = None) -> Propagated:
        """Both stages over the graph, without the edges of ``masked`` training triples (T,) bool, and with the
        ``unread`` items (E,) bool left out of their readers' profiles."""
        propagated: Propagated = self.propagation(graph, self.entity, masked, unread)
        return propagated

    def preference(
        self, graph: LayeredGraph, heads: Tensor, masked: Tensor | None = None, unread: Tensor | None = None
    ) -> Tensor:
        """(B,) heads -> (B, K) p_h; zeros without users."""
        if not self.config.use_users or graph.num_reachable == 0:
            return self.entity.new_zeros(len(heads), self.width)
        return self.propagate(graph, masked, unread).entity_preference(graph, heads)

    def preferences(self, graph: LayeredGraph) -> Tensor:
        return self.preference(graph, torch.arange(len(self.entity), device=self.entity.device))

    def hidden(self, heads: Tensor, relations: Tensor, preference: Tensor, kg_kept: Tensor | None = None) -> Tensor:
        """(B, K) W1 x_q + b1, before tanh: linear in p_h, which is what makes attribution exact.

        ``kg_kept``: (B,) 0 where the KG half of x_q is dropped in this training step, else 1.
        """
        dim = self.width
        relation = self.relation.index_select(0, relations)
        known = compose(self.product, self.entity.index_select(0, heads), relation) @ self.w1[:, :dim].T
        if kg_kept is not None:
            known = known * kg_kept.unsqueeze(1)
        return known + compose(self.product, preference, relation) @ self.w1[:, dim:].T + self.b1

    def queries(
        self, heads: Tensor, relations: Tensor, preference: Tensor, kg_kept: Tensor | None = None
    ) -> QueryVectors:
        """(B,) queries with p_h (B, K) -> their vectors in the candidates' space (Eq. 7)."""
        y = torch.tanh(self.hidden(heads, relations, preference, kg_kept))
        return QueryVectors(vector=y @ self.w2, offset=y @ self.b2)

    def scores(self, queries: QueryVectors, candidates: Tensor | None = None) -> Tensor:
        """Query vectors -> (B, C) scores of ``candidates`` (C,), or (B, E) of every entity."""
        table = self.entity if candidates is None else self.entity.index_select(0, candidates)
        return queries.against(table)

    @torch.no_grad()
    def on(self, graph: LayeredGraph, facts: Facts | None = None, reused: Reused | None = None) -> FullScorer:
        preferences = self.preferences(graph)

        def with_users(heads: Tensor, relations: Tensor) -> Tensor:
            return self.scores(self.queries(heads, relations, preferences.index_select(0, heads)))

        def without_users(heads: Tensor, relations: Tensor) -> Tensor:
            nothing = preferences.new_zeros(1, 1).expand(len(heads), self.width)
            return self.scores(self.queries(heads, relations, nothing))

        return FullScorer(with_users, without_users)

    # One training step -----------------------------------------------------------------------------------------------

    def view(self, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> View:
        return View(self.batch_queries(graph, batch, random), self.entity)

    def batch_queries(self, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> QueryVectors:
        """The batch's query vectors as a training step sees them: its own edges are out of the graph, and a share of
        the items is unknown where the settings say so (``ModelConfig.item_dropout``)."""
        unread = self.dropped_items(graph, random)
        preference = self.preference(graph, batch.heads, batch_mask(graph, batch), unread)
        kg_kept = None if unread is None else (~unread).to(self.entity.dtype).index_select(0, batch.heads)
        return self.queries(batch.heads, batch.relations, preference, kg_kept)

    def dropped_items(self, graph: LayeredGraph, random: torch.Generator) -> Tensor | None:
        """(E,) the items (entities of layer 1) that one step treats as unknown; None without item dropout."""
        share = self.config.item_dropout
        if not share or not self.config.use_users or graph.num_reachable == 0:
            return None
        items = graph.layers[1]
        chance = torch.rand(len(items), generator=random, device=random.device)
        unread = torch.zeros(len(self.entity), dtype=torch.bool, device=items.device)
        return unread.index_copy_(0, items, (chance < share).to(items.device))

    def used_parameters(self, batch: Batch) -> list[Tensor]:
        part = self.propagation
        matrices = [self.w1, self.b1, self.w2, self.b2, part.own, part.relation, part.attention, part.user]
        return [*super().used_parameters(batch), *matrices]


def batch_mask(graph: LayeredGraph, batch: Batch) -> Tensor:
    """(T,) True for the training triples of the batch."""
    masked = torch.zeros(graph.num_triples, dtype=torch.bool, device=batch.triples.device)
    return masked.index_fill_(0, batch.triples, True)
