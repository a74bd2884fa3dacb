"""The edges that walks go along, kind by kind, and the steps of many walks at once.

A kind is a relation read forwards (0 .. R-1) or backwards (R .. 2R-1), or something that users say about two items
(2R ..: see upgan.graph.said). A step from i to j along kind k weighs

    w_k(i, j) = d_k(i)^(-1/2)        facts: d_k(i) is how many facts of kind k leave i
    w_k(i, j) = w_ij                 users: how much they say of both, rows summing to 1

and a path weighs the product of its steps, so that f_p(h, t), the sum over all paths of the kinds p = (k1, k2, ...)
from h to t, is one entry of a product of sparse matrices. A square root, not a mean: two witnesses count more than one.

A training triple must not be its own witness. ``Own`` names the triple that each walk belongs to; its edge and the
inverse one are taken out of every step, and the degrees of both ends are counted without them: what is left is what the
graph would give had it been built without the triple, exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from upgan.graph.said import Said
from upgan.types import FloatArray, IntArray

#: The kinds of a path's steps.
Path = tuple[int, ...]
#: Steps of the longest path.
LONGEST = 3
#: What rounding may leave of an edge that was taken out: no path is this light.
DUST = 1e-10


@dataclass(frozen=True)
class Own:
    """The triple that each of N walks belongs to: <heads, relation, answers>, relation 0 .. 2R-1."""

    heads: IntArray
    relation: int
    answers: IntArray

    def ends(self, kind: int, relations: int) -> list[tuple[IntArray, IntArray]]:
        """From where to where the triples' own edges of a kind lead: (N,) sources and destinations, up to twice."""
        inverse = (self.relation + relations) % (2 * relations)
        ways = ((self.relation, self.heads, self.answers), (inverse, self.answers, self.heads))
        return [(source, destination) for own, source, destination in ways if own == kind]


@dataclass(frozen=True)
class WalkEdges:
    """A sparse (E, E) matrix of step weights for each of K kinds."""

    num_entities: int
    num_relations: int
    #: (K,) rows are sources, columns destinations.
    weight: tuple[sp.csr_matrix, ...]
    #: (2R, E) d_k(i).
    degree: IntArray
    #: What users say: the kinds from 2R on.
    said: tuple[Said, ...] = ()

    @staticmethod
    def build(triples: IntArray, sizes: tuple[int, int], said: tuple[Said, ...] = ()) -> WalkEdges:
        """(T, 3) training triples of ``sizes`` entities and relations, and what users say, where there are any."""
        entities, relations = sizes
        kind = np.concatenate([triples[:, 1], triples[:, 1] + relations])
        source = np.concatenate([triples[:, 0], triples[:, 2]])
        destination = np.concatenate([triples[:, 2], triples[:, 0]])
        cells = kind * entities + source
        order = np.argsort(cells, kind="stable")
        degree = np.bincount(cells, minlength=2 * relations * entities)
        starts = np.concatenate([[0], np.cumsum(degree)])
        scaled = 1.0 / np.sqrt(np.repeat(degree, degree))
        facts = []
        for number in range(2 * relations):
            start = starts[number * entities : (number + 1) * entities + 1]
            rows = slice(start[0], start[-1])
            parts = scaled[rows], destination[order[rows]], start - start[0]
            facts.append(sp.csr_matrix(parts, shape=(entities, entities)))
        weight = (*facts, *(kind.weight for kind in said))
        return WalkEdges(entities, relations, weight, degree.reshape(2 * relations, entities), said)

    @property
    def num_kinds(self) -> int:
        """K."""
        return len(self.weight)

    def speaking(self, kind: int) -> Said | None:
        """Whom a kind is said by; None for facts."""
        return self.said[kind - 2 * self.num_relations] if kind >= 2 * self.num_relations else None

    @cached_property
    def own_facts(self) -> FloatArray:
        """(E, 4R) what each entity is known for: log(1 + n_k) for each kind k of edges into it, then [n_k > 0]."""
        into = np.roll(self.degree, self.num_relations, axis=0).T  # the edges of k into t are those of k's inverse out
        return np.concatenate([np.log1p(into), into > 0], axis=1)

    @cached_property
    def few_facts(self) -> sp.csr_matrix:
        """The same without its zeros, which took a third of a fit at 80,000 entities."""
        return sp.csr_matrix(self.own_facts)

    def own_fact_less(self, own: Own) -> FloatArray:
        """(N, 4R) what changes of the answers' facts where each has its own one less."""
        kinds = 2 * self.num_relations
        change = np.zeros((len(own.answers), 2 * kinds))
        for kind in (own.relation, (own.relation + self.num_relations) % kinds):
            ((_, destination),) = own.ends(kind, self.num_relations)
            out = (kind + self.num_relations) % kinds  # edges of k into t are those of k's inverse out of it
            count = self.degree[out, own.answers]
            rest = np.maximum(count - 1, 0)  # an answer that is not the destination may have none
            lost = np.stack([np.log1p(rest) - np.log1p(count), (count > 1) * 1.0 - 1.0])
            change[:, kind], change[:, kinds + kind] = np.where(destination == own.answers, lost, 0.0)
        return change

    @cached_property
    def total(self) -> FloatArray:
        """(E, K) sum of the weights of all steps of a kind that leave an entity."""
        return np.stack([np.asarray(weight.sum(axis=1)).ravel() for weight in self.weight], axis=1)

    @cached_property
    def incoming(self) -> tuple[sp.csr_matrix, ...]:
        """(K,) the transposed matrices."""
        return tuple(weight.T.tocsr() for weight in self.weight)

    # Steps -----------------------------------------------------------------------------------------------------------

    def start(self, heads: IntArray) -> sp.csr_matrix:
        """(N,) entities -> (N, E) walks that have not left them."""
        count = len(heads)
        return sp.csr_matrix((np.ones(count), heads, np.arange(count + 1)), shape=(count, self.num_entities))

    def step(self, walks: sp.csr_matrix, kind: int, own: Own | None = None) -> sp.csr_matrix:
        """(N, E) weight of the walks at every entity -> the same one step of ``kind`` later."""
        after = (walks @ self.weight[kind]).tocsr()
        for source, destination in [] if own is None else own.ends(kind, self.num_relations):
            after = after + self._without(walks, kind, source, destination)
        return swept(after)

    def _without(self, walks: sp.csr_matrix, kind: int, source: IntArray, destination: IntArray) -> sp.csr_matrix:
        """What a step of (N, E) walks loses and gains where each source has an edge less, that to its destination."""
        rows = np.arange(len(source))
        there = np.asarray(walks[rows, source]).ravel()
        fewer, ratio = self._fewer(kind, source)
        lost = sp.csr_matrix((there * fewer, (rows, destination)), shape=walks.shape)
        return sp.diags(there * (ratio - 1.0)) @ self.weight[kind][source] - lost

    def _fewer(self, kind: int, source: IntArray) -> tuple[FloatArray, FloatArray]:
        """The weight of a source's edges with one edge less, 0 where none is left, and its ratio to the weight now."""
        degree = self.degree[kind, source]
        fewer = np.where(degree > 1, 1.0 / np.sqrt(np.maximum(degree - 1, 1)), 0.0)
        return fewer, fewer * np.sqrt(degree)

    def onward(self, walks: sp.csr_matrix, own: Own | None = None) -> FloatArray:
        """(N, E) walks -> (N, K) the sum of their weights over all entities one step of each kind later."""
        total: FloatArray = walks @ self.total
        for kind in range(2 * self.num_relations):
            for source, _ in [] if own is None else own.ends(kind, self.num_relations):
                there = np.asarray(walks[np.arange(len(source)), source]).ravel()
                degree = self.degree[kind, source]
                total[:, kind] += there * (np.sqrt(np.maximum(degree - 1, 0)) - np.sqrt(degree))
        return total

    def before(self, answers: IntArray, kind: int, own: Own | None = None) -> sp.csr_matrix:
        """(N,) entities -> (N, E) weight of the step of ``kind`` from every entity into them."""
        into = self.incoming[kind][answers]
        rows = np.arange(len(answers))
        for source, destination in [] if own is None else own.ends(kind, self.num_relations):
            now = np.asarray(into[rows, source]).ravel()
            fewer, ratio = self._fewer(kind, source)
            changed = now * ratio - np.where(destination == answers, fewer, 0.0)
            into = into + sp.csr_matrix((changed - now, (rows, source)), shape=into.shape)
        return swept(into)

    def along(self, paths: Sequence[Path], heads: IntArray, own: Own | None = None) -> Iterator[sp.csr_matrix]:
        """f of each path, (N, E), in their order. Beginnings that several paths share are walked once if ``paths``
        are sorted, and let go of when they are not needed any more."""
        reached: list[tuple[Path, sp.csr_matrix]] = [((), self.start(heads))]
        for path in paths:
            while path[: len(reached[-1][0])] != reached[-1][0]:
                reached.pop()
            while reached[-1][0] != path:
                known, walks = reached[-1]
                kind = path[len(known)]
                reached.append((path[: len(known) + 1], self.step(walks, kind, own)))
            yield reached[-1][1]


def swept(walks: sp.csr_matrix) -> sp.csr_matrix:
    """The same without what rounding left of edges that were taken out."""
    walks.data[np.abs(walks.data) < DUST] = 0.0
    walks.eliminate_zeros()
    return walks
