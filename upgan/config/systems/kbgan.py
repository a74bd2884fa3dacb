"""KBGAN."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from upgan.config.systems.base import Registered
from upgan.config.systems.transe import TransESettings


class KBGANSettings(TransESettings):
    """Cai and Wang, NAACL 2018; what is not named otherwise belongs to the pre-training of a TransE target."""

    phases: ClassVar[tuple[str, ...]] = ("generator", "target", "adversarial")

    target: Literal["transe", "distmult"] = Field("transe", description="the model that is trained; it answers")
    distmult_epochs: int = Field(20, ge=0, le=10000, description="at most this many epochs pre-train a DistMult model")
    distmult_lr: float = Field(
        0.1, gt=0, le=10, description="learning rate of a DistMult model's pre-training (Adagrad)"
    )
    distmult_n3: float = Field(0.1, ge=0, description="weight of its cubed norms (N3: Lacroix et al., ICML 2018)")
    adversarial_epochs: int = Field(60, ge=0, le=10000, description="at most this many epochs of the game")
    adversarial_batch: int = Field(1024, ge=1, description="training triples per step of the game, in one direction")
    adversarial_lr: float = Field(0.0003, gt=0, le=10, description="learning rate of both in the game")
    adversarial_margin: float = Field(12.0, gt=0, description="gamma of the marginal loss")
    candidates: int = Field(20, ge=1, description="n_s: entities drawn evenly, of which the generator picks one")
    baseline_decay: float = Field(0.99, ge=0, lt=1, description="share of the old average reward kept in a step")


SYSTEM = Registered(
    name="KBGAN",
    place=6,
    settings=KBGANSettings,
    search={
        "kbgan.target": {"choice": ("transe", "distmult")},
        "kbgan.adversarial_lr": {"log": (0.0001, 0.001)},
        "kbgan.adversarial_margin": {"range": (3.0, 18.0)},
        "kbgan.candidates": {"choice": (10, 20, 50)},
    },
)
