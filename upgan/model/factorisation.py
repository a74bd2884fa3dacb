"""DistMult and ComplEx with inverse relations: what initialises D and G, and baselines by themselves.

    s(h, r, t) = (v_h o v_r) . v_t          with the product o of upgan.model.product

A relation and its inverse have a vector each, so <?, r, t> is <t, r + R, ?> by the same product.
"""

from __future__ import annotations

from torch import Tensor

from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.model.base import FullScorer, Model, Reused
from upgan.model.product import Product
from upgan.model.vectors import Vectors


class Factorisation(Vectors, Model):
    """The vectors and nothing else."""

    starts_others = True

    def __init__(
        self, num_entities: int, num_relations: int, dim: int, scale: float = 0.1, product: Product = "distmult"
    ) -> None:
        super().__init__(num_entities, num_relations, dim, product)
        self.scale = scale
        self.draw_vectors(scale)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations -> (B, W) vectors whose product with an entity's vector is the score."""
        return self.composed(heads, relations)

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B, E) scores of every entity."""
        return self.queries(heads, relations) @ self.entity.T

    def on(self, graph: LayeredGraph, facts: Facts | None = None, reused: Reused | None = None) -> FullScorer:
        return FullScorer(self.scores, self.scores)
