"""The sections of settings that UPGAN, DistMult and ComplEx have; names follow the paper where it has one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from upgan.config.section import OneToN, Section
from upgan.types import SAID, Heard

Activation = Literal["relu", "leaky_relu", "tanh", "none"]
Precision = Literal["float32", "bfloat16"]


class GraphConfig(Section):
    """What of the dataset the interaction-augmented graph holds: controls, and the regimes of Fig. 3."""

    interactions: Literal["real", "shuffled"] = Field(
        "real",
        description="shuffled: permuted users: the items are permuted at random, and every user and every item keeps "
        "its number of interactions; the control for whether what users chose helps",
    )
    triple_share: float = Field(1.0, gt=0, le=1, description="share of the training triples that is used (Fig. 3a)")
    interaction_share: float = Field(1.0, ge=0, le=1, description="share of the interactions that is used (Fig. 3b)")


class PropagationConfig(Section):
    """Section 4.2; the paper leaves the activations, LeakyReLU's slope and the users' own vectors open."""

    form: Literal["layered", "rgcn"] = Field(
        "layered", description="layered: Eq. 2 - 5; rgcn: all nodes and edges alike (Table 6, R-GCN-like)"
    )
    rgcn_layers: int = Field(2, ge=1, le=4, description="layers of the R-GCN-like form")

    activation: Activation = Field("relu", description="sigma of Eq. 2 for entities (the authors' code: relu)")
    user_activation: Activation = Field("none", description="sigma of Eq. 2 for users (the authors' code: none)")
    attention_slope: float = Field(0.2, ge=0, le=1, description="negative slope of LeakyReLU in Eq. 4")
    user_embedding: bool = Field(False, description="learn v_u of Eq. 2; otherwise a user is only what it chose")
    init_noise: float = Field(0.1, ge=0, description="noise around the identity that W_r starts from, times 1/sqrt(K)")


class CoInteractionConfig(Section):
    """Paths item <- user <- item, the sharpened propagation of the bilinear score."""

    power: float = Field(3.0, ge=0.25, le=10, description="exponent of the cosine between two items' users")
    neighbours: int = Field(30, ge=1, le=1000, description="most similar items whose vectors make up an item's p")
    counted: int = Field(200, ge=1, le=10000, description="items with most users in common whose facts are evidence")
    most_items: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="items of one user that count, drawn evenly, in what users chose together and said of items; 0: "
        "all of them. Time and memory grow with the square of a user's items",
    )


class ModelConfig(Section):
    """The discriminator (4.2, 4.3)."""

    dim: int = Field(
        100,
        ge=2,
        le=4096,
        description="K, length of every embedding (5.2.3: 100); complex numbers hold two values each",
    )
    product: Literal["distmult", "complex"] = Field(
        "distmult", description="the product of entity and relation vectors: DistMult's, or ComplEx's complex one"
    )
    score: Literal["mlp", "bilinear"] = Field(
        "mlp",
        description="mlp: Eq. 7; bilinear: p on the query's and on the candidate's side, with relation vectors of "
        "their own, read along co-interaction paths",
    )
    use_users: bool = Field(True, description="False: p_h = 0, the paper's variant without interactions (Table 6)")
    preference_init: float = Field(
        0.3, ge=0, description="W1 starts as [I | this * I]: how much the users' half of x_q says at first"
    )
    item_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of items that a training step treats as unknown: left out of their users' profiles, and "
        "without the KG half of x_q in queries about them, so that the users' half learns to answer by itself; not in "
        "the paper",
    )
    entity_norm: Literal["free", "at_least_one", "at_most_one"] = Field(
        "free",
        description="5.2.3 asks for entity vectors no shorter than 1; the authors' code keeps them no longer than 1",
    )
    propagation: PropagationConfig = Field(default_factory=PropagationConfig)
    co_interaction: CoInteractionConfig = Field(default_factory=CoInteractionConfig)

    @property
    def width(self) -> int:
        """Numbers in an embedding: K, or the K real parts followed by the K imaginary ones."""
        return 2 * self.dim if self.product == "complex" else self.dim


# What initialisation and pre-training both have, in the same words.
_LOSS = (
    "1-N loss over all entities: softmax; softmax without the query's other known answers; binary cross-entropy of "
    "every entity"
)
_RELAX_EPOCHS = "epochs with the N3 weight halved, from the best state on; kept only if validation is better"
_PRECISION = (
    "of the products of queries with all candidates in training, and of their gradients; bfloat16: faster on "
    "processors and GPUs that have it; parameters, optimiser, propagation and evaluation stay float32"
)
_CANDIDATES = (
    "entities drawn anew for each step, against which its queries are scored besides their own answers; 0, or as many "
    "as there are: all of them. A step's time then grows with this number, not with the entities; evaluation stays "
    "over all entities"
)

_CANDIDATES_BY = (
    "how these are drawn: uniform: each entity as likely as any other; popularity: half of them in proportion to the "
    "triples that an entity is in{more}. What is drawn is weighted by its chance, so that the sum over entities is "
    "estimated without bias"
)


class InitialisationConfig(Section):
    """DistMult or ComplEx on the knowledge graph alone, whose vectors D and G start from (5.2.3)."""

    epochs: int = Field(60, ge=0, le=1000, description="at most this many passes over the distinct queries")
    batch: int = Field(1024, ge=1, description="distinct queries per step")
    loss: OneToN = Field("cross_entropy_filtered", description=_LOSS)
    optimizer: Literal["adam", "adagrad"] = Field("adam", description="5.2.3 optimises everything with Adam")
    lr: float = Field(0.005, gt=0, le=1, description="learning rate")
    l2: float = Field(1e-4, ge=0, description="lambda of the squared norm (5.2.3: 1e-5; 1e-4 is better on validation)")
    n3: float = Field(
        0.0, ge=0, description="weight of the cubed norm of each triple's vectors (N3: Lacroix et al., ICML 2018)"
    )
    relax_epochs: int = Field(0, ge=0, le=1000, description=_RELAX_EPOCHS)
    precision: Precision = Field("float32", description=_PRECISION)
    candidates: int = Field(0, ge=0, le=100_000_000, description=_CANDIDATES)
    candidates_by: Literal["uniform", "popularity"] = Field("uniform", description=_CANDIDATES_BY.format(more=""))
    scale: float = Field(0.1, gt=0, description="standard deviation of the random start")
    eval_every: int = Field(5, ge=1, description="epochs between evaluations on validation")
    patience: int = Field(2, ge=1, description="evaluations without a better MRR before stopping")
    min_steps: int = Field(200, ge=0, description="steps before early stopping counts: vectors start at random")


class PretrainConfig(Section):
    """The discriminator alone, scored against all entities (1-N), before the adversarial phase (4.5)."""

    epochs: int = Field(20, ge=0, le=1000, description="at most this many passes over the training triples")
    batch_by: Literal["triples", "queries"] = Field(
        "triples", description="what a batch counts: training triples, or distinct queries with all their answers"
    )
    batch: int = Field(
        4096, ge=1, description="training triples per step, asked in both directions; or distinct queries"
    )
    loss: OneToN = Field("cross_entropy_filtered", description=_LOSS)
    optimizer: Literal["adam", "adagrad"] = Field(
        "adam", description="adagrad goes on with the initialisation's accumulated squares"
    )
    lr: float = Field(0.001, gt=0, le=1, description="learning rate")
    l2: float = Field(1e-5, ge=0, description="lambda_D of Eq. 9")
    n3: float = Field(0.0, ge=0, description="weight of the cubed norm of each pair's vectors (N3)")
    relax_epochs: int = Field(0, ge=0, le=1000, description=_RELAX_EPOCHS)
    precision: Precision = Field("float32", description=_PRECISION)
    candidates: int = Field(0, ge=0, le=100_000_000, description=_CANDIDATES)
    candidates_by: Literal["uniform", "popularity", "generator"] = Field(
        "uniform",
        description=_CANDIDATES_BY.format(more="; generator: half of them as G, which sees no user, proposes"),
    )
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    eval_every: int = Field(2, ge=1, description="epochs between evaluations on validation")
    patience: int = Field(3, ge=1, description="evaluations without a better MRR before stopping")


class AdversarialConfig(Section):
    """G-step and D-step alternate in every mini-batch (4.4, 4.5)."""

    epochs: int = Field(10, ge=0, le=1000, description="at most this many passes over the training triples")
    batch: int = Field(4096, ge=1, description="training triples per step, asked in both directions (5.2.3: 4096)")
    lr: float = Field(0.0001, gt=0, le=1, description="discriminator's learning rate of Adam")
    lr_g: float = Field(0.0001, gt=0, le=1, description="generator's learning rate of Adam")
    l2: float = Field(1e-5, ge=0, description="lambda_D of Eq. 9")
    l2_g: float = Field(1e-5, ge=0, description="lambda_G of Eq. 14")
    n_c: int = Field(1024, ge=2, le=100_000_000, description="entities in the candidate pool C (5.2.3: 1024)")
    n_g: int = Field(200, ge=1, le=1_000_000, description="draws from the pool by the generator (5.2.3: 200)")
    sigma: float = Field(1.0, ge=0, description="standard deviation of the generator's noise z (Eq. 11)")
    hidden_layers: int = Field(2, ge=1, le=6, description="hidden layers of the generator's MLP (5.2.3: 2)")
    use_generator: bool = Field(True, description="False: negatives uniform over the pool (Table 6, without G)")
    label_smoothing: float = Field(
        0.1, ge=0, lt=1, description="a positive's target is 1 - this, a negative's this/n_G"
    )
    precision: Precision = Field(
        "float32",
        description="of the products of queries with the pool, of the generator's layers, and of their gradients; "
        "bfloat16: faster on processors and GPUs that have it; parameters, optimiser, propagation and evaluation stay "
        "float32",
    )
    clip: float = Field(1.0, gt=0, description="largest norm of a gradient")
    eval_every: int = Field(1, ge=1, description="epochs between evaluations on validation (5.2.3: 20)")
    patience: int = Field(3, ge=1, description="evaluations without a better MRR before stopping")


class FusionConfig(Section):
    """Evidence from what the users' items are known for, weighed per relation on validation (bilinear score only)."""

    enabled: bool = Field(False, description="add the evidence to the score, if it helps in cross-validation")
    smoothing: float = Field(2.0, gt=0, description="epsilon of log(1 + f / epsilon): where evidence f starts to count")
    prior: float = Field(1.0, ge=0, description="weight of the squared distance to the relations' common mean")


class WalksConfig(Section):
    """Walks through facts and users, chosen and weighed per relation on training triples (bilinear score only)."""

    enabled: bool = Field(False, description="add walks to the score, direction by direction, if they help")
    held_out: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="share of the training triples that vectors of a second start are trained without, so that the "
        "walks can be weighed beside scores that have not memorised their triples; 0: walks are weighed alone",
    )
    hears: tuple[Heard, ...] = Field(
        ("together", "ratings", "order"),
        description="what users say of two items that walks may go along, if the data has it: that they were chosen "
        "together, rated alike, or chosen near in time",
    )
    paths: int = Field(24, ge=1, le=200, description="most kinds of paths of a relation and direction")
    least_gain: float = Field(
        0.005, ge=0, description="a kind of path is taken if it raises the likelihood of a triple by this share"
    )
    ridge: float = Field(0.1, gt=0, description="weight of the squared weights of paths and own facts")
    ridge_beside: float = Field(
        1.0, gt=0, description="the same beside the held-out start, around half of those found alone"
    )
    triples: int = Field(1500, ge=1, description="most training triples of a direction that weights are fitted on")
    triples_to_choose: int = Field(256, ge=1, description="most training triples that paths are chosen on")
    least_triples: int = Field(20, ge=1, description="a direction with fewer training triples has no walks")
    entries: int = Field(
        4_000_000, ge=1000, description="entities reached by all paths that are held for a fit: bounds memory and time"
    )

    @field_validator("hears")
    @classmethod
    def _in_order(cls, hears: tuple[Heard, ...]) -> tuple[Heard, ...]:
        return tuple(name for name in SAID if name in hears)


class PinnedConfig(Section):
    """A query that is followed through training (pinned.jsonl): its answer's rank, users and hardest negatives."""

    relation: str = Field("", description="the pinned query's relation; empty: no query is pinned")
    head: str = Field("", description="head of a pinned <head, relation, ?>")
    tail: str = Field("", description="tail of a pinned <?, relation, tail>")
    answer: str = Field("", description="the answer whose rank is followed")
    top: int = Field(5, ge=1, le=50, description="heaviest users and hardest negatives that are written down")

    @model_validator(mode="after")
    def _is_whole(self) -> PinnedConfig:
        named = [bool(self.relation), bool(self.head) != bool(self.tail), bool(self.answer)]
        if any([self.relation, self.head, self.tail, self.answer]) and not all(named):
            raise ValueError("a pinned query needs pinned.relation, pinned.answer and one of pinned.head, pinned.tail")
        return self
