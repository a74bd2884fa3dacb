"""From settings to UPGAN's own models: what it starts from, and its discriminator."""

from __future__ import annotations

from upgan.config.settings import Config
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.model.guided import AnyDiscriminator
from upgan.model.rgcn import MixedDiscriminator


def build_factorisation(config: Config, num_entities: int, num_relations: int) -> Factorisation:
    """DistMult or ComplEx, as the settings say: a model by itself, or what D and G start from."""
    return Factorisation(
        num_entities, num_relations, config.model.dim, config.initialisation.scale, config.model.product
    )


def build_discriminator(config: Config, num_entities: int, num_relations: int, num_users: int) -> AnyDiscriminator:
    """D with the score and the propagation that the settings name."""
    if config.reads == "co-interactions":
        return BilinearDiscriminator(num_entities, num_relations, config.model, config.fusion, config.walks)
    layered = MixedDiscriminator if config.reads == "whole" else Discriminator
    return layered(num_entities, num_relations, num_users, config.model)
