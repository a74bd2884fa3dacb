"""RotatE."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upgan.config.systems.base import TRANSLATION_LOSS, Registered, TranslationLoss, TranslationSettings


class RotatESettings(TranslationSettings):
    """Sun et al., ICLR 2019."""

    loss: TranslationLoss = Field("self_adversarial", description=TRANSLATION_LOSS)
    negatives: int = Field(512, ge=1, description="entities drawn per step, the negatives of all its queries")
    margin: float = Field(
        9.0,
        gt=0,
        description="gamma of the self-adversarial loss, and by which the first vectors are scaled",
    )
    norm: Literal["l1", "l2"] = Field("l2", description="the distance over moduli: their sum, or Euclid's")


SYSTEM = Registered(
    name="RotatE",
    place=12,
    settings=RotatESettings,
    search={
        "rotate.loss": {"choice": ("self_adversarial", "cross_entropy")},
        "rotate.lr": {"log": (0.003, 0.05)},
        "rotate.margin": {"range": (3.0, 15.0)},
        "rotate.negatives": {"choice": (128, 256, 512, 1024)},
    },
)
