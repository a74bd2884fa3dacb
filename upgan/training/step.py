"""One training step's view of the discriminator, shared by pre-training and the adversarial phase."""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.graph import LayeredGraph
from upgan.losses import cubed_norm
from upgan.model.discriminator import Discriminator, QueryVectors
from upgan.queries import Batch


def batch_queries(model: Discriminator, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> QueryVectors:
    """The batch's query vectors as a training step sees them: its own edges are out of the graph, and a share of the
    items is unknown where the settings say so (``ModelConfig.item_dropout``)."""
    unread = dropped_items(model, graph, random)
    preference = model.preference(graph, batch.heads, batch_mask(graph, batch), unread)
    kg_kept = None if unread is None else (~unread).to(model.entity.dtype).index_select(0, batch.heads)
    return model.queries(batch.heads, batch.relations, preference, kg_kept)


def dropped_items(model: Discriminator, graph: LayeredGraph, random: torch.Generator) -> Tensor | None:
    """(E,) the items (entities of layer 1) that one step treats as unknown; None without item dropout."""
    share = model.config.item_dropout
    if not share or not model.config.use_users or graph.num_reachable == 0:
        return None
    items = graph.layers[1]
    chance = torch.rand(len(items), generator=random, device=random.device)
    unread = torch.zeros(len(model.entity), dtype=torch.bool, device=items.device)
    unread[items[(chance < share).to(items.device)]] = True
    return unread


def batch_mask(graph: LayeredGraph, batch: Batch) -> Tensor:
    """(T,) True for the training triples of the batch."""
    masked = torch.zeros(graph.num_triples, dtype=torch.bool, device=batch.triples.device)
    masked[batch.triples] = True
    return masked


def pair_norm(model: Discriminator, batch: Batch) -> Tensor:
    """N3 of the KG vectors, pair by pair, so that frequent entities are held more than rare ones."""
    return cubed_norm(
        model.entity.index_select(0, batch.heads[batch.row]),
        model.relation.index_select(0, batch.relations[batch.row]),
        model.entity.index_select(0, batch.answer),
    )


def used_parameters(model: Discriminator, batch: Batch) -> list[Tensor]:
    """theta_D as this step uses it: the entities and relations of the batch, and every matrix."""
    entities = torch.unique(torch.cat([batch.heads, batch.answer]))
    relations = torch.unique(batch.relations)
    propagation = model.propagation
    return [
        model.entity.index_select(0, entities),
        model.relation.index_select(0, relations),
        *(model.w1, model.b1, model.w2, model.b2),
        *(propagation.own, propagation.relation, propagation.attention, propagation.user),
    ]
