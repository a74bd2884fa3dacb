"""Contrast, what if and smallest set of a case file: computed again by a run, and compared number by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from upgan.explain.explanation import Explanation
from upgan.explain.results import Contrast, FlipSet, WhatIf
from upgan.explain.shares import UserDifference, UserShare
from upgan.predict.predictor import Predictor
from upgan.render.pseudonyms import renamed, users_of
from upgan.types import FloatArray

#: The explanation is computed in float64, but for its ranks: machines differ by far less, an edit by far more.
TOLERANCE = 1e-8
Result = Contrast | WhatIf | FlipSet
#: How many values were compared, the largest difference of two numbers, and how many other values differ.
Gaps = tuple[int, float, int]


def computed(result: Result, explanation: Explanation, predictor: Predictor, real: Mapping[str, str]) -> Result | None:
    """The same computed again for the explanation's answer; None where this run does not know what it is about.

    ``real``: the file's name of a user -> its id, under pseudonyms from the order of a fresh explanation.
    """
    names, answer = explanation.query.names, explanation.answer.id
    if isinstance(result, FlipSet):
        return predictor.smallest_set(**names, answer=answer)
    if isinstance(result, Contrast):
        if result.against not in predictor.dataset.entity_index:
            return None
        return predictor.contrast(**names, answer=answer, against=result.against, baseline=result.baseline)
    if any(user not in real for user in users_of(result.changes)):
        return None
    changes = renamed(result.changes, real)
    return predictor.what_if(**names, answer=answer, changes=changes, k=max(1, len(result.candidates_before)))


def gaps(filed: Result, again: Result, by_order: bool) -> Gaps:
    """Every field of both, to any depth; ``by_order``: users are matched by their numbers and not by their names."""
    if by_order:  # a pseudonym says nothing but that there is somebody
        filed, again = (renamed(side, dict.fromkeys(users_of(side), "")) for side in (filed, again))
    return _gaps(filed, again)


def _gaps(filed: Any, again: Any) -> Gaps:
    if isinstance(filed, FlipSet) and isinstance(again, FlipSet):  # which of its users was taken first says nothing
        filed, again = (replace(side, users=tuple(sorted(side.users))) for side in (filed, again))
    if is_dataclass(filed):
        return _summed([_gaps(getattr(filed, field.name), getattr(again, field.name)) for field in fields(filed)])
    if isinstance(filed, Sequence) and not isinstance(filed, str):
        if filed and isinstance(filed[0], UserShare | UserDifference) and again:
            return _share_gaps(filed, again)
        parts = [_gaps(one, other) for one, other in zip(filed, again, strict=False)]
        return _summed([*parts, (0, 0.0, abs(len(filed) - len(again)))])
    if isinstance(filed, int | float) and not isinstance(filed, bool):
        return 1, abs(float(filed) - float(again)), 0
    return 1, 0.0, int(filed != again)


def _summed(parts: list[Gaps]) -> Gaps:
    return sum(p[0] for p in parts), max((p[1] for p in parts), default=0.0), sum(p[2] for p in parts)


def _share_gaps(filed: Sequence[Any], again: Sequence[Any]) -> Gaps:
    """Users with numbers: those of one name set against each other, nameless ones by their numbers."""
    columns = [field.name for field in fields(filed[0])][1:]
    apart, missing, extra = set_beside(filed, again, columns, by_order=not filed[0].id)
    return apart.size, float(apart.max(initial=0.0)), missing + extra


def set_beside(
    filed: Sequence[Any], again: Sequence[Any], columns: Sequence[str], by_order: bool
) -> tuple[FloatArray, int, int]:
    """(N, columns) how far the numbers of users that both sides have are apart; how many users only one side has.

    ``by_order``: users are matched by their numbers, the heaviest first, and not by their ids.
    """

    def table(rows: Iterable[Any]) -> FloatArray:
        numbers = [[getattr(row, name) for name in columns] for row in rows]
        return np.array(numbers, dtype=np.float64).reshape(-1, len(columns))

    if by_order:
        ours, theirs = _in_order(table(filed)), _in_order(table(again))
    else:
        others = {row.id: row for row in again}
        common = [row for row in filed if row.id in others]
        ours, theirs = table(common), table(others[row.id] for row in common)
    shared = min(len(ours), len(theirs))
    return np.abs(ours[:shared] - theirs[:shared]), len(filed) - shared, len(again) - shared


def _in_order(table: FloatArray) -> FloatArray:
    """Heaviest first; users whose weights are equal up to rounding by their contributions.

    Rounding on another machine may turn round users who are equally heavy; that is no difference.
    """
    table = table[np.argsort(-table[:, 0], kind="stable")]
    step = np.cumsum(np.diff(table[:, 0], prepend=table[:1, 0]) < -TOLERANCE)
    order: FloatArray = table[np.lexsort((table[:, 1], step))]
    return order
