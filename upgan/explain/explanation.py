"""What an explanation is: typed numbers first; pictures and tables are drawn from it elsewhere.

Everything here is the model's own arithmetic for one query and one answer (equations of He et al., WWW 2020):

* ``weight`` of a user: w_{h,u} of Eq. 5, the sum over all layered paths user -> target of the product of the attention
  coefficients alpha (Eq. 4); over all users of a target the weights sum to 1.
* ``contribution`` of a user: the exact signed share of that user in score - score_baseline; the baseline is p_h = 0
  (``score_without_users``), or the mean user where that is asked for.
* ``answer_users`` are the same for the answer, if the model uses the candidates' users too; ``residual`` counts both.
* a ``UserPath`` is one layered path of stage 2 with its alphas; an ``EvidencePath`` is one path of stage 1 by which
  the answer reached the user, with its coefficients 1/|F_n| (Eq. 2); a ``Chain`` is one of each, joined at the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_jsonable_python

from upgan.data.query import Query as Query
from upgan.explain.reason import Reason
from upgan.explain.shares import UserShare as UserShare
from upgan.explain.shares import UserShares
from upgan.types import INTERACTED, INVERSE_MARK, Shown, SplitName, frame_of

if TYPE_CHECKING:
    import pandas as pd

#: What contributions are counted from: p = 0, or p of the mean user (see ``docs/explanation/explanations.md``).
Baseline = Literal["none", "mean"]
BASELINES: tuple[Baseline, ...] = ("none", "mean")
#: Which users come first, and get their paths shown.
Sort = Literal["weight", "contribution"]
SORTS: tuple[Sort, ...] = ("weight", "contribution")

#: What the number of a chain's link is: attention of stage 2 (Eq. 4), or 1/|F_n| of stage 1 (Eq. 2).
LinkKind = Literal["alpha", "coefficient"]
_ALPHA: tuple[LinkKind, ...] = ("alpha",)
_COEFFICIENT: tuple[LinkKind, ...] = ("coefficient",)

#: The lists of paths of an explanation, and all that its JSON document says, in this order.
_PATHS = ("paths", "evidence", "answer_paths", "answer_evidence", "heaviest_paths", "walks")
_DOCUMENT = (
    *("query", "answer", "score", "rank", "filtered_rank"),
    *("score_without_users", "rank_without_users", "filtered_rank_without_users"),
    *("known", "baseline", "score_baseline", "users", "answer_users", *_PATHS, "chains", "context"),
    *("reasons", "score_parts", "residual", "effective_users", "target", "limits", "labels"),
    *("run_fingerprint", "dataset_fingerprint", "simulated_users"),
)

Role = Literal["target", "answer", "entity", "user"]


@dataclass(frozen=True)
class Node:
    """A node of the interaction-augmented graph and the role it plays in this explanation."""

    id: str
    label: str
    role: Role
    #: Minimum number of hops to any user (d_n); -1 for a node that no user reaches.
    layer: int
    #: The dataset's kind of entity ("book", "author"; may be empty), "user" for users.
    kind: str = ""


@dataclass(frozen=True)
class UserPath:
    """A layered path of stage 2, user first, target last; one relation and one alpha for each edge."""

    nodes: tuple[Node, ...]
    #: As walked from nodes[i] to nodes[i + 1]; "r⁻¹" where the triple reads the other way; "interacted" at a user.
    relations: tuple[str, ...]
    alphas: tuple[float, ...]
    #: Product of the alphas.
    weight: float


@dataclass(frozen=True)
class EvidencePath:
    """A forward path of stage 1, answer first, user last; one relation and one coefficient 1/|F_n| for each edge."""

    nodes: tuple[Node, ...]
    relations: tuple[str, ...]
    coefficients: tuple[float, ...]


@dataclass(frozen=True)
class Chain:
    """Target ← … ← user ← item ← … ← answer: one path of stage 2 and one of stage 1 that meet at a user (Fig. 4)."""

    #: Target first, answer last, the user in between.
    nodes: tuple[Node, ...]
    #: As walked from nodes[i] to nodes[i + 1].
    relations: tuple[str, ...]
    numbers: tuple[float, ...]
    #: Of each number: "alpha" (Eq. 4; a path's share in p) or "coefficient" (1/|F_n| of Eq. 2; a share of the user's).
    kinds: tuple[LinkKind, ...]

    @property
    def user(self) -> Node:
        """Where the two paths meet."""
        return next(node for node in self.nodes if node.role == "user")

    @property
    def weight(self) -> float:
        """Product of all the numbers: how heavy chains are ordered by; no part of the score."""
        return prod(self.numbers)


@dataclass(frozen=True)
class Walk:
    """A path from target to answer that adds to the score, target first (upgan.model.walks)."""

    #: If users are on the path, the heaviest of them is between the two items.
    nodes: tuple[Node, ...]
    #: As walked from nodes[i] to nodes[i + 1].
    relations: tuple[str, ...]
    #: Its share of all paths of its kind, and its signed part of the score.
    weight: float
    contribution: float
    #: How many users are on it, and what they say (the values of upgan.types.SAID); "" in older files.
    users: int = 0
    said: str = ""


@dataclass(frozen=True)
class ScorePart:
    """What one part of the score adds to it; all of them sum to the score."""

    name: str
    value: float


@dataclass(frozen=True)
class ContextEdge:
    """A true edge shown for orientation that carries no coefficient of this prediction."""

    source: Node
    target: Node
    #: Relation id of a training triple, or "interacted".
    relation: str


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """Why ``answer`` has its rank for ``query``. Scores are logits, not probabilities."""

    query: Query
    target: Node
    answer: Node
    #: Relation in words, and whether the query goes against its direction (<?, r, t>).
    relation_label: str
    inverse: bool
    score: float
    #: Position among all entities, known answers included (1 is best).
    rank: int
    #: Rank with the other known answers filtered out; ties count as the mean of optimistic and pessimistic rank.
    filtered_rank: float
    score_without_users: float
    rank_without_users: int
    filtered_rank_without_users: float
    #: In which split the dataset already knows this triple; None where it does not.
    known: SplitName | None
    #: All reached users, in the order of ``sort``; the weights sum to 1 (empty where no user reaches the target).
    users: UserShares
    #: The same for the answer, for models with users on the candidate side.
    answer_users: UserShares
    #: Paths of the first ``top_users`` users, heaviest first.
    paths: tuple[UserPath, ...]
    evidence: tuple[EvidencePath, ...]
    context: tuple[ContextEdge, ...]
    #: score - score_baseline - sum of contributions: what rounding leaves over.
    residual: float
    #: 1 / sum of squared weights: how many equally heavy users would be as concentrated. 0 without users.
    effective_users: float
    #: For models with users on the candidate side: paths from the answer's heaviest users up to the answer, and how
    #: the target reached them (target first, user last).
    answer_paths: tuple[UserPath, ...] = ()
    answer_evidence: tuple[EvidencePath, ...] = ()
    #: What the contributions are counted from, and the score there (None: ``score_without_users``).
    baseline: Baseline = "none"
    score_baseline: float | None = None
    #: What this kind of model cannot show, one sentence each.
    limits: tuple[str, ...] = ()
    #: The heaviest paths to the target over all users, where they were asked for.
    heaviest_paths: tuple[UserPath, ...] = ()
    #: The paths that carry most of the answer, largest part first, where the score has walks; and its parts by name.
    walks: tuple[Walk, ...] = ()
    score_parts: tuple[ScorePart, ...] = ()
    #: What the data say for the answer, in counts; after it the same for the answer that is first without users, where
    #: that is another one. Empty in older files.
    reasons: tuple[Reason, ...] = ()
    #: How many of the users (by ``sort``) paths and figure show, and how many paths and ways of evidence of each.
    top_users: int = 5
    sort: Sort = "weight"
    paths_per_user: int = 2
    evidence_per_user: int = 1
    #: Fingerprints that tie the numbers to a run and a dataset.
    run_fingerprint: str = ""
    dataset_fingerprint: str = ""
    #: True where the dataset's interactions are generated ("simulated readers").
    simulated_users: bool = False

    def __repr__(self) -> str:
        ends = (self.answer, self.target) if self.inverse else (self.target, self.answer)
        asked = " — ".join([ends[0].label, self.relation_label, ends[1].label])
        users = " + ".join(str(len(side)) for side in (self.users, self.answer_users) if side) or "no"
        ranks = f"{self.filtered_rank:g}, without users {self.filtered_rank_without_users:g}"
        return f"Explanation({asked!r}, rank {ranks}, score {self.score:.4g}, {users} users)"

    def to_frame(self, of: Literal["users", "paths", "walks", "parts"] = "users") -> pd.DataFrame:
        """A table: the users with weight and contribution, their paths, the paths that add to the score, or its parts.

        Users go by their own ids.
        """
        return frame_of(self, of)

    @property
    def baseline_score(self) -> float:
        """s_0: the score that the contributions are counted from."""
        return self.score_without_users if self.score_baseline is None else self.score_baseline

    @property
    def chains(self) -> tuple[Chain, ...]:
        """Paths and evidence joined at their users, from target to answer, heaviest first."""
        joined = [
            Chain(
                tuple(reversed(evidence.nodes[:-1] + path.nodes)),
                tuple(map(turned, reversed(evidence.relations + path.relations))),
                tuple(reversed(evidence.coefficients + path.alphas)),
                _ALPHA * len(path.alphas) + _COEFFICIENT * len(evidence.coefficients),
            )
            for path, evidence in _meeting(self.paths, self.evidence)
        ]
        joined += [
            Chain(
                evidence.nodes[:-1] + path.nodes,
                evidence.relations + path.relations,
                evidence.coefficients + path.alphas,
                _COEFFICIENT * len(evidence.coefficients) + _ALPHA * len(path.alphas),
            )
            for path, evidence in _meeting(self.answer_paths, self.answer_evidence)
        ]
        return tuple(sorted(joined, key=lambda chain: -chain.weight))

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``upgan explain --format json``: nodes by their ids, labels beside them."""
        values = {
            **vars(self),
            "target": self.target.id,
            "answer": self.answer.id,
            "score_baseline": self.baseline_score,
            "chains": [{**_by_ids(each), "user": each.user.id, "weight": each.weight} for each in self.chains],
            "context": [vars(edge) | {"source": edge.source.id, "target": edge.target.id} for edge in self.context],
            "labels": {node.id: node.label for node in self._entities()},
        }
        values |= {name: [_by_ids(path) for path in values[name]] for name in _PATHS}
        document: dict[str, Any] = to_jsonable_python({name: values[name] for name in _DOCUMENT}, fallback=list)
        return document

    def _entities(self) -> list[Node]:
        nodes = [self.target, self.answer]
        nodes += [node for name in _PATHS for path in getattr(self, name) for node in path.nodes]
        nodes += [node for edge in self.context for node in (edge.source, edge.target)]
        return [node for node in nodes if node.role != "user"]


def turned(relation: str) -> str:
    """A relation as it is walked the other way; an interaction is named alike both ways."""
    if relation == INTERACTED:
        return relation
    return relation.removesuffix(INVERSE_MARK) if relation.endswith(INVERSE_MARK) else relation + INVERSE_MARK


def _meeting(
    paths: tuple[UserPath, ...], evidence: tuple[EvidencePath, ...]
) -> Iterable[tuple[UserPath, EvidencePath]]:
    """Every path with every evidence of its user."""
    of_user: dict[str, list[EvidencePath]] = {}
    for way in evidence:
        of_user.setdefault(way.nodes[-1].id, []).append(way)
    return ((path, way) for path in paths for way in of_user.get(path.nodes[0].id, []))


def _by_ids(path: UserPath | EvidencePath | Chain | Walk) -> dict[str, Any]:
    return {**vars(path), "nodes": [node.id for node in path.nodes]}
