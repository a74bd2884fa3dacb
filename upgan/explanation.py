"""What an explanation is: typed numbers first; pictures and tables are drawn from it elsewhere.

Everything here is the model's own arithmetic for one query and one answer (equations of He et al., WWW 2020):

* ``weight`` of a user: w_{h,u} of Eq. 5, the sum over all layered paths user -> target of the product of the attention
  coefficients alpha (Eq. 4); over all users of a target the weights sum to 1.
* ``contribution`` of a user: the exact signed share of that user in score - score_without_users (p_h = 0).
* ``answer_users`` are the same for the answer, where the candidates' users speak too; ``residual`` counts both.
* a ``UserPath`` is one layered path of stage 2 with its alphas; an ``EvidencePath`` is one path of stage 1 by which
  the answer reached the user, with its coefficients 1/|F_n| (Eq. 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["target", "answer", "entity", "user"]
Split = Literal["train", "valid", "test"]


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
class Query:
    """<head, relation, ?> (``tail`` is None) or <?, relation, tail> (``head`` is None)."""

    head: str | None
    relation: str
    tail: str | None

    def to_dict(self) -> dict[str, str | None]:
        return {"head": self.head, "relation": self.relation, "tail": self.tail}


@dataclass(frozen=True)
class UserShare:
    """One reached user: its weight in p_h and its signed part of the score."""

    id: str
    weight: float
    contribution: float


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
class ContextEdge:
    """A true edge shown for orientation that carries no coefficient of this prediction."""

    source: Node
    target: Node
    #: Relation id of a training triple, or "interacted".
    relation: str


@dataclass(frozen=True)
class Explanation:
    """Why the model ranks ``answer`` where it does for ``query``. Scores are logits, not probabilities."""

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
    known: Split | None
    #: All reached users, heaviest first; the weights sum to 1 (empty where no user reaches the target).
    users: tuple[UserShare, ...]
    #: The same for the answer, for models with users on the candidate side.
    answer_users: tuple[UserShare, ...]
    #: Paths of the ``top_users`` heaviest users, heaviest first.
    paths: tuple[UserPath, ...]
    evidence: tuple[EvidencePath, ...]
    context: tuple[ContextEdge, ...]
    #: score - score_without_users - sum of contributions: what rounding leaves over.
    residual: float
    #: 1 / sum of squared weights: how many equally heavy users would be as concentrated. 0 without users.
    effective_users: float
    #: For models with users on the candidate side: paths from the answer's heaviest users up to the answer, and how
    #: the target reached them (target first, user last).
    answer_paths: tuple[UserPath, ...] = ()
    answer_evidence: tuple[EvidencePath, ...] = ()
    #: How many of the users (by weight) paths and figure show.
    top_users: int = 5
    #: Fingerprints that tie the numbers to a run and a dataset.
    run_fingerprint: str = ""
    dataset_fingerprint: str = ""
    #: True where the dataset's interactions are generated ("simulated readers").
    simulated_users: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``upgan explain --format json``."""
        return {
            "query": self.query.to_dict(),
            "answer": self.answer.id,
            "score": self.score,
            "rank": self.rank,
            "filtered_rank": self.filtered_rank,
            "score_without_users": self.score_without_users,
            "rank_without_users": self.rank_without_users,
            "filtered_rank_without_users": self.filtered_rank_without_users,
            "known": self.known,
            "users": [_share(user) for user in self.users],
            "answer_users": [_share(user) for user in self.answer_users],
            "paths": [_path(path) for path in self.paths],
            "evidence": [_evidence(path) for path in self.evidence],
            "answer_paths": [_path(path) for path in self.answer_paths],
            "answer_evidence": [_evidence(path) for path in self.answer_evidence],
            "context": [
                {"source": edge.source.id, "target": edge.target.id, "relation": edge.relation} for edge in self.context
            ],
            "residual": self.residual,
            "effective_users": self.effective_users,
            "target": self.target.id,
            "labels": {node.id: node.label for node in self._entities()},
            "run_fingerprint": self.run_fingerprint,
            "dataset_fingerprint": self.dataset_fingerprint,
            "simulated_users": self.simulated_users,
        }

    def _entities(self) -> list[Node]:
        shown: list[UserPath | EvidencePath] = [*self.paths, *self.evidence, *self.answer_paths, *self.answer_evidence]
        chains = [path.nodes for path in shown]
        ends = [(edge.source, edge.target) for edge in self.context]
        nodes = [self.target, self.answer, *(node for chain in [*chains, *ends] for node in chain)]
        return [node for node in nodes if node.role != "user"]


def _share(user: UserShare) -> dict[str, Any]:
    return {"id": user.id, "weight": user.weight, "contribution": user.contribution}


def _path(path: UserPath) -> dict[str, Any]:
    return {
        "nodes": [node.id for node in path.nodes],
        "relations": list(path.relations),
        "alphas": list(path.alphas),
        "weight": path.weight,
    }


def _evidence(path: EvidencePath) -> dict[str, Any]:
    return {
        "nodes": [node.id for node in path.nodes],
        "relations": list(path.relations),
        "coefficients": list(path.coefficients),
    }
