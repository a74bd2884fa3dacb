"""Learning from sampled negatives: one pool of entities per step, shared by all its queries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from upgan.queries import QueryIndex
from upgan.system_settings import TranslationSettings


@dataclass(frozen=True)
class Sample:
    """Distinct queries, all their answers, and a pool of entities in which those are marked."""

    heads: Tensor  # (B,)
    relations: Tensor  # (B,)
    row: Tensor  # (P,) position of the query of each pair
    answer: Tensor  # (P,)
    pool: Tensor  # (N,) entities
    known: Tensor  # (B, N) True where the entity is a known answer of the query


def draw_sample(rows: Tensor, index: QueryIndex, size: int, random: torch.Generator) -> Sample:
    """(B,) rows of the index, with ``size`` entities drawn evenly, without one of them twice."""
    row, answer = index.answers_of(rows)
    pool = torch.randperm(index.num_entities, generator=random, device=random.device)[:size].to(rows.device)
    place = torch.full((index.num_entities,), -1, dtype=torch.long, device=rows.device)
    place[pool] = torch.arange(len(pool), device=rows.device)
    found = place.index_select(0, answer)
    known = torch.zeros(len(rows), len(pool), dtype=torch.bool, device=rows.device)
    known[row[found >= 0], found[found >= 0]] = True
    return Sample(index.heads[rows], index.relations[rows], row, answer, pool, known)


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
