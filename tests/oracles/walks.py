"""Slow, obvious reference versions of walks: every path one after the other, from the formulas alone.

Facts are triples (h, r, t); relations R .. 2R - 1 lead from the tail to the head; ``said`` holds the weights of each
kind that users say, 2R and on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

Fact = tuple[int, int, int]
Said = Sequence[Mapping[tuple[int, int], float]]


def edges(facts: Collection[Fact], relations: int, kind: int) -> list[tuple[int, int]]:
    """From where to where the edges of a kind of facts lead."""
    if kind < relations:
        return [(h, t) for h, r, t in facts if r == kind]
    return [(t, h) for h, r, t in facts if r == kind - relations]


def step(facts: Collection[Fact], relations: int, said: Said, kind: int, source: int, destination: int) -> float:
    """w_k(i, j)."""
    if kind >= 2 * relations:
        return said[kind - 2 * relations].get((source, destination), 0.0)
    leaving = [end for start, end in edges(facts, relations, kind) if start == source]
    return leaving.count(destination) / math.sqrt(len(leaving)) if leaving else 0.0


def ways(
    facts: Collection[Fact], relations: int, said: Said, entities: int, path: Sequence[int], head: int
) -> Iterator[tuple[tuple[int, ...], float]]:
    """The nodes and the weight of every path of these kinds from ``head``."""
    if not path:
        yield (head,), 1.0
        return
    for near in range(entities):
        weight = step(facts, relations, said, path[0], head, near)
        if weight:
            for nodes, rest in ways(facts, relations, said, entities, path[1:], near):
                yield (head, *nodes), weight * rest


def reached(
    facts: Collection[Fact], relations: int, said: Said, entities: int, path: Sequence[int], head: int
) -> list[float]:
    """f_p(head, .) of every entity."""
    total = [0.0] * entities
    for nodes, weight in ways(facts, relations, said, entities, path, head):
        total[nodes[-1]] += weight
    return total
