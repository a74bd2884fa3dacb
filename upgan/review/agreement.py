"""Progress of a review, and whether the promises were kept: of those judged, how many were right at each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from upgan.review.store import Outcome
from upgan.types import Document

#: The levels of sureness that people are shown.
LEVELS = ((0.9, 1.0), (0.7, 0.9), (0.5, 0.7), (0.3, 0.5), (0.0, 0.3))


@dataclass(frozen=True)
class Level(Document):
    """Lines whose sureness lies between two bounds: how many, how many judged yes or no, right, and promised."""

    low: float
    high: float
    lines: int
    judged: int
    right: int
    #: The mean sureness of those judged; None where there are none.
    promised: float | None


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


def agreement(lines: Sequence[Outcome]) -> Agreement:
    """Of a list's lines; "unsure" is no verdict on the promise, and lines without a sureness are in no level."""
    levels = []
    for low, high in LEVELS:
        here = [
            line for line in lines if line.sure is not None and low <= line.sure and (line.sure < high or high == 1)
        ]
        judged = [line for line in here if line.verdict in ("yes", "no")]
        promised = sum(line.sure or 0.0 for line in judged) / len(judged) if judged else None
        right = sum(line.verdict == "yes" for line in judged)
        levels.append(Level(low, high, len(here), len(judged), right, promised))
    said = [line.verdict for line in lines]
    disputed = sum(bool(line.against) for line in lines)
    return Agreement(len(lines), said.count("yes"), said.count("no"), said.count("unsure"), disputed, tuple(levels))
