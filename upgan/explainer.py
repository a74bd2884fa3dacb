"""Why this answer: the model's own arithmetic for one query, gathered into an Explanation."""

from __future__ import annotations

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
from upgan.explained import GraphReader, Influence
from upgan.explanation import EvidencePath, UserPath, UserShare
from upgan.graph import UNREACHABLE, IntArray, LayeredGraph
from upgan.model.discriminator import Discriminator

#: How many of a user's heaviest paths to the target are listed.
PATHS_PER_USER = 2


class Explainer(GraphReader):
    """Attention, coefficients and preferences of the whole graph in float64, computed once and only read after."""

    def __init__(
        self,
        dataset: KGDataset,
        graph: LayeredGraph,
        triples: IntArray,
        interactions: IntArray,
        model: Discriminator,
    ) -> None:
        """``model``: a float64 discriminator; full neighbourhoods, nothing sampled."""
        super().__init__(dataset, graph, triples, interactions)
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

    @torch.no_grad()
    def influence(self, head: int, relation: int, answer: int) -> Influence:
        """Weights and contributions of every user that reaches ``head`` (relation 0 .. 2R-1)."""
        heads, relations, answers = torch.tensor([head]), torch.tensor([relation]), torch.tensor([answer])
        without = self.model.entity.new_zeros(1, self.model.config.width)

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
            named = tuple(self.named(node, target, answer) for node in reversed(nodes))
            alphas = tuple(reversed([float(self._backward[layer - 1 - at].value[e]) for at, e in enumerate(edges)]))
            relations = tuple(self.relation_name(self.inverse_kind(kind)) for kind in reversed(kinds))
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
            named = tuple(self.named(node, target, answer) for node in nodes)
            result.append(EvidencePath(named, tuple(map(self.relation_name, kinds)), coefficients))
        return tuple(result)

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
