"""Shared names of values, the rule for relation numbers, and how a value is written as JSON.

Letters in shapes, everywhere in the package: B batch, E entities, U users, R forward relations, M edges, Q distinct
queries, P positive (query, answer) pairs, C candidates of a pool, N drawn negatives, K dimensions.

Relations are numbered 0 .. R-1 as in the dataset; r + R is the inverse of r, so that <?, r, t> is asked as
<t, r + R, ?>. In the interaction-augmented graph 2R is "interacted" (user -> item) and 2R + 1 its inverse.
"""

from __future__ import annotations

from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    import pandas as pd

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "valid", "test")

#: How an explanation writes the inverse of a relation, and an interaction.
INVERSE_MARK = "⁻¹"
INTERACTED = "interacted"


#: What walks can hear users say, and how an explanation names it: kinds 2R, 2R + 1, ... of a step (upgan.graph.said).
Heard = Literal["together", "ratings", "order"]
SAID: dict[Heard, str] = {"together": "chosen together", "ratings": "rated alike", "order": "chosen near in time"}


@singledispatch
def html_of(value: object) -> str:
    """What a notebook shows of a result. How is known above the results: upgan.render.notebook registers it."""
    return f"<pre>{escape(repr(value))}</pre>"


@singledispatch
def frame_of(value: object, of: str) -> pd.DataFrame:
    """One of a result's tables, by its name; registered as ``html_of`` is."""
    raise NotImplementedError(f"{type(value).__name__} has no table {of!r}")


class Shown:
    """Base of results that show themselves in a notebook."""

    def _repr_html_(self) -> str:
        return html_of(self)


class Document:
    """Base of frozen dataclasses that are JSON objects as they stand: their fields by name and in order."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON object; dataclasses inside are objects, sequences of whatever kind lists."""
        document: dict[str, Any] = to_jsonable_python(self, fallback=list)
        return document
