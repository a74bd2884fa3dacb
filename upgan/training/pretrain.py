"""The discriminator alone, before the adversarial phase (4.5): every answer against all entities."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from upgan.config.settings import PretrainConfig
from upgan.evaluation.metrics import Metrics
from upgan.graph.layered import LayeredGraph
from upgan.model.build import AnyDiscriminator
from upgan.objectives.batches import Batch, Sampler, draw_candidates
from upgan.objectives.losses import half_squared_norm
from upgan.objectives.optimizers import Squares, accumulated, make_optimizer
from upgan.objectives.sampled import sampled_one_to_n
from upgan.training.loop import PhaseResult, Reporter, clip_and_step, run_phase
from upgan.training.state import TrainingState
from upgan.training.step import Step, pair_norm, step_view, used_parameters


def pretrain_discriminator(
    model: AnyDiscriminator,
    graph: LayeredGraph,
    sampler: Sampler,
    validate: Callable[[], Metrics],
    config: PretrainConfig,
    reporter: Reporter,
    deadline: float = math.inf,
    *,
    phase: str = "pretrain",
    squares: Squares | None = None,
    state: TrainingState | None = None,
) -> tuple[PhaseResult, Squares]:
    """1-N loss through the score and its propagation; ``squares`` are what Adagrad goes on from, and what it leaves."""
    optimizer = make_optimizer(model, config.optimizer, config.lr, squares)
    team = None if state is None else state.team

    def step(rows: Tensor) -> dict[str, Tensor]:
        batch = sampler.batch(rows)
        view = step_view(model, graph, batch, sampler.generator)
        pool = draw_candidates(config.candidates, len(model.entity), sampler.generator, batch.heads.device)
        if team is None:
            loss = pretrain_loss(view, batch, config, pool)
        else:
            first, last = team.share(len(batch.heads))
            own = batch.part(first, last)
            loss = pretrain_loss(view.part(first, last), own, config, pool) * (
                len(own.answer) / max(len(batch.answer), 1)
            )
        penalty = config.l2 * half_squared_norm(used_parameters(model, batch))
        if config.n3:
            penalty = penalty + config.n3 * pair_norm(model, batch, view)
        if team is not None:
            penalty = penalty / team.size
        optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        told = {"loss": loss.detach()}
        if team is not None:
            told = team.sum_gradients(optimizer, told)
        clip_and_step(optimizer, config.clip)
        model.constrain()
        return told

    result = run_phase(
        phase,
        epochs=config.epochs,
        eval_every=config.eval_every,
        patience=config.patience,
        draw=sampler.order,
        batch=sampler.size,
        step=step,
        validate=validate,
        kept=model,
        reporter=reporter,
        deadline=deadline,
        state=state,
        optimizers={"discriminator": optimizer},
    )
    return result, accumulated(model, optimizer)


def pretrain_loss(step: Step, batch: Batch, config: PretrainConfig, pool: Tensor | None = None) -> Tensor:
    """Mean loss of a batch's answers against all entities, or against those of a ``pool`` (N,)."""
    vector, table = step.queries.vector, step.table
    if config.loss == "bce":  # a softmax does not feel the offset, a sigmoid does
        vector = torch.cat([vector, step.queries.offset.unsqueeze(1)], dim=1)
        table = torch.cat([table, table.new_ones(len(table), 1)], dim=1)
    pairs = batch.row, batch.answer, batch.known_row, batch.known
    return sampled_one_to_n(config.loss, pool, vector, table, *pairs, precision=config.precision)
