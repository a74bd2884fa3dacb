"""KTUP (Cao et al., WWW 2019): users are translated to items by preferences, which are the graph's relations.

Recommendation (TUP, Section 4): a pair's preference is induced from P of them by phi(u, i, p) = (u + i) . p,

    soft: p' = sum_p softmax(phi)_p p     hard: one p by straight-through Gumbel softmax        (w' likewise)
    g(u, i) = ||u_perp + p' - i_perp||_2,   u_perp = u - (w' . u) w'

learned by BPR: -log sigmoid(g(u, i') - g(u, i)). Completion is TransH (upgan.systems.transh). Jointly (Section 5):
P = R, and item i, preference p and its normal are enhanced by entity e, relation r and its normal:

    i^ = i + e,   p^ = p + r,   w^_p = w_p + w_r

so that users reach entities and relations by the gradient. Deviations: the loss of completion is TransH's here, with
``weight`` before that of recommendation in place of lambda and 1 - lambda; w' is divided by its norm, without which it
would not project; no constraint on lengths.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from upgan.config.systems.ktup import KTUPSettings
from upgan.graph.observed import Seen
from upgan.systems.joint import Interactions, Pairs, bpr_loss
from upgan.systems.transh import TransH, lengths, project


class KTUP(TransH):
    """TransH's vectors; (U, K) users', (I, K) items', (R, K) preferences' and their normals."""

    users_in = "vectors"
    settings: KTUPSettings

    def __init__(self, seen: Seen, dim: int, settings: KTUPSettings) -> None:
        super().__init__(seen, dim, settings)  # first: it draws what TransH draws
        self.interactions = Interactions(seen)
        std = dim**-0.5
        self.user = nn.Parameter(torch.empty(seen.num_users, dim).normal_(std=std))
        self.item = nn.Parameter(torch.empty(len(self.interactions.entity), dim).normal_(std=std))
        self.preference = nn.Parameter(torch.empty(seen.num_relations, dim).normal_(std=std))
        self.preference_normal = nn.Parameter(torch.empty(seen.num_relations, dim).normal_(std=std))

    def induced(self, similarity: Tensor, random: torch.Generator) -> Tensor:
        """(N, P) phi -> (N, P) shares of the preferences; hard: one of them, with the soft choice's gradient."""
        if self.settings.induction == "soft":
            return torch.softmax(similarity, dim=1)
        uniform = torch.rand(similarity.shape, generator=random, device=random.device).to(similarity)
        gumbel = -torch.log(-torch.log(uniform.clamp(TINIEST, 1 - TINIEST)))
        soft = torch.softmax((similarity + gumbel) / self.settings.gumbel, dim=1)
        one = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0) if soft.shape[1] else soft
        return one + soft - soft.detach()

    def distance(self, users: Tensor, items: Tensor, random: torch.Generator) -> Tensor:
        """(N,) users and items -> (N,) g(u, i)."""
        user = self.user.index_select(0, users)
        entity = self.entity.index_select(0, self.interactions.entity.index_select(0, items))
        item = self.item.index_select(0, items) + entity
        preferences = self.preference + self.relation
        share = self.induced((user + item) @ preferences.T, random)
        normal = functional.normalize(share @ (self.preference_normal + self.vectors()[2]), dim=1)
        return lengths(project(user, normal) + share @ preferences - project(item, normal))

    def recommendation_loss(self, pairs: Pairs, random: torch.Generator) -> Tensor:
        near = self.distance(pairs.user, pairs.item, random)
        return bpr_loss(-near, -self.distance(pairs.user, pairs.other, random))

    def others(self, random: torch.Generator) -> Mapping[str, Tensor]:
        losses = super().others(random)
        settings = self.settings
        if not settings.weight or not len(self.interactions):
            return losses
        pairs = self.interactions.draw(settings.pairs, random)
        return {**losses, "recommendation": settings.weight * self.recommendation_loss(pairs, random)}


#: Keeps both logarithms of the Gumbel noise finite.
TINIEST = 1e-6


SYSTEM = KTUP
