"""A small world's graph, edge by edge: hops, layers, and worlds drawn at random."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Facts:
    """A small world: training triples, who read what, and how many of each there are."""

    triples: tuple[tuple[int, int, int], ...]
    reads: tuple[tuple[int, int], ...]
    entities: int
    users: int
    relations: int

    def arrays(self) -> tuple[np.ndarray, np.ndarray, int, int, int]:
        """What build_graph takes."""
        triples = np.array(self.triples, dtype=np.int64).reshape(-1, 3)
        reads = np.array(self.reads, dtype=np.int64).reshape(-1, 2)
        return triples, reads, self.entities, self.users, self.relations


def facts_of(dataset: Any) -> Facts:
    """The training triples and interactions of a dataset."""
    return Facts(
        tuple(map(tuple, dataset.train.tolist())),
        tuple(map(tuple, dataset.interactions.tolist())),
        dataset.num_entities,
        dataset.num_users,
        dataset.num_relations,
    )


@dataclass(frozen=True)
class Edge:
    """One triple or interaction between neighbouring layers."""

    near: int
    far: int
    seen_near: int
    seen_far: int
    #: Number of the training triple; -1 for an interaction.
    triple: int


def hops(facts: Facts) -> list[int]:
    """d_n of every node by breadth-first search from all users at once; -1 where none arrives."""
    neighbours: list[set[int]] = [set() for _ in range(facts.entities + facts.users)]
    ends = [(h, t) for h, _, t in facts.triples] + [(facts.entities + u, i) for u, i in facts.reads]
    for a, b in ends:
        neighbours[a].add(b)
        neighbours[b].add(a)
    distance = [-1] * facts.entities + [0] * facts.users
    queue = deque(range(facts.entities, facts.entities + facts.users))
    while queue:
        node = queue.popleft()
        for other in neighbours[node]:
            if distance[other] < 0:
                distance[other] = distance[node] + 1
                queue.append(other)
    return distance


def layered_edges(facts: Facts) -> list[Edge]:
    """Every edge whose ends are in neighbouring layers, once."""
    distance = hops(facts)
    relations = facts.relations
    seen = [(h, t, r, r + relations, number) for number, (h, r, t) in enumerate(facts.triples)]
    seen += [(facts.entities + u, i, 2 * relations, 2 * relations + 1, -1) for u, i in facts.reads]
    edges = []
    for left, right, from_left, from_right, triple in seen:
        if distance[left] < 0 or distance[right] < 0:
            continue
        if distance[right] == distance[left] + 1:
            edges.append(Edge(left, right, from_left, from_right, triple))
        elif distance[left] == distance[right] + 1:
            edges.append(Edge(right, left, from_right, from_left, triple))
    return edges


def random_facts(
    rng: np.random.Generator,
    *,
    layers: Sequence[int] = (4, 4, 3),
    users: int = 3,
    relations: int = 2,
    extra: int = 8,
    unreachable: int = 2,
) -> Facts:
    """A connected world with ``layers`` entities per hop and every oddity: parallel triples, triples within a layer,
    self-loops, a user without items, entities that no user reaches (joined to each other)."""
    first = np.cumsum([0, *layers])
    total = int(first[-1])
    reads = {(int(rng.integers(users - 1)), item) for item in range(layers[0])}
    reads |= {(int(rng.integers(users - 1)), int(rng.integers(layers[0]))) for _ in range(users)}
    triples: list[tuple[int, int, int]] = []

    def add(a: int, b: int) -> None:
        ends = (a, b) if rng.random() < 0.5 else (b, a)
        triples.append((ends[0], int(rng.integers(relations)), ends[1]))

    for level in range(1, len(layers)):
        for node in range(first[level], first[level + 1]):
            for _ in range(int(rng.integers(1, 3))):
                add(node, int(rng.integers(first[level - 1], first[level])))
    for _ in range(extra):  # within a layer, or to the next one
        level = int(rng.integers(len(layers)))
        other = min(level + int(rng.integers(2)), len(layers) - 1)
        add(int(rng.integers(first[level], first[level + 1])), int(rng.integers(first[other], first[other + 1])))
    triples.append(triples[0])  # parallel, same relation
    head, relation, tail = triples[1]
    triples += [(head, (relation + 1) % relations, tail), (0, 0, 0)]  # parallel, other relation; a self-loop
    triples += [(total + n, 0, total + (n + 1) % unreachable) for n in range(unreachable)]
    return Facts(tuple(triples), tuple(sorted(reads)), total + unreachable, users, relations)
