"""Why this answer: the model's own arithmetic for one query, gathered into an Explanation."""

from __future__ import annotations

from functools import cached_property, partial

import numpy as np
import torch

from upgan.explain.attribution import (
    LayerSteps,
    PathStep,
    Preference,
    above,
    backward_steps,
    contributions,
    forward_steps,
    heaviest_overall,
    heaviest_paths,
    trace,
    user_weights,
)
from upgan.explain.base import PATHS_PER_USER, Explainer, Influence, SeenGraph, Side, SideUsers
from upgan.explain.explanation import Baseline, EvidencePath, Sort, UserPath
from upgan.graph.adjacency import Adjacency
from upgan.graph.facts import Facts
from upgan.graph.layered import UNREACHABLE
from upgan.model.discriminator import Discriminator
from upgan.model.propagation import Propagated
from upgan.types import FloatArray, IntArray


class LayeredExplainer(Explainer):
    """Attention, coefficients and preferences of the whole graph in float64, computed once and only read after."""

    model: Discriminator

    def __init__(self, seen: SeenGraph, model: Discriminator, facts: Facts | None = None) -> None:
        super().__init__(seen, model, facts)
        self.propagated: Propagated | None = None
        self._backward: list[LayerSteps] = []
        self._forward: list[LayerSteps] = []
        if self.has_users:
            with torch.no_grad():
                self.propagated = model.propagate(self.graph)
            self._backward = backward_steps(self.graph, self.propagated.alphas)
            self._forward = forward_steps(self.graph)
        self._last: tuple[int, IntArray, FloatArray] | None = None
        self._layers = [layer.numpy() for layer in self.graph.layers]

    # Users -----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def influence(
        self, head: int, relation: int, answer: int, *, baseline: Baseline = "none", sort: Sort | None = "weight"
    ) -> Influence:
        """Weights and contributions of every user that reaches ``head`` (relation 0 .. 2R-1)."""
        if self.propagated is None or self.layer(head) == UNREACHABLE:
            return self.influence_of(head, relation, answer, Preference.nobody(self.nothing))
        vector = self.propagated.preference[self.layer(head)][self._position(head)]  # p_h of stage 2, not a sum
        users, weights = self.weights(head)
        preference = Preference(vector, users, weights, partial(self._along, users))
        start = None if baseline == "none" else self.mean_user
        return self.influence_of(head, relation, answer, preference, start, sort)

    @torch.no_grad()
    def influence_of(
        self,
        head: int,
        relation: int,
        answer: int,
        preference: Preference,
        start: torch.Tensor | None = None,
        sort: Sort | None = "weight",
    ) -> Influence:
        """The users of a p_h, which need not be this graph's; (W,) ``start``: what p_h is compared with, None for 0."""
        score = self.score(head, relation, answer, preference.vector)
        without = self.score(head, relation, answer, self.nothing)
        before = without if start is None else self.score(head, relation, answer, start)
        part = contributions(self.model, head, relation, answer, preference, self.nothing if start is None else start)
        speakers = SideUsers(preference.users, preference.weights, part).sorted(sort)
        return Influence(speakers, SideUsers.nobody(), score, without, before, self.user_names)

    @cached_property
    def nothing(self) -> torch.Tensor:
        """(W,) p_h = 0."""
        return self.model.entity.new_zeros(self.model.width)

    @cached_property
    def adjacency(self) -> Adjacency:
        """Every edge from both ends."""
        data = self.dataset
        return Adjacency.build(self.triples, self.interactions, data.num_entities, data.num_users, data.num_relations)

    @cached_property
    def mean_user(self) -> torch.Tensor:
        """(W,) plain mean of all users' v~."""
        assert self.propagated is not None
        return self.propagated.semantic[0].mean(dim=0)

    def weights(self, head: int) -> tuple[IntArray, FloatArray]:
        """w_{h,u} of all reached users (ascending), Eq. 5; nobody where no user reaches ``head``."""
        if not self.has_users or self.layer(head) == UNREACHABLE:
            return np.empty(0, dtype=np.int64), np.empty(0)
        last = self._last  # a contrast asks twice for the same target; read once, other threads may replace it
        if last is None or last[0] != head:
            last = (head, *user_weights(self._backward, self.layer(head), self._position(head)))
            self._last = last
        return last[1:]

    def _along(self, users: IntArray, direction: torch.Tensor) -> FloatArray:
        """(N,) v~_u . direction; over everybody at once where most of them are asked for."""
        assert self.propagated is not None
        everybody = self.propagated.semantic[0]
        if 4 * len(users) > len(everybody):
            return np.asarray((everybody @ direction).numpy()[users], dtype=np.float64)
        return np.asarray((everybody[torch.from_numpy(users)] @ direction).numpy(), dtype=np.float64)

    def score(self, head: int, relation: int, answer: int, preference: torch.Tensor) -> float:
        """Eq. 7 with p_h = (W,) ``preference``."""
        heads, relations = torch.tensor([head]), torch.tensor([relation])
        queries = self.model.queries(heads, relations, preference.unsqueeze(0))
        return float(self.model.scores(queries, torch.tensor([answer]))[0, 0])

    # Paths -----------------------------------------------------------------------------------------------------------

    def paths(
        self, target: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = PATHS_PER_USER
    ) -> tuple[UserPath, ...]:
        """Layered paths; the answer has no users of its own here."""
        layer = self.layer(target)
        if layer == UNREACHABLE or not len(users) or not self.has_users or per_user < 1:
            return ()
        within = above(self.graph, users, layer)
        walked = heaviest_paths(self._backward, layer, self._position(target), per_user, within)
        return self._user_paths(walked, target, answer)

    def heaviest(self, target: int, answer: int, influence: Influence, count: int) -> tuple[UserPath, ...]:
        layer = self.layer(target)
        if layer == UNREACHABLE or count < 1 or not self.has_users:
            return ()
        return self._user_paths(heaviest_overall(self._backward, layer, self._position(target), count), target, answer)

    def _user_paths(self, walked: list[PathStep], target: int, answer: int) -> tuple[UserPath, ...]:
        """Complete partial paths in words, heaviest first."""
        result = []
        for index in np.argsort(-walked[-1].weight, kind="stable").tolist():
            nodes, alphas, kinds = self._walk(walked, index, self._backward)
            named = tuple(self.named(node, target, answer) for node in reversed(nodes))
            relations = tuple(self.relation_name(self.inverse_kind(kind)) for kind in reversed(kinds))
            result.append(UserPath(named, relations, tuple(reversed(alphas)), float(walked[-1].weight[index])))
        return tuple(result)

    def evidence(
        self, target: int, relation: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = 1
    ) -> tuple[EvidencePath, ...]:
        """The heaviest forward paths by which ``answer`` reached v~_u of each of ``users``, in the users' order.

        A user whom the answer does not reach in stage 1 has none.
        """
        layer = self.layer(answer)
        if layer == UNREACHABLE or not len(users) or not self.has_users or per_user < 1:
            return ()
        within = above(self.graph, users, layer)
        walked = heaviest_paths(self._forward, layer, self._position(answer), per_user, within)
        turn = {user: place for place, user in enumerate(users.tolist())}
        last = walked[-1]
        place_of = np.array([turn[user] for user in last.node.tolist()], dtype=np.int64)
        result = []
        for index in np.lexsort((-last.weight, place_of)).tolist():
            nodes, coefficients, kinds = self._walk(walked, index, self._forward)
            named = tuple(self.named(node, target, answer) for node in nodes)
            result.append(EvidencePath(named, tuple(map(self.relation_name, kinds)), tuple(coefficients)))
        return tuple(result)

    def _position(self, entity: int) -> int:
        """Where an entity stands within its layer (layers are ascending)."""
        return int(np.searchsorted(self._layers[self.layer(entity)], entity))

    def _walk(
        self, walked: list[PathStep], index: int, steps: list[LayerSteps]
    ) -> tuple[list[int], list[float], list[int]]:
        """Partial path -> node numbers (top layer first), its edges' values and types as seen from the far end."""
        positions, edges = trace(walked, index)
        layers = range(len(walked) - 1, -1, -1)
        nodes = [int(self._layers[layer][position]) for layer, position in zip(layers, positions, strict=True)]
        passed = [(steps[layer], edge) for layer, edge in zip(layers[1:], edges, strict=True)]
        return nodes, [float(s.value[edge]) for s, edge in passed], [int(s.kind[edge]) for s, edge in passed]
