"""ConvE (Dettmers et al., AAAI 2018): a convolution over an image of head and relation.

    s(h, r, t) = f(vec(f([v_h ; v_r] * w)) W) . v_t + b_t                                             (Eq. 1)

v_h and v_r are reshaped to images of height x width = K and stacked; dropout and batch normalisation stand where the
authors' code has them. Deviations: the loss is a softmax over all entities by default ("bce" is the paper's); the
image's shape follows from K.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.systems.conve import ConvESettings
from upgan.graph.observed import Seen
from upgan.systems.one_to_n import OneToNSystem


class ConvE(OneToNSystem):
    """The image goes through ``image``, its maps, flattened, through ``projection``."""

    def __init__(self, seen: Seen, dim: int, settings: ConvESettings) -> None:
        super().__init__(seen, dim, settings)
        self.height, self.width = settings.shape(dim)
        size, channels = settings.kernel, settings.channels
        self.image = nn.Sequential(
            nn.BatchNorm2d(1),
            nn.Dropout(settings.input_dropout),
            nn.Conv2d(1, channels, size),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Dropout2d(settings.feature_dropout),
        )
        features = channels * (2 * self.height - size + 1) * (self.width - size + 1)
        self.projection = nn.Sequential(
            nn.Linear(features, dim), nn.Dropout(settings.hidden_dropout), nn.BatchNorm1d(dim), nn.ReLU()
        )

    def encode(self, head: Tensor, relation: Tensor) -> Tensor:
        shape = (-1, 1, self.height, self.width)
        stacked = torch.cat([head.view(shape), relation.view(shape)], dim=2)
        encoded: Tensor = self.projection(self.image(stacked).flatten(1))
        return encoded


SYSTEM = ConvE
