"""What every explanation needs of the graph: nodes by name and role, relation names, known edges for orientation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from upgan.data.dataset import KGDataset
from upgan.errors import QueryError
from upgan.explain.between import facts_between
from upgan.explain.explanation import Baseline, ContextEdge, EvidencePath, Node, Role, ScorePart, Sort, UserPath, Walk
from upgan.explain.shares import Shares
from upgan.graph.adjacency import runs
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.model.base import Model
from upgan.types import INTERACTED, INVERSE_MARK, FloatArray, IntArray

#: Whose users: the target's, or the answer's where the candidates' users are in the score too.
Side = Literal["target", "answer"]
#: How many of a user's heaviest paths are listed where nothing else is asked for.
PATHS_PER_USER = 2

#: Why an explanation has no users to show.
USERS_OFF = (
    "The users are switched off in this run (model.use_users = false): there are no user weights, paths or "
    "contributions, and the rank without users is the rank."
)
NO_INTERACTIONS = "The dataset has no interactions: there are no users to show, and the rank without users is the rank."


@dataclass(frozen=True)
class SideUsers:
    """What the users of one side say: user numbers, weights (sum 1, or all 0) and parts of the score, (N,) each.

    Numbers ascend unless they were ``sorted`` otherwise.
    """

    users: IntArray
    weight: FloatArray
    part: FloatArray

    @staticmethod
    def nobody() -> SideUsers:
        return SideUsers(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))

    def times(self, factor: float) -> SideUsers:
        """The same with parts ``factor`` times as large."""
        return SideUsers(self.users, self.weight, factor * self.part)

    def shares(self, names: npt.NDArray[np.object_]) -> Shares:
        """The same with ids, of which ``names`` has all."""
        return Shares(names[self.users], self.weight, self.part)

    def sorted(self, sort: Sort | None = "weight") -> SideUsers:
        """Heaviest first, equal weights by the size of their part, or the other way round; then by number.

        None leaves them as they are: ascending numbers.
        """
        if sort is None:
            return self
        keys = (-np.abs(self.part), -self.weight)
        order = np.lexsort(keys if sort == "weight" else keys[::-1])  # stable: numbers ascend already
        return SideUsers(self.users[order], self.weight[order], self.part[order])


def together(one: SideUsers, other: SideUsers) -> SideUsers:
    """The users of both, numbers ascending: weights and parts added up."""
    if not len(other.users):
        return one
    users, place = np.unique(np.concatenate([one.users, other.users]), return_inverse=True)
    weight: FloatArray = np.bincount(place, np.concatenate([one.weight, other.weight]), len(users)).astype(np.float64)
    part: FloatArray = np.bincount(place, np.concatenate([one.part, other.part]), len(users)).astype(np.float64)
    return SideUsers(users, weight, part)


@dataclass(frozen=True)
class Influence:
    """The users behind one score, heaviest first, with their exact parts of it (float64)."""

    target: SideUsers
    #: The answer's users, for models with users on the candidate side.
    answer: SideUsers
    score: float
    score_without_users: float
    #: s_0, which the parts are counted from.
    score_baseline: float
    #: (U,) ids of all users.
    names: npt.NDArray[np.object_]
    #: What the score is made of, where it has parts of different kinds.
    score_parts: tuple[ScorePart, ...] = ()

    @property
    def users(self) -> Shares:
        return self.target.shares(self.names)

    @property
    def answer_users(self) -> Shares:
        return self.answer.shares(self.names)

    @property
    def order(self) -> IntArray:
        """User numbers in the order of ``users``."""
        return self.target.users

    @property
    def answer_order(self) -> IntArray:
        return self.answer.users

    @property
    def residual(self) -> float:
        """What rounding leaves of score - score_baseline - sum of contributions."""
        return float(self.score - self.score_baseline - self.target.part.sum() - self.answer.part.sum())

    @property
    def effective_users(self) -> float:
        """1 / sum w^2; 0 without users."""
        squares = float(np.square(self.target.weight).sum())
        return 1.0 / squares if squares else 0.0


@dataclass(frozen=True)
class PathCounts:
    """How many users and paths an explanation shows."""

    top_users: int
    paths_per_user: int
    evidence_per_user: int
    #: How many of the heaviest paths over all users.
    top_paths: int
    #: How many of the paths that walks take.
    top_walks: int

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if count < 0:
                raise QueryError(f"{name} = {count}: 0 or more")


@dataclass(frozen=True)
class ShownPaths:
    """The paths shown in an explanation."""

    paths: tuple[UserPath, ...] = ()
    evidence: tuple[EvidencePath, ...] = ()
    answer_paths: tuple[UserPath, ...] = ()
    answer_evidence: tuple[EvidencePath, ...] = ()
    heaviest_paths: tuple[UserPath, ...] = ()
    walks: tuple[Walk, ...] = ()

    @property
    def everything(self) -> tuple[tuple[UserPath, ...], tuple[EvidencePath, ...]]:
        """Paths and evidence of both sides."""
        return self.paths + self.answer_paths, self.evidence + self.answer_evidence

    @property
    def empty(self) -> bool:
        """Whether there is no path of any kind."""
        return not (any(self.everything) or self.walks)


class SeenGraph(NamedTuple):
    """What a model has seen of a dataset: its graph, and the (T, 3) triples and (M, 2) interactions, rows ascending."""

    dataset: KGDataset
    graph: LayeredGraph
    triples: IntArray
    interactions: IntArray


class Explainer(ABC):
    """Who is behind a score of one model on one graph, and along which paths; nobody, where it cannot tell users apart.

    Read-only and thread-safe. ``model``: in float64; full neighbourhoods, nothing sampled.
    """

    def __init__(self, seen: SeenGraph, model: Model, facts: Facts | None = None) -> None:
        """``facts`` of the triples, where they are there already."""
        self.dataset, self.graph = seen.dataset, seen.graph
        # Column by column: what is looked up is one column, which is then searched in place.
        self.triples = np.asfortranarray(seen.triples)
        self.interactions = np.asfortranarray(seen.interactions)
        self._distance = seen.graph.distance.numpy()
        self.model = model
        self.has_users = model.has_users and len(self.interactions) > 0
        self._facts = facts

    # The graph as an explanation speaks of it -----------------------------------------------------------------------

    @cached_property
    def facts(self) -> Facts:
        """The triples as evidence reads them."""
        return self._facts or Facts.build(self.triples, self.dataset.num_entities, self.dataset.num_relations)

    @cached_property
    def user_names(self) -> npt.NDArray[np.object_]:
        """(U,) user ids as an array, to be taken by numbers."""
        names = np.empty(self.dataset.num_users, dtype=object)
        names[:] = self.dataset.users
        return names

    @cached_property
    def _readers(self) -> IntArray:
        """(M, 2) item, user: the interactions by their items."""
        return np.asfortranarray(self.interactions[np.argsort(self.interactions[:, 1], kind="stable")][:, ::-1])

    @cached_property
    def _from_tail(self) -> IntArray:
        """(T, 2) tail, head of the triples, by their tails."""
        return np.asfortranarray(self.triples[np.argsort(self.triples[:, 2], kind="stable")][:, [2, 0]])

    def users_of(self, items: IntArray) -> IntArray:
        """Numbers of the users who interacted with any of ``items`` (ascending), each once, ascending."""
        return np.unique(_starting_at(self._readers, items)[:, 1])

    def neighbours(self, entities: IntArray) -> IntArray:
        """Entities one training fact from any of (N,) ascending ones, whichever way it reads; without those."""
        ends = np.union1d(_starting_at(self.triples, entities)[:, 2], _starting_at(self._from_tail, entities)[:, 1])
        others: IntArray = np.setdiff1d(ends, entities)
        return others

    def users_below(self, entity: str) -> set[str]:
        """Ids of an entity's users, or of those of what shortest walks from it to the users reach just before them."""
        near = np.array([self.dataset.entity_index[entity]], dtype=np.int64)
        for layer in range(self.layer(int(near[0])), 1, -1):
            near = self.neighbours(near)
            near = near[self._distance[near] == layer - 1]
        return set(self.user_names[self.users_of(near)])

    def layer(self, entity: int) -> int:
        """d_n of an entity; UNREACHABLE (-1) where no user reaches it."""
        return int(self._distance[entity])

    def context(
        self,
        target: int,
        answer: int,
        paths: tuple[UserPath, ...],
        evidence: tuple[EvidencePath, ...],
        *,
        alone: bool = False,
    ) -> tuple[ContextEdge, ...]:
        """Training facts and interactions among the shown nodes that no shown path walks.

        ``alone``: nothing else is shown, so the facts that tie both ends together are named too.
        """
        shown_paths: list[UserPath | EvidencePath] = [*paths, *evidence]
        chains = [path.nodes for path in shown_paths]
        walked = {
            self._edge(a, relation, b)
            for path in shown_paths
            for (a, b), relation in zip(pairwise(path.nodes), path.relations, strict=True)
        }
        named = {node.id for chain in chains for node in chain if node.role != "user"}
        entities = np.unique([target, answer, *(self.dataset.entity_index[node] for node in named)])
        touching = {node.id for chain in chains for node in chain if node.role == "user"}
        users = np.array(sorted(self.dataset.user_index[user] for user in touching), dtype=np.int64)
        facts = _starting_at(self.triples, entities)
        facts = facts[np.isin(facts[:, 2], entities)]
        if alone:
            facts = np.concatenate([facts, facts_between(self.triples, target, answer)])
        touched = _starting_at(self.interactions, users)
        touched = touched[np.isin(touched[:, 1], entities)]
        edges = [
            ContextEdge(self.named(h, target, answer), self.named(t, target, answer), self.dataset.relations[r])
            for h, r, t in facts.tolist()
        ]
        offset = self.dataset.num_entities
        edges += [
            ContextEdge(self.named(u + offset, target, answer), self.named(i, target, answer), INTERACTED)
            for u, i in touched.tolist()
        ]
        return tuple(edge for edge in edges if self._edge(edge.source, edge.relation, edge.target) not in walked)

    def _edge(self, source: Node, relation: str, target: Node) -> tuple[str, str, str]:
        """One name for an edge whichever way it is walked: as the triple, or user first for an interaction."""
        if relation == INTERACTED and relation not in self.dataset.relation_index:
            backwards = target.role == "user"
        else:
            backwards = relation not in self.dataset.relation_index
        first, last = (target, source) if backwards else (source, target)
        return first.id, relation.removesuffix(INVERSE_MARK) if backwards else relation, last.id

    def node(self, entity: int, role: Role) -> Node:
        """An entity in a given role."""
        return Node(
            self.dataset.entities[entity],
            self.dataset.entity_labels[entity],
            role,
            self.layer(entity),
            self.dataset.entity_kinds[entity],
        )

    def named(self, node: int, target: int, answer: int) -> Node:
        """Node number (entity, or E + user) -> what it is in this explanation."""
        if node >= self.dataset.num_entities:
            user = self.dataset.users[node - self.dataset.num_entities]
            return Node(user, user, "user", 0, "user")
        return self.node(node, "target" if node == target else "answer" if node == answer else "entity")

    def inverse_kind(self, kind: int) -> int:
        relations = self.dataset.num_relations
        if kind >= 2 * relations:
            return kind ^ 1
        return kind + relations if kind < relations else kind - relations

    def relation_name(self, kind: int) -> str:
        relations = self.dataset.num_relations
        if kind >= 2 * relations:
            return INTERACTED
        return self.dataset.relations[kind % relations] + (INVERSE_MARK if kind >= relations else "")

    # Who is behind a score, and along which paths -------------------------------------------------------------------

    @abstractmethod
    def influence(
        self, head: int, relation: int, answer: int, *, baseline: Baseline = "none", sort: Sort | None = "weight"
    ) -> Influence:
        """Weights and contributions of the users behind one score (relation 0 .. 2R-1)."""

    def paths(
        self, target: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = PATHS_PER_USER
    ) -> tuple[UserPath, ...]:
        """The ``per_user`` heaviest paths from each of ``users`` up to the item of their side, heaviest first."""
        return ()

    def evidence(
        self, target: int, relation: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = 1
    ) -> tuple[EvidencePath, ...]:
        """For each of ``users`` their heaviest paths to the other end of the question, where there are any."""
        return ()

    def heaviest(self, target: int, answer: int, influence: Influence, count: int) -> tuple[UserPath, ...]:
        """The ``count`` heaviest paths from any users up to ``target``, heaviest first."""
        return ()

    def walks(self, target: int, relation: int, answer: int, count: int) -> tuple[Walk, ...]:
        """The ``count`` paths from target to answer with the largest part of the score, where it has walks."""
        return ()

    def selected(self, target: int, relation: int, answer: int, influence: Influence, counts: PathCounts) -> ShownPaths:
        """Paths and evidence of the first users of both sides."""
        first, others = influence.order[: counts.top_users], influence.answer_order[: counts.top_users]
        ends, each = (target, answer), counts.evidence_per_user
        return ShownPaths(
            paths=self.paths(*ends, first, per_user=counts.paths_per_user),
            evidence=self.evidence(target, relation, answer, first, per_user=each),
            answer_paths=self.paths(*ends, others, side="answer", per_user=counts.paths_per_user),
            answer_evidence=self.evidence(target, relation, answer, others, side="answer", per_user=each),
            heaviest_paths=self.heaviest(*ends, influence, counts.top_paths),
            walks=self.walks(target, relation, answer, counts.top_walks),
        )

    def limits(self) -> tuple[str, ...]:
        """What this run cannot show, one sentence each."""
        if not self.model.has_users:
            return (USERS_OFF,)
        return () if self.has_users else (NO_INTERACTIONS,)


def _starting_at(rows: IntArray, first: IntArray) -> IntArray:
    """Those of the (N, C) rows, ascending in their first column, that start with one of ``first`` (ascending)."""
    start = np.searchsorted(rows[:, 0], first)
    count = np.searchsorted(rows[:, 0], first, side="right") - start
    chosen: IntArray = rows[runs(start, count)[1]]
    return chosen
