"""DistMult on the knowledge graph: the vectors both D and G start from (5.2.3)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from upgan.config import InitialisationConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.losses import cubed_norm, one_to_n_cross_entropy
from upgan.model.distmult import DistMult
from upgan.queries import QueryIndex
from upgan.training.loop import PhaseResult, Reporter, Values, run_phase


def train_distmult(
    model: DistMult,
    index: QueryIndex,
    validation: Evaluator,
    config: InitialisationConfig,
    generator: torch.Generator,
    reporter: Reporter,
    deadline: float = math.inf,
) -> PhaseResult:
    """1-N cross-entropy over the distinct training queries, Adam; every answer of a query is a positive."""
    kinds = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}
    optimizer = kinds[config.optimizer](model.parameters(), lr=config.lr)

    def train_epoch(_epoch: int, progress: Callable[[int, int], None]) -> Values:
        order = torch.randperm(len(index), generator=generator, device=generator.device).to(index.heads.device)
        total = torch.zeros((), device=index.heads.device)
        steps = order.split(config.batch)
        for done, rows in enumerate(steps, start=1):
            position, answer = index.answers_of(rows)
            vectors = model.queries(index.heads[rows], index.relations[rows])
            loss = one_to_n_cross_entropy(vectors, model.entity, position, answer, position, answer)
            penalty = config.l2 * embedding_penalty(model, rows, index, answer)
            if config.n3:
                pairs = rows.index_select(0, position)
                penalty = penalty + config.n3 * cubed_norm(
                    model.entity.index_select(0, index.heads[pairs]),
                    model.relation.index_select(0, index.relations[pairs]),
                    model.entity.index_select(0, answer),
                )
            optimizer.zero_grad(set_to_none=True)
            (loss + penalty).backward()
            optimizer.step()
            total += loss.detach()
            progress(done, len(steps))
        return {"loss": float(total) / max(len(steps), 1)}

    def validate() -> Metrics:
        return validation.rank(model.scores).metrics

    return run_phase(
        "initialisation",
        epochs=config.epochs,
        eval_every=config.eval_every,
        patience=config.patience,
        train_epoch=train_epoch,
        validate=validate,
        kept=model,
        reporter=reporter,
        deadline=deadline,
        # A random start stays at the level of chance for a while, for longer where an epoch has few steps.
        patient_epochs=config.min_steps * config.batch // max(len(index), 1),
    )


def embedding_penalty(model: DistMult, rows: torch.Tensor, index: QueryIndex, answer: torch.Tensor) -> torch.Tensor:
    """||theta||^2 / 2 of the vectors this step uses, so that a rarely seen entity is not shrunk at every step."""
    heads = torch.unique(torch.cat([index.heads[rows], answer]))
    relations = torch.unique(index.relations[rows])
    used = model.entity.index_select(0, heads).square().sum() + model.relation.index_select(0, relations).square().sum()
    return used / 2
