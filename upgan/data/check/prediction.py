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
        pairs = pd.DataFrame({"row": row, "column": column, "cosine": cosine})
        pairs = pairs.sort_values(["row", "cosine", "column"], ascending=[True, False, True])
        near = pairs.groupby("row").head(NEIGHBOURS)
        blocks.append(sp.csr_matrix((near["cosine"] ** POWER, (near["row"], near["column"])), shape=(len(some), n)))
        first = last
    return sp.vstack(blocks).tocsr()


def reciprocal_ranks(similar: sp.csr_matrix, has: sp.csr_matrix, places: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """Rank the true answers of the nodes ``places`` (p,): one row each with row (of ``places``), attribute, rr.

    ``similar`` (p, n); ``has`` (n, A) is the assignment under test: row i holds the attributes of what node i is linked
    to; ``group`` (A,). Answers that no neighbour has score 0 and tie.
    """
    groups, width = int(group.max()) + 1, np.int64(has.shape[1])
    scores = (similar @ has).tocoo()
    # A cell is a node and a group: what is ranked against each other.
    cell = scores.row.astype(np.int64) * groups + group[scores.col]
    table = pd.DataFrame({"key": scores.row * width + scores.col, "cell": cell, "score": np.round(scores.data / _STEP)})
    true = has[places].tocoo()
    true_key = np.sort(true.row * width + true.col)
    own = table[table["key"].isin(true_key)]
    # From the mean rank among all of the cell comes off the one among the node's own answers.
    rank = 1 + _mean_ranks(table)[own.index] - _mean_ranks(own)
    unscored = np.setdiff1d(true_key, own["key"], assume_unique=True)
    unscored_cell = pd.Series(unscored // width * groups + group[unscored % width])
    filled, filled_own, alike = (
        unscored_cell.map(cells.value_counts()).fillna(0) for cells in (table["cell"], own["cell"], unscored_cell)
    )
    options = np.bincount(group, minlength=groups)[group[unscored % width]]
    tied = options - filled - alike
    keys = np.concatenate([own["key"], unscored])
    rr = 1 / np.concatenate([rank, 1 + filled - filled_own + tied / 2])
    return pd.DataFrame({"row": keys // width, "attribute": keys % width, "rr": rr})


def _mean_ranks(table: pd.DataFrame) -> pd.Series:
    """Ranks within each cell from the highest score down, ties at their mean."""
    return table.groupby("cell")["score"].rank(ascending=False)
