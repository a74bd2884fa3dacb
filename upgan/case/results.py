"""Contrast, what if and smallest set of a case file: computed again by a run, and compared number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from upgan.explain.explanation import Explanation
from upgan.explain.results import Contrast, FlipSet, WhatIf
from upgan.explain.shares import UserDifference, UserShare
from upgan.predict.predictor import Predictor
from upgan.render.pseudonyms import renamed, users_of
from upgan.types import FloatArray

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

    def table(rows: Sequence[Any]) -> FloatArray:
        numbers = np.array([[getattr(row, name) for name in columns] for row in rows], dtype=np.float64)
        order = np.lexsort((*np.round(numbers, 7).T, np.array([row.id for row in rows])))
        return numbers[order]

    if filed[0].id:
        common = {row.id for row in filed} & {row.id for row in again}
        off = len(filed) + len(again) - 2 * len(common)
        filed, again = ([row for row in side if row.id in common] for side in (filed, again))
    else:
        off = abs(len(filed) - len(again))
    shared = min(len(filed), len(again))
    if not shared:
        return 0, 0.0, off
    ours, theirs = table(filed)[:shared], table(again)[:shared]
    return ours.size, float(np.abs(ours - theirs).max(initial=0.0)), off
