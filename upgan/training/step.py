"""One training step's view of the discriminator, shared by pre-training and the adversarial phase."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from upgan.graph.layered import LayeredGraph
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import AnyDiscriminator
from upgan.model.discriminator import Discriminator, QueryVectors
from upgan.model.product import mean_cubed_modulus
from upgan.objectives.batches import Batch
from upgan.objectives.losses import once


@dataclass(frozen=True)
class Step:
    """A batch as the discriminator sees it in one step: scores are queries . table."""

    queries: QueryVectors
    #: (E, D) vectors of every candidate.
    table: Tensor
    #: (E, W) p of every entity, where the score reads the candidates' users too.
    preferences: Tensor | None = None

    def part(self, first: int, last: int) -> Step:
        """The queries first .. last against all candidates."""
        queries = QueryVectors(self.queries.vector[first:last], self.queries.offset[first:last])
        return Step(queries, self.table, self.preferences)


def step_view(model: AnyDiscriminator, graph: LayeredGraph, batch: Batch, random: torch.Generator) -> Step:
    """The batch's queries and all candidates, with the gradient, none of the batch's own edges in the graph.

    The bilinear form walks no triple at all, so that there is nothing to take out.
    """
    if isinstance(model, BilinearDiscriminator):
        preferences = model.preferences(graph)
        queries = model.queries(batch.heads, batch.relations, preferences)
        return Step(queries, model.table(preferences), preferences)
    return Step(batch_queries(model, graph, batch, random), model.entity)


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
    return unread.index_copy_(0, items, (chance < share).to(items.device))


def batch_mask(graph: LayeredGraph, batch: Batch) -> Tensor:
    """(T,) True for the training triples of the batch."""
    masked = torch.zeros(graph.num_triples, dtype=torch.bool, device=batch.triples.device)
    return masked.index_fill_(0, batch.triples, True)


def pair_norm(model: AnyDiscriminator, batch: Batch, step: Step) -> Tensor:
    """N3 of every factor of the score, pair by pair, so that frequent entities are held more than rare ones.

    In the bilinear form p is a factor like the others: without its part it would escape the regularisation.
    """
    heads, relations = batch.heads[batch.row], batch.relations[batch.row]
    factors = [
        model.entity.index_select(0, heads),
        model.relation.index_select(0, relations),
        model.entity.index_select(0, batch.answer),
    ]
    if isinstance(model, BilinearDiscriminator) and step.preferences is not None:
        factors += [
            step.preferences.index_select(0, heads),
            model.target_relation.index_select(0, relations),
            step.preferences.index_select(0, batch.answer),
            model.answer_relation.index_select(0, relations),
        ]
    return mean_cubed_modulus(model.config.product, *factors)


def used_parameters(model: AnyDiscriminator, batch: Batch) -> list[Tensor]:
    """theta_D as this step uses it: the entities and relations of the batch, and every matrix."""
    relations = batch.relations
    used = [once(model.entity, torch.cat([batch.heads, batch.answer])), once(model.relation, relations)]
    if isinstance(model, BilinearDiscriminator):
        return [
            *used,
            once(model.target_relation, relations),
            once(model.answer_relation, relations),
        ]
    propagation = model.propagation
    return [
        *used,
        *(model.w1, model.b1, model.w2, model.b2),
        *(propagation.own, propagation.relation, propagation.attention, propagation.user),
    ]
