"""NBFNet."""

from __future__ import annotations

from pydantic import Field

from upgan.config.systems.base import Registered, SystemSettings


class NBFNetSettings(SystemSettings):
    """Zhu et al., NeurIPS 2021."""

    epochs: int = Field(10, ge=0, le=10000, description="at most this many rounds of epoch_triples training triples")
    batch: int = Field(16, ge=1, description="triples per step, each asked in both directions")
    lr: float = Field(0.005, gt=0, le=10, description="learning rate")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(3, ge=1, le=8, description="steps of the Bellman-Ford iteration: the longest path")
    width: int = Field(16, ge=1, le=256, description="dimension of a path's representation (not model.dim)")
    epoch_triples: int = Field(2048, ge=1, description="training triples drawn for each epoch")

    def check(self, dim: int) -> None:
        if self.l2:
            raise ValueError(f"nbfnet.l2 is {self.l2}: it learns no vectors of entities or relations to keep small; 0")


SYSTEM = Registered(
    name="NBFNet",
    place=13,
    settings=NBFNetSettings,
    search={
        "nbfnet.lr": {"log": (0.002, 0.01)},
        "nbfnet.batch": {"choice": (8, 16, 32)},
        "nbfnet.layers": {"choice": (2, 3, 4)},
    },
)
