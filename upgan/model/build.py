"""One place that turns settings into a model, and a model into scores of all entities."""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.config.settings import Config
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.graph.observed import Seen
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.systems.base import Answerer, System
from upgan.systems.build import build_system

AnyDiscriminator = Discriminator | BilinearDiscriminator
Model = Factorisation | AnyDiscriminator | System


def build_model(
    config: Config, num_entities: int, num_relations: int, num_users: int, seen: Seen | None = None
) -> Model:
    """The model that answers queries, freshly initialised; ``seen`` is for the compared systems."""
    if config.system is not None:
        assert seen is not None, "a compared system is built on what it may see"
        return build_system(config, seen)
    if config.model_name != "upgan":
        return build_factorisation(config, num_entities, num_relations)
    return build_discriminator(config, num_entities, num_relations, num_users)


def build_factorisation(config: Config, num_entities: int, num_relations: int) -> Factorisation:
    """DistMult or ComplEx, as the settings say: a model by itself, or what D and G start from."""
    return Factorisation(
        num_entities, num_relations, config.model.dim, config.initialisation.scale, config.model.product
    )


def build_discriminator(config: Config, num_entities: int, num_relations: int, num_users: int) -> AnyDiscriminator:
    """D with the score that the settings name."""
    if config.model.score == "bilinear":
        return BilinearDiscriminator(num_entities, num_relations, config.model, config.fusion)
    return Discriminator(num_entities, num_relations, num_users, config.model)


class FullScorer:
    """Scores of every entity with p of the whole graph computed once; valid until the parameters change.

    ``users=False`` switches the users off: p = 0 for every query and candidate, no evidence.
    """

    def __init__(
        self, model: Model, graph: LayeredGraph, facts: Facts | None = None, table: Tensor | None = None
    ) -> None:
        """``facts``: the training triples, which the bilinear score's evidence is read from; ``table``: see there."""
        self.model = model
        self.graph = graph
        self.facts = facts
        #: (E, W) p, and for the bilinear score (E, 2W) [v_t | p_t], whose right half p is a view of.
        self.preference: Tensor | None = None
        self.table = table
        self._answer: Answerer | None = None
        with torch.no_grad():
            if isinstance(model, Discriminator):
                everyone = torch.arange(len(model.entity), device=model.entity.device)
                self.preference = model.preference(graph, everyone)
            elif isinstance(model, BilinearDiscriminator):
                # Put together once: at a hundred thousand entities this takes longer than the product with a query.
                if self.table is None:
                    self.table = model.table(model.preferences(graph))
                self.preference = self.table[:, model.entity.shape[1] :]
            elif isinstance(model, System):
                self._answer = model.answerer()

    @torch.no_grad()
    def scores(self, heads: Tensor, relations: Tensor, *, users: bool = True) -> Tensor:
        """(B,) heads and relations (0 .. 2R-1) -> (B, E)."""
        if self._answer is not None:
            return self._answer(heads, relations)
        assert not isinstance(self.model, System)
        if isinstance(self.model, Factorisation):
            return self.model.scores(heads, relations)
        assert self.preference is not None
        if isinstance(self.model, Discriminator):
            preference = self.preference.index_select(0, heads) if users else self.preference.new_zeros(1, 1)
            if not users:
                preference = preference.expand(len(heads), self.preference.shape[1])
            return self.model.scores(self.model.queries(heads, relations, preference))
        if not users:
            return self.model.without_users(heads, relations)
        assert self.table is not None
        assert isinstance(self.model, BilinearDiscriminator)
        scores = self.model.queries(heads, relations, self.preference).against(self.table)
        if users and self._has_evidence(self.model):
            assert self.graph.cointeraction is not None
            assert self.facts is not None
            self.model.fusion.add(scores, self.graph.cointeraction.common, self.facts, heads, relations)
        return scores

    def _has_evidence(self, model: BilinearDiscriminator) -> bool:
        readable = self.facts is not None and self.graph.cointeraction is not None
        return readable and model.config.use_users and not model.fusion.silent
