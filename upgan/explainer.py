"""Why this answer: the model's own arithmetic for one query, gathered into an Explanation."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from upgan.attribution import (
    LayerSteps,
    PathStep,
    backward_steps,
    contributions,
    forward_steps,
    heaviest_paths,
    trace,
    user_weights,
)
from upgan.data.dataset import KGDataset
from upgan.explanation import ContextEdge, EvidencePath, Node, Role, UserPath, UserShare
from upgan.graph import UNREACHABLE, IntArray, LayeredGraph
from upgan.model.discriminator import Discriminator
from upgan.types import INTERACTED, INVERSE_MARK

#: How many of a user's heaviest paths to the target are listed.
PATHS_PER_USER = 2


@dataclass(frozen=True)
class Influence:
    """The users behind one score, heaviest first, with their exact parts of it (float64)."""

    users: tuple[UserShare, ...]
    order: IntArray  # user numbers, heaviest first
    score: float
    score_without_users: float

    @property
    def residual(self) -> float:
        """What rounding leaves of score - score_without_users - sum of contributions."""
        return self.score - self.score_without_users - sum(user.contribution for user in self.users)

    @property
    def effective_users(self) -> float:
        """1 / sum w^2; 0 without users."""
        squares = sum(user.weight**2 for user in self.users)
        return 1.0 / squares if squares else 0.0


class Explainer:
    """Attention, coefficients and preferences of the whole graph in float64, computed once and only read after."""

    def __init__(self, dataset: KGDataset, graph: LayeredGraph, model: Discriminator) -> None:
        """``model``: a float64 discriminator; full neighbourhoods, nothing sampled."""
        self.dataset = dataset
        self.graph = graph
        self.model = model
        self.has_users = model.config.use_users and graph.num_reachable > 0
        self._backward: list[LayerSteps] = []
        self._forward: list[LayerSteps] = []
        if self.has_users:
            with torch.no_grad():
                propagated = model.propagate(graph)
            self._user_preference = propagated.semantic[0]
            self._backward = backward_steps(graph, propagated.alphas)
            self._forward = forward_steps(graph)
        self._layers = [layer.numpy() for layer in graph.layers]
        self._distance = graph.distance.numpy()

    def layer(self, entity: int) -> int:
        """d_n of an entity; UNREACHABLE (-1) where no user reaches it."""
        return int(self._distance[entity])

    @torch.no_grad()
    def influence(self, head: int, relation: int, answer: int) -> Influence:
        """Weights and contributions of every user that reaches ``head`` (relation 0 .. 2R-1)."""
        heads, relations, answers = torch.tensor([head]), torch.tensor([relation]), torch.tensor([answer])
        without = self.model.entity.new_zeros(1, self.model.config.dim)

        def score(preference: torch.Tensor) -> float:
            return float(self.model.scores(self.model.queries(heads, relations, preference), answers)[0, 0])

        if not self.has_users or self.layer(head) == UNREACHABLE:
            return Influence((), np.empty(0, dtype=np.int64), score(without), score(without))
        users, weight = user_weights(self._backward, self.layer(head), self._position(head))
        chosen = self._user_preference[torch.from_numpy(users)]
        weights = torch.from_numpy(weight)
        part = contributions(self.model, head, relation, answer, weights, chosen).numpy()
        order = np.lexsort((users, -weight))
        shares = tuple(
            UserShare(self.dataset.users[user], float(w), float(c))
            for user, w, c in zip(users[order].tolist(), weight[order], part[order], strict=True)
        )
        preference = (weights @ chosen).unsqueeze(0)
        return Influence(shares, users[order], score(preference), score(without))

    def paths(self, target: int, answer: int, users: IntArray) -> tuple[UserPath, ...]:
        """The heaviest layered paths from each of ``users`` up to ``target``, heaviest first."""
        layer = self.layer(target)
        if layer == UNREACHABLE or not len(users):
            return ()
        found = heaviest_paths(self._backward, layer, self._position(target), PATHS_PER_USER)
        result = []
        for index in np.flatnonzero(np.isin(found[-1].node, users)).tolist():
            nodes, edges, kinds = self._walk(found, index, self._backward, layer)
            named = tuple(self._node(node, target, answer) for node in reversed(nodes))
            alphas = tuple(reversed([float(self._backward[layer - 1 - at].value[e]) for at, e in enumerate(edges)]))
            relations = tuple(self._relation_name(self._inverse(kind)) for kind in reversed(kinds))
            result.append(UserPath(named, relations, alphas, float(found[-1].weight[index])))
        return tuple(sorted(result, key=lambda path: -path.weight))

    def evidence(self, target: int, answer: int, users: IntArray) -> tuple[EvidencePath, ...]:
        """For each of ``users`` the heaviest forward path by which ``answer`` reached its v~_u, in the users' order.

        A user whom the answer does not reach in stage 1 has none.
        """
        layer = self.layer(answer)
        if layer == UNREACHABLE or not len(users):
            return ()
        found = heaviest_paths(self._forward, layer, self._position(answer), 1)
        place = {int(node): index for index, node in enumerate(found[-1].node)}
        result = []
        for user in users.tolist():
            if user not in place:
                continue
            nodes, edges, kinds = self._walk(found, place[user], self._forward, layer)
            coefficients = tuple(float(self._forward[layer - 1 - at].value[e]) for at, e in enumerate(edges))
            named = tuple(self._node(node, target, answer) for node in nodes)
            result.append(EvidencePath(named, tuple(map(self._relation_name, kinds)), coefficients))
        return tuple(result)

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
        users = np.unique([self.dataset.user_index[chain[0].id] for chain in (path.nodes for path in paths)])
        train, read = self.dataset.train, self.dataset.interactions
        facts = train[np.isin(train[:, 0], entities) & np.isin(train[:, 2], entities)]
        touched = read[np.isin(read[:, 0], users) & np.isin(read[:, 1], entities)]
        edges = [
            ContextEdge(self._node(h, target, answer), self._node(t, target, answer), self.dataset.relations[r])
            for h, r, t in facts.tolist()
        ]
        offset = self.dataset.num_entities
        edges += [
            ContextEdge(self._node(u + offset, target, answer), self._node(i, target, answer), INTERACTED)
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

    def _node(self, node: int, target: int, answer: int) -> Node:
        """Node number (entity, or E + user) -> what it is in this explanation."""
        if node >= self.dataset.num_entities:
            user = self.dataset.users[node - self.dataset.num_entities]
            return Node(user, user, "user", 0, "user")
        return self.node(node, "target" if node == target else "answer" if node == answer else "entity")

    def _position(self, entity: int) -> int:
        """Where an entity stands within its layer (layers are ascending)."""
        return int(np.searchsorted(self._layers[self.layer(entity)], entity))

    def _walk(
        self, found: list[PathStep], index: int, steps: list[LayerSteps], layer: int
    ) -> tuple[list[int], list[int], list[int]]:
        """Partial path -> node numbers (top layer first), edges and relation types as seen from the far end."""
        positions, edges = trace(found, index)
        nodes = [int(self._layers[layer - depth][position]) for depth, position in enumerate(positions)]
        kinds = [int(steps[layer - 1 - depth].kind[edge]) for depth, edge in enumerate(edges)]
        return nodes, edges, kinds

    def _inverse(self, kind: int) -> int:
        relations = self.dataset.num_relations
        if kind >= 2 * relations:
            return kind ^ 1
        return kind + relations if kind < relations else kind - relations

    def _relation_name(self, kind: int) -> str:
        relations = self.dataset.num_relations
        if kind >= 2 * relations:
            return INTERACTED
        return self.dataset.relations[kind % relations] + (INVERSE_MARK if kind >= relations else "")
