"""Which paths a relation listens to: a few of all there are of up to three steps, chosen on training triples.

A path p alone would answer <h, q, ?> with the distribution f_p(h, .) / sum_e f_p(h, e). Against guessing, where every
one of E entities has the chance 1 / E, it is better by the factor

    G_p = E f_p(h, t) / sum_e f_p(h, e)

for the answer t, each triple left out of its own walks. Paths are added one by one to a mixture that starts with
guessing: the one by which the likelihood of the triples rises fastest, mean of G_p / (the mixture so far), and then
the shares of all chosen are fitted anew. A path that says what others have said already gains nothing and is not taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from upgan.graph.walks import LONGEST, Own, Path, WalkEdges
from upgan.types import FloatArray, IntArray

#: What of paths hits its triple's answer: row, number of the path, and a value.
Hits = tuple[IntArray, IntArray, FloatArray]

#: Triples looked at together: bounds memory, as each has all its paths of two steps.
BLOCK = 32
#: Share of the mixture that a new path starts with, and rounds of fitting the shares.
NEW_SHARE, ROUNDS = 0.05, 30
#: Triples without the path that are counted in: one lucky hit does not make a path.
DOUBT = 2.0


@dataclass(frozen=True)
class Chosen:
    """Paths in the order they were chosen, and how much better than guessing they are: mean log of the factor."""

    paths: list[Path]
    gain: float


def choose_paths(edges: WalkEdges, own: Own, most: int, least_gain: float) -> Chosen:
    """At most ``most`` paths for the relation of N training triples; each one raises the likelihood of a triple by the
    factor 1 + ``least_gain`` at first."""
    kinds = edges.num_kinds
    blocks = [
        _factors(edges, Own(own.heads[first : first + BLOCK], own.relation, own.answers[first : first + BLOCK]), first)
        for first in range(0, len(own.heads), BLOCK)
    ]
    row, number, factor = (np.concatenate([block[part] for block in blocks]) for part in range(3))
    steps = _steps(number, kinds)
    said = (steps >= 2 * edges.num_relations).sum(axis=1)
    heard = (said <= 1) & (number != own.relation)  # the relation itself leads to known answers only
    candidates, column = np.unique(number[heard], return_inverse=True)
    shape = (len(own.heads), len(candidates))
    factors = sp.csc_matrix((factor[heard], (row[heard], column)), shape=shape)
    taken, gain = _mixture(factors, most, least_gain)
    paths = [tuple(kind for kind in path if kind >= 0) for path in _steps(candidates[taken], kinds).tolist()]
    return Chosen(paths, gain)


def _steps(number: IntArray, kinds: int) -> IntArray:
    """(N,) numbers of paths -> (N, 3) their kinds, -1 where there is none.

    Paths of one step are numbered 0 .. K-1, then those of two, then those of three.
    """
    steps = np.full((len(number), LONGEST), -1, dtype=np.int64)
    first = 0
    for length in range(1, LONGEST + 1):
        count = kinds**length
        inside = (number >= first) & (number < first + count)
        rest = number[inside] - first
        for place in range(length - 1, -1, -1):
            steps[inside, place] = rest % kinds
            rest = rest // kinds
        first += count
    return steps


def _factors(edges: WalkEdges, own: Own, offset: int) -> Hits:
    """G of all paths of a block of N triples, where it is not 0: row (from ``offset`` on), number of the path, G."""
    kinds, size, count = edges.num_kinds, edges.num_entities, len(own.heads)
    into = _into(edges, own)
    every = np.arange(count)
    start = edges.start(own.heads)
    first = sp.vstack([edges.step(start, kind, own) for kind in range(kinds)], format="csr")  # row: kind, then triple
    repeated = Own(np.tile(own.heads, kinds), own.relation, np.tile(own.answers, kinds))
    rows = np.arange(kinds * count)
    hit = np.asarray(first[rows, repeated.answers]).ravel()
    found = [_named(rows, hit, np.asarray(first.sum(axis=1)).ravel(), rows // count)]
    for kind in range(kinds):
        second = edges.step(first, kind, repeated)
        hit = np.asarray(second[rows, repeated.answers]).ravel()
        number = kinds + (rows // count) * kinds + kind
        found.append(_named(rows, hit, np.asarray(second.sum(axis=1)).ravel(), number))
        # The answer's column of the third step: entries of different triples are kept apart by shifting their columns.
        spread = sp.csr_matrix(
            (second.data, np.tile(every, kinds).repeat(np.diff(second.indptr)) * size + second.indices, second.indptr),
            shape=(kinds * count, count * size),
        )
        third = (spread @ into).tocoo()
        total = edges.onward(second, repeated)[third.row, third.col]
        number = kinds + kinds**2 + ((third.row // count) * kinds + kind) * kinds + third.col
        found.append(_named(third.row, third.data, total, number))
    row, number, share = (np.concatenate([part[at] for part in found]) for at in range(3))
    return offset + row % count, number, (size * share).astype(np.float32)


def _named(
    row: IntArray, hit: FloatArray, total: FloatArray, number: IntArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Rows, path numbers and shares of what hits the answer at all."""
    there = hit > 0
    return row[there], number[there], hit[there] / total[there]


def _into(edges: WalkEdges, own: Own) -> sp.csr_matrix:
    """(N E, K) weight of the step of each kind from every entity into each triple's answer, without its own edge."""
    columns = []
    for kind in range(edges.num_kinds):
        into = edges.before(own.answers, kind, own)
        place = np.repeat(np.arange(len(own.answers)), np.diff(into.indptr)) * edges.num_entities + into.indices
        columns.append((place, np.full(len(place), kind), into.data))
    place, kind_of, weight = (np.concatenate([column[at] for column in columns]) for at in range(3))
    shape = (len(own.answers) * edges.num_entities, edges.num_kinds)
    return sp.csr_matrix((weight, (place, kind_of)), shape=shape)


def _mixture(factors: sp.csc_matrix, most: int, least_gain: float) -> tuple[IntArray, float]:
    """(N, P) G -> the chosen columns in their order, and the mean log of what their mixture reaches."""
    count = factors.shape[0]
    transposed = factors.T.tocsr()
    mixed = np.ones(count)
    columns, share, taken = [np.ones(count)], np.ones(1), list[int]()
    while len(taken) < min(most, factors.shape[1]):
        rise = (transposed @ (1.0 / mixed)) / (count + DOUBT)
        rise[taken] = 0.0
        best = int(rise.argmax())
        if rise[best] < 1.0 + least_gain:
            break
        taken.append(best)
        columns.append(np.asarray(factors[:, [best]].todense()).ravel().astype(np.float64))
        table = np.stack(columns, axis=1)
        share = np.append(share * (1.0 - NEW_SHARE), NEW_SHARE)
        for _ in range(ROUNDS):
            parts = table * share
            share = (parts / parts.sum(axis=1, keepdims=True)).sum(axis=0) / count
        mixed = table @ share
    return np.array(taken, dtype=np.int64), float(np.log(mixed).mean())
