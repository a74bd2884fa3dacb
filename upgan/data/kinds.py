"""Which kind of thing each entity is, where the source names no kinds: told by the relations that it stands in.

A relation has two ends, and the users' choices are one more: each end is a set of entities. Ends that hold largely the
same entities are one kind: who is at the head of "director" is at the head of "genre" too, who is at its tail is not.
An end that holds two others with nothing in common ("label", "is linked to") says nothing of kinds. An entity has the
kind of most of its triples; one without triples and users keeps none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

#: The share of the smaller end that stands in the larger one too, from which both are one kind.
SAME = 0.5
#: Below this share two ends have nothing in common, and from so many entities on they count as evidence of that.
APART, ENOUGH = 0.1, 5


def inferred_kinds(
    triples: np.ndarray, items: np.ndarray, given: Sequence[str], relation_labels: Sequence[str]
) -> list[str]:
    """A kind for each of E entities: ``given`` where that is not empty, else told by the ends it stands at.

    ``triples`` (N, 3) head, relation, tail and ``items`` (I,) what users chose, as numbers. A kind that nobody named is
    called "item" where users chose its entities, else by the relation that leads to it; "" where nothing is known.
    Deterministic in the content of its arguments.
    """
    named = np.asarray(given, dtype=object)
    at = _at_ends(triples, items, len(named), len(relation_labels))
    if (named == "").all():
        kind_of_end, names = _kinds_of_ends(at, list(relation_labels))
    elif not (named == "").any():
        return list(given)
    else:
        kind_of_end, names = _most_common(at, named)
    votes = at @ _choice(kind_of_end, len(names))
    told = np.asarray(votes.max(axis=1).todense()).ravel() > 0
    best = np.asarray(votes.argmax(axis=1)).ravel()
    guessed = np.where(told, np.asarray([*names, ""], dtype=object)[np.where(told, best, -1)], "")
    kinds: list[str] = np.where(named == "", guessed, named).tolist()
    return kinds


def _at_ends(triples: np.ndarray, items: np.ndarray, entities: int, relations: int) -> sparse.csr_array:
    """(E, 2R + 1) how many triples an entity has at the head of r, at its tail (R + r); 2R: whether users chose it."""
    rows = np.concatenate([triples[:, 0], triples[:, 2], items])
    ends = np.concatenate([triples[:, 1], triples[:, 1] + relations, np.full(len(items), 2 * relations)])
    counts = sparse.coo_array((np.ones(len(rows)), (rows, ends)), shape=(entities, 2 * relations + 1))
    return counts.tocsr()


def _kinds_of_ends(at: sparse.csr_array, labels: list[str]) -> tuple[np.ndarray, list[str]]:
    """(2R + 1,) the kind of each end, -1 for one that says nothing, and what the kinds are called."""
    present = (at > 0).astype(np.float64)
    both = np.asarray((present.T @ present).todense())
    size = both.diagonal()
    smaller = np.minimum.outer(size, size)
    overlap = np.divide(both, smaller, out=np.zeros_like(both), where=smaller > 0)
    inside = (overlap > SAME) & (size[:, None] <= size[None, :])
    np.fill_diagonal(inside, False)
    # An end is mixed where two ends that lie inside it have nothing in common.
    large = size >= ENOUGH
    apart = ((overlap < APART) & np.logical_and.outer(large, large)).astype(np.float64)
    within = (inside & large[:, None]).astype(np.float64)
    mixed = ((apart @ within) * within).sum(axis=0) > 0
    # What users choose is one kind, however many there are of it (bands and singers).
    chosen = both[:, -1] > SAME * size
    mixed &= ~chosen
    joined = (inside | inside.T) & ~mixed[:, None] & ~mixed[None, :]
    _, component = sparse.csgraph.connected_components(sparse.csr_array(joined), directed=False)
    silent = (mixed & _elsewhere(present, mixed)) | (size == 0)
    kinds, kind = np.unique(np.where(silent, -1, component), return_inverse=True)
    kind = kind - int(kinds[0] == -1)
    return kind, _names(at, kind, labels)


def _elsewhere(present: sparse.csr_array, mixed: np.ndarray) -> np.ndarray:
    """(2R + 1,) whether all entities of an end stand at one that is not mixed too; else the end stays a kind."""
    elsewhere = np.asarray(present @ (~mixed).astype(np.float64)) > 0
    nowhere: np.ndarray = np.asarray(present.T @ (~elsewhere).astype(np.float64)) == 0
    return nowhere


def _names(at: sparse.csr_array, kind: np.ndarray, labels: list[str]) -> list[str]:
    """What the kinds are called, each by its largest end."""
    relations = len(labels)
    weight = np.asarray(at.sum(axis=0)).ravel()
    heads = np.arange(2 * relations + 1) < relations
    chosen = kind[-1] if kind[-1] >= 0 else None
    if chosen is None and len(kind) > 1:
        # Nobody chose anything: what most facts are about.
        about = np.bincount(kind[heads & (kind >= 0)], weights=weight[heads & (kind >= 0)], minlength=1)
        chosen = int(about.argmax()) if about.any() else None
    names: list[str] = []
    for number in range(int(kind.max(initial=-1)) + 1):
        ends = np.flatnonzero(kind == number)
        tails = ends[(ends >= relations) & (ends < 2 * relations)]
        if number == chosen:
            name = "item"
        elif len(tails):
            name = labels[tails[weight[tails].argmax()] - relations]
        else:
            name = f"with {labels[ends[weight[ends].argmax()]]}"
        names.append(name if name not in names else f"{name} {number}")
    return names


def _most_common(at: sparse.csr_array, named: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The kind that most of an end's entities are given, and all kinds that are given; -1: none of them has one."""
    names, number = np.unique(named.astype(str), return_inverse=True)
    votes = np.asarray((at.T @ _choice(np.where(names == "", -1, np.arange(len(names)))[number], len(names))).todense())
    return np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), -1), names.tolist()


def _choice(kind: np.ndarray, kinds: int) -> sparse.csr_array:
    """(N, kinds) one 1 in each row, none where the kind is -1."""
    rows = np.flatnonzero(kind >= 0)
    return sparse.coo_array((np.ones(len(rows)), (rows, kind[rows])), shape=(len(kind), max(kinds, 1))).tocsr()
