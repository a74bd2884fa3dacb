"""CoFM (Piao and Breslin, ESWC 2018): recommendation and completion factorised together.

Recommendation is a factorisation machine (Rendle, ICDM 2010, Eq. 1) over the one-hot user and item, learned by BPR:

    y(u, i) = w_0 + w_u + w_i + <v_u, v_i>

w_0 and w_u are the same for both items of a pair, so BPR leaves them where they are: they are not kept. Knowledge goes
over by the items, which are entities too. "shared" (CoFM_A): v_i is the entity's vector; "regularised" (CoFM_R): v_i is
a vector of its own, and ||v_i - e_i||^2 is a loss.

Deviations: completion is TransE (upgan.systems.transe), with which Cao et al. (WWW 2019) and UPGAN's authors after them
compare, in place of a second factorisation machine over head, relation and tail; both tasks take a step at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from upgan.config.systems.cofm import CoFMSettings
from upgan.graph.observed import Seen
from upgan.systems.joint import Interactions, Pairs, bpr_loss
from upgan.systems.transe import TransE


class CoFM(TransE):
    """TransE's vectors, (U, K) users', (I,) weights of items; regularised: (I, K) items' own."""

    users_in = "vectors"
    settings: CoFMSettings

    def __init__(self, seen: Seen, dim: int, settings: CoFMSettings) -> None:
        super().__init__(seen, dim, settings)  # first: it draws what TransE draws
        self.interactions = Interactions(seen)
        self.user = nn.Parameter(torch.empty(seen.num_users, dim).normal_(std=dim**-0.5))
        self.item_weight = nn.Parameter(torch.zeros(len(self.interactions.entity)))
        if settings.transfer == "regularised":
            self.item = nn.Parameter(self.entity.detach()[self.interactions.entity].clone())

    def items(self, items: Tensor) -> Tensor:
        """(N,) items -> (N, K) v_i."""
        if self.settings.transfer == "regularised":
            return self.item.index_select(0, items)
        return self.entity.index_select(0, self.interactions.entity.index_select(0, items))

    def liking(self, users: Tensor, items: Tensor) -> Tensor:
        """(N,) users and items -> (N,) y(u, i), without what does not depend on the item."""
        product = (self.user.index_select(0, users) * self.items(items)).sum(1)
        return self.item_weight.index_select(0, items) + product

    def recommendation_loss(self, pairs: Pairs) -> Tensor:
        return bpr_loss(self.liking(pairs.user, pairs.item), self.liking(pairs.user, pairs.other))

    def transfer_loss(self, items: Tensor) -> Tensor:
        """(N,) items -> the mean of ||v_i - e_i||^2 over the distinct ones."""
        items = torch.unique(items)
        entity = self.entity.index_select(0, self.interactions.entity.index_select(0, items))
        return (self.items(items) - entity).square().sum() / max(len(items), 1)

    def others(self, random: torch.Generator) -> Mapping[str, Tensor]:
        settings = self.settings
        if not settings.weight or not len(self.interactions):
            return {}
        pairs = self.interactions.draw(settings.pairs, random)
        losses = {"recommendation": settings.weight * self.recommendation_loss(pairs)}
        if settings.transfer == "regularised":
            losses["transfer"] = settings.pull * self.transfer_loss(torch.cat([pairs.item, pairs.other]))
        return losses


SYSTEM = CoFM
