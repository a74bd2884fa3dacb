"""The settings of the systems that UPGAN is compared with, one section each; K is ``model.dim`` for all of them.

A section's defaults were chosen on validation (docs/reproduction.md says how); the search spaces are in
upgan.reproduce.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from upgan.section import Section


class SystemSettings(Section):
    """What training needs to know of every compared system."""

    #: Names of the phases of training, in order.
    phases: ClassVar[tuple[str, ...]] = ("training",)

    epochs: int = Field(100, ge=0, le=10000, description="at most this many passes over the training queries")
    batch: int = Field(1024, ge=1, description="distinct queries per step, each with all its answers")
    optimizer: Literal["adam", "adagrad"] = Field("adam", description="how the gradient is followed")
    lr: float = Field(0.003, gt=0, le=10, description="learning rate")
    l2: float = Field(0.0, ge=0, description="weight of the squared norm of the vectors that a step uses")
    eval_every: int = Field(5, ge=1, description="epochs between evaluations on validation")
    patience: int = Field(3, ge=1, description="evaluations without a better MRR before stopping")
    min_steps: int = Field(200, ge=0, description="steps before early stopping counts: vectors start at random")


class TranslationSettings(SystemSettings):
    """Systems that score by a distance and learn from sampled negatives."""

    negatives: int = Field(256, ge=1, description="entities drawn per step, the negatives of all its queries")
    margin: float = Field(
        6.0, gt=0, description="gamma: the distance at which a triple counts as neither true nor false"
    )
    temperature: float = Field(
        1.0,
        ge=0,
        description="self-adversarial weight of hard negatives (Sun et al., ICLR 2019); 0: all weigh the same",
    )


class TransESettings(TranslationSettings):
    """Bordes et al., NIPS 2013."""

    norm: Literal["l1", "l2"] = Field("l1", description="the distance")


class KGATSettings(SystemSettings):
    """Wang et al., KDD 2019."""

    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(2, ge=1, le=4, description="propagation layers, each half as wide as the one before")
    attention_dim: int = Field(16, ge=1, le=256, description="dimension of the relations' spaces")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of the query's numbers set to 0 in each step")
    bpr: float = Field(0.0, ge=0, description="weight of the BPR loss of the interactions; 0: completion alone")


class NBFNetSettings(SystemSettings):
    """Zhu et al., NeurIPS 2021."""

    epochs: int = Field(10, ge=0, le=10000, description="at most this many rounds of epoch_triples training triples")
    batch: int = Field(16, ge=1, description="triples per step, each asked in both directions")
    lr: float = Field(0.005, gt=0, le=10, description="learning rate")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(3, ge=1, le=8, description="steps of the Bellman-Ford iteration: the longest path")
    width: int = Field(16, ge=1, le=256, description="dimension of a path's representation (not model.dim)")
    epoch_triples: int = Field(2048, ge=1, description="training triples drawn for each epoch")


class RGCNSettings(SystemSettings):
    """Schlichtkrull et al., ESWC 2018."""

    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    layers: int = Field(1, ge=1, le=4, description="layers of message passing")
    bases: int = Field(4, ge=1, le=64, description="matrices V_b that all relations share")
    edge_dropout: float = Field(0.4, ge=0, lt=1, description="share of edges left out of each step, besides its own")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of the query's numbers set to 0 in each step")
    residual: bool = Field(True, description="add the input vector to the encoded one")


#: Model name -> settings of the compared system.
SYSTEMS: dict[str, type[SystemSettings]] = {
    "kgat": KGATSettings,
    "nbfnet": NBFNetSettings,
    "rgcn": RGCNSettings,
    "transe": TransESettings,
}
