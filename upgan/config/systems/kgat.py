"""KGAT."""

from __future__ import annotations

from pydantic import Field

from upgan.config.section import OneToN
from upgan.config.systems.base import ONE_TO_N_LOSS, Registered, SystemSettings


class KGATSettings(SystemSettings):
    """Wang et al., KDD 2019."""

    batch: int = Field(2048, ge=1, description="training triples per step, each asked in both directions")
    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    n3: float = Field(
        0.03, ge=0, description="weight of the cubed norms of a pair's vectors (N3: Lacroix et al., ICML 2018)"
    )
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(2, ge=1, le=4, description="propagation layers, each half as wide as the one before")
    attention_dim: int = Field(16, ge=1, le=256, description="dimension of the relations' spaces")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the query's numbers set to 0 in each step")
    bpr: float = Field(0.0, ge=0, description="weight of the BPR loss of the interactions; 0: completion alone")
    loss: OneToN = Field("cross_entropy", description=ONE_TO_N_LOSS)


SYSTEM = Registered(
    name="KGAT",
    place=9,
    settings=KGATSettings,
    search={
        "kgat.lr": {"log": (0.003, 0.03)},
        "kgat.loss": {"choice": ("cross_entropy", "cross_entropy_filtered")},
        "kgat.n3": {"log": (0.003, 0.1)},
        "kgat.layers": {"choice": (1, 2, 3)},
        "kgat.dropout": {"range": (0.0, 0.6)},
    },
)
