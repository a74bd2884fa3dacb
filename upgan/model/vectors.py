"""Entity and relation vectors: what every part of UPGAN has of its own, and takes over from where it starts."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.model.product import Product, compose


class Vectors(nn.Module):
    """(E, W) entity and (2R, W) relation vectors, one per direction; W is K for DistMult's product, 2K for ComplEx's.

    They hold no numbers yet: the parts draw their own (``reset_parameters``), after all their parameters are there.
    """

    def __init__(self, num_entities: int, num_relations: int, dim: int, product: Product) -> None:
        super().__init__()
        self.product: Product = product
        self.width = 2 * dim if product == "complex" else dim
        self.entity = nn.Parameter(torch.empty(num_entities, self.width))
        self.relation = nn.Parameter(torch.empty(2 * num_relations, self.width))

    def draw_vectors(self, scale: float = 0.1) -> None:
        """Normal numbers of this standard deviation."""
        with torch.no_grad():
            self.entity.normal_(0.0, scale)
            self.relation.normal_(0.0, scale)

    def initialise_from(self, start: Vectors) -> None:
        """Copy the pre-trained entity and relation vectors (5.2.3)."""
        with torch.no_grad():
            self.entity.copy_(start.entity)
            self.relation.copy_(start.relation)

    def composed(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, W) v_h o v_r."""
        return compose(self.product, self.entity.index_select(0, heads), self.relation.index_select(0, relations))
