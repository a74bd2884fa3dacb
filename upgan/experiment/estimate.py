"""What a training will cost, before it is started: time by a rehearsal, memory and disk by counting.

Every phase really runs a few of its steps on the data and on this machine, and a part of its evaluation; the rest is
multiplication. How many epochs a phase needs is not known beforehand, so time is a range: every phase gives up as soon
as its patience allows, or every phase uses all its epochs. Between them lies what is likely: phases mostly go on for
most of their epochs. Processor time is told beside the time of day, which a busy machine makes longer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from upgan.config.phases import PlannedPhase, planned_phases
from upgan.config.sections import FusionConfig, WalksConfig
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.errors import Stopped
from upgan.evaluation.evaluator import Evaluator
from upgan.experiment.footprint import footprint
from upgan.experiment.inputs import prepare_training
from upgan.experiment.players import Players
from upgan.objectives.phase import Phase
from upgan.training.loop import Context, run_phase
from upgan.training.state import Keeper, TrainingState
from upgan.types import FloatArray

#: Steps of a rehearsal: the first also warms up and is left out. At most so many seconds of steps, though.
STEPS = 4
MOST_SECONDS = 4.0
#: Triples of the validation split that a rehearsal evaluates.
EVALUATED = 200
#: Directions of walks that are rehearsed, and what a direction costs whatever its number of triples, in triples.
DIRECTIONS, FIXED = 5, 100
#: Where between the least and the most the likely time lies: the runs of docs/records/accuracy.md used 60% to 100% of
#: their epochs.
LIKELY = 0.75


@dataclass(frozen=True)
class PhaseCost:
    """Seconds of one phase: of one epoch, of one evaluation on validation, and in all, at least, likely and at most;
    likely processor time; and megabytes while it runs."""

    epoch: float
    evaluation: float
    least: float
    most: float
    likely: float = 0.0
    cpu_seconds: float = 0.0
    memory_mb: float = 0.0
    disk_mb: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """Seconds at least (every phase gives up at once) and at most (every phase uses all its epochs), and megabytes.

    ``preparing``: seconds until the first phase, which the sums include.
    """

    seconds: tuple[float, float]
    likely_seconds: float
    cpu_seconds: float
    preparing: float
    memory_mb: float
    disk_mb: float
    phases: dict[str, PhaseCost]

    def to_dict(self) -> dict[str, Any]:
        """As `upgan train --estimate --json` prints it."""
        return dataclasses.asdict(self)

    def to_text(self) -> str:
        """A line for each phase, and the sums."""
        lines = [f"{'phase':<20} {'likely':>9} {'range':>19} {'processor':>11} {'memory':>9} {'disk':>8}"]
        lines.append(f"{'preparing':<20} {self.preparing:7.0f} s")
        lines += [
            _line(name, cost.likely, (cost.least, cost.most), cost.cpu_seconds, cost.memory_mb, cost.disk_mb)
            for name, cost in self.phases.items()
        ]
        lines.append(_line("in all", self.likely_seconds, self.seconds, self.cpu_seconds, self.memory_mb, self.disk_mb))
        return "\n".join(lines)


def _line(name: str, likely: float, seconds: tuple[float, float], cpu: float, memory: float, disk: float) -> str:
    span = f"{seconds[0]:.0f} to {seconds[1]:.0f} s"
    return f"{name:<20} {likely:7.0f} s {span:>19} {cpu:9.0f} s {memory:6.0f} MB {disk:5.0f} MB"


def estimate(dataset: KGDataset, config: Config) -> Estimate:
    """Rehearse a training. Sets the process's seed and threads as training does: better in a process of its own."""
    began = _now()
    prepared = prepare_training(dataset, config)
    preparing = _now() - began
    state = TrainingState(prepared.random)
    index = prepared.validation.index
    some = (Evaluator(dataset.valid[:count], index) for count in (EVALUATED, 1))
    rehearsal = _Rehearsal(Players(prepared, config, state), *some)
    phases = planned_phases(config)
    times: dict[str, _Times] = {}
    before: _Times | None = None
    for planned in phases:
        before = times[planned.name] = rehearsal.times(planned, before, last=planned is phases[-1])
    model, generator = rehearsal.players.final, state.modules.get("generator")
    assert model is not None
    models = {"model": model} if generator is None else {"model": model, "generator": generator}
    size = footprint(models, prepared, config)
    costs = {name: took.cost(*size.phases[name]) for name, took in times.items()}
    least, most, likely, cpu = (
        start + sum(getattr(cost, name) for cost in costs.values())
        for start, name in zip(
            preparing[[0, 0, 0, 1]].tolist(), ("least", "most", "likely", "cpu_seconds"), strict=True
        )
    )
    return Estimate((least, most), likely, cpu, float(preparing[0]), size.memory, size.disk, costs)


def _now() -> FloatArray:
    """(2,) seconds of the day and of the processor."""
    return np.array([time.monotonic(), time.process_time()])


@dataclass(frozen=True)
class _Times:
    """(2,) seconds each, of the day and of the processor."""

    epoch: FloatArray
    evaluation: FloatArray
    least: FloatArray
    most: FloatArray

    def cost(self, memory_mb: float, disk_mb: float) -> PhaseCost:
        likely = self.least + LIKELY * (self.most - self.least)
        epoch, evaluation, least, most = (
            float(times[0]) for times in (self.epoch, self.evaluation, self.least, self.most)
        )
        return PhaseCost(epoch, evaluation, least, most, float(likely[0]), float(likely[1]), memory_mb, disk_mb)


class _Watch(Keeper):
    """A keeper that notes when each step ended, and stops training after a few."""

    def __init__(self) -> None:
        self.times: list[FloatArray] = []

    def between_steps(self, state: TrainingState) -> None:
        self.times.append(_now())
        long = len(self.times) > 2 and self.times[-1][0] - self.times[0][0] > MOST_SECONDS
        if long or len(self.times) > STEPS:
            raise Stopped("rehearsed")

    @property
    def step(self) -> FloatArray:
        """(2,) seconds of a step; the first one, which also warms up, only where there is no other."""
        gaps = np.diff(np.stack(self.times), axis=0)
        return np.zeros(2) if not len(gaps) else np.median(gaps[1:] if len(gaps) > 1 else gaps, axis=0)


@dataclass
class _Rehearsal:
    """Freshly made models, and a few steps of each phase on them."""

    players: Players
    #: Evaluates a part of the validation triples, and one of them.
    validation: Evaluator
    one: Evaluator

    def times(self, planned: PlannedPhase, before: _Times | None, *, last: bool) -> _Times:
        """A phase's; ``before`` are those of the phase before it, ``last``: all of test is ranked after it."""
        prepared = self.players.prepared
        test = prepared.test if last else prepared.test_between
        tested = len(test.triples) / max(len(prepared.validation.triples), 1)
        if isinstance(planned.settings, FusionConfig):  # three evaluations, and fits that cost about as much again
            assert before is not None
            every = (5 + tested) * before.evaluation
            return _Times(np.zeros(2), before.evaluation, every, every)
        if isinstance(planned.settings, WalksConfig):
            assert before is not None
            return self._walks(planned.settings, before.evaluation, tested)
        phase = self.players.phase(planned)
        epochs, eval_every = phase.settings.epochs, phase.settings.eval_every
        soonest = eval_every * phase.settings.patience
        if planned.relaxes:  # its steps are those of the phase that it follows, from where that one led
            assert before is not None
            epoch, evaluation = before.epoch, before.evaluation
        else:
            evaluation = self._evaluation(phase)
            epoch = self._rehearse(phase).step * phase.steps
            soonest += phase.patient_epochs
        least, most = (
            count * epoch + (1 + math.ceil(count / eval_every) + tested) * evaluation
            for count in (min(soonest, epochs), epochs)
        )
        return _Times(epoch, evaluation, least, most)

    def _walks(self, settings: WalksConfig, evaluation: FloatArray, tested: float) -> _Times:
        """Some directions, with all their validation queries: one of them is a step, and its time grows with its
        queries and with its triples, as far as these are looked at. Taken with chances in proportion to that.
        """
        prepared = self.players.prepared
        listening = self.players.listening(settings, prepared.validation)
        directions = 2 * prepared.dataset.num_relations
        of_train = np.bincount(prepared.triples[:, 1], minlength=directions // 2)
        asked = np.bincount(prepared.validation.triples[:, 1], minlength=directions // 2)
        work = np.tile(
            (of_train >= settings.least_triples)
            * (asked > 0)
            * (FIXED + np.minimum(of_train, settings.triples) + asked),
            2,
        )
        if not work.any():
            return _Times(np.zeros(2), evaluation, (1 + tested) * evaluation, (1 + tested) * evaluation)
        places = (np.arange(DIRECTIONS) + 0.5) * work.sum() / DIRECTIONS
        taken = np.unique(np.searchsorted(np.cumsum(work), places, side="right"))
        each = []
        for relation in taken.tolist():
            began = _now()
            listening.direction(relation)
            each.append((_now() - began) / work[relation])
        together = np.array([max(1, self.players.config.threads), 1])  # so many directions are worked on at once
        # Ranked before the walks by the score so far, and on test by the score with walks.
        seconds = work.sum() * np.mean(each, axis=0) / together + (1 + 3 * tested) * evaluation
        return _Times(np.zeros(2), evaluation, seconds, seconds)

    def _evaluation(self, phase: Phase) -> FloatArray:
        """(2,) seconds of all validation triples: what is made once for all of them, and some ranked."""
        began = _now()
        scores = phase.scores()
        made = _now()
        self.validation.rank(scores)
        scale = len(self.players.prepared.validation.triples) / max(len(self.validation.triples), 1)
        taken: FloatArray = made - began + scale * (_now() - made)
        return taken

    def _rehearse(self, phase: Phase) -> _Watch:
        """Times of a few steps."""
        few = dataclasses.replace(phase, settings=phase.settings.model_copy(update={"epochs": STEPS}))
        watch = _Watch()
        state = TrainingState(self.players.prepared.random, watch)
        with contextlib.suppress(Stopped):
            run_phase(few, Context(validation=self.one, state=state))
        return watch
