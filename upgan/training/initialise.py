"""DistMult or ComplEx on the knowledge graph: the vectors both D and G start from (5.2.3)."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from upgan.config.settings import InitialisationConfig, PretrainConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.graph.queries import QueryIndex
from upgan.model.factorisation import Factorisation
from upgan.model.product import mean_cubed_modulus
from upgan.objectives.batches import draw_candidates, onto, query_order
from upgan.objectives.losses import half_squared_norm, once
from upgan.objectives.optimizers import Squares, accumulated, make_optimizer
from upgan.objectives.sampled import sampled_one_to_n
from upgan.training.loop import PhaseResult, Reporter, run_phase
from upgan.training.state import TrainingState


def train_factorisation(
    model: Factorisation,
    index: QueryIndex,
    validation: Evaluator,
    config: InitialisationConfig,
    generator: torch.Generator,
    reporter: Reporter,
    deadline: float = math.inf,
    *,
    phase: str = "initialisation",
    squares: Squares | None = None,
    state: TrainingState | None = None,
) -> tuple[PhaseResult, Squares]:
    """1-N loss over the distinct training queries; every answer of a query is a positive.

    Also returns the squared gradients that Adagrad accumulated per parameter (empty for Adam), with which a further
    training (``squares``) goes on from here instead of starting over with large steps.
    """
    optimizer = make_optimizer(model, config.optimizer, config.lr, squares)
    team = None if state is None else state.team
    host, device = index.to("cpu"), index.heads.device

    def step(rows: Tensor) -> dict[str, Tensor]:
        whole = own, position, answer = _answers(host, rows, device)
        penalty_share = loss_share = 1.0
        if team is not None:
            first, last = team.share(len(rows))
            own, position, answer = _answers(host, rows[first:last], device)
            penalty_share, loss_share = 1.0 / team.size, len(answer) / max(len(whole[2]), 1)
        vectors = model.queries(index.heads[own], index.relations[own])
        pool = draw_candidates(config.candidates, len(model.entity), generator, device)
        asked = position, answer, position, answer
        loss = sampled_one_to_n(config.loss, pool, vectors, model.entity, *asked, precision=config.precision)
        penalty = regularisation(model, whole[0], index, *whole[1:], config)
        if team is not None:
            loss, penalty = loss * loss_share, penalty * penalty_share
        optimizer.zero_grad(set_to_none=True)
        (loss + penalty).backward()
        told = {"loss": loss.detach()} if team is None else team.sum_gradients(optimizer, {"loss": loss.detach()})
        optimizer.step()
        return told

    result = run_phase(
        phase,
        epochs=config.epochs,
        eval_every=config.eval_every,
        patience=config.patience,
        draw=lambda: query_order(host, generator),
        batch=config.batch,
        step=step,
        validate=lambda: validation.rank(model.scores, lambda *_: reporter.beat()).metrics,
        kept=model,
        reporter=reporter,
        deadline=deadline,
        # A random start stays at the level of chance for a while, for longer where an epoch has few steps.
        patient_epochs=0 if squares else config.min_steps * config.batch // max(len(index), 1),
        state=state,
        optimizers={"model": optimizer},
    )
    return result, accumulated(model, optimizer)


def _answers(host: QueryIndex, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, and position and answer of their known answers, on ``device``; how many, it would have to tell the host."""
    rows = rows.cpu()
    position, answer = host.answers_of(rows)
    return onto(rows, device), onto(position, device), onto(answer, device)


Phase = TypeVar("Phase", InitialisationConfig, PretrainConfig)


def relaxed(config: Phase) -> Phase:
    """The settings of the relaxation after a phase: half the N3 weight, from its best state on.

    The best weight differs between data (0.1 or 0.05 on those tried), and too small a one overfits from the start. From
    the best state of the larger one a few epochs tell; the phase keeps them only where validation is better.
    """
    return config.model_copy(update={"n3": config.n3 / 2, "epochs": config.relax_epochs})


def regularisation(
    model: Factorisation,
    rows: Tensor,
    index: QueryIndex,
    position: Tensor,
    answer: Tensor,
    config: InitialisationConfig,
) -> Tensor:
    """What the settings add to the loss of the queries at ``rows``: L2, and N3 of every (query, answer) pair."""
    penalty = model.entity.new_zeros(())
    if config.l2:  # its gradient is a table of all entities, also where it is one of zeros
        penalty = config.l2 * embedding_penalty(model, rows, index, answer)
    if not config.n3:
        return penalty
    pairs = rows.index_select(0, position)
    return penalty + config.n3 * mean_cubed_modulus(
        model.product,
        model.entity.index_select(0, index.heads[pairs]),
        model.relation.index_select(0, index.relations[pairs]),
        model.entity.index_select(0, answer),
    )


def embedding_penalty(model: Factorisation, rows: Tensor, index: QueryIndex, answer: Tensor) -> Tensor:
    """||theta||^2 / 2 of the vectors this step uses, so that a rarely seen entity is not shrunk at every step."""
    heads = torch.cat([index.heads[rows], answer])
    return half_squared_norm([once(model.entity, heads), once(model.relation, index.relations[rows])])
