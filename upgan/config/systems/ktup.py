"""KTUP."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upgan.config.systems.base import Registered
from upgan.config.systems.transh import TransHSettings


class KTUPSettings(TransHSettings):
    """Cao et al., WWW 2019."""

    weight: float = Field(0.1, ge=0, description="weight of the recommendation loss; 0: completion alone")
    pairs: int = Field(2048, ge=1, description="interactions drawn per step, each against an item drawn evenly")
    induction: Literal["soft", "hard"] = Field(
        "soft", description="a user's preference for an item: attention over all, or one by straight-through Gumbel"
    )
    gumbel: float = Field(1.0, gt=0, description="temperature of the Gumbel softmax (hard)")


SYSTEM = Registered(
    name="KTUP",
    place=8,
    settings=KTUPSettings,
    search={
        "ktup.induction": {"choice": ("soft", "hard")},
        "ktup.weight": {"log": (0.01, 1.0)},
        "ktup.lr": {"log": (0.005, 0.05)},
        "ktup.negatives": {"choice": (256, 512, 1024, 2048)},
    },
)
