"""The settings of the systems that UPGAN is compared with, one section each; K is ``model.dim`` for all of them.

A section's defaults were chosen on validation (docs/reproduction.md says how); the search spaces are in
upgan.reproduce.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from upgan.config.section import Section


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

    def check(self, dim: int) -> None:
        """ValueError where the settings do not go with K = ``dim``."""


TranslationLoss = Literal["self_adversarial", "cross_entropy", "cross_entropy_filtered"]
_TRANSLATION_LOSS = (
    "softmax over all entities or the same without a query's other answers, both estimated from the drawn negatives, "
    "or self-adversarial negative sampling (Sun et al., ICLR 2019)"
)


class TranslationSettings(SystemSettings):
    """Systems that score by a distance and learn from sampled negatives."""

    loss: TranslationLoss = Field("cross_entropy", description=_TRANSLATION_LOSS)
    negatives: int = Field(1024, ge=1, description="entities drawn per step, the negatives of all its queries")
    lr: float = Field(0.01, gt=0, le=10, description="learning rate")
    margin: float = Field(
        6.0,
        gt=0,
        description="gamma of the self-adversarial loss: the distance at which a triple counts as neither true nor "
        "false",
    )
    temperature: float = Field(
        1.0,
        ge=0,
        description="self-adversarial weight of hard negatives (Sun et al., ICLR 2019); 0: all weigh the same",
    )


class TransESettings(TranslationSettings):
    """Bordes et al., NIPS 2013."""

    norm: Literal["l1", "l2"] = Field("l2", description="the distance")
    inverses: bool = Field(
        False, description="an inverse relation has a vector of its own, in place of minus that of its relation"
    )


class RotatESettings(TranslationSettings):
    """Sun et al., ICLR 2019."""

    loss: TranslationLoss = Field("self_adversarial", description=_TRANSLATION_LOSS)
    negatives: int = Field(512, ge=1, description="entities drawn per step, the negatives of all its queries")
    margin: float = Field(
        9.0,
        gt=0,
        description="gamma of the self-adversarial loss, and by which the first vectors are scaled",
    )
    norm: Literal["l1", "l2"] = Field("l2", description="the distance over moduli: their sum, or Euclid's")


OneToNLoss = Literal["cross_entropy", "cross_entropy_filtered", "bce"]
_LOSS = "softmax over all entities, the same without a query's other answers, or binary cross-entropy"


class OneToNSettings(SystemSettings):
    """Systems that encode a query and score it against all entities."""

    loss: OneToNLoss = Field("cross_entropy", description=_LOSS)
    smoothing: float = Field(
        0.1, ge=0, lt=1, description="label smoothing: this share of a target is spread over all entities"
    )
    n3: float = Field(0.0, ge=0, description="weight of the cubed norms of a pair's encoded query and answer")


class ConvolutionSettings(OneToNSettings):
    """What ConvE and ConvTransE share."""

    channels: int = Field(32, ge=1, le=1024, description="kernels of the convolution")
    kernel: int = Field(3, ge=1, le=31, description="places, or rows and columns, that a kernel covers")
    input_dropout: float = Field(0.2, ge=0, lt=1, description="share of the input that a step drops")
    feature_dropout: float = Field(0.2, ge=0, lt=1, description="share of the feature maps that a step drops")
    hidden_dropout: float = Field(0.3, ge=0, lt=1, description="share of the projection that a step drops")


class ConvESettings(ConvolutionSettings):
    """Dettmers et al., AAAI 2018."""

    height: int = Field(
        0, ge=0, description="rows of a vector's image, a divisor of K; 0: the largest not above its root"
    )

    def shape(self, dim: int) -> tuple[int, int]:
        """Height and width of a vector's image."""
        height = self.height or max(rows for rows in range(1, math.isqrt(dim) + 1) if dim % rows == 0)
        return height, dim // height

    def check(self, dim: int) -> None:
        height, width = self.shape(dim)
        if height * width != dim:
            raise ValueError(f"conve.height is {height}, which does not divide model.dim {dim}")
        if self.kernel > min(2 * height, width):
            raise ValueError(
                f"conve.kernel is {self.kernel}, but the image of model.dim {dim} has {2 * height} rows and {width} "
                "columns: set another model.dim, conve.height or conve.kernel"
            )


class ConvTransESettings(ConvolutionSettings):
    """Shang et al., AAAI 2019."""

    batch: int = Field(512, ge=1, description="distinct queries per step, each with all its answers")

    def check(self, dim: int) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(
                f"convtranse.kernel is {self.kernel}: an odd number, so that a map has as many places as K"
            )


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
    loss: OneToNLoss = Field("cross_entropy", description=_LOSS)


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
    loss: OneToNLoss = Field("cross_entropy", description=_LOSS)


class CoFMSettings(TransESettings):
    """Piao and Breslin, ESWC 2018."""

    transfer: Literal["shared", "regularised"] = Field(
        "shared", description="an item is its entity's vector, or has one of its own that is drawn towards it"
    )
    weight: float = Field(1.0, ge=0, description="weight of the recommendation loss; 0: completion alone")
    pairs: int = Field(2048, ge=1, description="interactions drawn per step, each against an item drawn evenly")
    pull: float = Field(0.1, ge=0, description="weight of the distance between an item and its entity (regularised)")


class TransHSettings(TranslationSettings):
    """Wang et al., AAAI 2014."""

    orthogonal: float = Field(
        0.1, ge=0, description="weight of the constraint that a translation lies in its relation's hyperplane"
    )


class KTUPSettings(TransHSettings):
    """Cao et al., WWW 2019."""

    weight: float = Field(0.1, ge=0, description="weight of the recommendation loss; 0: completion alone")
    pairs: int = Field(2048, ge=1, description="interactions drawn per step, each against an item drawn evenly")
    induction: Literal["soft", "hard"] = Field(
        "soft", description="a user's preference for an item: attention over all, or one by straight-through Gumbel"
    )
    gumbel: float = Field(1.0, gt=0, description="temperature of the Gumbel softmax (hard)")


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


#: Model name -> settings of the compared system.
SYSTEMS: dict[str, type[SystemSettings]] = {
    "cofm": CoFMSettings,
    "conve": ConvESettings,
    "convtranse": ConvTransESettings,
    "kbgan": KBGANSettings,
    "kgat": KGATSettings,
    "ktup": KTUPSettings,
    "nbfnet": NBFNetSettings,
    "rgcn": RGCNSettings,
    "rotate": RotatESettings,
    "transe": TransESettings,
    "transh": TransHSettings,
}
