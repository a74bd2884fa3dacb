"""Some of the entities as candidates: the columns of a block of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.types import BoolArray


@dataclass(frozen=True)
class Candidates:
    """C of E entities, and the column that each of them has among the C."""

    #: (C,) ascending numbers.
    entities: Tensor
    #: (E,) the column of each entity; -1 for one that is no candidate.
    column: Tensor

    @staticmethod
    def of(chosen: BoolArray) -> Candidates:
        """Those of (E,) entities that are ``chosen``."""
        column = np.where(chosen, np.cumsum(chosen) - 1, -1).astype(np.int64)
        return Candidates(torch.from_numpy(np.flatnonzero(chosen)), torch.from_numpy(column))

    def __len__(self) -> int:
        return len(self.entities)

    def cells(self, row: Tensor, entity: Tensor) -> tuple[Tensor, Tensor]:
        """(M,) rows and entities -> rows and columns of those that are candidates."""
        column = self.column.index_select(0, entity)
        inside = column >= 0
        return row[inside], column[inside]
