"""Every model that can be trained: one file each, with its settings, which is found here by being there.

A file ends in ``SYSTEM = Registered(...)``. A section's defaults were chosen on validation
(docs/records/reproduction.md says how). Nothing here needs torch: the code of a model is imported when it is built
(upgan.systems.build).
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from upgan.config.systems.base import Registered, SystemSettings


def _registered() -> dict[str, Registered]:
    modules = {file.name: import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)}
    systems: dict[str, Registered] = {key: file.SYSTEM for key, file in modules.items() if hasattr(file, "SYSTEM")}
    return dict(sorted(systems.items(), key=lambda item: item[1].place))


#: By key, in the order of tables.
REGISTERED = _registered()
#: Key (``--model``) -> name.
MODEL_NAMES = {key: system.name for key, system in REGISTERED.items()}
#: Compared systems that have settings of their own: key -> section.
SYSTEMS: dict[str, type[SystemSettings]] = {
    key: system.settings for key, system in REGISTERED.items() if system.settings is not None
}
#: UPGAN and what it starts from.
OWN = ("upgan", *(key for key in REGISTERED if key not in SYSTEMS and key != "upgan"))
#: In the order in which they are offered.
MODELS = (*OWN, *SYSTEMS)
