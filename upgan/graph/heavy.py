"""Users who chose very many items: they are heard on some of them.

Pairs of items that one user chose grow with the square of how many there are: 20,000 items make 200 million pairs that
say no more than "this user takes everything". A user of more than ``most`` items is heard on ``most`` of them, those
with the smallest lot:

    lot(u, i) = a fixed mixing of the numbers of u and i (SplitMix64)

That is an even draw, the same in every process, whatever the order of a file. It depends on nothing but the pair: one
item more or less changes what a user is heard on by one item at most, and no other user's. What such a user says of an
item that it is not heard on counts nothing; a_u is that of all its items (upgan.graph.cointeraction).
"""

from __future__ import annotations

import numpy as np

from upgan.types import BoolArray, IntArray


def heard(interactions: IntArray, most: int) -> BoolArray:
    """(M, 2) interactions of (user, entity) -> which rows count; 0: all. A pair that is repeated counts each time."""
    count = len(interactions)
    kept: BoolArray = np.ones(count, dtype=bool)
    if not most or not count:
        return kept
    user = interactions[:, 0]
    rows = np.flatnonzero((np.bincount(user) > most)[user])
    if not len(rows):
        return kept
    lots = _lots(interactions[rows])
    order = np.lexsort((lots, user[rows]))
    owner, lots = user[rows][order], lots[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = owner[1:] != owner[:-1]
    new = first.copy()
    new[1:] |= lots[1:] != lots[:-1]
    place = np.cumsum(new)
    own = place - np.maximum.accumulate(np.where(first, place, 0))  # 0 for the user's smallest lot
    kept[rows[order]] = own < most
    return kept


def _lots(pairs: IntArray) -> np.ndarray:
    """(N, 2) -> (N,) uint64."""
    numbers = pairs.astype(np.uint64)
    mixed = (numbers[:, 0] << np.uint64(32)) + numbers[:, 1] + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
