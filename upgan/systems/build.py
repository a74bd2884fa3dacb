"""From settings to a compared system."""

from __future__ import annotations

from importlib import import_module

from upgan.config.settings import Config
from upgan.graph.observed import Seen
from upgan.systems.base import System


def build_system(config: Config, seen: Seen) -> System:
    """The compared system that the settings name, freshly initialised: ``SYSTEM`` of the file of that name here."""
    module = import_module(f"upgan.systems.{config.model_name}")
    system: System = module.SYSTEM(seen, config.model.dim, config.system)
    return system
