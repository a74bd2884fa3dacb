"""TransE (Bordes et al., NIPS 2013): a relation moves the head to the tail.

    s(h, r, t) = -||v_h + v_r - v_t||

<?, r, t> asks with -v_r, which gives the same distance. Deviations: learned with the self-adversarial loss over a pool
of negatives (Sun et al., ICLR 2019) in place of one corrupted triple per triple, and entity vectors keep their length.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from upgan.queries import QueryIndex
from upgan.system_settings import TransESettings
from upgan.systems.base import Answerer, Learning, Seen, System, make_optimizer, query_order
from upgan.systems.negatives import draw_sample, self_adversarial_loss


class TransE(System):
    """(E, K) entity and (R, K) relation vectors."""

    def __init__(self, seen: Seen, dim: int, settings: TransESettings) -> None:
        super().__init__()
        self.settings = settings
        self.num_relations = seen.num_relations
        self.power = 1.0 if settings.norm == "l1" else 2.0
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim))
        self.relation = nn.Parameter(torch.empty(seen.num_relations, dim))
        bound = 6.0 / dim**0.5  # the paper's uniform start
        with torch.no_grad():
            self.entity.uniform_(-bound, bound)
            self.relation.uniform_(-bound, bound)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations -> (B, K) where the answer should be."""
        forward = relations < self.num_relations
        vector = self.relation.index_select(0, relations % max(self.num_relations, 1))
        return self.entity.index_select(0, heads) + torch.where(forward.unsqueeze(1), vector, -vector)

    def answerer(self) -> Answerer:
        return lambda heads, relations: -torch.cdist(self.queries(heads, relations), self.entity, p=self.power)

    def learning(self, phase: str, index: QueryIndex, random: torch.Generator) -> Learning:
        settings = self.settings
        optimizer = make_optimizer(self.parameters(), settings)

        def step(rows: Tensor) -> Mapping[str, Tensor]:
            sample = draw_sample(rows, index, settings.negatives, random)
            query = self.queries(sample.heads, sample.relations)
            apart = query.index_select(0, sample.row) - self.entity.index_select(0, sample.answer)
            positive = -torch.linalg.vector_norm(apart, self.power, dim=1)
            negative = -torch.cdist(query, self.entity.index_select(0, sample.pool), p=self.power)
            loss = self_adversarial_loss(positive, negative, sample, settings)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return {"loss": loss.detach()}

        return Learning(
            settings=settings,
            draw=lambda: query_order(index, random),
            rows=len(index),
            step=step,
            optimizers={"model": optimizer},
            kept=self,
            answerer=self.answerer,
        )
