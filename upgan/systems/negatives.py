"""Learning from sampled negatives: one pool of entities per step, shared by all its queries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from upgan.config.systems.base import TranslationSettings
from upgan.graph.queries import QueryIndex
from upgan.objectives.batches import draw_pool, marked
from upgan.objectives.sampled import log_sums

#: A score that no distance gives, and whose exponential is 0.
LOWEST = -1e30


@dataclass(frozen=True)
class Sample:
    """Distinct queries, all their answers, and a pool of entities in which those are marked."""

    heads: Tensor  # (B,)
    relations: Tensor  # (B,)
    row: Tensor  # (P,) position of the query of each pair
    answer: Tensor  # (P,)
    pool: Tensor  # (N,) entities
    known: Tensor  # (B, N) True where the entity is a known answer of the query
    num_entities: int  # E, of which the pool was drawn


def draw_sample(rows: Tensor, index: QueryIndex, size: int, random: torch.Generator) -> Sample:
    """(B,) rows of the index, with ``size`` entities drawn evenly, without one of them twice."""
    row, answer = index.answers_of(rows)
    pool = draw_pool(index.num_entities, size, random, rows.device)
    known = marked(pool, row, answer, len(rows), index.num_entities)
    return Sample(index.heads[rows], index.relations[rows], row, answer, pool, known, index.num_entities)


def loss_of(positive: Tensor, negative: Tensor, sample: Sample, settings: TranslationSettings) -> Tensor:
    """The loss that the settings name, of the (P,) scores of pairs and the (B, N) of the pool: minus distances."""
    if settings.loss == "self_adversarial":
        return self_adversarial_loss(positive, negative, sample, settings)
    return softmax_loss(positive, negative, sample, whole=settings.loss == "cross_entropy")


def softmax_loss(positive: Tensor, negative: Tensor, sample: Sample, *, whole: bool) -> Tensor:
    """-log softmax of each pair over all entities, a mean over pairs, the sum over those not known estimated.

    As in upgan.objectives.sampled: what the pool holds besides known answers stands for all that is not known. Exact
    where the pool is all entities.

    Args:
        positive: (P,) scores of the pairs, which are all known answers of their queries; negative: (B, N) of the pool.
        whole: a query's other answers are among the entities; False: they are left out.
    """
    answers = torch.bincount(sample.row, minlength=len(negative))
    unknown, drawn = (sample.num_entities - answers).to(negative.dtype), len(sample.pool) - sample.known.sum(1)
    weight = (unknown / drawn.clamp_min(1)).clamp_min(torch.finfo(negative.dtype).tiny)
    # A finite lowest score: where the whole pool is known, infinity would make the gradient not a number.
    masked = negative.masked_fill(sample.known, LOWEST)
    others = torch.logsumexp(masked, dim=1) + torch.log(weight)
    exact = log_sums(positive, sample.row, len(negative)).index_select(0, sample.row) if whole else positive
    return (torch.logaddexp(exact, others.index_select(0, sample.row)) - positive).sum() / max(len(positive), 1)


def self_adversarial_loss(positive: Tensor, negative: Tensor, sample: Sample, settings: TranslationSettings) -> Tensor:
    """Eq. 5 and 6 of Sun et al. (ICLR 2019), a mean over pairs; a query's negatives count once for each of its answers.

    Args:
        positive: (P,) scores of the pairs; negative: (B, N) scores of the pool. A score is minus a distance.
    """
    real = -functional.logsigmoid(settings.margin + positive).mean()
    masked = negative.masked_fill(sample.known, -torch.inf)
    weight = torch.softmax(settings.temperature * masked.detach(), dim=1).nan_to_num()  # nan: the whole pool is known
    fake = -(weight * functional.logsigmoid(-negative - settings.margin)).sum(1)
    pairs = torch.bincount(sample.row, minlength=len(fake)).to(fake.dtype)
    return (real + (fake * pairs).sum() / max(len(sample.row), 1)) / 2
