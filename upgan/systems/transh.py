"""TransH (Wang et al., AAAI 2014): a relation moves heads to tails within a hyperplane of its own.

    f_r(h, t) = ||h_perp + d_r - t_perp||_2,   h_perp = h - (w_r . h) w_r,   ||w_r|| = 1        (Section "TransH")

<?, r, t> asks with -d_r. With u = h_perp + d_r (-d_r) and a = w_r . t a candidate's square is

    ||u - t + a w_r||^2 = ||u||^2 - 2 u . t + ||t||^2 + 2 a (w_r . u) - a^2

so that no entity is ever projected: two matrix products score all of them. Deviations: the distance is not squared,
which changes no rank; learned with the softmax or the self-adversarial loss as TransE here; w_r is divided by its norm
in place of a constraint; entity vectors keep their length. The constraint that d_r lies in the hyperplane is the
paper's soft one (Eq. 3 and 4, epsilon = 0), over all relations.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.systems.transh import TransHSettings
from upgan.graph.observed import Seen
from upgan.systems.base import Answerer
from upgan.systems.distances import TINY
from upgan.systems.joint import JointSystem
from upgan.systems.negatives import Sample


def project(vectors: Tensor, normals: Tensor) -> Tensor:
    """(N, K) vectors -> (N, K) on the hyperplanes of the (N, K) unit normals."""
    return vectors - (vectors * normals).sum(1, keepdim=True) * normals


def lengths(vectors: Tensor) -> Tensor:
    """(N, K) -> (N,) 2-norms."""
    return vectors.square().sum(1).clamp_min(TINY).sqrt()


class TransH(JointSystem):
    """(E, K) entities, (R, K) translations and normals, the latter of any length but zero."""

    settings: TransHSettings

    def __init__(self, seen: Seen, dim: int, settings: TransHSettings) -> None:
        super().__init__()
        self.settings = settings
        self.num_relations = seen.num_relations
        bound = 6.0 / dim**0.5  # as TransE
        self.entity = nn.Parameter(torch.empty(seen.num_entities, dim).uniform_(-bound, bound))
        self.relation = nn.Parameter(torch.empty(seen.num_relations, dim).uniform_(-bound, bound))
        self.normal = nn.Parameter(torch.empty(seen.num_relations, dim).normal_())

    def vectors(self) -> tuple[Tensor, Tensor, Tensor]:
        """(E, K) entities, (R, K) translations, (R, K) w_r."""
        return self.entity, self.relation, functional.normalize(self.normal, dim=1)

    def scored(self, sample: Sample) -> tuple[Tensor, Tensor]:
        vectors = self.vectors()
        query, normal = points(sample.heads, sample.relations, *vectors)
        answer = project(self.entity.index_select(0, sample.answer), normal.index_select(0, sample.row))
        table = self.entity.index_select(0, sample.pool)
        return -lengths(query.index_select(0, sample.row) - answer), -distances(query, normal, table)

    def others(self, random: torch.Generator) -> Mapping[str, Tensor]:
        if not self.settings.orthogonal or not self.num_relations:
            return {}
        normal = self.vectors()[2]
        within = (normal * functional.normalize(self.relation, dim=1)).sum(1).square()
        return {"orthogonal": self.settings.orthogonal * within.mean()}

    def answerer(self) -> Answerer:
        # In single precision the difference of large squares would lose half of the digits of near candidates.
        entity, relation, normals = (part.double() for part in self.vectors())
        normals = functional.normalize(normals, dim=1)

        def scores(heads: Tensor, relations: Tensor) -> Tensor:
            query, normal = points(heads, relations, entity, relation, normals)
            return -distances(query, normal, entity).to(self.entity.dtype)

        return scores


def points(
    heads: Tensor, relations: Tensor, entity: Tensor, relation: Tensor, normals: Tensor
) -> tuple[Tensor, Tensor]:
    """(B,) heads and relations (0 .. 2R-1) -> (B, K) where the answer's projection should be, (B, K) w_r."""
    kind = relations % max(len(relation), 1)
    normal = normals.index_select(0, kind)
    sign = torch.where(relations < len(relation), 1.0, -1.0).to(normal.dtype).unsqueeze(1)
    return project(entity.index_select(0, heads), normal) + sign * relation.index_select(0, kind), normal


def distances(query: Tensor, normal: Tensor, table: Tensor) -> Tensor:
    """(B, K) points in hyperplanes of (B, K) unit normals, (N, K) entities -> (B, N) from their projections."""
    along = normal @ table.T
    squares = torch.addmm(table.square().sum(1), query, table.T, alpha=-2.0) + query.square().sum(1, keepdim=True)
    squares = squares + along * (2.0 * (query * normal).sum(1, keepdim=True) - along)
    return squares.clamp_min(TINY).sqrt()


SYSTEM = TransH
