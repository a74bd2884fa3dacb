"""ConvTransE, the decoder of SACN (Shang et al., AAAI 2019): a convolution that keeps v_h and v_r side by side.

    m_c(v_h, v_r)_n = sum_tau w_c(tau, 0) v_h(n + tau) + w_c(tau, 1) v_r(n + tau)                      (Eq. 5, 6)
    s(h, r, t) = f(vec(M(v_h, v_r)) W) . v_t + b_t                                                     (Eq. 7)

The vectors are padded with zeros, so that a map has K places as they have: place n of the head meets place n of the
relation, as in TransE. Deviations: entity vectors are free (SACN's graph encoder is another system's part), candidates
have the bias of ConvE, and the loss is a softmax over all entities by default ("bce" is the paper's).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config.systems.convtranse import ConvTransESettings
from upgan.graph.observed import Seen
from upgan.systems.one_to_n import OneToNSystem


class ConvTransE(OneToNSystem):
    """Head and relation are two channels of one signal, which goes through ``signal`` and ``projection``."""

    def __init__(self, seen: Seen, dim: int, settings: ConvTransESettings) -> None:
        super().__init__(seen, dim, settings)
        size, channels = settings.kernel, settings.channels
        self.signal = nn.Sequential(
            nn.BatchNorm1d(2),
            nn.Dropout(settings.input_dropout),
            nn.Conv1d(2, channels, size, padding=size // 2),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Dropout(settings.feature_dropout),
        )
        self.projection = nn.Sequential(
            nn.Linear(channels * dim, dim), nn.Dropout(settings.hidden_dropout), nn.BatchNorm1d(dim), nn.ReLU()
        )

    def encode(self, head: Tensor, relation: Tensor) -> Tensor:
        encoded: Tensor = self.projection(self.signal(torch.stack([head, relation], dim=1)).flatten(1))
        return encoded


SYSTEM = ConvTransE
