"""Can an item's facts be told from the items that the same users chose? Ranks for one assignment of facts to items.

n nodes (linked items that are in the graph and have users; items of one entity are one node), A attributes: an answer
together with the relation and the direction it is an answer to. Node i scores attribute a by

    score(i, a) = sum_j S_ij B_ja,   S_ij = cosine of the users of i and j ^ 3, j != i, the 30 largest of a row

with users weighed by log(1 + n / items of the user), the form of ``upgan.graph.cointeraction`` (which needs torch; here
only scipy is at hand). The node's own facts never enter its own scores. A true answer is ranked among the attributes of
its relation and direction, the node's other answers left out, ties at their mean rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from upgan.data.check.catalogue import Catalogue
from upgan.data.tables import distinct_rows

POWER = 3
NEIGHBOURS = 30
#: Paths node <- user <- node held at once: bounds memory to about 0.3 GB.
_PATHS_PER_BLOCK = 10_000_000
#: Scores closer than this count as ties: sums of the same numbers differ in their last digits by order.
_STEP = 1e-9


@dataclass(frozen=True, eq=False)
class Facts:
    """Who chose what, and which attributes each node has."""

    chosen: sp.csr_matrix  # (n, U) 1 where the user chose an item of the node
    has: sp.csr_matrix  # (n, A) 1 where the node's entity has the attribute
    group: np.ndarray  # (A,) relation * 2 + direction, direction 0: the node is the head
    nodes: np.ndarray  # (n,) entity numbers

    @property
    def popularity(self) -> np.ndarray:
        """Users of each node (n,)."""
        return np.asarray(self.chosen.sum(axis=1)).ravel()


def facts_of(catalogue: Catalogue, leave_out: set[str]) -> Facts:
    """Nodes and attributes; relations of ``leave_out`` (duplicates, reverses) say nothing twice."""
    entity = catalogue.entity_of_item[catalogue.interactions[:, 1]]
    usable = (entity >= 0) & (catalogue.degrees > 0)[entity]
    pairs = distinct_rows(np.stack([entity[usable], catalogue.interactions[usable, 0]], axis=1))
    nodes, rows = np.unique(pairs[:, 0], return_inverse=True)
    chosen = sp.csr_matrix((np.ones(len(rows)), (rows, pairs[:, 1])), shape=(len(nodes), len(catalogue.users)))
    kept = catalogue.facts[~np.isin(catalogue.relations[catalogue.facts[:, 1]], sorted(leave_out))]
    node_of = np.full(len(catalogue.entities), -1, dtype=np.int64)
    node_of[nodes] = np.arange(len(nodes))
    forward = np.stack([node_of[kept[:, 0]], kept[:, 1] * 2, kept[:, 2]], axis=1)
    backward = np.stack([node_of[kept[:, 2]], kept[:, 1] * 2 + 1, kept[:, 0]], axis=1)
    known = np.concatenate([forward, backward])
    known = known[known[:, 0] >= 0]
    span = len(catalogue.entities)
    keys, columns = np.unique(known[:, 1] * span + known[:, 2], return_inverse=True)
    has = sp.csr_matrix((np.ones(len(columns)), (known[:, 0], columns)), shape=(len(nodes), len(keys)))
    has.data[:] = 1.0
    return Facts(chosen, has, keys // span, nodes)


def similarities(chosen: sp.csr_matrix, places: np.ndarray) -> sp.csr_matrix:
    """S for the rows ``places``: (p, n), at most NEIGHBOURS entries a row, no entry of a node with itself."""
    n = chosen.shape[0]
    per_user = np.maximum(np.asarray(chosen.sum(axis=0)).ravel(), 1.0)
    weighted = (chosen @ sp.diags(np.log1p(n / per_user))).tocsr()
    norm = np.sqrt(np.maximum(np.asarray(weighted.sum(axis=1)).ravel(), np.finfo(float).tiny))
    transposed = chosen.T.tocsr()
    cost = np.cumsum(chosen[places] @ per_user)
    blocks, first = [], 0
    while first < len(places):
        before = cost[first - 1] if first else 0.0
        last = max(first + 1, int(np.searchsorted(cost, before + _PATHS_PER_BLOCK, side="right")))
        some = places[first:last]
        shared = (weighted[some] @ transposed).tocoo()
        other = shared.col != some[shared.row]
        row, column = shared.row[other], shared.col[other]
        cosine = shared.data[other] / (norm[some[row]] * norm[column])
        order = np.lexsort((column, -cosine, row))
        row, column, cosine = row[order], column[order], cosine[order]
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(some)))])
        near = np.arange(len(row)) - starts[row] < NEIGHBOURS
        blocks.append(sp.csr_matrix((cosine[near] ** POWER, (row[near], column[near])), shape=(len(some), n)))
        first = last
    return sp.vstack(blocks).tocsr()


def reciprocal_ranks(similar: sp.csr_matrix, has: sp.csr_matrix, places: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """Rank the true answers of the nodes ``places`` (p,): one row each with row (of ``places``), attribute, rr.

    ``similar`` (p, n); ``has`` (n, A) is the assignment under test: row i holds the attributes of what node i is linked
    to; ``group`` (A,). Answers that no neighbour has score 0 and tie.
    """
    groups, width = int(group.max()) + 1, np.int64(has.shape[1])
    scores = (similar @ has).tocoo()
    true = has[places].tocoo()
    true_key = np.sort(true.row * width + true.col)
    key = scores.row * width + scores.col
    # A cell is a node and a group: what is ranked against each other.
    cell = scores.row.astype(np.int64) * groups + group[scores.col]
    value = np.round(scores.data / _STEP).astype(np.int64)
    # By cell, then by falling value, as one number: a score is at most NEIGHBOURS, so this stays far below 2^63.
    span = np.int64(NEIGHBOURS / _STEP) + 1
    order = np.argsort((cell + 1) * span - value)
    key, cell, value = key[order], cell[order], value[order]
    own = true_key[np.minimum(np.searchsorted(true_key, key), len(true_key) - 1)] == key
    greater, equal = _standing(cell, value)
    greater_true, equal_true = _standing(cell[own], value[own])
    rank = 1 + greater[own] - greater_true + (equal[own] - equal_true) / 2
    unscored = np.setdiff1d(true_key, key[own], assume_unique=True)
    unscored_cell = unscored // width * groups + group[unscored % width]
    filled = _count_of(unscored_cell, cell)
    before = filled - _count_of(unscored_cell, cell[own])
    options = np.bincount(group, minlength=groups)[group[unscored % width]]
    tied = options - filled - _count_of(unscored_cell, unscored_cell)
    keys = np.concatenate([key[own], unscored])
    rr = 1 / np.concatenate([rank, 1 + before + tied / 2])
    return pd.DataFrame({"row": keys // width, "attribute": keys % width, "rr": rr})


def _standing(cell: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For entries sorted by cell and falling value: how many of the same cell are greater, and how many are equal,
    the entry itself included."""
    new_cell = np.concatenate([[True], cell[1:] != cell[:-1]])[: len(cell)]
    new_value = new_cell | np.concatenate([[True], value[1:] != value[:-1]])[: len(cell)]
    starts = np.flatnonzero(new_value)
    run = np.cumsum(new_value) - 1
    first_of_cell = np.flatnonzero(new_cell)[np.cumsum(new_cell) - 1]
    sizes = np.diff(np.append(starts, len(cell)))
    return starts[run] - first_of_cell, sizes[run]


def _count_of(wanted: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How often each of ``wanted`` is among ``values``."""
    distinct, counts = np.unique(values, return_counts=True)
    if not len(distinct):
        return np.zeros(len(wanted), dtype=np.int64)
    place = np.minimum(np.searchsorted(distinct, wanted), len(distinct) - 1)
    return np.where(distinct[place] == wanted, counts[place], 0)
