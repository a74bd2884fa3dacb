"""Progress with ETA on stderr: a bar where a person watches, a line every few seconds where a file does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from upgan.evaluation.metrics import Metrics

#: Seconds between lines where stderr is no terminal.
LINE_EVERY = 2.0


class TrainingProgress:
    """Shows phases and epochs of a training; use as a context manager and pass ``show`` on."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("epoch {task.fields[epoch]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=Console(stderr=True),
            disable=not self._terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._latest = ""
        self._line_at = 0.0
        self._began: dict[str, float] = {}

    def __enter__(self) -> TrainingProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, phase: str, epoch: int, epochs: int, share: float, metrics: Metrics | None) -> None:
        """One event of RunLog."""
        if self._quiet:
            return
        if metrics is not None:
            self._latest = f"valid MRR {metrics.mrr:.4f}"
        finished = max(epoch - 1 + share, 0.0)
        self._began.setdefault(phase, time.monotonic())
        if self._terminal:
            self._bar(phase, epoch, epochs, finished)
        elif time.monotonic() - self._line_at > LINE_EVERY or (metrics is not None and epoch in (0, epochs)):
            self._line_at = time.monotonic()
            elapsed = self._line_at - self._began[phase]
            left = f", ETA at most {elapsed / finished * (epochs - finished):.0f} s" if finished else ""
            print(f"{phase}: epoch {epoch}/{epochs} {self._latest}{left}", file=sys.stderr, flush=True)

    def _bar(self, phase: str, epoch: int, epochs: int, finished: float) -> None:
        if phase not in self._tasks:
            self._tasks[phase] = self._progress.add_task(phase, total=epochs, epoch="0", latest="")
        self._progress.update(
            self._tasks[phase], completed=finished, epoch=f"{epoch}/{epochs}", latest=self._latest, total=max(epochs, 1)
        )


class CountProgress:
    """Calls with (done, total): a line on stderr every few seconds, none for what is over before that."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._line_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._line_at < LINE_EVERY or done >= total:
            return
        self._line_at = now
        left = (now - self._began) / done * (total - done)
        print(f"{self._what}: {done} of {total}, ETA {left:.0f} s", file=sys.stderr, flush=True)


def counts(what: str = "{}", unit: int = 1) -> Callable[[str, int, int], None]:
    """Calls with (name, done, total): each name has its own count, called ``what`` and in ``unit``."""
    counters: dict[str, CountProgress] = {}

    def show(name: str, done: int, total: int) -> None:
        counter = counters.setdefault(name, CountProgress(what.format(name)))
        if done // unit:
            counter(done // unit, total // unit)

    return show
