"""What a run writes while it trains: metrics.jsonl, pinned.jsonl, the log; read bit by bit, thinned for drawing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from upgan.runs.files import LOG_FILE, METRICS_FILE, PINNED_FILE
from upgan.runs.schema import LARGEST, LINE, LONGEST_LINE, LOOK
from upgan.types import FloatArray, IntArray

#: Keys of a line that say where it belongs; the others are losses and other means of an epoch.
PLACE_KEYS = ("t", "phase", "epoch", "step", "seconds", "valid")
#: Where more is better; of rewards and entropies neither more nor less is.
MORE_IS_BETTER = ("valid.mrr", "valid.hits")


@dataclass(frozen=True)
class Position:
    """How far a file was read: which file, up to which byte."""

    file: int
    offset: int


@dataclass(frozen=True)
class History:
    """Lines of a run, one per epoch or evaluation, oldest first."""

    lines: list[dict[str, Any]]
    #: Given back as ``since``, the next reading begins here.
    position: Position | None
    #: True where these lines replace all earlier ones: read from the start, or the run went on from a checkpoint.
    whole: bool
    #: Lines that are no lines of a run and were left out: a power failure, or another hand, may leave anything.
    damaged: int = 0


def read_history(run: Path, since: Position | None = None) -> History:
    """The lines of metrics.jsonl after ``since``; all of them where the file is another one by now."""
    return read_lines(run / METRICS_FILE, LINE, since)


def read_pinned(run: Path, since: Position | None = None) -> History:
    """The same of pinned.jsonl, the query that is followed through training."""
    return read_lines(run / PINNED_FILE, LOOK, since)


def read_lines(path: Path, shape: TypeAdapter[Any], since: Position | None = None) -> History:
    """Whole lines of a file of JSON objects; a torn last line is left for the next time, damaged ones are counted."""
    try:
        with path.open("rb") as stream:
            file = path.stat().st_ino
            size = stream.seek(0, 2)
            whole = since is None or since.file != file or since.offset > size
            offset = 0 if whole or since is None else since.offset
            stream.seek(offset)
            block = stream.read()
    except FileNotFoundError:
        return History([], None, whole=True)
    end = block.rfind(b"\n") + 1
    texts = block[:end].split(b"\n")[:-1]
    lines = list(_objects(texts, shape))
    return History(lines, Position(file, offset + end), whole, len(texts) - len(lines))


def _objects(lines: list[bytes], shape: TypeAdapter[Any]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if len(line) <= LONGEST_LINE:
            with contextlib.suppress(ValidationError):
                yield shape.validate_json(line, strict=True)


def tail_log(run: Path, lines: int = 200) -> list[str]:
    """The last lines of log.txt."""
    try:
        with (run / LOG_FILE).open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - 400 * lines))
            text = stream.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


def last_words(run: Path) -> str:
    """The last line of the log, for who has to say why a process ended."""
    return next((line for line in reversed(tail_log(run, 20)) if line.strip()), "it wrote nothing to its log")


# Curves --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """One value through training. ``key``: "loss_d", "reward", "valid.mrr"; arrays (N,) in the order of training."""

    key: str
    phase: npt.NDArray[np.str_]
    epoch: IntArray
    step: IntArray
    value: FloatArray

    @property
    def summary(self) -> dict[str, float]:
        """first, min, max, last, and best where the value has a better and a worse side; empty without a value."""
        if not len(self.value):
            return {}
        numbers = self.value
        summary = {"first": numbers[0], "min": numbers.min(), "max": numbers.max(), "last": numbers[-1]}
        if self.key.startswith(MORE_IS_BETTER):
            summary["best"] = numbers.max()
        elif self.key == "valid.mr" or self.key.startswith("loss"):
            summary["best"] = numbers.min()
        return {name: float(number) for name, number in summary.items()}


def curves(lines: Sequence[dict[str, Any]]) -> dict[str, Curve]:
    """Key -> its curve, in the order in which they appear; one walk over the lines."""
    phase = np.array([str(line.get("phase", "")) for line in lines])
    epoch = np.array([line.get("epoch") or 0 for line in lines], dtype=np.int64)
    # Runs of earlier versions count no steps: their lines are numbered.
    step = np.array([line.get("step", place) for place, line in enumerate(lines)], dtype=np.int64)
    nothing: dict[str, Any] = {}
    parts = {"": lines, "valid.": [line.get("valid") or nothing for line in lines]}
    by_key = {}
    for prefix, rows in parts.items():
        for key in dict.fromkeys(key for row in rows for key in row):
            if key not in PLACE_KEYS and key != "queries":
                value = np.array([_number(row.get(key)) for row in rows], dtype=np.float64)
                kept = np.flatnonzero(np.isfinite(value))
                by_key[prefix + key] = Curve(prefix + key, phase[kept], epoch[kept], step[kept], value[kept])
    return by_key


def _number(value: Any) -> float:
    """A figure that a model in float32 can give; NaN for anything else."""
    return value if isinstance(value, int | float) and abs(value) <= LARGEST else np.nan


def thinned(curve: Curve, most: int = 1000) -> Curve:
    """At most ``most`` points that look the same when drawn: of every stretch its lowest and its highest one."""
    if len(curve.value) <= most:
        return curve
    edges = np.linspace(0, len(curve.value), max(1, (most - 2) // 2) + 1).astype(np.int64)
    starts, ends = edges[:-1], edges[1:]
    lowest = [a + int(curve.value[a:b].argmin()) for a, b in zip(starts, ends, strict=True)]
    highest = [a + int(curve.value[a:b].argmax()) for a, b in zip(starts, ends, strict=True)]
    kept = np.unique([0, *lowest, *highest, len(curve.value) - 1])
    return replace(
        curve, phase=curve.phase[kept], epoch=curve.epoch[kept], step=curve.step[kept], value=curve.value[kept]
    )
