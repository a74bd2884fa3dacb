"""A phase of a compared system in the shape that all phases share."""

from __future__ import annotations

import math

from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.systems.base import Learning
from upgan.training.loop import PhaseResult, Reporter, run_phase
from upgan.training.state import TrainingState


def run_learning(
    phase: str,
    learning: Learning,
    validation: Evaluator,
    reporter: Reporter,
    deadline: float = math.inf,
    *,
    state: TrainingState | None = None,
) -> PhaseResult:
    """Train until validation gets no better; the best parameters of ``learning.kept`` are left in it."""

    def validate() -> Metrics:
        learning.kept.eval()
        found = validation.rank(learning.answerer(), lambda *_: reporter.beat()).metrics
        learning.kept.train()
        return found

    settings = learning.settings
    result = run_phase(
        phase,
        epochs=settings.epochs,
        eval_every=settings.eval_every,
        patience=settings.patience,
        draw=learning.draw,
        batch=settings.batch,
        step=learning.step,
        validate=validate,
        kept=learning.kept,
        reporter=reporter,
        deadline=deadline,
        patient_epochs=learning.patient_epochs,
        state=state,
        optimizers=learning.optimizers,
    )
    learning.kept.eval()
    return result
