"""UPGAN (He et al., WWW 2020); its settings are upgan.config.sections."""

from __future__ import annotations

from upgan.config.systems.base import Registered

SYSTEM = Registered(name="UPGAN", place=10)
