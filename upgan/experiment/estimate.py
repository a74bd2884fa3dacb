"""What a training will cost, before it is started: time by a rehearsal, memory and disk by counting.

Every phase really runs a few of its steps on the data and on this machine, and a part of its evaluation; the rest is
multiplication. How many epochs a phase needs is not known beforehand, so time is a range: every phase gives up as soon
as its patience allows, or every phase uses all its epochs.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

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

#: Steps of a rehearsal: the first also warms up and is left out. At most so many seconds of steps, though.
STEPS = 4
MOST_SECONDS = 4.0
#: Triples of the validation split that a rehearsal evaluates.
EVALUATED = 200


@dataclass(frozen=True)
class PhaseCost:
    """Seconds of one phase: of one epoch, of one evaluation on validation, and in all, at least and at most."""

    epoch: float
    evaluation: float
    least: float
    most: float


@dataclass(frozen=True)
class Estimate:
    """Seconds at least (every phase gives up at once) and at most (every phase uses all its epochs), and megabytes."""

    seconds: tuple[float, float]
    memory_mb: float
    disk_mb: float
    phases: dict[str, PhaseCost]

    def to_dict(self) -> dict[str, Any]:
        """As `upgan estimate --json` prints it."""
        return dataclasses.asdict(self)


def estimate(dataset: KGDataset, config: Config) -> Estimate:
    """Rehearse a training. Sets the process's seed and threads as training does: better in a process of its own."""
    prepared = prepare_training(dataset, config)
    state = TrainingState(prepared.random)
    few = Evaluator(dataset.valid[:EVALUATED], prepared.validation.index)
    scale, tested = len(dataset.valid) / max(len(few.triples), 1), len(dataset.test) / max(len(dataset.valid), 1)
    rehearsal = _Rehearsal(Players(prepared, config, state), few, scale, tested)
    costs: dict[str, PhaseCost] = {}
    cost: PhaseCost | None = None
    for planned in planned_phases(config):
        cost = costs[planned.name] = rehearsal.cost(planned, cost)
    least, most = (sum(getattr(cost, name) for cost in costs.values()) for name in ("least", "most"))
    model, generator = rehearsal.players.final, state.modules.get("generator")
    assert model is not None
    models = {"model": model} if generator is None else {"model": model, "generator": generator}
    memory, disk = footprint(models, prepared, config)
    return Estimate((least, most), memory, disk, costs)


class _Watch(Keeper):
    """A keeper that notes when each step ended, and stops training after a few."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def between_steps(self, state: TrainingState) -> None:
        self.times.append(time.monotonic())
        long = len(self.times) > 2 and self.times[-1] - self.times[0] > MOST_SECONDS
        if long or len(self.times) > STEPS:
            raise Stopped("rehearsed")

    @property
    def step(self) -> float:
        """Seconds of a step; the first one, which also warms up, only where there is no other."""
        gaps = [b - a for a, b in zip(self.times[1:], self.times[2:], strict=False)]
        return sorted(gaps)[len(gaps) // 2] if gaps else self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def evaluation(self) -> float:
        """Seconds of the evaluation before the first step."""
        return max(0.0, self.times[1] - self.times[0] - self.step) if len(self.times) > 1 else 0.0


@dataclass
class _Rehearsal:
    """Freshly made models, and a few steps of each phase on them."""

    players: Players
    #: Evaluates a part of the validation split: so many times less than all of it.
    validation: Evaluator
    scale: float
    #: How much longer than on validation the evaluation on test takes.
    tested: float

    def cost(self, planned: PlannedPhase, before: PhaseCost | None) -> PhaseCost:
        """A phase's cost; ``before`` is that of the phase before it."""
        if isinstance(planned.settings, FusionConfig):  # three evaluations, and fits that cost about as much again
            assert before is not None
            return PhaseCost(0.0, before.evaluation, 6 * before.evaluation, 6 * before.evaluation)
        if isinstance(planned.settings, WalksConfig):
            assert before is not None
            return self._walks(planned.settings, before.evaluation)
        phase = self.players.phase(planned)
        epochs, eval_every = phase.settings.epochs, phase.settings.eval_every
        soonest = eval_every * phase.settings.patience
        if planned.relaxes:  # its steps are those of the phase that it follows, from where that one led
            assert before is not None
            epoch, evaluation = before.epoch, before.evaluation
        else:
            watch = self._rehearse(phase)
            epoch, evaluation = watch.step * phase.steps, watch.evaluation * self.scale
            soonest += phase.patient_epochs
        least, most = (
            count * epoch + (1 + math.ceil(count / eval_every) + self.tested) * evaluation
            for count in (min(soonest, epochs), epochs)
        )
        return PhaseCost(epoch, evaluation, least, most)

    def _walks(self, settings: WalksConfig, evaluation: float) -> PhaseCost:
        """A few directions, with all their validation queries; every one is a step, and no one can be left out."""
        prepared = self.players.prepared
        listening = self.players.listening(settings, prepared.validation)
        directions = 2 * prepared.dataset.num_relations
        times = []
        for relation in range(0, directions, max(1, directions // STEPS)):
            began = time.monotonic()
            listening.direction(relation)
            times.append(time.monotonic() - began)
        # Ranked before the walks by the score so far, and after them, on test, by the score with walks.
        seconds = directions * sum(times) / len(times) + (2 + 3 * self.tested) * evaluation
        return PhaseCost(seconds, evaluation, seconds, seconds)

    def _rehearse(self, phase: Phase) -> _Watch:
        """Times of a few steps."""
        few = dataclasses.replace(phase, settings=phase.settings.model_copy(update={"epochs": STEPS}))
        watch = _Watch()
        state = TrainingState(self.players.prepared.random, watch)
        with contextlib.suppress(Stopped):
            run_phase(few, Context(validation=self.validation, state=state))
        return watch
