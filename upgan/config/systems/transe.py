"""TransE."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upgan.config.systems.base import Registered, TranslationSettings


class TransESettings(TranslationSettings):
    """Bordes et al., NIPS 2013."""

    norm: Literal["l1", "l2"] = Field("l2", description="the distance")
    inverses: bool = Field(
        False, description="an inverse relation has a vector of its own, in place of minus that of its relation"
    )


SYSTEM = Registered(
    name="TransE",
    place=1,
    settings=TransESettings,
    search={
        "transe.norm": {"choice": ("l1", "l2")},
        "transe.inverses": {"choice": (False, True)},
        "transe.loss": {"choice": ("cross_entropy", "cross_entropy_filtered")},
        "transe.lr": {"log": (0.005, 0.05)},
        "transe.negatives": {"choice": (256, 512, 1024, 2048)},
    },
)
