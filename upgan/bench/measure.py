"""Processor time of a piece of work beside that of a reference: repeated, in turn, medians and spread."""

from __future__ import annotations

import datetime
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from upgan.machine import hardware

Work = Callable[[], object]
#: CPU seconds of one step, pass, question ...
Piece = Callable[[], float]
#: A piece is called again until it took so many seconds within a round, so that its time can be read.
SHORTEST = 0.02


@dataclass(frozen=True)
class Spent:
    """CPU seconds of the repetitions of one piece of work."""

    times: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    def to_dict(self) -> dict[str, float | int]:
        return {"median": self.median, "min": min(self.times), "max": max(self.times), "repeats": len(self.times)}


@dataclass(frozen=True)
class Measurement:
    """One line of the table. ``ratio``: the median of own over reference time, repetition by repetition."""

    name: str
    #: What ``own`` is one of: "step", "pass", "2,000 triples".
    unit: str
    own: Spent
    reference_name: str
    reference: Spent | None
    peak_memory_mb: float
    #: For a training step: steps of an epoch, so that an epoch is ``steps`` times the median.
    steps: int | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if self.reference is None:
            return None
        pairs = zip(self.own.times, self.reference.times, strict=True)
        return statistics.median(own / max(reference, 1e-9) for own, reference in pairs)

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "cpu_seconds": self.own.to_dict(),
            "reference": self.reference_name,
            "reference_cpu_seconds": None if self.reference is None else self.reference.to_dict(),
            "ratio": self.ratio,
            "steps_per_epoch": self.steps,
            "epoch_cpu_seconds": None if self.steps is None else self.steps * self.own.median,
            "peak_memory_mb": self.peak_memory_mb,
            "note": self.note,
        }


def cpu_seconds(work: Work, times: int = 1) -> float:
    """Processor time of one call, the mean of ``times`` calls."""
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def repeated(work: Work, most: int = 1000, shortest: float = SHORTEST) -> Piece:
    """The mean of as many calls, up to ``most``, as take ``shortest`` seconds together, found by a first one."""
    return partial(cpu_seconds, work, min(most, max(1, round(shortest / max(cpu_seconds(work), 1e-6)))))


def in_turn(works: Sequence[Work], repeat: int, shortest: float = SHORTEST) -> list[Spent]:
    """Run the pieces of work one after another, ``repeat`` times round; a first round is not counted."""
    return in_rounds([repeated(work, shortest=shortest) for work in works], repeat)


def in_rounds(pieces: Sequence[Piece], repeat: int) -> list[Spent]:
    """The seconds that each piece says, one after another, ``repeat`` times round."""
    times: list[list[float]] = [[] for _ in pieces]
    for _ in range(repeat):
        for place, piece in enumerate(pieces):
            times[place].append(piece())
    return [Spent(tuple(of_piece)) for of_piece in times]


def circumstances() -> dict[str, Any]:
    """When, where and beside what else something is measured."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "hardware": hardware(torch.device("cpu")),
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "threads": torch.get_num_threads(),
        "time": "CPU seconds (user and system) of this process",
    }
