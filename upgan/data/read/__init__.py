"""The formats of raw files: one file each, which ends in ``FORMAT = Format(...)`` and is found here by being there."""

from __future__ import annotations

import pkgutil


def format_names() -> list[str]:
    """The names of all formats, sorted; nothing is imported for it."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
