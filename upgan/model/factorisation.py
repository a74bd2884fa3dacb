"""DistMult and ComplEx with inverse relations: what initialises D and G, and baselines by themselves.

    s(h, r, t) = (v_h o v_r) . v_t          with the product o of upgan.model.product

A relation and its inverse have a vector each, so <?, r, t> is <t, r + R, ?> by the same product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.model.product import Product, compose


class Factorisation(nn.Module):
    """(E, W) entity and (2R, W) relation vectors; W is K for DistMult and 2K for ComplEx."""

    def __init__(
        self, num_entities: int, num_relations: int, dim: int, scale: float = 0.1, product: Product = "distmult"
    ) -> None:
        super().__init__()
        width = 2 * dim if product == "complex" else dim
        self.product: Product = product
        self.entity = nn.Parameter(torch.empty(num_entities, width))
        self.relation = nn.Parameter(torch.empty(2 * num_relations, width))
        self.scale = scale
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.entity.normal_(0.0, self.scale)
            self.relation.normal_(0.0, self.scale)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations -> (B, W) vectors whose product with an entity's vector is the score."""
        return compose(self.product, self.entity.index_select(0, heads), self.relation.index_select(0, relations))

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B, E) scores of every entity."""
        return self.queries(heads, relations) @ self.entity.T
