"""Walks through facts and users as a part of the score, with an attention of each query's own relation.

    s(h, q, t) = tau_q b(h, q, t) + sum_p gamma_{q,p} log(1 + f_p(h, t) / epsilon_{q,p}) + F(t) . phi_q

b is the score that the walks are added to. The paths p are sequences of up to three kinds of edges, a few for each
relation and direction q; f_p(h, t) is the sum over all paths of these kinds from h to t of the product of their step
weights (upgan.graph.walks). At most one step is something that users say: entity - user - entity, read with the
sharpened attention of S. F(t) is what the candidate itself is known for, which says what kind of entity it is and
which facts it lacks.

Everything is chosen and fitted after the vectors are trained (upgan.training.walk_paths, walk_fit, walk); a model that
was not fitted has tau = 1 and gamma = phi = 0, and its score is b.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from upgan.graph.candidates import Candidates
from upgan.graph.walks import LONGEST, Path, WalkEdges
from upgan.types import BoolArray, FloatArray, IntArray

#: Walks held at once: (queries, entities) cells of a block.
CELLS_PER_BLOCK = 6_000_000


class Walks(nn.Module):
    """The fitted numbers of each relation and direction, in tables of the same size: P paths at most."""

    paths: Tensor
    epsilon: Tensor
    gamma: Tensor
    phi: Tensor
    tau: Tensor

    def __init__(self, num_relations: int, most: int) -> None:
        super().__init__()
        kinds = 2 * num_relations
        self.register_buffer("paths", torch.full((kinds, most, LONGEST), -1, dtype=torch.long))
        self.register_buffer("epsilon", torch.ones(kinds, most))
        self.register_buffer("gamma", torch.zeros(kinds, most))
        self.register_buffer("phi", torch.zeros(kinds, 2 * kinds))
        self.register_buffer("tau", torch.ones(kinds))

    @property
    def silent(self) -> bool:
        """Whether the score is b alone."""
        return bool((self.tau == 1).all()) and not (bool(self.gamma.any()) or bool(self.phi.any()))

    def paths_of(self, relation: int) -> list[Path]:
        """The paths that a relation (0 .. 2R-1) listens to, in the order of their weights; sorted."""
        return [tuple(kind for kind in path if kind >= 0) for path in self.paths[relation].tolist() if path[0] >= 0]

    @torch.no_grad()
    def set(self, relation: int, paths: list[Path], epsilon: FloatArray, gamma: FloatArray, phi: FloatArray) -> None:
        """Let a relation listen to (P,) sorted paths with these weights, and to (4R,) own facts."""
        self.clear(relation)
        for place, path in enumerate(paths):
            self.paths[relation, place, : len(path)] = torch.tensor(path)
        self.epsilon[relation, : len(paths)] = torch.from_numpy(epsilon)
        self.gamma[relation, : len(paths)] = torch.from_numpy(gamma)
        self.phi[relation] = torch.from_numpy(phi)

    def reset(self) -> None:
        """Let every relation's score be b."""
        for relation in range(len(self.tau)):
            self.clear(relation)

    def of_users(self, path: Path) -> bool:
        """Whether users are on the path."""
        return max(path) >= len(self.tau)

    def clear(self, relation: int) -> None:
        """Let a relation's score be b."""
        self.paths[relation], self.epsilon[relation], self.tau[relation] = -1, 1.0, 1.0
        self.gamma[relation], self.phi[relation] = 0.0, 0.0

    def said(self, relation: int) -> tuple[FloatArray, FloatArray]:
        """(P,) epsilon and gamma of ``paths_of``."""
        count = len(self.paths_of(relation))
        return (
            self.epsilon[relation, :count].double().cpu().numpy(),
            self.gamma[relation, :count].double().cpu().numpy(),
        )

    def add(
        self,
        scores: Tensor,
        edges: WalkEdges,
        heads: Tensor,
        relations: Tensor,
        *,
        users: bool = True,
        among: Candidates | None = None,
    ) -> Tensor:
        """(B, E) scores b of the queries, or (B, C) of the candidates ``among`` -> s, in place; without ``users``,
        paths that they are on count nothing."""
        if self.silent:
            return scores
        rows = max(1, CELLS_PER_BLOCK // edges.num_entities)
        for relation in torch.unique(relations).tolist():
            asked = (relations == relation).nonzero().flatten()
            distinct, inverse = torch.unique(heads[asked], return_inverse=True)
            order = torch.argsort(inverse, stable=True)
            starts = torch.searchsorted(inverse[order], torch.arange(len(distinct) + 1, device=inverse.device)).tolist()
            if self.tau[relation] != 1:
                scores[asked] *= self.tau[relation].to(scores.dtype)
            own = self.own(edges, relation, among)
            for first in range(0, len(distinct), rows):
                last = min(first + rows, len(distinct))
                some = order[starts[first] : starts[last]]
                said = self._with_paths(edges, distinct[first:last].cpu().numpy(), relation, own, users, among)
                added = torch.from_numpy(said).to(scores)
                if len(some) > last - first:
                    added = added.index_select(0, inverse[some] - first)
                scores.index_add_(0, asked[some], added)
        return scores

    def of(self, edges: WalkEdges, heads: IntArray, relation: int, *, users: bool = True) -> FloatArray:
        """(N,) heads -> (N, E) all that is added to tau b."""
        return self._with_paths(edges, heads, relation, self.own(edges, relation), users)

    def own(self, edges: WalkEdges, relation: int, among: Candidates | None = None) -> FloatArray:
        """(E,) or (C,) F(t) . phi."""
        facts = edges.own_facts if among is None else edges.own_facts[among.entities.numpy()]
        added: FloatArray = facts @ self.phi[relation].double().cpu().numpy()
        return added

    def _with_paths(
        self,
        edges: WalkEdges,
        heads: IntArray,
        relation: int,
        own: FloatArray,
        users: bool,
        among: Candidates | None = None,
    ) -> FloatArray:
        paths = self.paths_of(relation)
        epsilon, gamma = self.said(relation)
        counted = np.array([users or not self.of_users(path) for path in paths], dtype=bool)
        return walked(edges, paths, epsilon, gamma * counted, heads, np.repeat(own[None], len(heads), axis=0), among)


def walked(
    edges: WalkEdges,
    paths: list[Path],
    epsilon: FloatArray,
    gamma: FloatArray,
    heads: IntArray,
    onto: FloatArray,
    among: Candidates | None = None,
) -> FloatArray:
    """Add sum_p gamma_p log(1 + f_p / epsilon_p) of (N,) heads to (N, E) or (N, C) ``onto``, in place; gamma 0 is not
    walked.

    ``gamma``: (P,), or (P, N) for each head its own.
    """
    each_head = gamma if gamma.ndim == 2 else np.repeat(gamma[:, None], len(heads), axis=1)
    counted: BoolArray = np.asarray(each_head.astype(bool).any(axis=1))
    chosen = [path for path, counts in zip(paths, counted.tolist(), strict=True) if counts]
    for each, smooth, reached in zip(each_head[counted], epsilon[counted], edges.along(chosen, heads), strict=True):
        row, column, value = np.repeat(np.arange(len(heads)), np.diff(reached.indptr)), reached.indices, reached.data
        if among is not None:
            column = among.column.numpy()[column]
            inside = column >= 0
            row, column, value = row[inside], column[inside], value[inside]
        onto[row, column] += each[row] * np.log1p(value / smooth)
    return onto
