"""The one place that turns settings into the model that answers queries, UPGAN's or a compared system."""

from __future__ import annotations

from importlib import import_module

from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.graph.observed import Seen, seen_data
from upgan.model.base import Model
from upgan.model.build import build_discriminator, build_factorisation
from upgan.systems.base import System


def build_system(config: Config, seen: Seen) -> System:
    """The compared system that the settings name, freshly initialised: ``SYSTEM`` of the file of that name here."""
    module = import_module(f"upgan.systems.{config.model_name}")
    system: System = module.SYSTEM(seen, config.model.dim, config.system)
    return system


def build_model(config: Config, dataset: KGDataset) -> Model:
    """The model that answers queries about the dataset's entities, freshly initialised."""
    if config.system is not None:
        return build_system(config, seen_data(dataset, config))
    sizes = dataset.num_entities, dataset.num_relations
    if config.model_name != "upgan":
        return build_factorisation(config, *sizes)
    return build_discriminator(config, *sizes, dataset.num_users)
