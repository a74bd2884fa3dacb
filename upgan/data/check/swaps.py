"""Would the graph fit the users worse if two items changed their links? One figure for all relations together.

Node i stands at the place of its users and carries the facts of its entity. How well facts e fit place i, the nodes i
and j left out of the neighbourhood:

    F(i, e) = sum_{k not in {i, j}} S_ik cos(B_e, B_k),   B_k: attributes of k, each weighed by log(n / its nodes)

For pairs (i, j) of nodes with about as many users each,

    agreement = P[F(i, i) + F(j, j) > F(i, j) + F(j, i)], ties half

Whatever makes a place easy or an entity popular is on both sides. Links that have nothing to do with the users give
1/2 exactly, by symmetry; right links as much more as tastes follow the facts.

For one node, a_i is the share of the j whose facts fit its place worse than its own, F less the mean fit of the facts
at any place. A wrong link has a_i uniform in [0, 1], so at most twice the share of nodes with a_i < 1/2 is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

#: Partners per node, drawn among the nodes whose popularity is nearest: a twentieth of all on either side.
PARTNERS = 20
_NEAR = 0.05
_TIE = 1e-9
#: Standard normal quantile of a 95% interval.
Z = 1.96


@dataclass(frozen=True)
class Swaps:
    """What exchanging links says about them."""

    nodes: int
    #: Share of pairs that fit better as they are, with its 95% interval.
    agreement: float
    low: float
    high: float
    #: The most of the links that can be wrong, as a share, with the upper end of its 95% interval.
    wrong_at_most: float
    wrong_high: float
    #: (nodes,) row of ``places`` and a_i, for showing the links that fit worst.
    row: np.ndarray
    own_fit: np.ndarray


def swap_links(
    similar: sp.csr_matrix, has: sp.csr_matrix, places: np.ndarray, popularity: np.ndarray, rng: np.random.Generator
) -> Swaps | None:
    """Swap the links of nodes among ``places`` (p,), all of which have a row in ``similar`` (p, n).

    ``has`` (n, A): attributes of what each node is linked to; ``popularity`` (n,): users of a node. None where fewer
    than two nodes have both a neighbour and an attribute that another node has too.
    """
    facts = _weighed(has)
    fits = (similar @ facts).tocsr()  # (p, A): what the neighbourhood of a place holds
    usable = np.flatnonzero((np.diff(fits.indptr) > 0) & (np.diff(facts.indptr)[places] > 0))
    if len(usable) < 2:
        return None
    fits, own, nodes = fits[usable], facts[places[usable]], places[usable]
    first, second = _partners(popularity[nodes], rng)
    each = similar[usable][:, nodes].tocsr()
    forth, back = _entries(each, first, second), _entries(each, second, first)
    shared = _dot(own[first], own[second])
    # j leaves the neighbourhood of i, where it counted with S_ij cos(B_i, B_j) for i's facts and S_ij for its own.
    own_here = _dot(fits[first], own[first]) - forth * shared
    other_here = _dot(fits[first], own[second]) - forth
    own_there = _dot(fits[second], own[second]) - back * shared
    other_there = _dot(fits[second], own[first]) - back
    wins = _wins(own_here + own_there - other_here - other_there)
    mean_fit = np.asarray(own @ fits.mean(axis=0).T).ravel()
    alone = _wins((own_here - mean_fit[first]) - (other_here - mean_fit[second]))
    count = len(usable)
    by_node, own_fit = (np.bincount(first, weights=values, minlength=count) / PARTNERS for values in (wins, alone))
    # Every pair has two nodes: the variance of such a mean is four times that of a mean over single nodes.
    error = Z * 2 * float(by_node.std()) / np.sqrt(count)
    agreement = float(wins.mean())
    below = float((own_fit < 0.5).mean() + (own_fit == 0.5).mean() / 2)
    spread = Z * np.sqrt(max(below * (1 - below), 1 / count) / count)
    return Swaps(
        nodes=count,
        agreement=agreement,
        low=max(agreement - error, 0.0),
        high=min(agreement + error, 1.0),
        wrong_at_most=min(2 * below, 1.0),
        wrong_high=min(2 * (below + spread), 1.0),
        row=usable,
        own_fit=own_fit,
    )


def _weighed(has: sp.csr_matrix) -> sp.csr_matrix:
    """Attributes that at least two nodes have, rare ones counting more; rows of length 1."""
    holders = np.asarray(has.sum(axis=0)).ravel()
    common = np.flatnonzero(holders >= 2)
    facts = has[:, common] @ sp.diags(np.log(has.shape[0] / holders[common]))
    length = np.sqrt(np.asarray(facts.multiply(facts).sum(axis=1)).ravel())
    facts = sp.diags(1 / np.where(length > 0, length, 1.0)) @ facts
    facts = facts.tocsr()
    facts.eliminate_zeros()
    return facts


def _partners(popularity: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """PARTNERS pairs for each node, with nodes of like popularity: two arrays of node numbers."""
    count = len(popularity)
    # Equal popularity in random order, so that no order of ids plays a part.
    order = np.lexsort((rng.random(count), popularity))
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    reach = max(1, int(_NEAR * count))
    first = np.repeat(np.arange(count), PARTNERS)
    step = rng.integers(1, reach + 1, len(first)) * rng.choice([-1, 1], len(first))
    # Beyond either end it goes the other way instead.
    target = place[first] + step
    target = np.where((target < 0) | (target >= count), place[first] - step, target)
    return first, order[target]


def _entries(matrix: sp.csr_matrix, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.asarray(matrix[row, column]).ravel()


def _dot(left: sp.csr_matrix, right: sp.csr_matrix) -> np.ndarray:
    """Row by row."""
    return np.asarray(left.multiply(right).sum(axis=1)).ravel()


def _wins(difference: np.ndarray) -> np.ndarray:
    return np.where(np.abs(difference) <= _TIE, 0.5, (difference > 0).astype(float))
