"""Progress of a review, and whether the promises were kept: of those judged, how many were right at each level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from upgan.review.store import LEVELS, VERDICTS, Outcome
from upgan.types import Document


@dataclass(frozen=True)
class Level(Document):
    """Lines whose sureness lies between two bounds: how many, how many of them judged yes or no, and right."""

    low: float
    high: float
    lines: int
    judged: int
    right: int
    #: The mean sureness of those judged, and of all; None where there are none.
    promised: float | None
    promised_of_all: float | None


@dataclass(frozen=True)
class Agreement(Document):
    """How far a list is reviewed."""

    lines: int
    yes: int
    no: int
    unsure: int
    disputed: int
    levels: tuple[Level, ...]

    @property
    def judged(self) -> int:
        """Lines with any verdict."""
        return self.yes + self.no + self.unsure


def agreement(outcomes: Sequence[Outcome]) -> Agreement:
    """Of a list's lines; "unsure" is no verdict on the promise, and lines without a sureness are in no level."""
    levels = []
    for low, high in zip(LEVELS, (1.0, *LEVELS), strict=False):
        here = [each for each in outcomes if each.low == low]
        judged = [each for each in here if each.verdict in ("yes", "no")]
        right = _lines(each for each in judged if each.verdict == "yes")
        levels.append(Level(low, high, _lines(here), _lines(judged), right, _mean(judged), _mean(here)))
    said = {verdict: _lines(each for each in outcomes if each.verdict == verdict) for verdict in VERDICTS}
    return Agreement(_lines(outcomes), **said, disputed=sum(each.disputed for each in outcomes), levels=tuple(levels))


def _lines(outcomes: Iterable[Outcome]) -> int:
    return sum(each.lines for each in outcomes)


def _mean(outcomes: Sequence[Outcome]) -> float | None:
    count = _lines(outcomes)
    return sum(each.sure for each in outcomes) / count if count else None
