"""Shared names of values and the rule for relation numbers.

Letters in shapes, everywhere in the package: B batch, E entities, U users, R forward relations, M edges, Q distinct
queries, P positive (query, answer) pairs, C candidates of a pool, N drawn negatives, K dimensions.

Relations are numbered 0 .. R-1 as in the dataset; r + R is the inverse of r, so that <?, r, t> is asked as
<t, r + R, ?>. In the interaction-augmented graph 2R is "interacted" (user -> item) and 2R + 1 its inverse.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")

#: How an explanation writes the inverse of a relation, and an interaction.
INVERSE_MARK = "⁻¹"
INTERACTED = "interacted"
