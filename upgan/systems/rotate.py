"""RotatE (Sun et al., ICLR 2019): a relation turns every complex number of the head by an angle.

    s(h, r, t) = -||v_h o e^(i theta_r) - v_t||                                                       (Eq. 4)

Vectors hold K real parts, then K imaginary ones. The norm over the K moduli is their sum ("l1", as in the authors'
code) or the root of the sum of their squares ("l2", the equation as printed, and one matrix product to compute).
<?, r, t> turns by -theta_r, which gives the same distance. Learned as the paper's Eq. 5 and 6 say, with one pool of
negatives per step that all its queries share, or by the softmax as TransE here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from upgan.config.systems.rotate import RotatESettings
from upgan.graph.observed import Seen
from upgan.systems.base import Answerer
from upgan.systems.distances import complex_modulus, euclidean, exact_euclidean, moduli, ranked_moduli
from upgan.systems.joint import TranslationSystem


class RotatE(TranslationSystem):
    """(E, 2K) entity vectors and (R, K) angles."""

    def __init__(self, seen: Seen, dim: int, settings: RotatESettings) -> None:
        super().__init__()
        self.settings = settings
        self.num_relations = seen.num_relations
        self.summed = settings.norm == "l1"
        self.entity = nn.Parameter(torch.empty(seen.num_entities, 2 * dim))
        self.relation = nn.Parameter(torch.empty(seen.num_relations, dim))
        # As in the authors' code, at random within (margin + 2) / K, by which a modulus is about the margin's share.
        bound = (settings.margin + 2.0) / (dim if self.summed else dim**0.5)
        with torch.no_grad():
            self.entity.uniform_(-bound, bound)
            self.relation.uniform_(-math.pi, math.pi)

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        angle = self.directed(relations)
        cos, sin = torch.cos(angle), torch.sin(angle)
        re, im = self.entity.index_select(0, heads).chunk(2, dim=1)
        return torch.cat([re * cos - im * sin, re * sin + im * cos], dim=1)

    def distances(self, query: Tensor, table: Tensor) -> Tensor:
        return moduli(query, table) if self.summed else euclidean(query, table)

    def lengths(self, apart: Tensor) -> Tensor:
        return complex_modulus(apart).sum(1) if self.summed else torch.linalg.vector_norm(apart, dim=1)

    def answerer(self) -> Answerer:
        if self.summed:
            return lambda heads, relations: -ranked_moduli(self.queries(heads, relations), self.entity)
        table = self.entity.double()
        return lambda heads, relations: -exact_euclidean(self.queries(heads, relations), table)


SYSTEM = RotatE
