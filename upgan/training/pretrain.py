"""The discriminator alone, before the adversarial phase (4.5): every answer against all entities."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from upgan.config import PretrainConfig
from upgan.evaluation.metrics import Metrics
from upgan.graph import LayeredGraph
from upgan.losses import half_squared_norm, one_to_n_cross_entropy
from upgan.model.discriminator import Discriminator
from upgan.queries import Batch, BatchSampler
from upgan.training.loop import PhaseResult, Reporter, Values, clip_and_step, run_phase
from upgan.training.step import batch_queries, pair_norm, used_parameters


def pretrain_discriminator(
    model: Discriminator,
    graph: LayeredGraph,
    sampler: BatchSampler,
    validate: Callable[[], Metrics],
    config: PretrainConfig,
    reporter: Reporter,
    deadline: float = math.inf,
) -> PhaseResult:
    """1-N cross-entropy through Eq. 7 and both propagation stages, Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)

    def train_epoch(_epoch: int, progress: Callable[[int, int], None]) -> Values:
        total = torch.zeros((), device=model.entity.device)
        for done, batch in enumerate(sampler, start=1):
            loss = pretrain_loss(model, graph, batch, sampler.generator)
            penalty = config.l2 * half_squared_norm(used_parameters(model, batch))
            if config.n3:
                penalty = penalty + config.n3 * pair_norm(model, batch)
            optimizer.zero_grad(set_to_none=True)
            (loss + penalty).backward()
            clip_and_step(optimizer, config.clip)
            model.constrain()
            total += loss.detach()
            progress(done, len(sampler))
        return {"loss": float(total) / max(len(sampler), 1)}

    return run_phase(
        "pretrain",
        epochs=config.epochs,
        eval_every=config.eval_every,
        patience=config.patience,
        train_epoch=train_epoch,
        validate=validate,
        kept=model,
        reporter=reporter,
        deadline=deadline,
    )


def pretrain_loss(model: Discriminator, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> Tensor:
    """Mean cross-entropy of a batch's answers against all entities."""
    queries = batch_queries(model, graph, batch, random)
    return one_to_n_cross_entropy(queries.vector, model.entity, batch.row, batch.answer, batch.known_row, batch.known)
