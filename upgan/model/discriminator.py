"""The user preference guided discriminator (Section 4.3).

    x_q = [v_h o v_r ; p_h o v_r]                                   (Eq. 8; o: the paper's *, or ComplEx's product)
    s(h, r, t) = (W2 v_t + b2)^T tanh(W1 x_q + b1)                   (Eq. 7)
    D(t | h, r) = 1 / (1 + exp(-s))                                  (Eq. 6)

W2 is moved to the query's side: s = (W2^T y) . v_t + b2 . y with y = tanh(W1 x_q + b1), which is the same number with
one product per query instead of one per candidate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upgan.config.settings import ModelConfig
from upgan.graph.layered import LayeredGraph
from upgan.model.factorisation import Factorisation
from upgan.model.product import compose
from upgan.model.propagation import Propagated, Propagation
from upgan.model.rgcn import rgcn_preference


@dataclass(frozen=True)
class QueryVectors:
    """A query in the space of the candidates: s(t) = vector . v_t + offset."""

    vector: Tensor  # (B, K)
    offset: Tensor  # (B,)

    def against(self, table: Tensor) -> Tensor:
        """(B, C) scores of the candidates whose vectors are the rows of ``table`` (C, K)."""
        return torch.addmm(self.offset.unsqueeze(1), self.vector, table.T)

    def of_pairs(self, row: Tensor, table: Tensor, answer: Tensor) -> Tensor:
        """(P,) scores of pairs: the query at ``row`` with the candidate ``answer`` of ``table``."""
        product = (self.vector.index_select(0, row) * table.index_select(0, answer)).sum(1)
        return product + self.offset.index_select(0, row)


class Discriminator(nn.Module):
    """Entity and relation vectors, both propagation stages, and the score of Eq. 7."""

    def __init__(self, num_entities: int, num_relations: int, num_users: int, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.width
        self.entity = nn.Parameter(torch.empty(num_entities, dim))
        self.relation = nn.Parameter(torch.empty(2 * num_relations, dim))
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
        dim = self.config.width
        with torch.no_grad():
            self.entity.normal_(0.0, 0.1)
            self.relation.normal_(0.0, 0.1)
            self.w1.normal_(0.0, 0.01 * dim**-0.5)
            self.w1[:, :dim] += torch.eye(dim)
            self.w1[:, dim:] += self.config.preference_init * torch.eye(dim)
            self.w2.normal_(0.0, 0.01 * dim**-0.5).add_(torch.eye(dim))
            self.b1.zero_()
            self.b2.zero_()

    def initialise_from(self, start: Factorisation) -> None:
        """Copy the pre-trained entity and relation vectors (5.2.3)."""
        with torch.no_grad():
            self.entity.copy_(start.entity)
            self.relation.copy_(start.relation)

    def propagate(self, graph: LayeredGraph, masked: Tensor | None = None, unread: Tensor | None = None) -> Propagated:
        """Both stages over the graph, without the edges of ``masked`` training triples (T,) bool, and with the
        ``unread`` items (E,) bool left out of their readers' profiles."""
        propagated: Propagated = self.propagation(graph, self.entity, masked, unread)
        return propagated

    def preference(
        self, graph: LayeredGraph, heads: Tensor, masked: Tensor | None = None, unread: Tensor | None = None
    ) -> Tensor:
        """(B,) heads -> (B, K) p_h; zeros without users."""
        if not self.config.use_users:
            return self.entity.new_zeros(len(heads), self.config.width)
        if self.config.propagation.form == "rgcn":
            return rgcn_preference(self.propagation, graph, self.entity, masked).index_select(0, heads)
        if graph.num_reachable == 0:
            return self.entity.new_zeros(len(heads), self.config.width)
        return self.propagate(graph, masked, unread).entity_preference(graph, heads)

    def hidden(self, heads: Tensor, relations: Tensor, preference: Tensor, kg_kept: Tensor | None = None) -> Tensor:
        """(B, K) W1 x_q + b1, before tanh: linear in p_h, which is what makes attribution exact.

        ``kg_kept``: (B,) 0 where the KG half of x_q is dropped in this training step, else 1.
        """
        dim = self.config.width
        relation = self.relation.index_select(0, relations)
        known = compose(self.config.product, self.entity.index_select(0, heads), relation) @ self.w1[:, :dim].T
        if kg_kept is not None:
            known = known * kg_kept.unsqueeze(1)
        return known + compose(self.config.product, preference, relation) @ self.w1[:, dim:].T + self.b1

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

    def constrain(self) -> None:
        """Keep entity vectors within the configured length (5.2.3)."""
        constrain_entities(self.entity, self.config)


@torch.no_grad()
def constrain_entities(entity: Tensor, config: ModelConfig) -> None:
    """Rescale (E, W) vectors in place that are shorter or longer than ``config.entity_norm`` allows."""
    if config.entity_norm == "free":
        return
    norm = entity.norm(dim=1, keepdim=True).clamp_min(1e-12)
    bounded = norm.clamp_min(1.0) if config.entity_norm == "at_least_one" else norm.clamp_max(1.0)
    entity.mul_(bounded / norm)
