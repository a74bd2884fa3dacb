"""Known facts that tie target and answer together, for an explanation that has no path of its own to show."""

from __future__ import annotations

import numpy as np

from upgan.types import IntArray

#: Entities that are shown between the two.
MOST_BETWEEN = 4


def facts_between(triples: IntArray, target: int, answer: int) -> IntArray:
    """(N, 3) of the (T, 3) training triples: those through entities that both ends have a fact with.

    Where there is none, those through one entity beside the target, the one that entities beside the answer have facts
    with more often than all entities do: target, that one, up to four of those, answer. Rows ascend; empty where no
    three facts tie the two together.
    """
    of_target, of_answer = _around(triples, target), _around(triples, answer)
    near = np.setdiff1d(of_target[:, [0, 2]], [target, answer])
    beside = np.setdiff1d(of_answer[:, [0, 2]], [target, answer])
    both = np.intersect1d(near, beside)
    if len(both):
        kept = both[:MOST_BETWEEN]
        return _rows([_touching(of_target, kept), _touching(of_answer, kept)])
    shared = triples[
        (np.isin(triples[:, 0], beside) & np.isin(triples[:, 2], near))
        | (np.isin(triples[:, 2], beside) & np.isin(triples[:, 0], near))
    ]
    if not len(shared):
        return shared
    at_target = np.where(np.isin(shared[:, 0], near), shared[:, 0], shared[:, 2])
    common, count = np.unique(at_target, return_counts=True)
    facts = np.bincount(triples[:, [0, 2]].ravel())
    lift = count / len(beside) - facts[common] / np.count_nonzero(facts)
    common = common[[lift.argmax()]]
    shared = _touching(shared, common)
    others = np.unique(np.where(shared[:, 0] == common[0], shared[:, 2], shared[:, 0]))[:MOST_BETWEEN]
    return _rows([_touching(of_target, common), _touching(shared, others), _touching(of_answer, others)])


def _around(triples: IntArray, entity: int) -> IntArray:
    chosen: IntArray = triples[(triples[:, 0] == entity) | (triples[:, 2] == entity)]
    return chosen


def _touching(triples: IntArray, entities: IntArray) -> IntArray:
    chosen: IntArray = triples[np.isin(triples[:, [0, 2]], entities).any(1)]
    return chosen


def _rows(parts: list[IntArray]) -> IntArray:
    rows: IntArray = np.unique(np.concatenate(parts), axis=0)
    return rows
