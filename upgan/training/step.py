"""One training step's view of the discriminator: what upgan.model.guided offers, as functions."""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.graph.layered import LayeredGraph
from upgan.model.discriminator import Discriminator
from upgan.model.discriminator import batch_mask as batch_mask
from upgan.model.guided import AnyDiscriminator, QueryVectors, View
from upgan.objectives.batches import Batch

Step = View


def step_view(model: AnyDiscriminator, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> Step:
    return model.view(graph, batch, random)


def batch_queries(model: Discriminator, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> QueryVectors:
    return model.batch_queries(graph, batch, random)


def dropped_items(model: Discriminator, graph: LayeredGraph, random: torch.Generator) -> Tensor | None:
    return model.dropped_items(graph, random)


def pair_norm(model: AnyDiscriminator, batch: Batch, step: Step) -> Tensor:
    return model.pair_norm(batch, step)


def used_parameters(model: AnyDiscriminator, batch: Batch) -> list[Tensor]:
    return model.used_parameters(batch)
