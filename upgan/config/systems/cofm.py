"""CoFM."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upgan.config.systems.base import Registered
from upgan.config.systems.transe import TransESettings


class CoFMSettings(TransESettings):
    """Piao and Breslin, ESWC 2018."""

    transfer: Literal["shared", "regularised"] = Field(
        "shared", description="an item is its entity's vector, or has one of its own that is drawn towards it"
    )
    weight: float = Field(1.0, ge=0, description="weight of the recommendation loss; 0: completion alone")
    pairs: int = Field(2048, ge=1, description="interactions drawn per step, each against an item drawn evenly")
    pull: float = Field(0.1, ge=0, description="weight of the distance between an item and its entity (regularised)")


SYSTEM = Registered(
    name="CoFM",
    place=7,
    settings=CoFMSettings,
    search={
        "cofm.transfer": {"choice": ("shared", "regularised")},
        "cofm.weight": {"log": (0.01, 1.0)},
        "cofm.lr": {"log": (0.005, 0.05)},
        "cofm.negatives": {"choice": (256, 512, 1024, 2048)},
    },
)
