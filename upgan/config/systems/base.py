"""What the settings of all compared systems, or of a family of them, have in common; K is ``model.dim`` for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import Field

from upgan.config.section import OneToN, Section


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


TRANSLATION_LOSS = (
    "softmax over all entities or the same without a query's other answers, both estimated from the drawn negatives, "
    "or self-adversarial negative sampling (Sun et al., ICLR 2019)"
)


class TranslationSettings(SystemSettings):
    """Systems that score by a distance and learn from sampled negatives."""

    loss: TranslationLoss = Field("cross_entropy", description=TRANSLATION_LOSS)
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


ONE_TO_N_LOSS = "softmax over all entities, the same without a query's other answers, or binary cross-entropy"


class OneToNSettings(SystemSettings):
    """Systems that encode a query and score it against all entities."""

    loss: OneToN = Field("cross_entropy", description=ONE_TO_N_LOSS)
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


@dataclass(frozen=True)
class Registered:
    """A model that can be trained, as its settings file ``KEY.py`` registers it; its code is ``upgan/systems/KEY.py``.

    KEY is what ``--model`` calls it, and its settings are the section of this name.
    """

    #: As its paper calls it.
    name: str
    #: Where it stands in tables: the order of the paper's Table 3, later ones behind.
    place: int
    #: None for UPGAN and what it starts from, which have the sections of upgan.config.sections.
    settings: type[SystemSettings] | None = None
    #: The product of vectors that the model is made of, where it has no other.
    product: str = ""
    #: False for one that is a part of another: it has no row in Table 3.
    in_tables: bool = True
    #: What ``upgan reproduce --search`` may change: setting of the section -> {"log" or "range": (from, to)}, drawn
    #: evenly (over the logarithm), or {"choice": values}. It holds the defaults, which are the first trial. Mostly
    #: a decade wide or less: a trial takes minutes, so there will be few of them.
    search: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
