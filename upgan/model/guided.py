"""What training asks of the user preference guided discriminator (Section 4.3), whichever its score.

A step sees a batch as queries and candidates whose products are the scores, none of the batch's own edges in the graph.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from upgan.config.sections import ModelConfig
from upgan.graph.layered import LayeredGraph
from upgan.model.base import Model
from upgan.model.product import mean_cubed_modulus
from upgan.model.vectors import Vectors
from upgan.objectives.batches import Batch
from upgan.objectives.losses import once


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


@dataclass(frozen=True)
class View:
    """A batch as the discriminator sees it in one step: scores are queries . table."""

    queries: QueryVectors
    #: (E, D) vectors of every candidate.
    table: Tensor
    #: (E, W) p of every entity, where the score reads the candidates' users too.
    preferences: Tensor | None = None

    def part(self, first: int, last: int) -> View:
        """The queries first .. last against all candidates."""
        queries = QueryVectors(self.queries.vector[first:last], self.queries.offset[first:last])
        return View(queries, self.table, self.preferences)


class Excerpted(NamedTuple):
    """A step over some of the entities, by their places among those: the model on them, batch, candidates and view."""

    model: AnyDiscriminator
    batch: Batch
    pool: Tensor
    view: View


class AnyDiscriminator(Vectors, Model):
    """Vectors, settings, and a view of every batch."""

    def __init__(self, num_entities: int, num_relations: int, config: ModelConfig) -> None:
        super().__init__(num_entities, num_relations, config.dim, config.product)
        self.config = config

    @property
    def has_users(self) -> bool:
        return self.config.use_users

    @abstractmethod
    def preferences(self, graph: LayeredGraph) -> Tensor:
        """(E, W) p of every entity; zeros where no user speaks, and everywhere without users."""

    @abstractmethod
    def view(self, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> View:
        """The batch's queries and all candidates, with the gradient, none of the batch's own edges in the graph."""

    #: Whether a step with drawn candidates can read an excerpt of the entities.
    excerpts: ClassVar[bool] = False

    def excerpt(self, graph: LayeredGraph, batch: Batch, pool: Tensor, by_rows: bool) -> Excerpted:
        """A step over an excerpt of the entities; for a score that ``excerpts`` alone.

        ``pool``: (N,) the drawn candidates; ``by_rows``: the gradient of the entities is one of rows.
        """
        raise NotImplementedError

    def factors(self, batch: Batch, view: View) -> list[Tensor]:
        """The (P, W) factors of the scores of the batch's pairs: v_h, v_r and v_t."""
        heads, relations = batch.heads[batch.row], batch.relations[batch.row]
        return [
            self.entity.index_select(0, heads),
            self.relation.index_select(0, relations),
            self.entity.index_select(0, batch.answer),
        ]

    def pair_norm(self, batch: Batch, view: View) -> Tensor:
        """N3 of every factor of the score, pair by pair, so that frequent entities are held more than rare ones."""
        return mean_cubed_modulus(self.product, *self.factors(batch, view))

    def used_parameters(self, batch: Batch) -> list[Tensor]:
        """theta_D as a step uses it: the entities and relations of the batch, and every matrix."""
        entities = torch.cat([batch.heads, batch.answer])
        return [once(self.entity, entities), once(self.relation, batch.relations)]

    @torch.no_grad()
    def constrain(self) -> None:
        """Rescale entity vectors that are shorter or longer than ``config.entity_norm`` allows (5.2.3)."""
        if self.config.entity_norm == "free":
            return
        norm = self.entity.norm(dim=1, keepdim=True).clamp_min(1e-12)
        bounded = norm.clamp_min(1.0) if self.config.entity_norm == "at_least_one" else norm.clamp_max(1.0)
        self.entity.mul_(bounded / norm)
