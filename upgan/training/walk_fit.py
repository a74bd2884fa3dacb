"""How much each path says: a convex fit on training triples, each left out of its own walks.

For triples <h, q, t> the loss is the softmax over all entities but the query's other known answers,

    -log softmax = log sum_e exp s_e - s_t,   s_e = sum_p gamma_p log(1 + f_p(h, e) / epsilon_p) + F(e) . phi

with a ridge on gamma and phi. It is convex, so the result depends on nothing that is drawn but the triples. Only the
entities that a walk reaches are held: of all others s is F . phi, the same for every triple, so their part of the sum
is the sum over everything less that over those held.

Weighed alone, walks repeat what the score b beside them says. So they are weighed once more, on triples that b has not
seen, with s = tau b + the above: the ridge then pulls to half of what was found alone. b differs for every triple, so
the entities that b likes best are held too, and a random few of the others, which stand for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from scipy.optimize import minimize

from upgan.graph.walks import Own, Path, WalkEdges
from upgan.types import BoolArray, FloatArray, IntArray

#: Cells (triples, entities) looked at together while what walks reach is gathered.
CELLS = 6_000_000
#: Entities that b likes best that are held beside those reached, and drawn ones that stand for the rest.
BEST, DRAWN = 100, 400
#: (N,) triples -> (N, E) b.
Base = Callable[[Own], FloatArray]
#: epsilon, as a share of the median of f.
SOME = 0.1
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
    #: (M,) b, and the logarithm of how many entities an entry stands for; None where walks are weighed alone.
    base: FloatArray | None = None
    stands_for: FloatArray | None = None


@dataclass(frozen=True)
class Fitted:
    """Weights of P paths and C own facts."""

    gamma: FloatArray
    phi: FloatArray
    #: Mean loss of a triple, the ridge included.
    loss: float


def scales(edges: WalkEdges, paths: Sequence[Path], own: Own) -> FloatArray:
    """(P,) epsilon: a tenth of the median of f where it is not 0, so that any path at all says most."""
    return np.array([SOME * float(np.median(f.data)) if f.nnz else 1.0 for f in edges.along(paths, own.heads, own)])


def gather(
    edges: WalkEdges,
    paths: Sequence[Path],
    epsilon: FloatArray,
    own: Own,
    known: tuple[IntArray, IntArray],
    beside: Base | None = None,
    *,
    left_out: bool = True,
) -> Reached:
    """What the walks of N triples reach, in blocks of bounded memory.

    ``known``: (L,) row and entity of what does not compete, rows ascending. ``beside``: b, where it is fitted too.
    ``left_out``: each triple out of its own walks, as those of training have to be.
    """
    size = edges.num_entities
    rows = max(1, CELLS // size)
    parts = []
    for first in range(0, len(own.heads), rows):
        block = Own(own.heads[first : first + rows], own.relation, own.answers[first : first + rows])
        start, stop = np.searchsorted(known[0], [first, first + rows])
        others = known[0][start:stop] - first, known[1][start:stop]
        parts.append(_gather(edges, paths, epsilon, block, others, beside, left_out))
    before = np.cumsum([0, *(len(part.row) for part in parts)])
    return Reached(
        row=np.concatenate([part.row + number * rows for number, part in enumerate(parts)]),
        entity=np.concatenate([part.entity for part in parts]),
        said=sp.vstack([part.said for part in parts], format="csr"),
        answer=np.concatenate([part.answer + start for part, start in zip(parts, before, strict=False)]),
        less=np.concatenate([part.less for part in parts]),
        known_row=known[0],
        known=known[1],
        base=None if beside is None else np.concatenate([part.base for part in parts if part.base is not None]),
        stands_for=None
        if beside is None
        else np.concatenate([part.stands_for for part in parts if part.stands_for is not None]),
    )


def _gather(
    edges: WalkEdges,
    paths: Sequence[Path],
    epsilon: FloatArray,
    own: Own,
    known: tuple[IntArray, IntArray],
    beside: Base | None,
    left_out: bool,
) -> Reached:
    """One block of ``gather``."""
    size, count = edges.num_entities, len(own.heads)
    cells, values = [], []
    for smooth, reached in zip(epsilon, edges.along(paths, own.heads, own if left_out else None), strict=True):
        cells.append(np.repeat(np.arange(count) * size, np.diff(reached.indptr)) + reached.indices)
        values.append(np.log1p(reached.data / smooth).astype(np.float32))
    answers = np.arange(count) * size + own.answers
    held: BoolArray = np.zeros(count * size, dtype=bool)
    for cell in [*cells, answers]:
        held[cell] = True
    out = known[0] * size + known[1]
    base, stands_for = np.empty(0), np.zeros(count * size if beside is not None else 0)
    if beside is not None:
        base = beside(own)
        held[(np.arange(count)[:, None] * size + best_of(base, BEST)).ravel()] = True
        held[out] = True  # not to be drawn
        missing = size - held.reshape(count, size).sum(axis=1)
        drawn = np.random.default_rng(size).permutation(size)[:DRAWN]
        fresh = ~held.reshape(count, size)[:, drawn]
        cell = (np.arange(count)[:, None] * size + drawn)[fresh]
        held[cell] = True
        stands_for[cell] = np.repeat(
            np.log(np.maximum(missing, 1) / np.maximum(fresh.sum(axis=1), 1)), fresh.sum(axis=1)
        )
    held[out] = False
    place = np.cumsum(held, dtype=np.int32) - 1
    inside = [held[cell] for cell in cells]
    rows = [place[cell[there]] for cell, there in zip(cells, inside, strict=True)]
    starts = np.cumsum([0, *map(len, rows)])
    entries = np.flatnonzero(held)
    kept = [value[there] for value, there in zip(values, inside, strict=True)]
    nothing = np.empty(0)
    parts = np.concatenate([nothing, *kept]).astype(np.float32), np.concatenate([nothing, *rows]).astype(int), starts
    return Reached(
        row=entries // size,
        entity=entries % size,
        said=sp.csc_matrix(parts, shape=(len(entries), len(paths))).tocsr(),
        answer=place[answers].astype(np.int64),
        less=edges.own_fact_less(own) if left_out else np.zeros((count, edges.own_facts.shape[1])),
        known_row=known[0],
        known=known[1],
        base=None if beside is None else base.ravel()[entries],
        stands_for=None if beside is None else stands_for[entries],
    )


def best_of(scores: FloatArray, count: int) -> IntArray:
    """(N, E) scores -> (N, count) columns of the largest, in no order; a tenth of numpy's time for it."""
    best = torch.topk(torch.from_numpy(scores), min(count, scores.shape[1]), dim=1, sorted=False)
    return np.asarray(best.indices.numpy())


def fit(reached: Reached, facts: sp.csr_matrix | FloatArray, ridge: float, centre: FloatArray | None = None) -> Fitted:
    """The best weights; ``facts``: (E, C) F of every entity. ``centre``: (P + C,) where the ridge pulls to, else 0."""
    paths = reached.said.shape[1]
    centre = np.zeros(paths + facts.shape[1]) if centre is None else centre
    if reached.base is not None:
        centre = np.append(centre, 1.0)
    options = {"maxiter": ITERATIONS, "maxcor": MEMORY}
    found = minimize(Loss(reached, facts, ridge, centre), centre, jac=True, method="L-BFGS-B", options=options)
    gamma, phi = found.x[:paths], found.x[paths : paths + facts.shape[1]]
    return Fitted(gamma, phi, float(found.fun) / max(len(reached.answer), 1))


class Loss:
    """The sum of the triples' losses and the ridge, with its gradient, as a function of (P + C,) weights, then tau."""

    def __init__(self, reached: Reached, facts: sp.csr_matrix | FloatArray, ridge: float, centre: FloatArray) -> None:
        self.reached, self.ridge, self.centre = reached, ridge, centre
        self.facts = sp.csr_matrix(facts)
        self._transposed = reached.said.T.tocsr()
        self._starts = np.flatnonzero(np.diff(reached.row, prepend=-1))  # every triple has its answer at least

    def __call__(self, weights: FloatArray) -> tuple[float, FloatArray]:
        """Loss and gradient."""
        reached, paths = self.reached, self.reached.said.shape[1]
        gamma, phi = weights[:paths], weights[paths : paths + self.facts.shape[1]]
        own = self.facts @ phi
        score = reached.said @ gamma.astype(np.float32) + own[reached.entity]
        score[reached.answer] += reached.less @ phi
        if reached.base is not None and reached.stands_for is not None:
            score += weights[-1] * reached.base + reached.stands_for
        others = self._others(own)
        peak = np.maximum(np.maximum.reduceat(score, self._starts), others.peak)
        raised = np.exp(score - peak[reached.row])
        lowered = np.exp(others.peak - peak)
        total = others.sum * lowered + np.add.reduceat(raised, self._starts)
        value = float((np.log(total) + peak - score[reached.answer]).sum())

        chance = raised / total[reached.row]
        chance[reached.answer] -= 1.0
        of_entity = np.bincount(reached.entity, chance, len(own)).astype(np.float64)
        of_entity += self._slope_of_others(others, np.where(others.sum > 0, lowered / total, 0.0))
        slope = [self._transposed @ chance.astype(np.float32)]
        slope.append(self.facts.T @ of_entity + reached.less.T @ chance[reached.answer])
        if reached.base is not None:
            slope.append(np.array([chance @ reached.base]))
        away = weights - self.centre
        return value + self.ridge * float(away @ away), np.concatenate(slope) + 2.0 * self.ridge * away

    def _others(self, own: FloatArray) -> Others:
        """What the entities that are not held are worth to each triple."""
        reached, peak = self.reached, float(own.max())
        alone = np.exp(own - peak)
        if reached.base is not None:
            return Others(alone, peak, np.zeros(len(reached.answer)))
        covered = np.add.reduceat(alone[reached.entity], self._starts)
        covered += np.bincount(reached.known_row, alone[reached.known], len(reached.answer))
        return Others(alone, peak, np.maximum(alone.sum() - covered, 0.0))

    def _slope_of_others(self, others: Others, each: FloatArray) -> FloatArray:
        """(E,) the chances of entities where they are not held, summed over the triples; (N,) ``each``: 1 / total."""
        reached, size = self.reached, len(others.alone)
        if reached.base is not None:
            return np.zeros(size)
        held = np.bincount(reached.entity, each[reached.row], size)
        held += np.bincount(reached.known, each[reached.known_row], size)
        slope: FloatArray = others.alone * (each.sum() - held)
        return slope


@dataclass(frozen=True)
class Others:
    """exp(F . phi - peak) of every entity (E,), the peak, and for each triple (N,) the sum over those not held."""

    alone: FloatArray
    peak: float
    sum: FloatArray
