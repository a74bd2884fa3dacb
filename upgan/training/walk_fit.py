"""How much each path says: a convex fit on training triples, each left out of its own walks.

For triples <h, q, t> the loss is the softmax over all entities but the query's other known answers,

    -log softmax = log sum_e exp s_e - s_t,   s_e = sum_p gamma_p log(1 + f_p(h, e) / epsilon_p) + F(e) . phi

with a ridge on gamma and phi. It is convex, so the result depends on nothing that is drawn but the triples. Only the
entities that a walk reaches are held: of all others s is F . phi, the same for every triple, so their part of the sum
is the sum over everything less that over those held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize

from upgan.graph.walks import Own, Path, WalkEdges
from upgan.types import BoolArray, FloatArray, IntArray

#: Cells (triples, entities) looked at together while what walks reach is gathered.
CELLS = 6_000_000
#: Most iterations of L-BFGS, and how many of its last steps it remembers.
ITERATIONS, MEMORY = 80, 20


@dataclass(frozen=True)
class Reached:
    """The entities that N triples' walks reach, their answers included, known ones left out."""

    #: (M,) triple (ascending) and entity, and (M, P) what the walks say: log(1 + f / epsilon).
    row: IntArray
    entity: IntArray
    said: sp.csr_matrix
    #: (N,) the entry of each triple's answer, and (N, C) what its facts are fewer by the triple itself.
    answer: IntArray
    less: FloatArray
    #: (L,) triple and entity of the query's other known answers, which do not compete.
    known_row: IntArray
    known: IntArray


@dataclass(frozen=True)
class Fitted:
    """Weights of P paths and C own facts."""

    gamma: FloatArray
    phi: FloatArray
    #: Mean loss of a triple, the ridge included.
    loss: float


def scales(edges: WalkEdges, paths: Sequence[Path], own: Own) -> FloatArray:
    """(P,) epsilon: the median of f where it is not 0."""
    return np.array([float(np.median(f.data)) if f.nnz else 1.0 for f in edges.along(paths, own.heads, own)])


def gather(
    edges: WalkEdges, paths: Sequence[Path], epsilon: FloatArray, own: Own, known: tuple[IntArray, IntArray]
) -> Reached:
    """What the walks of N triples reach, in blocks of bounded memory.

    ``known``: (L,) row and entity of what does not compete, rows ascending.
    """
    size = edges.num_entities
    rows = max(1, CELLS // size)
    parts = []
    for first in range(0, len(own.heads), rows):
        block = Own(own.heads[first : first + rows], own.relation, own.answers[first : first + rows])
        start, stop = np.searchsorted(known[0], [first, first + rows])
        parts.append(_gather(edges, paths, epsilon, block, (known[0][start:stop] - first, known[1][start:stop])))
    before = np.cumsum([0, *(len(row) for row, *_ in parts)])
    return Reached(
        row=np.concatenate([row + number * rows for number, (row, *_) in enumerate(parts)]),
        entity=np.concatenate([entity for _, entity, *_ in parts]),
        said=sp.vstack([said for *_, said, _ in parts], format="csr"),
        answer=np.concatenate([place + start for (*_, place), start in zip(parts, before, strict=False)]),
        less=edges.own_fact_less(own),
        known_row=known[0],
        known=known[1],
    )


def _gather(
    edges: WalkEdges, paths: Sequence[Path], epsilon: FloatArray, own: Own, known: tuple[IntArray, IntArray]
) -> tuple[IntArray, IntArray, sp.csr_matrix, IntArray]:
    """Triple, entity, what is said and the answers' places of one block."""
    size, count = edges.num_entities, len(own.heads)
    cells, values = [], []
    for smooth, reached in zip(epsilon, edges.along(paths, own.heads, own), strict=True):
        cells.append(np.repeat(np.arange(count) * size, np.diff(reached.indptr)) + reached.indices)
        values.append(np.log1p(reached.data / smooth).astype(np.float32))
    answers = np.arange(count) * size + own.answers
    held: BoolArray = np.zeros(count * size, dtype=bool)
    for cell in [*cells, answers]:
        held[cell] = True
    held[known[0] * size + known[1]] = False
    place = np.cumsum(held, dtype=np.int32) - 1
    inside = [held[cell] for cell in cells]
    rows = [place[cell[there]] for cell, there in zip(cells, inside, strict=True)]
    starts = np.cumsum([0, *map(len, rows)])
    entries = np.flatnonzero(held)
    kept = [value[there] for value, there in zip(values, inside, strict=True)]
    nothing = np.empty(0)
    parts = np.concatenate([nothing, *kept]).astype(np.float32), np.concatenate([nothing, *rows]).astype(int), starts
    said = sp.csc_matrix(parts, shape=(len(entries), len(paths))).tocsr()
    return entries // size, entries % size, said, place[answers].astype(np.int64)


def fit(reached: Reached, facts: FloatArray, ridge: float) -> Fitted:
    """The best weights; ``facts``: (E, C) F of every entity."""
    loss = Loss(reached, facts, ridge)
    start = np.zeros(reached.said.shape[1] + facts.shape[1])
    options = {"maxiter": ITERATIONS, "maxcor": MEMORY}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    paths = reached.said.shape[1]
    return Fitted(found.x[:paths], found.x[paths:], float(found.fun) / max(len(reached.answer), 1))


class Loss:
    """The sum of the triples' losses and the ridge, with its gradient, as a function of (P + C,) weights."""

    def __init__(self, reached: Reached, facts: FloatArray, ridge: float) -> None:
        self.reached, self.facts, self.ridge = reached, facts, ridge
        self._transposed = reached.said.T.tocsr()
        self._starts = np.flatnonzero(np.diff(reached.row, prepend=-1))  # every triple has its answer at least

    def __call__(self, weights: FloatArray) -> tuple[float, FloatArray]:
        """Loss and gradient."""
        reached, paths = self.reached, self.reached.said.shape[1]
        gamma, phi = weights[:paths], weights[paths:]
        own = self.facts @ phi
        shift = own.max()
        alone = np.exp(own - shift)
        score = reached.said @ gamma.astype(np.float32) + own[reached.entity]
        score[reached.answer] += reached.less @ phi
        peak = np.maximum(np.maximum.reduceat(score, self._starts), shift)
        raised = np.exp(score - peak[reached.row])
        covered = np.add.reduceat(alone[reached.entity], self._starts)
        covered += np.bincount(reached.known_row, alone[reached.known], len(peak))
        rest = np.maximum(alone.sum() - covered, 0.0)
        lowered = np.exp(shift - peak)
        total = rest * lowered + np.add.reduceat(raised, self._starts)
        value = float((np.log(total) + peak - score[reached.answer]).sum())

        chance = raised / total[reached.row]
        chance[reached.answer] -= 1.0
        each = np.where(rest > 0, lowered / total, 0.0)
        size = len(own)
        of_entity = alone * (each.sum() - np.bincount(reached.entity, each[reached.row], size))
        of_entity -= alone * np.bincount(reached.known, each[reached.known_row], size)
        of_entity += np.bincount(reached.entity, chance, size)
        slope = [self._transposed @ chance.astype(np.float32)]
        slope.append(self.facts.T @ of_entity + reached.less.T @ chance[reached.answer])
        ridge = self.ridge
        return value + ridge * float(weights @ weights), np.concatenate(slope) + 2.0 * ridge * weights
