"""DistMult (Yang et al., ICLR 2015) inside of other systems; by itself it is ``--model distmult``.

    s(h, r, t) = sum_k v_h v_r v_t

A relation and its inverse have a vector each. Learned against all entities, a query's other known answers left out,
with the cubed norm of each triple's vectors as penalty (N3: Lacroix et al., ICML 2018, Eq. 4), and the squared norm of
the vectors that a step uses where that is asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.systems.base import SystemSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.objectives.losses import half_squared_norm, mean_cubed_norm, once, one_to_n
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, Objective, System


class DistMult(System):
    """(E, K) entity and (2R, K) relation vectors; ``n3`` is the weight of N3."""

    def __init__(self, seen: Seen, dim: int, settings: SystemSettings, n3: float) -> None:
        super().__init__()
        self.settings, self.n3 = settings, n3
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim).normal_(std=0.1))
        self.relation = nn.Parameter(torch.empty(2 * seen.num_relations, dim).normal_(std=0.1))

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, K) whose product with an entity's vector is the score."""
        return self.entity.index_select(0, heads) * self.relation.index_select(0, relations)

    def between(self, query: Tensor, vectors: Tensor) -> Tensor:
        """(N, 1, K) queries, (N, S, K) vectors of entities -> (N, S) scores."""
        return (query * vectors).sum(2)

    def answerer(self) -> Answerer:
        return lambda heads, relations: self.queries(heads, relations) @ self.entity.T

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        def objective(rows: Tensor) -> Objective:
            row, answer = index.answers_of(rows)
            query = self.queries(index.heads[rows], index.relations[rows])
            loss = one_to_n("cross_entropy_filtered", query, self.entity, row, answer, row, answer)
            pairs = rows.index_select(0, row)
            triples = (
                self.entity.index_select(0, index.heads[pairs]),
                self.relation.index_select(0, index.relations[pairs]),
                self.entity.index_select(0, answer),
            )
            total = loss + self.n3 * mean_cubed_norm(triples)
            if self.settings.l2:
                entities = torch.cat([index.heads[rows], answer])
                used = [once(self.entity, entities), once(self.relation, index.relations[rows])]
                total = total + self.settings.l2 * half_squared_norm(used)
            return {"loss": loss}, total

        return self.phase_by_queries(name, self.settings, index, random, objective)
