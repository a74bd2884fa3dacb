"""Every edge of the interaction-augmented graph from both of its ends, so that a node's edges are found at once.

Numbers are those of upgan.graph.layered: entities, then users; edges are the interactions, then the triples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upgan.graph.layered import ends_of
from upgan.types import BoolArray, IntArray


@dataclass(frozen=True)
class Adjacency:
    """(N + 1,) where each node's edges begin; of each: the other node, the type as seen from here, its number."""

    start: IntArray
    other: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int32]
    edge: npt.NDArray[np.int32]

    @staticmethod
    def build(
        triples: IntArray, interactions: IntArray, num_entities: int, num_users: int, num_relations: int
    ) -> Adjacency:
        """(T, 3) triples and (M, 2) interactions of (user, entity)."""
        ends = ends_of(triples, interactions, num_entities, num_relations)
        node = np.concatenate([ends.left, ends.right])
        order = np.argsort(node, kind="stable")
        start = np.zeros(num_entities + num_users + 1, dtype=np.int64)
        np.cumsum(np.bincount(node, minlength=num_entities + num_users), out=start[1:])
        return Adjacency(
            start,
            np.concatenate([ends.right, ends.left])[order].astype(np.int32),
            np.concatenate([ends.seen_left, ends.seen_right])[order].astype(np.int32),
            (order % max(len(ends.left), 1)).astype(np.int32),
        )

    def leave(self, nodes: IntArray) -> tuple[IntArray, IntArray]:
        """(B,) nodes -> (position in B, place here) of all their edges."""
        return edges_of(self.start, nodes)


def edges_of(start: IntArray, nodes: IntArray) -> tuple[IntArray, IntArray]:
    """(N + 1,) where each node's edges begin and (B,) nodes -> (position in B, place) of all their edges."""
    return runs(start[nodes], start[nodes + 1] - start[nodes])


def runs(first: IntArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """(B,) first places and lengths of runs -> (position in B, place) of all that is in them."""
    position = np.repeat(np.arange(len(first)), count)
    within = np.arange(len(position)) - np.repeat(np.cumsum(count) - count, count)
    return position, first[position] + within


@dataclass(frozen=True)
class Edges:
    """Edges as they are walked: position of the node that is left, the other node, the type as seen from the first."""

    position: IntArray
    other: IntArray
    kind: IntArray


@dataclass(frozen=True)
class ChangedEdges:
    """The graph without some edges and with some more."""

    base: Adjacency
    gone: BoolArray  # (edges of ``base``,)
    added: Adjacency

    def leave(self, nodes: IntArray) -> Edges:
        """All edges of (B,) nodes that there are now."""
        position, place = self.base.leave(nodes)
        if self.gone.any():
            there = ~self.gone[self.base.edge[place]]
            position, place = position[there], place[there]
        more, where = self.added.leave(nodes)
        return Edges(
            np.concatenate([position, more]),
            np.concatenate([self.base.other[place], self.added.other[where]]).astype(np.int64),
            np.concatenate([self.base.kind[place], self.added.kind[where]]).astype(np.int64),
        )

    def distances(self, num_entities: int) -> IntArray:
        """(N,) d_n of the changed graph by breadth-first search from all users; -1 where none arrives."""
        size = len(self.base.start) - 1
        distance = np.full(size, -1, dtype=np.int64)
        frontier, level = np.arange(num_entities, size), 0
        while len(frontier):
            distance[frontier] = level
            there = np.zeros(size, dtype=bool)
            there[self.leave(frontier).other] = True
            frontier, level = np.flatnonzero(there & (distance < 0)), level + 1
        return distance
