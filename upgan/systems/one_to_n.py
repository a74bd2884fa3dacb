"""1-N learning (Dettmers et al., AAAI 2018, 4.1): a query is encoded once and scored against all entities.

    s(h, r, t) = f(v_h, v_r) . v_t + b_t

<?, r, t> is <t, r + R, ?> with a relation vector of its own. What a system adds is f. The bias is a further column of
the candidates' table, so that all scores are one matrix product.
"""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.section import OneToN
from upgan.config.systems.base import OneToNSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.objectives.losses import half_squared_norm, mean_cubed_norm, once, one_to_n
from upgan.objectives.phase import Phase
from upgan.systems.base import Answerer, Objective, System


class OneToNSystem(System):
    """(E, K) entity and (2R, K) relation vectors, (E,) biases, and an encoder of queries."""

    def __init__(self, seen: Seen, dim: int, settings: OneToNSettings) -> None:
        super().__init__()
        self.settings = settings
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim))
        self.relation = nn.Parameter(torch.empty(2 * seen.num_relations, dim))
        self.bias = nn.Parameter(torch.zeros(seen.num_entities))
        with torch.no_grad():
            nn.init.xavier_normal_(self.entity)
            nn.init.xavier_normal_(self.relation)

    @abstractmethod
    def encode(self, head: Tensor, relation: Tensor) -> Tensor:
        """(B, K) and (B, K) -> (B, K), f of the equation above."""

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, K + 1) whose product with the table is the score."""
        encoded = self.encode(self.entity.index_select(0, heads), self.relation.index_select(0, relations))
        return functional.pad(encoded, (0, 1), value=1.0)

    def table(self) -> Tensor:
        """(E, K + 1) [v_t | b_t]."""
        return torch.cat([self.entity, self.bias.unsqueeze(1)], dim=1)

    def answerer(self) -> Answerer:
        table = self.table()

        def answer(heads: Tensor, relations: Tensor) -> Tensor:
            with without_training(self):
                return self.queries(heads, relations) @ table.T

        return answer

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        settings = self.settings

        def objective(rows: Tensor) -> Objective:
            heads, relations = index.heads[rows], index.relations[rows]
            row, answer = index.answers_of(rows)
            # Batch normalisation knows no deviation of a single query: an epoch's last one may be alone.
            with without_training(self) if len(rows) == 1 else contextlib.nullcontext():
                vector = self.queries(heads, relations)
            table = self.table()
            loss = one_to_n(settings.loss, vector, table, row, answer, row, answer)
            total = loss
            if settings.smoothing:
                total = total + settings.smoothing * smoothing_term(settings.loss, vector, table, row, answer)
            if settings.n3:
                factors = [vector[:, :-1].index_select(0, row), self.entity.index_select(0, answer)]
                total = total + settings.n3 * mean_cubed_norm(factors)
            if settings.l2:
                used = [once(self.entity, torch.cat([heads, answer])), once(self.relation, relations)]
                total = total + settings.l2 * half_squared_norm(used)
            return {"loss": loss}, total

        return self.phase_by_queries(name, settings, index, random, objective)


def smoothing_term(loss: OneToN, vector: Tensor, table: Tensor, row: Tensor, answer: Tensor) -> Tensor:
    """What label smoothing adds to the loss, divided by its strength e.

    With the target (1 - e) y + e / N over N entities all losses are linear in the target, and change by e times
    the answers' scores minus the mean score of the N. The sum over all entities is q . sum(table): no B x E scores are
    needed. N are all E; where a query's other answers are left out of the softmax, they are left out here too. A pair
    has such a target in the cross-entropies, a query in the binary one. Divided by P as the loss is.
    """
    answers = (vector.index_select(0, row) * table.index_select(0, answer)).sum(1)
    total, count = vector @ table.sum(0), vector.new_full((len(vector),), len(table))
    if loss == "cross_entropy_filtered":
        total, count = total.index_add(0, row, -answers), count.index_add(0, row, -torch.ones_like(answers))
    if loss != "bce":
        total, count = total.index_select(0, row), count.index_select(0, row)
    if loss == "cross_entropy_filtered":  # the pair's own answer is one of the N
        total, count = total + answers, count + 1
    return (answers.sum() - (total / count).sum()) / max(len(row), 1)


@contextlib.contextmanager
def without_training(module: nn.Module) -> Iterator[Any]:
    """No dropout, and the means that batch normalisation has kept; nothing of it is changed by what is asked."""
    was = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was)
