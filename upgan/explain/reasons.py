"""What the data say for a fact <h, r, t> that is not known, counted for many facts at once.

Of the users who chose the one end, how many chose something else that has the same answer; and which fact the entities
with the same answer have in common with this one most of all. Plain counts of training triples and interactions, the
same for every model; upgan.render.reasons puts them into words.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from upgan.data.dataset import KGDataset
from upgan.explain.reason import Reason
from upgan.graph.sparse import spans
from upgan.types import IntArray

#: (fact, user) pairs looked up at once.
PAIRS_PER_BLOCK = 4_000_000


def reasons(data: KGDataset, head: IntArray, relation: IntArray, tail: IntArray) -> list[Reason]:
    """One for each of (N,) facts, relations 0 .. R-1."""
    has_users = np.bincount(data.interactions[:, 1], minlength=data.num_entities) > 0
    # The tail speaks where only it has users: of "wrote" the book is the tail.
    turned = has_users[tail] & ~has_users[head]
    about, value = np.where(turned, tail, head), np.where(turned, head, tail)
    told: list[Reason | None] = [None] * len(head)
    for way in (False, True):
        rows = np.flatnonzero(turned == way)
        if len(rows):
            counted = _Counted(data, about[rows], relation[rows], value[rows], turned=way)
            for row, reason in zip(rows.tolist(), counted.reasons(), strict=True):
                told[row] = reason
    return [reason for reason in told if reason is not None]


class _Counted:
    """The counts of (N,) facts that all speak from the same end."""

    def __init__(self, data: KGDataset, about: IntArray, relation: IntArray, value: IntArray, *, turned: bool) -> None:
        self.data, self.about, self.relation, self.value, self.turned = data, about, relation, value, turned
        own, other = (2, 0) if turned else (0, 2)
        self.rows = data.train[:, own]
        #: Number of each training triple's (relation, value), and of each fact's; -1 for one that training lacks.
        keys = data.train[:, 1] * data.num_entities + data.train[:, other]
        self.keys, self.pair = np.unique(keys, return_inverse=True)
        wanted = relation * data.num_entities + value
        place = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        self.fact = np.where(self.keys[place] == wanted, place, -1)
        ones = np.ones(len(self.rows), dtype=np.int32)
        #: (E, P) which entity has which (relation, value).
        self.has = sparse.csr_array((ones, (self.rows, self.pair)), shape=(data.num_entities, len(self.keys)))
        #: (N,) 1 where training holds the fact itself, which is no reason for it.
        held = self.fact >= 0
        self.own = np.zeros(len(about), dtype=np.int64)
        self.own[held] = _entries(self.has, about[held], self.fact[held])

    def reasons(self) -> list[Reason]:
        users, agree, others, everybody = self._users()
        alike, sharing, common = self._facts()
        data, labels = self.data, self.data.entity_labels
        return [
            Reason(
                about=labels[self.about[n]],
                relation=data.relation_labels[self.relation[n]],
                value=labels[self.value[n]],
                turned=self.turned,
                users=int(users[n]),
                agree=int(agree[n]),
                others=int(others[n]),
                everybody=float(everybody[n]),
                alike=int(alike[n]),
                sharing=int(sharing[n]),
                common=self._named(int(common[n])),
                simulated_users=data.simulated_users,
            )
            for n in range(len(self.about))
        ]

    def _named(self, pair: int) -> tuple[str, str] | None:
        if pair < 0:
            return None
        relation, value = divmod(int(self.keys[pair]), self.data.num_entities)
        return self.data.relation_labels[relation], self.data.entity_labels[value]

    def _users(self) -> tuple[IntArray, IntArray, IntArray, np.ndarray]:
        """(N,) users of the entity, those of them who chose others with this value, how many (median), share of all."""
        data, count = self.data, len(self.about)
        pairs = data.interactions
        chose = sparse.csr_array(
            (np.ones(len(pairs), dtype=np.int32), (pairs[:, 0], pairs[:, 1])), shape=(data.num_users, data.num_entities)
        )
        asked, which = np.unique(self.fact, return_inverse=True)
        # (U, A) how many things with each value a user chose.
        chosen = (chose @ self.has[:, asked.clip(min=0)]).tocsr()
        agree, others = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
        if not data.num_users:
            return agree, agree, others, np.zeros(count)
        everybody = np.where(
            self.fact >= 0, np.bincount(chosen.indices, minlength=len(asked))[which] / data.num_users, 0
        )
        of_item = chose.T.tocsr()
        users = np.diff(of_item.indptr)[self.about].astype(np.int64)
        for part in _parts(users):
            row, place = _spans(of_item.indptr, self.about[part])
            together = _entries(chosen, of_item.indices[place], which[part][row])
            together = np.where(self.fact[part][row] >= 0, together - self.own[part][row], 0)
            agree[part] = np.bincount(row, weights=together > 0, minlength=len(part))
            others[part] = _medians(row[together > 0], together[together > 0], len(part))
        return users, agree, others, everybody

    def _facts(self) -> tuple[IntArray, IntArray, IntArray]:
        """(N,) others with this value, those sharing the fact that they have most in common, and its pair (-1)."""
        sharing, common = np.zeros(len(self.about), dtype=np.int64), np.full(len(self.about), -1, dtype=np.int64)
        asked, which = np.unique(self.fact, return_inverse=True)
        size = np.bincount(self.pair, minlength=len(self.keys))
        alike = np.where(self.fact >= 0, size[self.fact] - self.own, 0)
        # (A, P) how many entities with the asked value have each other (relation, value).
        beside = (self.has[:, asked.clip(min=0)].T @ self.has).tocsr()
        row, place = _spans(self.has.indptr, self.about)
        pair = self.has.indices[place]
        shared = _entries(beside, which[row], pair) - self.own[row]
        # Most in common: where those with the value have it more often than all entities do.
        lift = shared / np.maximum(alike[row], 1) - size[pair] / max(len(np.unique(self.rows)), 1)
        lift[(self.fact[row] < 0) | (pair == self.fact[row]) | (shared == 0)] = -np.inf
        order = np.lexsort((pair, -lift, row))
        first = order[np.unique(row[order], return_index=True)[1]]
        good = first[lift[first] > 0]
        sharing[row[good]], common[row[good]] = shared[good], pair[good]
        return alike, sharing, common


def _entries(matrix: sparse.csr_array, rows: IntArray, columns: IntArray) -> IntArray:
    """(N,) the elements of a matrix at these places."""
    if not len(rows):  # scipy gives another type then
        return np.empty(0, dtype=np.int64)
    found: IntArray = np.asarray(sparse.csr_matrix(matrix)[rows, columns]).ravel().astype(np.int64)
    return found


def _spans(starts: np.ndarray, index: IntArray) -> tuple[IntArray, IntArray]:
    """Position in (B,) ``index`` and place of all elements of the blocks that it names."""
    position, place = spans(torch.from_numpy(starts.astype(np.int64)), torch.from_numpy(np.array(index)))
    return position.numpy(), place.numpy()


def _parts(users: IntArray) -> list[IntArray]:
    """Places of facts, so many at once as have PAIRS_PER_BLOCK users together."""
    block = np.cumsum(users) // PAIRS_PER_BLOCK
    return np.split(np.arange(len(users)), np.flatnonzero(np.diff(block)) + 1)


def _medians(row: IntArray, values: np.ndarray, count: int) -> IntArray:
    """(count,) the lower median of the values of each row; 0 where a row has none."""
    order = np.lexsort((values, row))
    size = np.bincount(row, minlength=count)
    middle = np.cumsum(size) - size + (np.maximum(size, 1) - 1) // 2
    medians = np.zeros(count, dtype=np.int64)
    some = size > 0
    medians[some] = values[order][middle[some]]
    return medians
