"""One place that turns settings into a model, and a model into scores of all entities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.config import Config
from upgan.graph import LayeredGraph
from upgan.model.discriminator import Discriminator
from upgan.model.distmult import DistMult


def build_model(config: Config, num_entities: int, num_relations: int, num_users: int) -> DistMult | Discriminator:
    """The model that answers queries, freshly initialised."""
    if config.model_name == "distmult":
        return DistMult(num_entities, num_relations, config.model.dim, config.initialisation.scale)
    return Discriminator(num_entities, num_relations, num_users, config.model)


class FullScorer:
    """Scores of every entity with p of the whole graph computed once; valid until the parameters change.

    ``users=False`` switches the users off: p_h = 0 for every query.
    """

    def __init__(self, model: nn.Module, graph: LayeredGraph) -> None:
        self.model = model
        self.preference: Tensor | None = None
        if isinstance(model, Discriminator):
            with torch.no_grad():
                everyone = torch.arange(len(model.entity), device=model.entity.device)
                self.preference = model.preference(graph, everyone)

    @torch.no_grad()
    def scores(self, heads: Tensor, relations: Tensor, *, users: bool = True) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, E)."""
        if isinstance(self.model, DistMult):
            return self.model.scores(heads, relations)
        assert isinstance(self.model, Discriminator)
        assert self.preference is not None
        preference = self.preference.index_select(0, heads)
        if not users:
            preference = torch.zeros_like(preference)
        return self.model.scores(self.model.queries(heads, relations, preference))
