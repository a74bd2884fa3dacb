"""ComplEx with the N3 penalty (Lacroix et al., ICML 2018), with the initialisation's settings."""

from __future__ import annotations

from upgan.config.systems.base import Registered

SYSTEM = Registered(
    name="ComplEx-N3",
    place=11,
    product="complex",
    search={
        "initialisation.lr": {"log": (0.03, 0.3)},
        "initialisation.n3": {"log": (0.02, 0.3)},
        "initialisation.batch": {"choice": (256, 512, 1024, 2048)},
        "initialisation.scale": {"log": (0.003, 0.1)},
    },
)
