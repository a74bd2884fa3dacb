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

from torch import nn

from upgan.config.phases import planned_phases
from upgan.config.settings import AdversarialConfig, Config, InitialisationConfig, PretrainConfig
from upgan.data.dataset import KGDataset
from upgan.errors import Stopped
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.experiment.footprint import footprint
from upgan.experiment.inputs import Prepared, prepare_training
from upgan.graph.observed import seen_data
from upgan.model.build import build_discriminator, build_factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler, QuerySampler
from upgan.systems.build import build_system
from upgan.training.adversarial import AdversarialTrainer, train_adversarially
from upgan.training.initialise import train_factorisation
from upgan.training.loop import Silent
from upgan.training.pretrain import pretrain_discriminator
from upgan.training.state import TrainingState
from upgan.training.systems import run_learning

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
    shares = {"valid": len(dataset.valid), "test": len(dataset.test)}
    few = Evaluator(dataset.valid[: min(EVALUATED, len(dataset.valid))], prepared.validation.index)
    rehearsed = dataclasses.replace(prepared, validation=few)
    scale = shares["valid"] / max(len(few.triples), 1)
    parts = _Rehearsal(rehearsed, config, scale, shares["test"] / max(shares["valid"], 1))
    costs: dict[str, PhaseCost] = {}
    for phase in planned_phases(config):
        costs[phase] = parts.cost(phase, costs)
    least, most = (sum(getattr(cost, name) for cost in costs.values()) for name in ("least", "most"))
    memory, disk = footprint(parts.models, prepared, config)
    return Estimate((least, most), memory, disk, costs)


class _Watch:
    """A keeper that notes when each step ended, and stops training after a few."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def between_steps(self, state: TrainingState) -> None:
        self.times.append(time.monotonic())
        long = len(self.times) > 2 and self.times[-1] - self.times[0] > MOST_SECONDS
        if long or len(self.times) > STEPS:
            raise Stopped("rehearsed")

    def save(self, state: TrainingState) -> None: ...

    @property
    def step(self) -> float:
        """Seconds of a step; the first one, which also warms up, only where there is no other."""
        gaps = [b - a for a, b in zip(self.times[1:], self.times[2:], strict=False)]
        return sorted(gaps)[len(gaps) // 2] if gaps else self.times[-1] - self.times[0] if self.times else 0.0

    @property
    def evaluation(self) -> float:
        """Seconds of the evaluation before the first step."""
        return max(0.0, self.times[1] - self.times[0] - self.step) if len(self.times) > 1 else 0.0


class _Rehearsal:
    """The models of a training, freshly made, and a few steps of each phase on them."""

    def __init__(self, prepared: Prepared, config: Config, scale: float, tested: float) -> None:
        data = prepared.dataset
        self.prepared = prepared
        self.config = config
        self.scale = scale
        self.tested = tested
        self.models: dict[str, nn.Module]
        if config.system is not None:
            self.system = build_system(config, seen_data(data, config)).to(prepared.device)
            self.models = {"model": self.system}
            return
        self.start = build_factorisation(config, data.num_entities, data.num_relations).to(prepared.device)
        self.models = {"model": self.start}
        if config.model_name == "upgan":
            sizes = data.num_entities, data.num_relations
            self.d = build_discriminator(config, *sizes, data.num_users).to(prepared.device)
            settings = config.adversarial
            product = config.model.product
            self.g = Generator(*sizes, config.model.dim, settings.hidden_layers, settings.sigma, product)
            self.g.to(prepared.device)
            self.models = {"model": self.d, "generator": self.g}

    def cost(self, phase: str, before: dict[str, PhaseCost]) -> PhaseCost:
        """A phase's cost; a relaxation's steps are those of the phase it follows."""
        if phase == "fusion":  # three evaluations, and fits that cost about as much again
            evaluation = before["adversarial"].evaluation
            return PhaseCost(0.0, evaluation, 6 * evaluation, 6 * evaluation)
        if self.config.system is not None:
            return self._cost_of_system(phase)
        section, settings = self._settings(phase)
        if phase in ("relaxation", "pretrain relaxation"):
            epoch, evaluation = before[section].epoch, before[section].evaluation
            epochs = settings.relax_epochs if not isinstance(settings, AdversarialConfig) else 0
        else:
            watch, steps = self._rehearse(section)
            epoch, evaluation, epochs = watch.step * steps, watch.evaluation * self.scale, settings.epochs
        soonest = settings.eval_every * settings.patience
        if phase == "initialisation":
            least_steps = self.config.initialisation.min_steps * self.config.initialisation.batch
            soonest += least_steps // max(len(self.prepared.train), 1)
        return self._between(epoch, evaluation, settings.eval_every, min(soonest, epochs), epochs)

    def _between(self, epoch: float, evaluation: float, eval_every: int, least: int, most: int) -> PhaseCost:
        """The cost of a phase of ``least`` to ``most`` epochs."""
        ends = [
            count * epoch + (1 + math.ceil(count / eval_every) + self.tested) * evaluation for count in (least, most)
        ]
        return PhaseCost(epoch, evaluation, *ends)

    def _cost_of_system(self, phase: str) -> PhaseCost:
        """A phase of a compared system: a few of its steps, and a part of its evaluation."""
        watch, prepared = _Watch(), self.prepared
        learning = self.system.learning(phase, prepared.train, prepared.random)
        rehearsed = dataclasses.replace(learning, settings=learning.settings.model_copy(update={"epochs": STEPS}))
        with contextlib.suppress(Stopped):
            state = TrainingState(prepared.random, watch)
            run_learning(phase, rehearsed, prepared.validation, Silent(), state=state)
        settings = learning.settings
        soonest = min(settings.eval_every * settings.patience + learning.patient_epochs, settings.epochs)
        epoch, evaluation = watch.step * learning.steps, watch.evaluation * self.scale
        return self._between(epoch, evaluation, settings.eval_every, soonest, settings.epochs)

    def _settings(self, phase: str) -> tuple[str, InitialisationConfig | PretrainConfig | AdversarialConfig]:
        section = {"relaxation": "initialisation", "pretrain relaxation": "pretrain"}.get(phase, phase)
        return section, getattr(self.config, section)

    def _rehearse(self, section: str) -> tuple[_Watch, int]:
        """Times of a few steps, and how many steps an epoch has."""
        prepared, config, watch = self.prepared, self.config, _Watch()
        state = TrainingState(prepared.random, watch)

        def validate() -> Metrics:
            return prepared.validation.rank(prepared.scorer(self.d).scores).metrics

        try:
            if section == "initialisation":
                steps = -(-len(prepared.train) // config.initialisation.batch)
                again = config.initialisation.model_copy(update={"epochs": STEPS})
                train_factorisation(
                    self.start, prepared.train, prepared.validation, again, prepared.random, Silent(), state=state
                )
            elif section == "pretrain":
                by_triples = config.pretrain.batch_by == "triples"
                sampler = (
                    BatchSampler(prepared.triples, prepared.train, config.pretrain.batch, prepared.random)
                    if by_triples
                    else QuerySampler(prepared.train, config.pretrain.batch, prepared.random)
                )
                steps = len(sampler)
                more = config.pretrain.model_copy(update={"epochs": STEPS})
                pretrain_discriminator(self.d, prepared.graph, sampler, validate, more, Silent(), state=state)
            else:
                game = config.adversarial.model_copy(update={"epochs": STEPS})
                batches = BatchSampler(prepared.triples, prepared.train, game.batch, prepared.random)
                steps = len(batches)
                trainer = AdversarialTrainer(self.d, self.g, prepared.graph, game, prepared.random)
                train_adversarially(trainer, batches, validate, Silent(), state=state)
        except Stopped:
            pass
        return watch, steps
