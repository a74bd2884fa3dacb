"""KGAT (Wang et al., KDD 2019): attentive propagation over users, items and entities, trained for completing the graph.

    pi(h, r, t) = (W_r e_t) . tanh(W_r e_h + e_r), a softmax over all edges of h       (Eq. 4, 5)
    e_N = sum of pi e_t                                                                 (Eq. 3)
    e  <- LeakyReLU(W_1 (e + e_N)) + LeakyReLU(W_2 (e * e_N))                           (Eq. 8, bi-interaction)
    e* = the input and every layer's output (each of length 1), side by side            (Eq. 11)

The collaborative graph has the triples and, as one more relation, the interactions; both in both directions, each with
a relation of its own. Decoder for completion: DistMult over e*, s(h, r, t) = e*_h . (w_r * e*_t). Optionally the
authors' own BPR loss (Eq. 13) of u . i over e* is added (``bpr``).

Deviations: the attention is learned by the completion loss itself, 1-N over all entities, in place of the alternating
TransR loss (Eq. 2); a step's own triples are no edges and no part of a softmax; a decoder vector per direction.
W_r e is computed once per (relation, node) pair that occurs.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.systems.kgat import KGATSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.graph.sparse import segment_softmax, spmm
from upgan.objectives.batches import Batch
from upgan.objectives.losses import one_to_n
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, Objective, System
from upgan.systems.edges import Edges
from upgan.systems.rgcn import pair_penalty


class BiInteraction(nn.Module):
    """Eq. 8."""

    def __init__(self, dim: int, after: int) -> None:
        super().__init__()
        self.added = nn.Linear(dim, after)
        self.multiplied = nn.Linear(dim, after)

    def forward(self, own: Tensor, neighbours: Tensor) -> Tensor:
        """(N, K), (N, K) -> (N, K')."""
        added: Tensor = functional.leaky_relu(self.added(own + neighbours))
        return added + functional.leaky_relu(self.multiplied(own * neighbours))


class KGAT(System):
    """(E + U, K) vectors, attention per relation and direction, layers of K/2, K/4 ..., (2R, K*) decoder vectors."""

    users_in = "vectors"

    def __init__(self, seen: Seen, dim: int, settings: KGATSettings) -> None:
        super().__init__()
        self.settings = settings
        self.num_entities, self.num_triples = seen.num_entities, len(seen.triples)
        users, items = seen.interactions[:, 0] + seen.num_entities, seen.interactions[:, 1]
        interact = torch.stack([users, torch.full_like(users, seen.num_relations), items], dim=1)
        nodes, kinds = seen.num_entities + seen.num_users, seen.num_relations + 1
        self.edges = Edges(torch.cat([seen.triples, interact]), nodes, kinds)
        self.register_buffer("users", users, persistent=False)
        self.register_buffer("items", items, persistent=False)
        # A target's own (kind, node) pair is a source's pair of the opposite kind: W_r is asked for both ends.
        ends = torch.cat([self.edges.kind * nodes + self.edges.row, self.edges.kind * nodes + self.edges.column])
        ends, place = torch.unique(ends, return_inverse=True)
        self.register_buffer("end_node", ends % max(nodes, 1), persistent=False)
        self.register_buffer("head_place", place[: len(self.edges.kind)], persistent=False)
        self.register_buffer("tail_place", place[len(self.edges.kind) :], persistent=False)
        self.end_counts = torch.bincount(ends // max(nodes, 1), minlength=2 * kinds).tolist()
        widths = [dim] + [max(dim >> (layer + 1), 1) for layer in range(settings.layers)]
        self.vector = nn.Parameter(torch.empty(nodes, dim))
        self.projection = nn.Parameter(torch.empty(2 * kinds, dim, settings.attention_dim))
        self.translation = nn.Parameter(torch.empty(2 * kinds, settings.attention_dim))
        self.layers = nn.ModuleList(BiInteraction(*pair) for pair in pairwise(widths))
        self.relation = nn.Parameter(torch.empty(2 * seen.num_relations, sum(widths)))
        nn.init.normal_(self.vector, std=dim**-0.5)
        for weight in (*self.projection.data, self.translation.data):
            nn.init.xavier_uniform_(weight)
        nn.init.normal_(self.relation)

    users: Tensor
    items: Tensor
    end_node: Tensor
    head_place: Tensor
    tail_place: Tensor

    def vector_tables(self) -> dict[str, Tensor]:
        return {"entity": self.vector[: self.num_entities], "relation": self.relation}

    def attention(self, keep: Tensor) -> Tensor:
        """(M,) edges that are there -> (M,) pi, a softmax within every node's edges."""
        parts = self.vector.index_select(0, self.end_node).split(self.end_counts)
        # One product per relation.
        projected = torch.cat([part @ weight for part, weight in zip(parts, self.projection, strict=True)])
        head = projected.index_select(0, self.head_place) + self.translation.index_select(0, self.edges.kind)
        logits = (projected.index_select(0, self.tail_place) * torch.tanh(head)).sum(1)
        return segment_softmax(self.edges.pattern, logits, keep)

    def encode(self, keep: Tensor) -> Tensor:
        """(M,) edges that are there -> (E + U, K*) e* of all entities and users."""
        alpha = self.attention(keep)
        state: Tensor = self.vector
        outputs = [state]
        for layer in self.layers:
            state = layer(state, spmm(self.edges.pattern, alpha, state))
            outputs.append(functional.normalize(state, dim=1))
        return torch.cat(outputs, dim=1)

    def answerer(self) -> Answerer:
        with torch.no_grad():
            table = self.encode(self.edges.keep(None))[: self.num_entities]
        return lambda heads, relations: (table[heads] * self.relation[relations]) @ table.T

    def bpr_loss(self, size: int, random: torch.Generator) -> Tensor:
        """Eq. 13 on ``size`` interactions, which are no edges of the pass either, against the items of others."""
        drawn = torch.randint(len(self.users), (size,), generator=random, device=random.device).to(self.users.device)
        other = torch.randint(len(self.users), (size,), generator=random, device=random.device).to(self.users.device)
        encoded = self.encode(self.edges.keep(drawn + self.num_triples))
        user, item, negative = (encoded[part] for part in (self.users[drawn], self.items[drawn], self.items[other]))
        return -functional.logsigmoid((user * (item - negative)).sum(1)).mean()

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        settings = self.settings

        def objective(batch: Batch) -> Objective:
            table = self.encode(self.edges.keep(batch.triples))[: self.num_entities]
            query = table[batch.heads] * self.relation[batch.relations]
            kept = torch.rand(query.shape, generator=random, device=random.device).to(query.device) >= settings.dropout
            query = query * kept / (1 - settings.dropout)
            pairs = (batch.row, batch.answer, batch.known_row, batch.known)
            losses = {"loss": one_to_n(settings.loss, query, table, *pairs)}
            total = losses["loss"] + pair_penalty(settings, table, self.relation, batch)
            if settings.bpr and len(self.users):
                losses["bpr"] = self.bpr_loss(settings.batch, random)
                total = total + settings.bpr * losses["bpr"]
            return losses, total

        return self.phase_by_triples(name, settings, index, random, objective)


SYSTEM = KGAT
