"""DistMult with inverse relations: the system that initialises D and G, and a baseline by itself.

    s(h, r, t) = (v_h * v_r) . v_t          (Yang et al., ICLR 2015)

A relation and its inverse have a vector each, so <?, r, t> is <t, r + R, ?> by the same product.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DistMult(nn.Module):
    """(E, K) entity and (2R, K) relation vectors."""

    def __init__(self, num_entities: int, num_relations: int, dim: int, scale: float = 0.1) -> None:
        super().__init__()
        self.entity = nn.Parameter(torch.empty(num_entities, dim))
        self.relation = nn.Parameter(torch.empty(2 * num_relations, dim))
        self.scale = scale
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.entity.normal_(0.0, self.scale)
            self.relation.normal_(0.0, self.scale)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations -> (B, K) vectors whose product with an entity's vector is the score."""
        return self.entity.index_select(0, heads) * self.relation.index_select(0, relations)

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B, E) scores of every entity."""
        return self.queries(heads, relations) @ self.entity.T
