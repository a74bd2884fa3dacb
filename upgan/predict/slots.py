"""Where facts are missing: how many answers a kind of entity usually has to a relation, and who has fewer.

A slot is one entity at one end of one relation: "the director of this film", "the films of this director". An end of a
relation is a number from 0 to 2R - 1: r for the head, R + r for the tail, so that the query of a slot is
<entity, end, ?>. Usual is, for a kind K at the head: the largest c such that at least ``USUAL`` of K have c answers or
more; 1 where at least ``MOST`` of K have any. A slot is empty where its entity has fewer than usual. At the tail only
what users choose from can lack something, and one answer is enough: where a catalogue has "wrote", a book is the tail;
that a country is the birthplace of nobody is no gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upgan.data.dataset import KGDataset
from upgan.types import BoolArray, FloatArray, IntArray

#: From which share of a kind a relation is what entities of that kind have.
MOST = 0.5
#: The share that has at least the usual number, where that is more than one; then half of the kind have at most
#: ``SPREAD`` times as many: of a genre's films no number is usual.
USUAL, SPREAD = 0.8, 1.5


@dataclass(frozen=True)
class Slots:
    """How full the slots of a dataset are, for K kinds and E entities."""

    kinds: list[str]
    #: (E,) number of each entity's kind.
    kind: IntArray
    #: (2R, E) how many answers are known.
    known: IntArray
    #: (2R, K) the share of the kind that has any, and how many are usual (0: none need be there).
    share: FloatArray
    usual: IntArray
    #: (2R, K) whether a training triple has one of the kind at this end.
    seen: BoolArray

    @property
    def empty(self) -> BoolArray:
        """(2R, E) whether the entity has fewer answers than usual."""
        few: BoolArray = self.known < self.usual[:, self.kind]
        return few

    @property
    def filled(self) -> FloatArray:
        """(2R, E) for each entity the share of its kind that has as many answers as are usual."""
        counts = np.bincount(self.kind, minlength=len(self.kinds))
        few = np.stack([np.bincount(self.kind, end, minlength=len(self.kinds)) for end in self.empty])
        filled: FloatArray = (1 - few / counts)[:, self.kind]
        return filled

    @property
    def fit(self) -> BoolArray:
        """(2R, E) whether training has one of the entity's kind at this end."""
        fit: BoolArray = self.seen[:, self.kind]
        return fit

    @property
    def candidates(self) -> BoolArray:
        """(2R, E) which entities may answer a query: kinds that training has at the other end."""
        return np.roll(self.fit, len(self.seen) // 2, axis=0)

    @staticmethod
    def of(data: KGDataset, triples: IntArray | None = None) -> Slots:
        """The slots as (N, 3) ``triples`` fill them; None: those of all splits."""
        filled = np.concatenate([data.train, data.valid, data.test]) if triples is None else triples
        ends, entities = 2 * data.num_relations, data.num_entities
        names = np.asarray(data.kinds, dtype=object)
        # An entity of which nothing is known is a kind of its own: what is usual for it cannot be said.
        names = np.where(names == "", [f"\0{number}" for number in range(entities)], names).astype(str)
        kinds, kind = np.unique(names, return_inverse=True)
        known = np.zeros((ends, entities), dtype=np.int64)
        np.add.at(known, (filled[:, 1], filled[:, 0]), 1)
        np.add.at(known, (filled[:, 1] + data.num_relations, filled[:, 2]), 1)
        seen = np.zeros((ends, len(kinds)), dtype=bool)
        seen[data.train[:, 1], kind[data.train[:, 0]]] = True
        seen[data.train[:, 1] + data.num_relations, kind[data.train[:, 2]]] = True
        share, usual = _usual(known, kind, seen)
        chosen = np.bincount(kind[data.items], minlength=len(kinds)) > MOST * np.bincount(kind, minlength=len(kinds))
        tails = usual[data.num_relations :]
        tails[:] = np.where(chosen, np.minimum(tails, 1), 0)
        shown = ["" if name.startswith("\0") else name for name in kinds.tolist()]
        return Slots(shown, kind, known, share, usual, seen)


def _usual(known: IntArray, kind: IntArray, seen: BoolArray) -> tuple[FloatArray, IntArray]:
    """(2R, K) the share that has any, and the usual number."""
    share = np.zeros(seen.shape)
    usual = np.zeros(seen.shape, dtype=np.int64)
    order = np.argsort(kind, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(kind, minlength=seen.shape[1]))])
    for number in np.flatnonzero(seen.any(axis=0)).tolist():
        members = order[start[number] : start[number + 1]]
        ends = np.flatnonzero(seen[:, number])
        counts = np.sort(known[np.ix_(ends, members)], axis=1)
        has = (counts > 0).mean(axis=1)
        low, middle = counts[:, int((1 - USUAL) * len(members))], counts[:, len(members) // 2]
        many = (low > 1) & (middle <= SPREAD * low)
        share[ends, number] = has
        usual[ends, number] = np.where(many, low, has >= MOST)
    return share, usual
