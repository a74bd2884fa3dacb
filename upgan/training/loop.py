"""The shape every training phase shares: epochs, validation, early stopping, the best state kept."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from upgan.config.phases import PlannedPhase
from upgan.errors import TrainingError
from upgan.evaluation.evaluator import Evaluator, Scorer
from upgan.evaluation.metrics import Metrics
from upgan.objectives.phase import Phase
from upgan.training.state import PhaseState, TrainingState

#: What PyTorch's allocators say in a plain RuntimeError.
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "cannot allocate memory")

Values = Mapping[str, float]


class Reporter:
    """Who is told how training goes: a progress bar, metrics.jsonl, status.json. As it is here, nobody."""

    def start(self, phase: str, epochs: int) -> None:
        """A phase of at most so many epochs begins."""

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        """``done`` of ``total`` mini-batches of an epoch are finished."""

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None:
        """An epoch is over, with the means of its losses; 0: the evaluation before the first."""

    def beat(self) -> None:
        """Training is alive: called now and then during long evaluations."""

    def log(self, text: str) -> None:
        """A line for the log."""

    def pin(self, epoch: int, line: dict[str, Any]) -> None:
        """Where a pinned query stands after an evaluation (upgan.experiment.pinned)."""


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


@dataclass(kw_only=True)
class Context:
    """What all phases of a training share: who judges it, the state that they change, who is told, when time is up."""

    validation: Evaluator
    state: TrainingState = field(default_factory=lambda: TrainingState(torch.Generator()))
    reporter: Reporter = field(default_factory=Reporter)
    #: ``time.monotonic()`` value after which no further step is taken; what was trained so far is judged.
    deadline: float = math.inf

    def begin(
        self,
        name: str,
        epochs: int,
        optimizers: Mapping[str, torch.optim.Optimizer] | None = None,
        patient_epochs: int = 0,
    ) -> PhaseState:
        """A new phase, or one that is taken up where the checkpoint was taken."""
        at = self.state.enter(name, optimizers, patient_epochs)
        self.state.team.align_modules(self.state.modules.values())
        self.reporter.start(name, epochs)
        self.state.keeper.between_steps(self.state)
        return at

    def rank(self, scores: Scorer) -> Metrics:
        """How well the scores rank the validation queries."""
        return self.validation.rank(scores, lambda *_: self.reporter.beat()).metrics

    def report(self, at: PhaseState, epoch: int, values: Values, metrics: Metrics | None) -> None:
        """Say that an epoch of the phase is over."""
        self.reporter.epoch(at.name, epoch, values, metrics)

    def out_of_time(self) -> bool:
        """Whether the time is over; of several workers all say the same."""
        late = time.monotonic() > self.deadline
        return late if math.isinf(self.deadline) else self.state.team.agreed(late)

    def end(self, at: PhaseState) -> PhaseResult:
        """Save a phase that is over."""
        assert at.best is not None
        self.state.keeper.save(self.state)
        return PhaseResult(at.best, at.best_epoch, at.epoch, at.clock.seconds, at.clock.cpu_seconds, at.ended)


def run_phase(phase: Phase, context: Context) -> PhaseResult:
    """Train, validate every ``eval_every`` epochs, leave ``kept`` with its best parameters, the start included."""
    epochs, patience = phase.settings.epochs, phase.settings.patience
    at = context.begin(phase.name, epochs, phase.optimizers, phase.patient_epochs)
    if at.best is None:
        _judge(at, _validate(phase, context), phase.kept, patience)
        context.report(at, 0, {}, at.best)
    while not at.ended:
        if at.order is None:  # between two epochs
            if at.epoch >= epochs or context.out_of_time():
                at.ended = "completed" if at.epoch >= epochs else "stopped"
                break
            at.order = phase.draw()
        values, late = _rest_of_epoch(at, phase, context)
        whole = at.done * phase.batch >= len(at.order)
        at.epoch, at.order, at.done, at.totals = at.epoch + 1, None, 0, {}
        metrics = None
        if at.epoch % phase.settings.eval_every == 0 or at.epoch >= epochs or late:
            metrics = _validate(phase, context)
            _judge(at, metrics, phase.kept, patience)
        if late and not at.ended:
            at.ended = "completed" if whole and at.epoch >= epochs else "stopped"
        context.report(at, at.epoch, values, metrics)
        context.state.keeper.between_steps(context.state)
    if at.best_weights:
        phase.kept.load_state_dict(at.best_weights)
        at.best_weights = {}
    phase.kept.eval()
    return context.end(at)


def _rest_of_epoch(at: PhaseState, phase: Phase, context: Context) -> tuple[Values, bool]:
    """Train on the mini-batches of the epoch that are left, or as many as the deadline allows.

    Returns the means of all its losses, and whether the time is over. An epoch that it cuts short counts as one.
    """
    assert at.order is not None
    parts, late = at.order.split(phase.batch), False
    while at.done < len(parts) and not late:
        for name, value in _step(phase, parts[at.done], context).items():
            at.totals[name] = at.totals.get(name, torch.zeros_like(value)) + value
        at.done += 1
        context.state.step += 1
        _check_finite(at, len(parts), context.state.under_way)
        context.reporter.step(at.name, at.epoch + 1, at.done, len(parts))
        context.state.keeper.between_steps(context.state)
        late = context.out_of_time()
    return {name: float(total) / at.done for name, total in at.totals.items()}, late


def _step(phase: Phase, rows: Tensor, context: Context) -> Mapping[str, Tensor]:
    """One step; where it fails because the parameters are no numbers any more, say so."""
    try:
        return phase.step(rows)
    except RuntimeError:
        for name, optimizer in phase.optimizers.items():
            parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
            if not all(bool(torch.isfinite(parameter).all()) for parameter in parameters):
                what = f"{phase.name}: the {name}'s parameters became NaN"
                raise not_finite(what, context.state.under_way) from None
        raise


def _validate(phase: Phase, context: Context) -> Metrics:
    """How good the parameters are now; what is random in a step (dropout) is not in an evaluation."""
    phase.kept.eval()
    metrics = context.rank(phase.scores())
    phase.kept.train()
    return metrics


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


def _check_finite(at: PhaseState, steps: int, planned: PlannedPhase | None) -> None:
    """Raise TrainingError at the first loss that is no number; a GPU, which would wait, is asked once an epoch."""
    for name, total in at.totals.items():
        if (total.device.type == "cpu" or at.done == steps) and not math.isfinite(float(total)):
            where = f"{at.name}, epoch {at.epoch + 1}, step {at.done} of {steps}"
            raise not_finite(f"{where}: {name} became {float(total)}", planned)


def not_finite(what: str, planned: PlannedPhase | None) -> TrainingError:
    """The error for a training that left the numbers, with the settings of its phase that usually help."""
    rate, clip = (None, None) if planned is None else (planned.key("lr"), planned.key("clip"))
    advice = "" if rate is None else f" (--set {rate}=...)"
    advice += "" if clip is None else f" or a tighter bound on the gradient (--set {clip}=...)"
    return TrainingError(f"{what}. A lower learning rate{advice} usually helps.")


def out_of_memory(error: BaseException, planned: PlannedPhase | None) -> TrainingError | None:
    """The error with the phase's settings that need less memory, where ``error`` says that there was too little."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not known and not (isinstance(error, RuntimeError) and any(word in str(error).lower() for word in NO_MEMORY)):
        return None
    batch, pool = (None, None) if planned is None else (planned.key("batch"), planned.key("n_c"))
    smaller = "smaller batches" if batch is None else f"a smaller batch (--set {batch}=...)"
    smaller += "" if pool is None else f" or candidate pool (--set {pool}=...)"
    return TrainingError(
        f"out of memory{'' if planned is None else f' in {planned.name}'}: {smaller} or shorter vectors "
        "(--set model.dim=...) need less, in a new run; with more memory free, `upgan resume` goes on with this one"
    )
