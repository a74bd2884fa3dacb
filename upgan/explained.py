"""What every explanation needs of the graph: nodes by name and role, relation names, known edges for orientation."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from upgan.data.dataset import KGDataset
from upgan.explanation import ContextEdge, EvidencePath, Node, Role, UserPath, UserShare
from upgan.graph import IntArray, LayeredGraph
from upgan.types import INTERACTED, INVERSE_MARK


@dataclass(frozen=True)
class Influence:
    """The users behind one score, heaviest first, with their exact parts of it (float64)."""

    users: tuple[UserShare, ...]
    order: IntArray  # user numbers, heaviest first
    score: float
    score_without_users: float
    #: The same for the answer's users, for models with users on the candidate side.
    answer_users: tuple[UserShare, ...] = ()
    answer_order: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def residual(self) -> float:
        """What rounding leaves of score - score_without_users - sum of contributions."""
        return (
            self.score - self.score_without_users - sum(user.contribution for user in (*self.users, *self.answer_users))
        )

    @property
    def effective_users(self) -> float:
        """1 / sum w^2; 0 without users."""
        squares = sum(user.weight**2 for user in self.users)
        return 1.0 / squares if squares else 0.0


class GraphReader:
    """A dataset's graph as an explanation speaks of it; read only."""

    def __init__(self, dataset: KGDataset, graph: LayeredGraph, triples: IntArray, interactions: IntArray) -> None:
        """``triples`` and ``interactions`` are what the model has seen."""
        self.dataset = dataset
        self.graph = graph
        self.triples = triples
        self.interactions = interactions
        self._distance = graph.distance.numpy()

    def layer(self, entity: int) -> int:
        """d_n of an entity; UNREACHABLE (-1) where no user reaches it."""
        return int(self._distance[entity])

    def context(
        self, target: int, answer: int, paths: tuple[UserPath, ...], evidence: tuple[EvidencePath, ...]
    ) -> tuple[ContextEdge, ...]:
        """Training facts and interactions among the shown nodes that no shown path walks."""
        shown_paths: list[UserPath | EvidencePath] = [*paths, *evidence]
        chains = [path.nodes for path in shown_paths]
        walked = {
            self._edge(a, relation, b)
            for path in shown_paths
            for (a, b), relation in zip(pairwise(path.nodes), path.relations, strict=True)
        }
        shown = {node.id for chain in chains for node in chain if node.role != "user"}
        entities = np.unique([target, answer, *(self.dataset.entity_index[node] for node in shown)])
        touching = {node.id for chain in chains for node in chain if node.role == "user"}
        users = np.array(sorted(self.dataset.user_index[user] for user in touching), dtype=np.int64)
        train, read = self.triples, self.interactions
        facts = train[np.isin(train[:, 0], entities) & np.isin(train[:, 2], entities)]
        touched = read[np.isin(read[:, 0], users) & np.isin(read[:, 1], entities)]
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
