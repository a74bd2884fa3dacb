"""R-GCN (Schlichtkrull et al., ESWC 2018) with a DistMult decoder.

    x_i <- sigma( W_0 x_i + sum_r 1/c_{i,r} sum_{j in N_i^r} W_r x_j )     (Eq. 2)
    W_r = sum_b a_{r,b} V_b                                               (Eq. 3, basis decomposition)
    s(h, r, t) = x_h . (w_r * x_t)                                        (Eq. 6)

Both directions of a triple are edges with relations of their own. A training step sees none of its own answers: both
edges of the batch's triples are taken out, and c counts what is left; on top of it edges drop out at random (5.2 of the
paper). x @ V_b comes first, then one weighted sparse product per basis: no vector per edge exists.

Deviations: learned 1-N over all entities (by default a softmax) in place of sampled corruptions with a binary loss; a
decoder vector per direction; the last layer has no activation, so that x can have any sign; dropout on the encoded
vectors, and N3 of them in place of an l2 norm of the decoder; a residual of the input vectors (``residual``) that the
paper does not have.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.systems.kgat import KGATSettings
from upgan.config.systems.rgcn import RGCNSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.graph.sparse import spmm
from upgan.objectives.batches import Batch
from upgan.objectives.losses import half_squared_norm, mean_cubed_norm, one_to_n
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, Objective, System
from upgan.systems.edges import Edges


class RGCNLayer(nn.Module):
    """Eq. 2 and 3 without the activation."""

    def __init__(self, num_kinds: int, dim: int, bases: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(bases, dim, dim))
        self.coefficient = nn.Parameter(torch.empty(num_kinds, bases))
        self.own = nn.Parameter(torch.empty(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        for weight in (*self.basis.data, self.own.data):
            nn.init.xavier_uniform_(weight)
        nn.init.xavier_uniform_(self.coefficient)

    def forward(self, edges: Edges, share: Tensor, state: Tensor) -> Tensor:
        """(M,) 1/c of each edge (0: no edge) and (N, K) states -> (N, K)."""
        after = torch.addmm(self.bias, state, self.own)
        pattern = edges.pattern
        weight = self.coefficient.index_select(0, edges.kind) * share.unsqueeze(1)  # (M, bases) scalars
        for basis, column in zip(self.basis, weight.T.contiguous(), strict=True):
            after = after + spmm(pattern, column, state @ basis)
        return after


class RGCN(System):
    """(E, K) input vectors, layers, and (2R, K) decoder vectors."""

    def __init__(self, seen: Seen, dim: int, settings: RGCNSettings) -> None:
        super().__init__()
        self.settings = settings
        self.edges = Edges(seen.triples, seen.num_entities, seen.num_relations)
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim))
        self.relation = nn.Parameter(torch.empty(2 * seen.num_relations, dim))
        self.layers = nn.ModuleList(
            RGCNLayer(2 * seen.num_relations, dim, settings.bases) for _ in range(settings.layers)
        )
        nn.init.xavier_normal_(self.entity)
        nn.init.xavier_normal_(self.relation)

    def encode(self, keep: Tensor) -> Tensor:
        """(M,) edges that are there -> (E, K) vectors of all entities."""
        share = self.edges.means(keep, self.entity.dtype)
        state: Tensor = self.entity
        for number, layer in enumerate(self.layers):
            state = layer(self.edges, share, state)
            if number < len(self.layers) - 1:
                state = functional.relu(state)
        return state + self.entity if self.settings.residual else state

    def answerer(self) -> Answerer:
        with torch.no_grad():
            table = self.encode(self.edges.keep(None))
        return lambda heads, relations: (table[heads] * self.relation[relations]) @ table.T

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        settings = self.settings

        def thinned(values: Tensor, share: float) -> Tensor:
            kept = torch.rand(values.shape, generator=random, device=random.device).to(values.device) >= share
            return values * kept

        def objective(batch: Batch) -> Objective:
            keep = thinned(self.edges.keep(batch.triples), settings.edge_dropout)
            table = self.encode(keep)
            query = table[batch.heads] * self.relation[batch.relations]
            query = thinned(query, settings.dropout) / (1 - settings.dropout)
            pairs = (batch.row, batch.answer, batch.known_row, batch.known)
            loss = one_to_n(settings.loss, query, table, *pairs)
            penalty = pair_penalty(settings, table, self.relation, batch)
            return {"loss": loss}, loss + penalty

        return self.phase_by_triples(name, settings, index, random, objective)


def pair_penalty(settings: RGCNSettings | KGATSettings, table: Tensor, relation: Tensor, batch: Batch) -> Tensor:
    """N3 and the squared norm of the three vectors whose product is a pair's score, averaged over the batch's pairs."""
    factors = [
        table.index_select(0, batch.heads[batch.row]),
        relation.index_select(0, batch.relations[batch.row]),
        table.index_select(0, batch.answer),
    ]
    return settings.n3 * mean_cubed_norm(factors) + settings.l2 * half_squared_norm(factors) / max(len(batch.row), 1)


SYSTEM = RGCN
