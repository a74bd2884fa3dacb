"""What preparation leaves out of a graph: users, items and entities that are too rare or too far away.

All functions take numbered ids (int64 arrays) and return masks or numbers; N triples or interactions, E entities.
"""

from __future__ import annotations

import numpy as np


def k_core(users: np.ndarray, items: np.ndarray, minimum: int) -> np.ndarray:
    """Which interactions (N,) stay when every user and every item must have at least ``minimum`` of them.

    Repeated until nothing changes, because leaving out a user makes items rarer and the other way round. The result
    is the largest such subset, so the order of removal does not matter. Interactions must be unique.
    """
    keep = np.ones(len(users), dtype=bool)
    while True:
        enough = np.bincount(users[keep], minlength=_size(users)) >= minimum
        enough_items = np.bincount(items[keep], minlength=_size(items)) >= minimum
        left = keep & enough[users] & enough_items[items]
        if left.sum() == keep.sum():
            return keep
        keep = left


def min_triples(heads: np.ndarray, tails: np.ndarray, num_entities: int, minimum: int) -> np.ndarray:
    """Which triples (N,) stay when every entity must have a degree of at least ``minimum``, repeated until stable."""
    keep = np.ones(len(heads), dtype=bool)
    while True:
        enough = entity_degrees(heads[keep], tails[keep], num_entities) >= minimum
        left = keep & enough[heads] & enough[tails]
        if left.sum() == keep.sum():
            return keep
        keep = left


def entity_degrees(heads: np.ndarray, tails: np.ndarray, num_entities: int) -> np.ndarray:
    """How often each entity is a head or a tail, int64 (E,); a triple from an entity to itself counts twice."""
    return np.bincount(heads, minlength=num_entities) + np.bincount(tails, minlength=num_entities)


def bfs_hops(heads: np.ndarray, tails: np.ndarray, num_entities: int, seeds: np.ndarray) -> np.ndarray:
    """Smallest number of triples, read either way, from any of ``seeds`` to each entity: int64 (E,), -1 unreachable.

    Each edge is looked at once from either end, so a long chain costs no more than a star.
    """
    sources = np.concatenate([heads, tails])
    targets = np.concatenate([tails, heads])
    targets = targets[np.argsort(sources, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=num_entities))])  # (E + 1,)
    hops, place = np.full(num_entities, -1, dtype=np.int64), np.empty(num_entities, dtype=np.int64)
    frontier = _distinct(np.asarray(seeds, dtype=np.int64), place)
    level = 0
    while len(frontier):
        hops[frontier] = level
        sizes = starts[frontier + 1] - starts[frontier]
        # Places of all the frontier's edges in `targets`: each block's start, plus 0, 1, 2, ... inside the block.
        inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        reached = targets[np.repeat(starts[frontier], sizes) + inside]
        frontier = _distinct(reached[hops[reached] < 0], place)
        level += 1
    return hops


def _distinct(numbers: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Every one of the (N,) numbers once. ``place`` (E,) is written over where they point.

    np.unique sorts or hashes, which costs more for each number the more there are.
    """
    own = np.arange(len(numbers))
    place[numbers] = own
    first: np.ndarray = numbers[place[numbers] == own]
    return first


def _size(numbers: np.ndarray) -> int:
    return int(numbers.max()) + 1 if len(numbers) else 0
