"""S and c after some users chose otherwise: only the rows that can differ are counted anew, the rest is kept.

Let D be the items that a changed user chose before or chooses now. While the number of items with a user stays,

    a_u differs for changed users only,    c_ij for i, j in D only,    c_ii for i in D only,

so c has new rows for D alone. A row of S outside D has the same c, but another cosine to items of D. It differs where
it keeps one of them, and where one of them now reaches the smallest value it keeps. The result is that of building
anew, entry for entry.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import torch

from upgan.graph.cointeraction import (
    CoInteraction,
    Counting,
    Entries,
    ItemWeights,
    count_rows,
)
from upgan.graph.sparse import EdgeMatrix, spans
from upgan.types import FloatArray, IntArray

#: Share of all paths from which on building everything anew is no slower.
WORTHWHILE = 0.5
#: A cosine is compared with a row's floor from this much below: rounding must not hide a row that differs.
SLACK = 1e-9


def changed_cointeraction(
    co: CoInteraction, interactions: IntArray, users: IntArray
) -> tuple[CoInteraction, IntArray] | None:
    """``co`` on other (M, 2) interactions of (user, entity), of which only those of ``users`` differ; and the items
    whose row of S may be another one (ascending).

    None where (nearly) every row differs: when an item gets its first user or loses its last, or when the changed users
    chose a large part of everything.
    """
    size, num_users = co.incidence.shape
    counting = Counting.of(interactions, size, num_users, co.most_items)
    if counting.items != co.items:
        return None  # a_u of every user differs
    most = WORTHWHILE * float(counting.cost.sum())
    chosen = [np.flatnonzero(np.diff(matrix[:, users].indptr)) for matrix in (co.incidence, counting.incidence)]
    touched = np.union1d(*chosen)
    if counting.cost[touched].sum() > most:
        return None
    differing = _differing(co, counting, touched)
    if counting.cost[differing].sum() > most:
        return None
    settings = {"neighbours": co.neighbours, "counted": co.counted}
    rows = count_rows(counting, differing, power=co.power, **settings)
    row, column, count = rows.common
    inside = np.isin(row, touched)
    floor: FloatArray = co.floor.copy()
    floor[differing] = rows.floor
    changed = CoInteraction(
        _spliced(co.similar, differing, rows.similar),
        _spliced(co.common, touched, (row[inside], column[inside], count[inside])),
        counting.incidence,
        counting.user_weight,
        power=co.power,
        floor=floor,
        items=co.items,
        most_items=co.most_items,
        **settings,
    )
    return changed, differing


def _differing(co: CoInteraction, counting: Counting, touched: IntArray) -> IntArray:
    """Items whose row of S may not be what it was; ``touched``: D."""
    pattern = co.similar.pattern
    keeping = pattern.transposed_row[spans(pattern.column_start, torch.from_numpy(touched))[1]].numpy()
    _, column, _, sharp = counting.pairs(touched, co.power)  # symmetric: the new cosine of every row to D
    differs = np.zeros(len(co.floor), dtype=bool)
    differs[touched] = True
    differs[keeping] = True
    differs[column[sharp >= co.floor[column] * (1 - SLACK)]] = True
    return np.flatnonzero(differs)


def _spliced(weights: ItemWeights, items: IntArray, fresh: Entries) -> ItemWeights:
    """``weights`` with the rows of ``items`` replaced by ``fresh`` entries."""
    before, size = weights.pattern, weights.pattern.rows
    row, column, value = fresh
    replaced = np.zeros(size, dtype=bool)
    replaced[items] = True
    start = before.row_start.numpy()
    count = np.where(replaced, np.bincount(row, minlength=size), np.diff(start))
    row_start = np.concatenate([[0], np.cumsum(count)])
    kept = ~np.repeat(replaced, np.diff(start))
    new_row = np.repeat(np.arange(size), count)
    new = replaced[new_row]
    new_column, new_value = np.empty(len(new_row), dtype=np.int64), np.empty(len(new_row), dtype=np.float32)
    new_column[new], new_value[new] = column, value
    new_column[~new], new_value[~new] = before.column.numpy()[kept], weights.weight.numpy()[kept]
    # Entries by column, rows ascending: counted, not sorted.
    places = np.arange(len(new_row), dtype=np.int64)
    by_column = sp.csr_matrix((places, new_column, row_start), shape=(size, size)).tocsc()
    pattern = EdgeMatrix(
        rows=size,
        columns=size,
        row=torch.from_numpy(new_row),
        column=torch.from_numpy(new_column),
        row_start=torch.from_numpy(row_start),
        column_start=torch.from_numpy(by_column.indptr.astype(np.int64)),
        transposed_row=torch.from_numpy(by_column.indices.astype(np.int64)),
        transposed_order=torch.from_numpy(by_column.data),
    )
    return ItemWeights(pattern, torch.from_numpy(new_value))
