"""The shape every training phase shares: epochs, validation, early stopping, the best state kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from upgan.errors import TrainingError
from upgan.evaluation.metrics import Metrics
from upgan.training.state import PhaseState, TrainingState

Values = Mapping[str, float]


class Reporter(Protocol):
    """Who is told how training goes: a progress bar, metrics.jsonl, status.json."""

    def start(self, phase: str, epochs: int) -> None: ...

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        """``done`` of ``total`` mini-batches of an epoch are finished."""

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None: ...

    def beat(self) -> None:
        """Training is alive: called now and then during long evaluations."""

    def pin(self, epoch: int, line: dict[str, Any]) -> None:
        """Where a pinned query stands after an evaluation (upgan.experiment.pinned)."""


class Silent:
    """A reporter that says nothing."""

    def start(self, phase: str, epochs: int) -> None: ...

    def step(self, phase: str, epoch: int, done: int, total: int) -> None: ...

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None: ...

    def beat(self) -> None: ...

    def pin(self, epoch: int, line: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended: the best validation metrics, the epoch they came from (0: its starting point)."""

    best: Metrics
    best_epoch: int
    epochs: int
    seconds: float
    #: The same in processor time, validation included, which other programs on the machine disturb less.
    cpu_seconds: float
    #: "converged" (no better MRR for ``patience`` evaluations), "completed" or "stopped" (out of time).
    ended: str


def run_phase(
    name: str,
    *,
    epochs: int,
    eval_every: int,
    patience: int,
    draw: Callable[[], Tensor],
    batch: int,
    step: Callable[[Tensor], Mapping[str, Tensor]],
    validate: Callable[[], Metrics],
    kept: nn.Module,
    reporter: Reporter,
    deadline: float = math.inf,
    patient_epochs: int = 0,
    state: TrainingState | None = None,
    optimizers: Mapping[str, torch.optim.Optimizer] | None = None,
) -> PhaseResult:
    """Train, validate every ``eval_every`` epochs, leave ``kept`` with its best parameters, the start included.

    Args:
        draw: a new random order (N,) of the rows that an epoch goes through, ``batch`` at a time.
        step: trains on the rows (B,) of one mini-batch; returns its losses, whose means over the epoch are told.
        deadline: ``time.monotonic()`` value after which no further step is taken; what was trained so far is judged.
        patient_epochs: evaluations up to this epoch do not count against ``patience``.
        state: the training this phase is part of: where it is taken up, and who saves it. ``optimizers`` are those that
            ``step`` uses.
    """
    state = state or TrainingState(torch.Generator())
    at = state.enter(name, optimizers, patient_epochs)
    if state.team is not None:
        state.team.align_modules(state.modules.values())
    reporter.start(name, epochs)
    state.keeper.between_steps(state)
    if at.best is None:
        _judge(at, validate(), kept, patience)
        reporter.epoch(name, 0, {}, at.best)
    while not at.ended:
        if at.order is None:  # between two epochs
            if at.epoch >= epochs or out_of_time(deadline, state):
                at.ended = "completed" if at.epoch >= epochs else "stopped"
                break
            at.order = draw()
        values, late = _rest_of_epoch(at, batch, step, reporter, state, deadline)
        whole = at.done * batch >= len(at.order)
        at.epoch, at.order, at.done, at.totals = at.epoch + 1, None, 0, {}
        metrics = None
        if at.epoch % eval_every == 0 or at.epoch >= epochs or late:
            metrics = validate()
            _judge(at, metrics, kept, patience)
        if late and not at.ended:
            at.ended = "completed" if whole and at.epoch >= epochs else "stopped"
        reporter.epoch(name, at.epoch, values, metrics)
        state.keeper.between_steps(state)
    if at.best_weights:
        kept.load_state_dict(at.best_weights)
        at.best_weights = {}
    state.keeper.save(state)
    return finished(at)


def finished(at: PhaseState) -> PhaseResult:
    """The result of a phase that is over."""
    assert at.best is not None
    return PhaseResult(at.best, at.best_epoch, at.epoch, at.clock.seconds, at.clock.cpu_seconds, at.ended)


def _rest_of_epoch(
    at: PhaseState,
    batch: int,
    step: Callable[[Tensor], Mapping[str, Tensor]],
    reporter: Reporter,
    state: TrainingState,
    deadline: float,
) -> tuple[Values, bool]:
    """Train on the mini-batches of the epoch that are left, or as many as the deadline allows.

    Returns the means of all its losses, and whether the time is over. An epoch that it cuts short counts as one.
    """
    assert at.order is not None
    parts, late = at.order.split(batch), False
    while at.done < len(parts) and not late:
        for name, value in step(parts[at.done]).items():
            at.totals[name] = at.totals.get(name, torch.zeros_like(value)) + value
        at.done += 1
        state.step += 1
        _check_finite(at, len(parts))
        reporter.step(at.name, at.epoch + 1, at.done, len(parts))
        state.keeper.between_steps(state)
        late = out_of_time(deadline, state)
    return {name: float(total) / at.done for name, total in at.totals.items()}, late


def out_of_time(deadline: float, state: TrainingState) -> bool:
    """Whether the time is over; of several workers all say the same."""
    late = time.monotonic() > deadline
    if state.team is None or math.isinf(deadline):
        return late
    return state.team.agreed(late)


def _judge(at: PhaseState, metrics: Metrics, kept: nn.Module, patience: int) -> None:
    """Early stopping: keep the parameters where they are better than ever, give up where that is too long ago."""
    if at.best is None or metrics.mrr > at.best.mrr or math.isnan(at.best.mrr):
        at.best, at.best_epoch, at.waited = metrics, at.epoch, 0
        at.best_weights = snapshot(kept)
        return
    at.waited += at.epoch > at.patient_epochs
    if at.waited >= patience:
        at.ended = "converged"


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's parameters that further training does not touch."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def clip_and_step(optimizer: torch.optim.Optimizer, largest: float) -> None:
    """Bound the gradient's norm, then step: without it the propagation is unstable at useful learning rates."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, largest)
    optimizer.step()


def _check_finite(at: PhaseState, steps: int) -> None:
    """Raise TrainingError at the first loss that is no number; a GPU, which would wait, is asked once an epoch."""
    for name, total in at.totals.items():
        if (total.device.type == "cpu" or at.done == steps) and not math.isfinite(float(total)):
            raise not_finite(at.name, f"epoch {at.epoch + 1}, step {at.done} of {steps}: {name} became {float(total)}")


#: The settings section of a phase that has none of its own name.
SECTIONS = {"relaxation": "initialisation", "pretrain relaxation": "pretrain"}


def not_finite(phase: str, what: str) -> TrainingError:
    """The error for a training that left the numbers, with the settings that usually help."""
    section = SECTIONS.get(phase, phase)
    # A compared system's phases share its one section, which --set finds by itself.
    rate = f"{section}.lr" if section in ("initialisation", "pretrain", "adversarial") else "lr"
    clip = ""
    if section in ("pretrain", "adversarial"):
        clip = f" or a tighter bound on the gradient (--set {section}.clip=...)"
    return TrainingError(f"{phase}, {what}. A lower learning rate (--set {rate}=...){clip} usually helps.")
