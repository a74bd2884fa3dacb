"""R-GCN."""

from __future__ import annotations

from pydantic import Field

from upgan.config.section import OneToN
from upgan.config.systems.base import ONE_TO_N_LOSS, Registered, SystemSettings


class RGCNSettings(SystemSettings):
    """Schlichtkrull et al., ESWC 2018."""

    batch: int = Field(2048, ge=1, description="training triples per step, each asked in both directions")
    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    n3: float = Field(
        0.02, ge=0, description="weight of the cubed norms of a pair's vectors (N3: Lacroix et al., ICML 2018)"
    )
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(1, ge=1, le=4, description="layers of message passing")
    bases: int = Field(4, ge=1, le=64, description="matrices V_b that all relations share")
    edge_dropout: float = Field(0.4, ge=0, lt=1, description="share of edges left out of each step, besides its own")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the query's numbers set to 0 in each step")
    residual: bool = Field(True, description="add the input vector to the encoded one")
    loss: OneToN = Field("cross_entropy", description=ONE_TO_N_LOSS)


SYSTEM = Registered(
    name="R-GCN",
    place=5,
    settings=RGCNSettings,
    search={
        "rgcn.lr": {"log": (0.003, 0.03)},
        "rgcn.loss": {"choice": ("cross_entropy", "cross_entropy_filtered")},
        "rgcn.n3": {"log": (0.003, 0.1)},
        "rgcn.layers": {"choice": (1, 2)},
        "rgcn.dropout": {"range": (0.0, 0.6)},
    },
)
