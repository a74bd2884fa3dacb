"""The query-specific entity generator (Section 4.4). It never sees a user: no graph, no interaction, no p_h.

v_q = v_h o v_r                                                  (Eq. 10)
e_q = [v_q ; z],  z ~ N(0, sigma^2 I)                            (Eq. 11)
G(a | h, r) = softmax over the pool C of MLP(e_q) . v_a          (Eq. 12)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.model.product import Product
from upgan.model.vectors import Vectors

#: Negative slope of the MLP's LeakyReLU (the paper names no value; PyTorch's own).
SLOPE = 0.01


class Generator(Vectors):
    """Own entity and relation vectors and an MLP with ``hidden_layers`` hidden layers of width 2K.

    The MLP starts as the identity on v_q (and ignores the noise), so that an initialised generator draws from the
    softmax of its initial scores: each hidden layer holds x and -x, whose LeakyReLUs together give x back.
    """

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        dim: int,
        hidden_layers: int,
        sigma: float,
        product: Product = "distmult",
    ) -> None:
        super().__init__(num_entities, num_relations, dim, product)
        self.sigma = sigma
        dim = self.width
        self.layers = nn.ModuleList([nn.Linear(2 * dim, 2 * dim) for _ in range(hidden_layers)])
        self.out = nn.Linear(2 * dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        dim = self.width
        eye = torch.eye(dim)
        # leaky(x) - leaky(-x) = (1 + slope) x
        read = torch.cat([eye, -eye], dim=1) / (1.0 + SLOPE)
        noise = 0.01 * dim**-0.5
        self.draw_vectors()
        with torch.no_grad():
            for position, layer in enumerate(self.layers):
                assert isinstance(layer, nn.Linear)
                source = torch.cat([eye, torch.zeros(dim, dim)], dim=1) if position == 0 else read
                layer.weight.normal_(0.0, noise).add_(torch.cat([source, -source]))
                layer.bias.zero_()
            self.out.weight.normal_(0.0, noise).add_(read)
            self.out.bias.zero_()

    def logits(self, heads: Tensor, relations: Tensor, pool: Tensor, generator: torch.Generator) -> Tensor:
        """(B,) queries and a shared (C,) pool -> (B, C) logits of Eq. 12; ``generator`` draws the noise."""
        query = self.composed(heads, relations)
        noise = torch.randn(query.shape, generator=generator, dtype=query.dtype, device=generator.device)
        hidden = torch.cat([query, self.sigma * noise.to(query.device)], dim=1)
        for layer in self.layers:
            hidden = nn.functional.leaky_relu(layer(hidden), SLOPE)
        return self.out(hidden) @ self.entity.index_select(0, pool).T  # type: ignore[no-any-return]


def draw(probability: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(B, C) probabilities, up to a factor per row -> (B, N) pool positions drawn with replacement.

    Draws are independent, so that the mean over them is an unbiased estimate of the expectations in Eq. 9 and 14.
    Entries of 0 are never drawn; every row needs one that is not.
    """
    return torch.multinomial(probability, count, replacement=True, generator=generator)
