"""DistMult or ComplEx on the knowledge graph: the vectors both D and G start from (5.2.3)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from upgan.config.sections import InitialisationConfig
from upgan.graph.queries import QueryIndex
from upgan.model.excerpt import Excerpt, excerpted, reading
from upgan.model.factorisation import Factorisation
from upgan.model.product import mean_cubed_modulus
from upgan.objectives.batches import onto, query_order
from upgan.objectives.losses import half_squared_norm, once
from upgan.objectives.optimizers import Squares, make_optimizer
from upgan.objectives.phase import Phase
from upgan.objectives.sampled import sampled_one_to_n
from upgan.training.candidates import Candidates
from upgan.training.team import Team


def initialisation(
    model: Factorisation,
    index: QueryIndex,
    config: InitialisationConfig,
    random: torch.Generator,
    *,
    name: str = "initialisation",
    squares: Squares | None = None,
    team: Team | None = None,
) -> Phase:
    """1-N loss over the distinct training queries; every answer of a query is a positive.

    ``squares`` are the squared gradients that Adagrad accumulated per parameter in another training: with them this one
    goes on from there instead of starting over with large steps.
    """
    team = team or Team()
    by_rows = config.optimizer == "adagrad" and excerpted(config.candidates, model.entity)
    optimizer = make_optimizer(model, config.optimizer, config.lr, squares, by_rows=by_rows)
    host, device = index.to("cpu"), index.heads.device
    candidates = Candidates(config, index, random, device)

    def step(drawn: Tensor) -> dict[str, Tensor]:
        first, last = team.share(len(drawn))
        rows, position, answer, pairs = _answers(host, drawn, first, last, device)
        heads, relations, part = index.heads[rows], index.relations[rows], model
        offered = candidates.draw()
        entities = len(model.entity)
        if offered is not None and excerpted(config.candidates, model.entity):
            excerpt = Excerpt.of(entities, heads, answer, offered.entities)
            heads, answer = excerpt.place(heads), excerpt.place(answer)
            offered = offered._replace(entities=excerpt.place(offered.entities))
            part = reading(model, excerpt.vectors(model.entity, by_rows))
        vectors = part.queries(heads[first:last], relations[first:last])
        known = position[pairs] - first, answer[pairs]
        asked = config.loss, offered, vectors, part.entity, *known, *known
        loss = sampled_one_to_n(*asked, precision=config.precision, num_entities=entities)
        loss = loss * (len(known[1]) / max(len(answer), 1))
        penalty = regularisation(part, heads, relations, position, answer, config) / team.size
        return team.descend(optimizer, loss + penalty, {"loss": loss})

    return Phase(
        name=name,
        settings=config,
        draw=lambda: query_order(host, random),
        batch=config.batch,
        steps=-(-len(index) // config.batch),
        step=step,
        optimizers={"model": optimizer},
        kept=model,
        scores=lambda: model.scores,
        # A random start stays at the level of chance for a while, for longer where an epoch has few steps.
        patient_epochs=0 if squares else config.min_steps * config.batch // max(len(index), 1),
    )


def _answers(
    host: QueryIndex, rows: Tensor, first: int, last: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, slice]:
    """Rows, position and answer of their known answers on ``device``, and where the answers of first .. last are.

    How many there are, the device would have to tell the host: so they are looked up on it.
    """
    rows = rows.cpu()
    position, answer = host.answers_of(rows)  # by ascending position
    pairs = slice(*np.searchsorted(position.numpy(), [first, last]).tolist())
    return onto(rows, device), onto(position, device), onto(answer, device), pairs


def regularisation(
    model: Factorisation,
    heads: Tensor,
    relations: Tensor,
    position: Tensor,
    answer: Tensor,
    config: InitialisationConfig,
) -> Tensor:
    """What the settings add to the loss of (B,) queries: L2, and N3 of every (query, answer) pair.

    L2 is ||theta||^2 / 2 of the vectors this step uses, so that a rarely seen entity is not shrunk at every step.
    """
    penalty = model.entity.new_zeros(())
    if config.l2:  # its gradient is a table of all entities, also where it is one of zeros
        vectors = once(model.entity, torch.cat([heads, answer]))
        penalty = config.l2 * half_squared_norm([vectors, once(model.relation, relations)])
    if not config.n3:
        return penalty
    return penalty + config.n3 * mean_cubed_modulus(
        model.product,
        model.entity.index_select(0, heads.index_select(0, position)),
        model.relation.index_select(0, relations.index_select(0, position)),
        model.entity.index_select(0, answer),
    )
