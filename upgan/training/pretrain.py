"""The discriminator alone, before the adversarial phase (4.5): every answer against all entities."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from upgan.config.sections import PretrainConfig
from upgan.evaluation.evaluator import Scorer
from upgan.graph.layered import LayeredGraph
from upgan.model.excerpt import excerpted
from upgan.model.generator import Generator
from upgan.model.guided import AnyDiscriminator, View
from upgan.objectives.batches import Batch, Drawn, Sampler
from upgan.objectives.losses import half_squared_norm
from upgan.objectives.optimizers import Squares, make_optimizer
from upgan.objectives.phase import Phase
from upgan.objectives.sampled import sampled_one_to_n
from upgan.training.candidates import Candidates
from upgan.training.team import Team


def pretraining(
    model: AnyDiscriminator,
    graph: LayeredGraph,
    sampler: Sampler,
    config: PretrainConfig,
    scores: Callable[[], Scorer],
    *,
    name: str = "pretrain",
    squares: Squares | None = None,
    team: Team | None = None,
    generator: Generator | None = None,
) -> Phase:
    """1-N loss through the score and its propagation; ``squares`` are what Adagrad goes on from.

    ``generator``: who proposes the candidates, where the settings say so.
    """
    team = team or Team()
    excerpts = model.excerpts and excerpted(config.candidates, model.entity)
    by_rows = excerpts and config.optimizer == "adagrad"
    optimizer = make_optimizer(model, config.optimizer, config.lr, squares, by_rows=by_rows)

    candidates = Candidates(config, sampler.index, sampler.generator, sampler.device, generator)

    def step(rows: Tensor) -> dict[str, Tensor]:
        batch = sampler.batch(rows)
        if excerpts:
            drawn = candidates.draw(batch)
            assert drawn is not None
            part, batch, places, view = model.excerpt(graph, batch, drawn.entities, by_rows)
            drawn = drawn._replace(entities=places)
        else:
            part, view = model, model.view(graph, batch, sampler.generator)
            drawn = candidates.draw(batch)
        first, last = team.share(len(batch.heads))
        own = batch.part(first, last)
        loss = pretrain_loss(view.part(first, last), own, config, drawn, len(model.entity))
        loss = loss * (len(own.answer) / max(len(batch.answer), 1))
        penalty = config.l2 * half_squared_norm(part.used_parameters(batch))
        if config.n3:
            penalty = penalty + config.n3 * part.pair_norm(batch, view)
        losses = team.descend(optimizer, loss + penalty / team.size, {"loss": loss}, config.clip)
        model.constrain()
        return losses

    return Phase(
        name=name,
        settings=config,
        draw=sampler.order,
        batch=sampler.size,
        steps=len(sampler),
        step=step,
        optimizers={"discriminator": optimizer},
        kept=model,
        scores=scores,
    )


def pretrain_loss(
    view: View, batch: Batch, config: PretrainConfig, drawn: Drawn | None = None, num_entities: int = 0
) -> Tensor:
    """Mean loss of a batch's answers against all entities, or against the ``drawn`` ones.

    ``num_entities``: E where the view has an excerpt of them.
    """
    vector, table = view.queries.vector, view.table
    if config.loss == "bce":  # a softmax does not feel the offset, a sigmoid does
        vector = torch.cat([vector, view.queries.offset.unsqueeze(1)], dim=1)
        table = torch.cat([table, table.new_ones(len(table), 1)], dim=1)
    pairs = batch.row, batch.answer, batch.known_row, batch.known
    return sampled_one_to_n(
        config.loss, drawn, vector, table, *pairs, precision=config.precision, num_entities=num_entities
    )
