"""The one place that turns settings into the model that answers queries, UPGAN's or a compared system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.graph.observed import Seen, seen_data
from upgan.model.base import Model
from upgan.model.build import build_discriminator, build_factorisation
from upgan.systems.base import System
from upgan.systems.cofm import CoFM
from upgan.systems.conve import ConvE
from upgan.systems.convtranse import ConvTransE
from upgan.systems.kbgan import KBGAN
from upgan.systems.kgat import KGAT
from upgan.systems.ktup import KTUP
from upgan.systems.nbfnet import NBFNet
from upgan.systems.rgcn import RGCN
from upgan.systems.rotate import RotatE
from upgan.systems.transe import TransE
from upgan.systems.transh import TransH

#: Model name -> its class, called with what is seen, K and the section of settings.
CLASSES: dict[str, Callable[[Seen, int, Any], System]] = {
    "cofm": CoFM,
    "conve": ConvE,
    "convtranse": ConvTransE,
    "kbgan": KBGAN,
    "kgat": KGAT,
    "ktup": KTUP,
    "nbfnet": NBFNet,
    "rgcn": RGCN,
    "rotate": RotatE,
    "transe": TransE,
    "transh": TransH,
}


def build_system(config: Config, seen: Seen) -> System:
    """The compared system that the settings name, freshly initialised."""
    return CLASSES[config.model_name](seen, config.model.dim, config.system)


def build_model(config: Config, dataset: KGDataset) -> Model:
    """The model that answers queries about the dataset's entities, freshly initialised."""
    if config.system is not None:
        return build_system(config, seen_data(dataset, config))
    sizes = dataset.num_entities, dataset.num_relations
    if config.model_name != "upgan":
        return build_factorisation(config, *sizes)
    return build_discriminator(config, *sizes, dataset.num_users)
