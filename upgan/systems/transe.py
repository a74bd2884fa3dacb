"""TransE (Bordes et al., NIPS 2013): a relation moves the head to the tail.

    s(h, r, t) = -||v_h + v_r - v_t||                                                  (d of Eq. 1, 1-norm or 2-norm)

<?, r, t> asks with -v_r, which gives the same distance, or with a vector of its own (``inverses``). Deviations: learned
with the softmax over all entities, estimated from a pool of negatives, or with the self-adversarial loss over that pool
(Sun et al., ICLR 2019, Eq. 5), in place of a margin to one corrupted triple per triple; entity vectors keep their
length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.systems.transe import TransESettings
from upgan.graph.observed import Seen
from upgan.systems.base import Answerer
from upgan.systems.distances import TINY, euclidean, exact_euclidean
from upgan.systems.joint import TranslationSystem


class TransE(TranslationSystem):
    """(E, K) entity and (R, K) relation vectors; with ``inverses`` (2R, K)."""

    settings: TransESettings

    def __init__(self, seen: Seen, dim: int, settings: TransESettings) -> None:
        super().__init__()
        self.settings = settings
        self.num_relations = seen.num_relations
        self.power = 1.0 if settings.norm == "l1" else 2.0
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim))
        self.relation = nn.Parameter(torch.empty((1 + settings.inverses) * seen.num_relations, dim))
        bound = 6.0 / dim**0.5  # the paper's uniform start
        with torch.no_grad():
            self.entity.uniform_(-bound, bound)
            self.relation.uniform_(-bound, bound)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        moved = self.relation.index_select(0, relations) if self.settings.inverses else self.directed(relations)
        return self.entity.index_select(0, heads) + moved

    def distances(self, query: Tensor, table: Tensor) -> Tensor:
        return euclidean(query, table) if self.power == 2 else torch.cdist(query, table, p=1.0)

    def lengths(self, apart: Tensor) -> Tensor:
        return apart.abs().sum(1) if self.power == 1 else apart.square().sum(1).clamp_min(TINY).sqrt()

    def between(self, query: Tensor, vectors: Tensor) -> Tensor:
        """(N, 1, K) queries, (N, S, K) vectors of entities -> (N, S) scores."""
        distance: Tensor = torch.linalg.vector_norm(query - vectors, self.power, dim=2)
        return -distance

    def answerer(self) -> Answerer:
        if self.power == 1:
            return lambda heads, relations: -torch.cdist(self.queries(heads, relations), self.entity, p=1.0)
        table = self.entity.double()
        return lambda heads, relations: -exact_euclidean(self.queries(heads, relations), table)


SYSTEM = TransE
