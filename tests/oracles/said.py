"""Slow, obvious reference versions of what users say about two items: loops over users and pairs, from the formulas.

``ratings`` and ``times`` are (user, item) -> value, of those that are known; ``reads`` are all (user, item).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tests.oracles.cointeraction import Read, Row, speaking

Terms = dict[int, float]


def together(reads: Sequence[Read], one: int, other: int) -> Terms:
    """User -> a_u, of users who chose both."""
    return {user: a for user, a in speaking(reads).items() if {(user, one), (user, other)} <= set(reads)}


def rated_alike(reads: Sequence[Read], ratings: Mapping[Read, float], one: int, other: int) -> Terms:
    """User -> a_u x_ui x_uj."""
    terms = {}
    for user, a in speaking(reads).items():
        given = {item: rating for (who, item), rating in ratings.items() if who == user}
        if {one, other} <= set(given):
            mean = sum(given.values()) / len(given)
            terms[user] = a * (given[one] - mean) * (given[other] - mean)
    return terms


def place(times: Sequence[int], time: int) -> float:
    """Where a time stands among all of a user's, the mean place of equal ones."""
    places = [number for number, each in enumerate(sorted(times)) if each == time]
    return sum(places) / len(places)


def near_in_time(reads: Sequence[Read], times: Mapping[Read, int], one: int, other: int) -> Terms:
    """User -> a_u, of users who chose both at most ten places apart."""
    terms = {}
    for user, a in speaking(reads).items():
        chosen = {item: time for (who, item), time in times.items() if who == user}
        if {one, other} <= set(chosen):
            every = list(chosen.values())
            if abs(place(every, chosen[one]) - place(every, chosen[other])) <= 10:
                terms[user] = a
    return terms


def sharp(total: Mapping[tuple[int, int], float], own: Sequence[float], item: int, least: float) -> Row:
    """(m_ij / (n_i n_j)) ^ 2 of one item, j != i, where it is ``least`` ^ 2 or more, before they sum to 1.

    ``own``: n_i^2 of every item.
    """
    row = {}
    for other in range(len(own)):
        if other != item and total[item, other] > 1e-12:
            cosine = total[item, other] / math.sqrt(own[item] * own[other])
            if cosine >= least:
                row[other] = cosine**2
    return row
