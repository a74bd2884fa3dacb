"""DistMult (Yang et al., ICLR 2015): the vectors that UPGAN starts from, with the initialisation's settings."""

from __future__ import annotations

from upgan.config.systems.base import Registered

SYSTEM = Registered(
    name="DistMult",
    place=2,
    product="distmult",
    search={
        "initialisation.lr": {"log": (0.03, 0.3)},
        "initialisation.n3": {"log": (0.02, 0.3)},
        "initialisation.batch": {"choice": (256, 512, 1024, 2048)},
        "initialisation.loss": {"choice": ("cross_entropy", "cross_entropy_filtered", "bce")},
    },
)
