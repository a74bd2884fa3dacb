"""What users say about two items, kind by kind: that they go together, were rated alike, or were chosen one soon after
the other.

Each kind is a sum over users, t_u(i, j) being what one of them says, with a_u of upgan.graph.cointeraction:

    together        t_u = a_u                            for users who chose both
    rated alike     t_u = a_u x_ui x_uj                  x_ui: the rating less the mean of all that u gave
    near in time    t_u = a_u [|o_ui - o_uj| <= 10]      o_ui: the item's place among those of u, by time

    m_ij = sum_u t_u(i, j),   w_ij ~ (m_ij / (n_i n_j)) ^ power,  j != i,  rows summing to 1

with n_i^2 = sum_u a_u over those who chose i (together), sum_u a_u x_ui^2 (rated alike), or sum_u a_u over those who
chose i at a known time (near in time). Of "together" w is S. Of the other two the power is 2, only positive m_ij count
(of "rated alike" cosines of a thousandth or more), and the 30 largest of a row (as many as S keeps) are kept. A rating
or a time that is not known is left out. Items that a user chose at the same time share one place, the mean of those
they take up, so that nothing depends on the order of a file. Of a user of very many items only those count that it is
heard on (upgan.graph.heavy), in all three kinds: for the mean of its ratings and the order of its choices too.

A user's share of w_ij is t_u / m_ij. Shares sum to 1. Of "rated alike" they have signs: who liked one of two items and
not the other speaks against a step that others make, with a share below 0, and those of the others then sum to more
than 1. Without their signs they sum to n_i n_j / m_ij at most, which is why the smallest cosines are left out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from upgan.data.marks import timed
from upgan.graph.cointeraction import NOTHING, PATHS_PER_BLOCK, CoInteraction, check_time, joined, largest
from upgan.graph.marked import Marked
from upgan.types import SAID, BoolArray, FloatArray, Heard, IntArray

#: Exponent of "rated alike" and "near in time".
POWER = 2.0
#: Places between items that a user chose near in time, at most.
NEAR = 10
#: The smallest cosine of "rated alike" that counts.
LEAST = 1e-3
#: What rounding leaves of a rating that is its user's mean, as a share of the largest.
DUST = 1e-9


@dataclass(frozen=True)
class Said(ABC):
    """One kind: a sparse (E, E) matrix of step weights, and what each user says of each entity."""

    #: In words.
    name: str
    #: Rows are sources and sum to 1, or are empty.
    weight: sp.csr_matrix
    #: (E, U) what a term reads of an entity and a user, not 0 where there is something; (U,) a_u.
    values: sp.csr_matrix
    user_weight: FloatArray

    @abstractmethod
    def agree(self, one: FloatArray, other: FloatArray) -> FloatArray | BoolArray:
        """(N,) values of two items, each pair of one user -> (N,) the user's term without a_u."""

    def shares(self, items: IntArray, others: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
        """(P,) pairs of entities that a step joins -> pair (ascending), user and share of everyone who says something
        of both; a pair's shares sum to 1."""
        users = self.values.shape[1]
        cells = []
        for side in (self.values[items], self.values[others]):
            row = np.repeat(np.arange(len(items), dtype=np.int64), np.diff(side.indptr))
            cells.append((row * users + side.indices, side.data))
        (left, one), (right, other) = cells
        both, at_left, at_right = np.intersect1d(left, right, assume_unique=True, return_indices=True)
        pair, user = both // users, both % users
        term = self.user_weight[user] * self.agree(one[at_left], other[at_right])
        speaks = term != 0.0
        pair, user, term = pair[speaks], user[speaks], term[speaks]
        total = np.bincount(pair, weights=term, minlength=len(items))
        return pair, user, term / total[pair]


class Multiplied(Said):
    """A term is the product of what a user says of both items."""

    def agree(self, one: FloatArray, other: FloatArray) -> FloatArray:
        """x_ui x_uj."""
        product: FloatArray = one * other
        return product


class Near(Said):
    """A term is 1 where both items are near each other in the user's order; values are twice their places."""

    def agree(self, one: FloatArray, other: FloatArray) -> BoolArray:
        """[|o_ui - o_uj| <= 10]."""
        near: BoolArray = np.abs(one - other) <= 2 * NEAR
        return near


def said_by_users(
    co: CoInteraction, marked: Marked, hears: Collection[Heard], until: float = math.inf
) -> tuple[Said, ...]:
    """The kinds that are heard and that the data has, in the order of ``SAID``, so that a kind's number is always the
    same: one that is missing is empty, and left off at the end.

    ``marked``: the interactions that ``co`` was built of; ``until``: as of ``check_time``.
    """
    marked = marked if marked.bare else marked.once().heard(co.most_items)
    kinds = [
        chosen_together(co) if "together" in hears else None,
        rated_alike(co, marked.interactions, marked.ratings, until)
        if marked.ratings is not None and "ratings" in hears
        else None,
        near_in_time(co, marked.interactions, marked.times, until)
        if marked.times is not None and "order" in hears
        else None,
    ]
    while kinds and kinds[-1] is None:
        kinds.pop()
    size, users = co.incidence.shape
    nothing = sp.csr_matrix((size, size)), sp.csr_matrix((size, users)), co.user_weight
    named = zip(SAID.values(), kinds, strict=False)
    return tuple(Multiplied(name, *nothing) if kind is None else kind for name, kind in named)


def chosen_together(co: CoInteraction) -> Said:
    """S itself."""
    return Multiplied(SAID["together"], co.similar.to_scipy(), co.incidence, co.user_weight)


def rated_alike(co: CoInteraction, interactions: IntArray, ratings: FloatArray, until: float = math.inf) -> Said:
    """(M, 2) interactions, each once, and their (M,) ratings, NaN where there is none."""
    known = ~np.isnan(ratings)
    (user, item), rating = interactions[known].T, ratings[known]
    users = co.incidence.shape[1]
    count = np.bincount(user, minlength=users)
    mean = np.bincount(user, weights=rating, minlength=users) / np.maximum(count, 1)
    above = rating - mean[user]
    above[np.abs(above) <= DUST * np.abs(rating).max(initial=0.0)] = 0.0
    values = sp.csr_matrix((above, (item, user)), shape=co.incidence.shape)
    values.eliminate_zeros()
    weighted, transposed = (values @ sp.diags(co.user_weight)).tocsr(), values.T.tocsr()
    norm = np.sqrt(np.asarray(weighted.multiply(values).sum(axis=1)).ravel())
    cost = np.bincount(item, weights=count[user], minlength=len(norm)).astype(np.float64)

    def rows(items: IntArray) -> sp.csr_matrix:
        return weighted[items] @ transposed

    weight = _sharpened(rows, norm, cost, co.neighbours, LEAST, until)
    return Multiplied(SAID["ratings"], weight, values, co.user_weight)


def near_in_time(co: CoInteraction, interactions: IntArray, times: IntArray, until: float = math.inf) -> Said:
    """(M, 2) interactions, each once, and their (M,) times, NO_TIME where there is none."""
    known = timed(times)
    pairs, times = interactions[known], times[known]
    order = np.lexsort((times, pairs[:, 0]))
    (user, item), times = pairs[order].T, times[order]
    place = _twice_places(user, times)
    near_from = np.searchsorted(place, place - 2 * NEAR)
    count = np.searchsorted(place, place + 2 * NEAR, side="right") - near_from
    by_item = np.argsort(item, kind="stable")
    size = co.incidence.shape[0]
    starts = np.searchsorted(item[by_item], np.arange(size + 1))
    norm = np.sqrt(np.bincount(item, weights=co.user_weight[user], minlength=size))
    # A path is held in several arrays here: four times the memory of a product.
    cost = 4.0 * np.bincount(item, weights=count, minlength=size).astype(np.float64)

    def rows(items: IntArray) -> sp.csr_matrix:
        chosen = by_item[starts[items[0]] : starts[items[-1] + 1]]  # items that are left out have none
        ends = np.concatenate([[0], np.cumsum(count[chosen])])
        other = np.repeat(near_from[chosen] - ends[:-1], count[chosen]) + np.arange(ends[-1])
        speaks = np.repeat(co.user_weight[user[chosen]], count[chosen])
        row_start = ends[np.append(starts[items], starts[items[-1] + 1]) - starts[items[0]]]
        both = sp.csr_matrix((speaks, item[other], row_start), shape=(len(items), size))
        both.sum_duplicates()
        return both

    values = sp.csr_matrix((place + 1.0, (item, user)), shape=co.incidence.shape)
    return Near(SAID["order"], _sharpened(rows, norm, cost, co.neighbours, until=until), values, co.user_weight)


def _twice_places(user: IntArray, times: IntArray) -> IntArray:
    """(M,) by user, then time -> twice the place of each in its user's order, users too far apart to be near.

    Twice, so that the mean of a group's first and last place is whole.
    """
    count = len(user)
    first = np.ones(count, dtype=bool)
    first[1:] = (np.diff(user) > 0) | (times[1:] != times[:-1])
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], count) - 1
    place: IntArray = (starts + ends)[np.cumsum(first) - 1] + (2 * NEAR + 1) * user
    return place


def _sharpened(
    rows: Callable[[IntArray], sp.csr_matrix],
    norm: FloatArray,
    cost: FloatArray,
    neighbours: int,
    least: float = 0.0,
    until: float = math.inf,
) -> sp.csr_matrix:
    """(E, E) w from (E,) n, in blocks of bounded memory; cosines below ``least`` are left out.

    ``rows``: (B,) items -> (B, E) m of their rows; ``cost``: (E,) the paths that a row is counted from. Items where n
    is 0 have no row.
    """
    size, items = len(norm), np.flatnonzero(norm > 0.0)
    total, parts, first = np.cumsum(cost[items]), [NOTHING], 0
    while first < len(items):
        before = total[first - 1] if first else 0.0
        last = max(first + 1, int(np.searchsorted(total, before + PATHS_PER_BLOCK, side="right")))
        block = items[first:last]
        both = rows(block).tocoo()
        row, column = both.row.astype(np.int64), both.col.astype(np.int64)
        cosine = both.data / (norm[block[row]] * norm[column])
        kept = (block[row] != column) & (cosine > 0.0) & (cosine >= least)
        row, column, sharp = largest(row[kept], column[kept], cosine[kept] ** POWER, len(block), neighbours)
        whole = np.bincount(row, weights=sharp, minlength=len(block))
        parts.append((block[row], column, sharp / whole[row]))
        first = last
        check_time(until, first, len(items))
    row, column, value = joined(parts)
    return sp.csr_matrix((value, (row, column)), shape=(size, size))
