"""Items that the same users chose: the paths item i <- user u <- item j, and how much each of them counts.

    c_ij = sum_{u chose both} a_u,   a_u = log(1 + I / |F_u|)          (I items with a user, |F_u| items of u)

A user of very many items is heard on some of them (upgan.graph.heavy): "chose both" then means "is heard on both", here
and in every path; I and |F_u| count all.

``common`` holds c itself, the ``counted`` largest of a row: a weighted count of shared users. ``similar`` holds the
sharpened cosine, which p is read along:

    S_ij ~ (c_ij / sqrt(c_ii c_jj)) ^ power,  j != i, the ``neighbours`` largest of a row, rows summing to 1

Each S_ij is shared by the users of both items in proportion to a_u, so that a path's weight is explicit:

    pi_iuj = S_ij a_u / c_ij,   w_iu = sum_j pi_iuj,   sum_u w_iu = 1
    p_i = sum_j S_ij v_j = sum_u w_iu v~_{u|i}  with  v~_{u|i} = sum_j (pi_iuj / w_iu) v_j

p_i is a convex combination of what its users chose (Eq. 5 with sharpened weights), each user's choices read with
attention to what resembles i. An item's own vector never reaches its own p, and no triple is walked at all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from upgan.data.heavy import MOST_ITEMS
from upgan.errors import TrainingError
from upgan.graph.device import OnDevice
from upgan.graph.heavy import heard
from upgan.graph.sparse import EdgeMatrix
from upgan.types import FloatArray, IntArray

#: Paths item <- user <- item held at once while the similarities are computed: bounds memory to about 0.5 GB.
PATHS_PER_BLOCK = 20_000_000


#: Entries of a matrix over items: rows (ascending), columns and values.
Entries = tuple[IntArray, IntArray, FloatArray]
NOTHING: Entries = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True)
class ItemWeights(OnDevice):
    """A sparse (E, E) matrix over pairs of items; rows of entities without a co-interacted item are empty."""

    pattern: EdgeMatrix
    weight: torch.Tensor  # (M,) float32 in the pattern's order

    def of(self, item: int) -> tuple[IntArray, FloatArray]:
        """One row: the other items and their weights, float64."""
        start, stop = self.pattern.row_start[item : item + 2].tolist()
        weight = self.weight[start:stop].cpu().numpy().astype(np.float64)
        return self.pattern.column[start:stop].cpu().numpy(), weight

    def to_scipy(self) -> sp.csr_matrix:
        """The same matrix in float64."""
        pattern = self.pattern
        parts = self.weight.double(), pattern.column, pattern.row_start
        return sp.csr_matrix(tuple(part.cpu().numpy() for part in parts), shape=(pattern.rows, pattern.columns))


@dataclass(frozen=True)
class ItemPaths:
    """Paths item <- user <- other of one item, (N,) each; ``weight`` is the path's share of the pair's weight."""

    user: IntArray
    other: IntArray
    weight: FloatArray


@dataclass(frozen=True)
class CoInteraction(OnDevice):
    """S and c of every pair of items that is kept, and what their paths are recounted from."""

    similar: ItemWeights
    common: ItemWeights
    #: (E, U) 1 where the user is heard on the entity, and (U,) a_u (numpy: used for explanations, one item at a time).
    incidence: sp.csr_matrix
    user_weight: FloatArray
    power: float
    neighbours: int
    counted: int
    #: (E,) the smallest cosine ^ power that a row of S keeps; 0 for a row that keeps all it has.
    floor: FloatArray
    #: I, and the most items that a user is heard on (0: all).
    items: int
    most_items: int

    def similar_paths(self, item: int) -> ItemPaths:
        """pi of all paths of one item; they sum to 1 where it has any."""
        others, share = self.similar.of(item)
        # The float32 row sums to 1 up to rounding: the float64 weights are made to do so exactly.
        return self._paths(item, others, share / max(share.sum(), np.finfo(float).tiny))

    def common_paths(self, item: int) -> ItemPaths:
        """a_u of all paths to the items that ``common`` keeps for one item."""
        others, count = self.common.of(item)
        return self._paths(item, others, count)

    def _paths(self, item: int, others: IntArray, weight: FloatArray) -> ItemPaths:
        """Each other item's weight, shared by the users it has in common with ``item`` in proportion to a_u."""
        users = self.incidence[[item]].indices.astype(np.int64)
        both = self.incidence[others][:, users].tocoo()
        each = self.user_weight[users[both.col]]
        total = np.bincount(both.row, weights=each, minlength=len(others))
        return ItemPaths(users[both.col], others[both.row], weight[both.row] * each / total[both.row])


@dataclass(frozen=True)
class Counting:
    """What the rows of S and c are counted from: who chose what, and how much each choice weighs."""

    #: (E, U) 1 where the user is heard on the entity; the same times a_u; (U, E) its transpose.
    incidence: sp.csr_matrix
    weighted: sp.csr_matrix
    transposed: sp.csr_matrix
    #: (U,) a_u and (E,) sqrt(c_ii).
    user_weight: FloatArray
    norm: FloatArray
    #: (E,) a row's cost: the items its users are heard on, one path each.
    cost: FloatArray
    #: I.
    items: int

    @staticmethod
    def of(interactions: IntArray, num_entities: int, num_users: int, most_items: int) -> Counting:
        """(M, 2) interactions of (user, entity). Repeated interactions count once."""
        incidence = _incidence(interactions, num_entities, num_users)
        items = items_chosen(incidence)
        user_weight = np.log1p(items / _per_user(incidence))
        kept = heard(interactions, most_items)
        if not kept.all():
            incidence = _incidence(interactions[kept], num_entities, num_users)
        chosen = _per_user(incidence)
        weighted = (incidence @ sp.diags(user_weight)).tocsr()
        norm = np.sqrt(np.asarray(weighted.sum(axis=1)).ravel())
        return Counting(incidence, weighted, incidence.T.tocsr(), user_weight, norm, incidence @ chosen, items)

    def pairs(self, items: IntArray, power: float) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """(B,) items -> row (place in B), column, c and cosine ^ power of all their pairs with other items."""
        both = (self.weighted[items] @ self.transposed).tocoo()
        row, column = both.row.astype(np.int64), both.col.astype(np.int64)
        other = items[row] != column
        row, column, count = row[other], column[other], both.data[other]
        return row, column, count, (count / (self.norm[items[row]] * self.norm[column])) ** power


def _incidence(interactions: IntArray, num_entities: int, num_users: int) -> sp.csr_matrix:
    """(E, U) 1 where there is an interaction."""
    ones = np.ones(len(interactions))
    incidence = sp.csr_matrix((ones, (interactions[:, 1], interactions[:, 0])), shape=(num_entities, num_users))
    incidence.data[:] = 1.0
    return incidence


def _per_user(incidence: sp.csr_matrix) -> FloatArray:
    """(U,) items of each user, 1 for one without any."""
    chosen: FloatArray = np.maximum(np.asarray(incidence.sum(axis=0)).ravel(), 1.0)
    return chosen


def items_chosen(incidence: sp.csr_matrix) -> int:
    """I, the number of items with a user."""
    return int((np.diff(incidence.indptr) > 0).sum())


@dataclass(frozen=True)
class Rows:
    """Some rows of S and of c, and the floors of those of S: see ``CoInteraction.floor``."""

    similar: Entries
    common: Entries
    floor: FloatArray


def count_rows(
    counting: Counting, items: IntArray, *, power: float, neighbours: int, counted: int, until: float = math.inf
) -> Rows:
    """The rows of S and c of (B,) ``items`` (ascending), in blocks of bounded memory; ``until``: see ``check_time``."""
    size = len(items)
    cost = np.cumsum(counting.cost[items])
    similar, common, first = [NOTHING], [NOTHING], 0
    floor = np.zeros(size)
    while first < size:
        before = cost[first - 1] if first else 0.0
        last = max(first + 1, int(np.searchsorted(cost, before + PATHS_PER_BLOCK, side="right")))
        block = items[first:last]
        row, column, count, sharp = counting.pairs(block, power)
        row_s, column_s, sharp = largest(row, column, sharp, len(block), neighbours)
        total = np.bincount(row_s, weights=sharp, minlength=len(block))
        ends = np.cumsum(np.bincount(row_s, minlength=len(block)))
        full = np.flatnonzero(np.diff(ends, prepend=0) == neighbours)
        floor[first + full] = sharp[ends[full] - 1]
        similar.append((block[row_s], column_s, sharp / total[row_s]))
        row_c, column_c, count = largest(row, column, count, len(block), counted)
        common.append((block[row_c], column_c, count))
        first = last
        check_time(until, first, size)
    return Rows(joined(similar), joined(common), floor)


def check_time(until: float, done: int, size: int) -> None:
    """Raise TrainingError where ``until`` (of ``time.monotonic()``) is over and something is still to be counted."""
    if done < size and time.monotonic() > until:
        raise TrainingError(
            f"max_seconds was over when what users chose together was counted for {done:,} of {size:,} entities: "
            "allow more, or use fewer items of each user (--set model.co_interaction.most_items=...)"
        )


def build_cointeraction(
    interactions: IntArray,
    num_entities: int,
    num_users: int,
    *,
    power: float,
    neighbours: int,
    counted: int,
    most_items: int = MOST_ITEMS,
    until: float = math.inf,
) -> CoInteraction:
    """(M, 2) interactions of (user, entity) -> S and c. Repeated interactions count once."""
    counting = Counting.of(interactions, num_entities, num_users, most_items)
    everything = np.arange(num_entities, dtype=np.int64)
    rows = count_rows(counting, everything, power=power, neighbours=neighbours, counted=counted, until=until)
    return CoInteraction(
        _matrix(rows.similar, num_entities),
        _matrix(rows.common, num_entities),
        counting.incidence,
        counting.user_weight,
        power=power,
        neighbours=neighbours,
        counted=counted,
        floor=rows.floor,
        items=counting.items,
        most_items=most_items,
    )


def largest(row: IntArray, column: IntArray, value: FloatArray, rows: int, count: int) -> Entries:
    """The ``count`` largest entries of each row, largest first; ties by column."""
    order = np.lexsort((column, -value, row))
    row, column, value = row[order], column[order], value[order]
    starts = np.searchsorted(row, np.arange(rows + 1))
    kept = np.arange(len(row)) - np.repeat(starts[:-1], np.diff(starts)) < count
    return row[kept], column[kept], value[kept]


def joined(parts: list[Entries]) -> Entries:
    """All of them, one after the other."""
    row, column, value = (np.concatenate([part[at] for part in parts]) for at in range(3))
    return row, column, value


def _matrix(entries: Entries, size: int) -> ItemWeights:
    row, column, value = entries
    pattern, order = EdgeMatrix.build(torch.from_numpy(row), torch.from_numpy(column), size, size)
    return ItemWeights(pattern, torch.from_numpy(value.astype(np.float32))[order])
