"""Systems that translate heads to tails and may learn from interactions besides, on vectors that both tasks use.

W is the length of a vector.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.systems.base import TranslationSettings
from upgan.graph.observed import Seen
from upgan.graph.queries import QueryIndex
from upgan.objectives.losses import half_squared_norm, once
from upgan.objectives.phase import Phase
from upgan.systems.base import Objective, System
from upgan.systems.negatives import Sample, draw_sample, loss_of


class Pairs(NamedTuple):
    """Interactions, each beside an item that the user has no interaction with."""

    user: Tensor  # (N,)
    item: Tensor  # (N,) places in Interactions.entity
    other: Tensor  # (N,) places in Interactions.entity


class Interactions(nn.Module):
    """Who has what: (M,) users and items, an item being a place in ``entity`` (I,)."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        entity, items = torch.unique(seen.interactions[:, 1], return_inverse=True)
        key = torch.unique(seen.interactions[:, 0] * max(len(entity), 1) + items)
        for name, value in (("users", seen.interactions[:, 0]), ("items", items), ("entity", entity), ("key", key)):
            self.register_buffer(name, value, persistent=False)

    users: Tensor
    items: Tensor
    entity: Tensor
    key: Tensor  # ascending: user * I + item

    def __len__(self) -> int:
        return len(self.users)

    def has(self, users: Tensor, items: Tensor) -> Tensor:
        """(N,) whether the user has the item."""
        key = users * len(self.entity) + items
        place = torch.searchsorted(self.key, key).clamp_(max=len(self.key) - 1)
        return self.key.index_select(0, place) == key

    def draw(self, size: int, random: torch.Generator) -> Pairs:
        """``size`` interactions with an item drawn evenly; those where the user has it too are left out."""
        row = torch.randint(len(self), (size,), generator=random, device=random.device).to(self.users.device)
        other = torch.randint(len(self.entity), (size,), generator=random, device=random.device).to(row.device)
        user, item = self.users[row], self.items[row]
        kept = ~self.has(user, other)
        return Pairs(user[kept], item[kept], other[kept])


def bpr_loss(better: Tensor, worse: Tensor) -> Tensor:
    """Rendle et al. (UAI 2009), negated: -log sigmoid of (N,) differences, a mean; 0 for none."""
    return -functional.logsigmoid(better - worse).sum() / max(len(better), 1)


class JointSystem(System):
    """Completion by the loss that the settings name, over a shared pool of negatives, plus what ``others`` adds."""

    settings: TranslationSettings
    entity: nn.Parameter  # (E, W)

    @abstractmethod
    def scored(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """(P,) scores of the pairs and (B, N) of the pool: minus distances."""

    def others(self, random: torch.Generator) -> Mapping[str, Tensor]:
        """The losses of a step besides that of completion, weighted."""
        return {}

    def phase(self, name: str, index: QueryIndex, random: torch.Generator) -> Phase:
        settings = self.settings

        def objective(rows: Tensor) -> Objective:
            sample = draw_sample(rows, index, settings.negatives, random)
            losses = {"loss": loss_of(*self.scored(sample), sample, settings), **self.others(random)}
            total = torch.stack(list(losses.values())).sum()
            if settings.l2:
                used = [once(self.entity, torch.cat([sample.heads, sample.answer]))]
                total = total + settings.l2 * half_squared_norm(used)
            return losses, total

        return self.phase_by_queries(name, settings, index, random, objective)


class TranslationSystem(JointSystem):
    """A relation takes the head to a point, and an answer is as good as it is near."""

    num_relations: int
    #: (R, ...): <?, r, t> goes the way of r back.
    relation: nn.Parameter

    @abstractmethod
    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, W) where the answer should be."""

    @abstractmethod
    def distances(self, query: Tensor, table: Tensor) -> Tensor:
        """(B, W) points, (N, W) entities -> (B, N), with a gradient."""

    @abstractmethod
    def lengths(self, apart: Tensor) -> Tensor:
        """(P, W) differences -> (P,) distances."""

    def directed(self, relations: Tensor) -> Tensor:
        """(B,) relations (0 .. 2R-1) -> (B, ...) parameters of r, or minus those for an inverse relation."""
        sign = torch.where(relations < self.num_relations, 1.0, -1.0).to(self.relation.dtype)
        return self.relation.index_select(0, relations % max(self.num_relations, 1)) * sign.unsqueeze(1)

    def scored(self, sample: Sample) -> tuple[Tensor, Tensor]:
        query = self.queries(sample.heads, sample.relations)
        apart = query.index_select(0, sample.row) - self.entity.index_select(0, sample.answer)
        return -self.lengths(apart), -self.distances(query, self.entity.index_select(0, sample.pool))
