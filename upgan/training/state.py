"""Where a training is: one object with all that going on from here needs.

A checkpoint (upgan.experiment.resume) is this object on disk. Training walks through its phases from the top whether it
is new or resumed; what is finished is skipped, and where the checkpoint was taken the object takes everything up again
as it was (``enter``): weights, optimisers, random numbers, the place in the epoch, early stopping. From there on
nothing differs from a training that was never interrupted.

Random numbers come from torch's global generator (initial weights) and from ``random`` (everything else); numpy's are
seeded anew wherever they are used (upgan.graph.observed), so they have no state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from upgan.config.phases import PlannedPhase
from upgan.evaluation.metrics import Metrics
from upgan.training.team import Team


class Clock:
    """Wall and processor time spent, going on after an interruption; neither feels a change of the time of day."""

    def __init__(self, seconds: float = 0.0, cpu_seconds: float = 0.0) -> None:
        self._began = time.monotonic() - seconds
        self._cpu_began = time.process_time() - cpu_seconds

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def cpu_seconds(self) -> float:
        return time.process_time() - self._cpu_began


@dataclass
class PhaseState:
    """How far a phase has come."""

    name: str
    #: Evaluations up to this epoch do not count against the patience.
    patient_epochs: int = 0
    #: Epochs that are finished, and of the one in progress: its rows (N,) in their random order, the mini-batches
    #: already trained on, and the sums of their losses.
    epoch: int = 0
    order: Tensor | None = None
    done: int = 0
    totals: dict[str, Tensor] = field(default_factory=dict)
    #: The best evaluation so far (None: there was none yet), its epoch and parameters, and how many were no better
    #: since.
    best: Metrics | None = None
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    #: Why the phase is over; empty while it is not.
    ended: str = ""
    clock: Clock = field(default_factory=Clock)


class Keeper:
    """Who saves the state, and says when to leave; as it is here, nobody."""

    def between_steps(self, state: TrainingState) -> None:
        """Called wherever going on is possible: saves when it is time. Raises Stopped, saved, when asked to stop."""

    def save(self, state: TrainingState) -> None:
        """Called at the end of each phase."""


@dataclass(frozen=True)
class SavedState:
    """A checkpoint as it was read, waiting for the training to arrive where it was taken."""

    phase: PhaseState
    #: "module/NAME/PARAMETER", "optimizer/NAME/INDEX/KEY", "random/..." -> tensor.
    tensors: Mapping[str, Tensor]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below a prefix, named without it."""
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}


class TrainingState:
    """Everything that a training changes."""

    def __init__(self, random: torch.Generator, keeper: Keeper | None = None) -> None:
        self.random = random
        self.keeper = keeper or Keeper()
        #: The processes that train together.
        self.team = Team()
        #: What is trained, by name; a checkpoint holds their parameters.
        self.modules: dict[str, nn.Module] = {}
        #: Those of the phase in progress.
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        #: Finished phases and what they reached (metrics.json's "stages").
        self.stages: dict[str, Any] = {}
        self.phase = PhaseState("")
        #: The phase that is being trained or made ready: where an error belongs.
        self.under_way: PlannedPhase | None = None
        #: Fingerprint of the run whose vectors this training started from; None where it has an initialisation.
        self.started_from: str | None = None
        #: Mini-batches so far, over all phases.
        self.step = 0
        #: Largest memory so far, in MB.
        self.peak_memory_mb = 0.0
        self.clock = Clock()
        #: Set on a resumed training until it has arrived where the checkpoint was taken.
        self.saved: SavedState | None = None

    @property
    def resumed(self) -> bool:
        """Whether the training is still on its way to where its checkpoint was taken."""
        return self.saved is not None

    def reported(self, phase: str, epoch: int) -> bool:
        """Whether this epoch was evaluated before the checkpoint: its line in metrics.jsonl stays."""
        at = self.saved.phase if self.saved is not None else self.phase
        return phase in self.stages or (phase == at.name and at.best is not None and epoch <= at.epoch)

    def track(self, name: str, module: nn.Module) -> None:
        """From now on ``module`` belongs to the training; on the way to a checkpoint it takes up its parameters."""
        self.modules[name] = module
        if self.saved is not None and (weights := self.saved.part(f"module/{name}/")):
            module.load_state_dict(weights)

    def release(self, name: str) -> None:
        """The module is not needed any more."""
        self.modules.pop(name, None)

    def enter(
        self, name: str, optimizers: Mapping[str, torch.optim.Optimizer] | None = None, patient_epochs: int = 0
    ) -> PhaseState:
        """Begin a phase, or take it up where the checkpoint was taken."""
        self.optimizers = dict(optimizers or {})
        if self.saved is None:
            self.phase = PhaseState(name, patient_epochs)
            return self.phase
        saved, self.saved = self.saved, None
        if saved.phase.name != name:
            raise AssertionError(f"the checkpoint is in phase {saved.phase.name!r}, training came to {name!r}")
        self.phase = saved.phase
        self.phase.clock = Clock(saved.phase.clock.seconds, saved.phase.clock.cpu_seconds)
        for key, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, saved.part(f"optimizer/{key}/"))
        restore_random(self.random, saved.part("random/"))
        return self.phase


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """INDEX/KEY -> what the optimiser accumulated for the parameter at that index."""
    accumulated: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {f"{index}/{key}": value for index, values in accumulated.items() for key, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Take up what ``optimizer_tensors`` gave; learning rates and the like are the settings' own."""
    accumulated: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        index, _, key = name.partition("/")
        accumulated.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": accumulated, "param_groups": optimizer.state_dict()["param_groups"]})


def random_tensors(random: torch.Generator) -> dict[str, Tensor]:
    """The state of every generator that training draws from."""
    states = {"own": random.get_state(), "global": torch.get_rng_state()}
    if random.device.type == "cuda":
        states |= {f"cuda{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def restore_random(random: torch.Generator, states: Mapping[str, Tensor]) -> None:
    """Draw on as if nothing had happened since ``random_tensors``."""
    random.set_state(states["own"])
    torch.set_rng_state(states["global"])
    if random.device.type == "cuda":
        for index in range(torch.cuda.device_count()):
            if f"cuda{index}" in states:
                torch.cuda.set_rng_state(states[f"cuda{index}"], index)
