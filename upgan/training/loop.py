"""The shape every training phase shares: epochs, validation, early stopping, the best state kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from upgan.errors import TrainingError
from upgan.evaluation.metrics import Metrics

Values = Mapping[str, float]


class Reporter(Protocol):
    """Who is told how training goes: a progress bar, metrics.jsonl, status.json."""

    def start(self, phase: str, epochs: int) -> None: ...

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        """``done`` of ``total`` mini-batches of an epoch are finished."""

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None: ...

    def stop_requested(self) -> bool:
        """True once training should end after the current epoch."""


class Silent:
    """A reporter that says nothing and never stops."""

    def start(self, phase: str, epochs: int) -> None: ...

    def step(self, phase: str, epoch: int, done: int, total: int) -> None: ...

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None: ...

    def stop_requested(self) -> bool:
        return False


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended: the best validation metrics, the epoch they came from (0: its starting point)."""

    best: Metrics
    best_epoch: int
    epochs: int
    seconds: float
    #: The same in processor time, validation included, which other programs on the machine disturb less.
    cpu_seconds: float
    #: "converged" (no better MRR for ``patience`` evaluations), "completed" or "stopped" (asked to, or out of time).
    ended: str


def run_phase(
    name: str,
    *,
    epochs: int,
    eval_every: int,
    patience: int,
    train_epoch: Callable[[int, Callable[[int, int], None]], Values],
    validate: Callable[[], Metrics],
    kept: nn.Module,
    reporter: Reporter,
    deadline: float = math.inf,
    patient_epochs: int = 0,
) -> PhaseResult:
    """Train, validate every ``eval_every`` epochs, leave ``kept`` with its best parameters, the start included.

    Args:
        train_epoch: (epoch, progress(done, total)) -> means of the epoch's losses.
        deadline: ``time.monotonic()`` value after which no further epoch starts.
        patient_epochs: evaluations up to this epoch do not count against ``patience``.
    """
    started, cpu_started = time.monotonic(), time.process_time()
    reporter.start(name, epochs)
    best, best_epoch = validate(), 0
    state = snapshot(kept)
    reporter.epoch(name, 0, {}, best)
    ended, waited, epoch = "completed", 0, 0
    while epoch < epochs:
        if reporter.stop_requested() or time.monotonic() > deadline:
            ended = "stopped"
            break
        epoch += 1
        values = train_epoch(epoch, partial(reporter.step, name, epoch))
        _check_finite(name, epoch, values)
        if epoch % eval_every and epoch < epochs:
            reporter.epoch(name, epoch, values, None)
            continue
        metrics = validate()
        reporter.epoch(name, epoch, values, metrics)
        if metrics.mrr > best.mrr or math.isnan(best.mrr):
            best, best_epoch, waited = metrics, epoch, 0
            state = snapshot(kept)
        else:
            waited += epoch > patient_epochs
            if waited >= patience:
                ended = "converged"
                break
    kept.load_state_dict(state)
    spent = time.monotonic() - started, time.process_time() - cpu_started
    return PhaseResult(best, best_epoch, epoch, *spent, ended)


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's parameters that further training does not touch."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def clip_and_step(optimizer: torch.optim.Optimizer, largest: float) -> None:
    """Bound the gradient's norm, then step: without it the propagation is unstable at useful learning rates."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, largest)
    optimizer.step()


def _check_finite(phase: str, epoch: int, values: Values) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise not_finite(phase, f"epoch {epoch}: {name} became {value}")


#: The settings section of a phase that has none of its own name.
SECTIONS = {"relaxation": "initialisation", "pretrain relaxation": "pretrain"}


def not_finite(phase: str, what: str) -> TrainingError:
    """The error for a training that left the numbers, with the settings that usually help."""
    section = SECTIONS.get(phase, phase)
    clip = "" if section == "initialisation" else f" or a tighter bound on the gradient (--set {section}.clip=...)"
    return TrainingError(f"{phase}, {what}. A lower learning rate (--set {section}.lr=...){clip} usually helps.")
