"""Interactions with what they carry: how each was rated, and when it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upgan.data.marks import NO_TIME
from upgan.graph.heavy import heard
from upgan.types import FloatArray, IntArray


@dataclass(frozen=True)
class Marked:
    """(M, 2) interactions of (user, entity), row by row with their marks; a column is None where the data has none."""

    interactions: IntArray
    #: (M,) NaN where a row has none, and (M,) NO_TIME where a row has none (upgan.data.marks).
    ratings: FloatArray | None = None
    times: IntArray | None = None

    @property
    def bare(self) -> bool:
        """Whether there is neither a rating nor a time."""
        return self.ratings is None and self.times is None

    def of(self, interactions: IntArray) -> Marked:
        """Other (N, 2) interactions with the marks that they have here; those that are not here have none."""
        if self.bare or interactions is self.interactions:
            return Marked(interactions, self.ratings, self.times)
        size = 1 + max(_largest(self.interactions), _largest(interactions))
        known, row = np.unique(_keys(self.interactions, size), return_index=True)
        wanted = _keys(interactions, size)
        there = np.isin(wanted, known)
        row = row[np.searchsorted(known, wanted[there])]
        ratings, times = None, None
        if self.ratings is not None:
            ratings = np.full(len(wanted), np.nan)
            ratings[there] = self.ratings[row]
        if self.times is not None:
            times = np.full(len(wanted), NO_TIME, dtype=np.int64)
            times[there] = self.times[row]
        return Marked(interactions, ratings, times)

    def once(self) -> Marked:
        """The same by user, then entity; of interactions that are repeated the first row is kept."""
        _, row = np.unique(_keys(self.interactions, 1 + _largest(self.interactions)), return_index=True)
        return self._rows(row)

    def heard(self, most: int) -> Marked:
        """The rows that count where no user is heard on more than ``most`` items (upgan.graph.heavy)."""
        kept = heard(self.interactions, most)
        return self if kept.all() else self._rows(np.flatnonzero(kept))

    def _rows(self, row: IntArray) -> Marked:
        ratings = None if self.ratings is None else self.ratings[row]
        return Marked(self.interactions[row], ratings, None if self.times is None else self.times[row])


def _keys(pairs: IntArray, size: int) -> IntArray:
    """(M, 2) -> (M,) one number for each pair, entities being less than ``size``."""
    keys: IntArray = pairs[:, 0] * size + pairs[:, 1]
    return keys


def _largest(pairs: IntArray) -> int:
    """The largest number of an entity."""
    return int(pairs[:, 1].max(initial=0))
