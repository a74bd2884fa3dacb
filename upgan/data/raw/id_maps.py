"""Tables that give each number of a data set its original id: ``u_map.dat``, ``entity_list.txt`` and the like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from upgan.errors import DataError, shown


@dataclass(frozen=True, eq=False)
class IdMap:
    """V numbers (as strings, unique) and the original id of each, read from ``path``."""

    path: Path
    numbers: pd.Index
    originals: np.ndarray

    @classmethod
    def of(cls, path: Path, numbers: pd.Series, originals: pd.Series, lines: np.ndarray) -> IdMap:
        """Raises DataError where a number stands in two rows, or where an original id is empty."""
        for wrong, what in ((numbers.duplicated(), "has two rows"), (originals == "", "has no original id")):
            if wrong.any():
                row = int(np.flatnonzero(wrong.to_numpy())[0])
                raise DataError(
                    f"{path}, line {lines[row]}: the number {shown(numbers.iloc[row])} {what}; each has one id"
                )
        return cls(path, pd.Index(numbers.astype(object)), originals.to_numpy(dtype=object))

    def holds(self, values: pd.Series) -> np.ndarray:
        """Which of ``values`` (N,) are numbers of this map."""
        known: np.ndarray = self.numbers.get_indexer(pd.Index(values.astype(object))) >= 0
        return known

    def decode(self, values: pd.Series, place: Callable[[int], str]) -> pd.Series:
        """The original ids of numbers; DataError for a number that is not here.

        ``place``: where row n of the values is, for that message.
        """
        rows = self.numbers.get_indexer(pd.Index(values.astype(object)))
        unknown = np.flatnonzero(rows < 0)
        if len(unknown):
            row = int(unknown[0])
            raise DataError(
                f"{place(row)}: {shown(values.iloc[row])} is not a number of {self.path.name} ({len(unknown)} such "
                f"value(s)), which has {len(self.numbers)}"
            )
        return pd.Series(self.originals[rows], dtype=str)
