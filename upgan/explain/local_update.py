"""Both propagation stages on a changed graph, computed anew only where the change is felt; the rest is looked up.

What is asked is one p_h. Stage 2 reaches h from its users over the nodes below h, the cone: those are computed anew.
Stage 1 changes at the ends of the changed edges, at nodes whose layer d_n is another one now and at their neighbours,
and from there on towards the users. Everything else has the vectors it had. The result is that of a graph built from
the changed facts, to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.explain.attribution import Preference, distinct, steps_of, user_weights
from upgan.explain.layered import LayeredExplainer
from upgan.graph.adjacency import Adjacency, ChangedEdges, Edges
from upgan.graph.layered import UNREACHABLE, LayerEdges, layer_edges
from upgan.graph.sparse import segment_softmax, spmm
from upgan.model.propagation import ACTIVATIONS, forward_coefficients
from upgan.types import BoolArray, IntArray


@dataclass(frozen=True)
class Cone:
    """The nodes below one node in the changed graph: nodes[l] of layer l, ascending, and edges[l] from l + 1 to l."""

    nodes: list[IntArray]
    edges: list[Edges]


class LocalChange:
    """One change of an explainer's graph."""

    def __init__(self, explainer: LayeredExplainer, gone: BoolArray, added: IntArray, facts: IntArray) -> None:
        """``gone``: (edges,) bool, interactions then triples; ``added``: (A, 2) interactions of (user, entity), and
        ``facts``: (B, 3) triples that come in addition."""
        self.explainer = explainer
        data = explainer.dataset
        self.sizes = (data.num_entities, data.num_users, data.num_relations)
        self.added_ends = (
            np.concatenate([added[:, 0] + data.num_entities, facts[:, 0]]),
            np.concatenate([added[:, 1], facts[:, 2]]),
        )
        self.edges = ChangedEdges(explainer.adjacency, gone, Adjacency.build(facts, added, *self.sizes))
        self._before = explainer.graph.distance.numpy()
        self.distance = self._before if self._layers_stay() else self.edges.distances(data.num_entities)
        self._touched = self._touched_nodes()

    # Where the change is felt -------------------------------------------------------------------------------------

    def _lost(self) -> tuple[IntArray, IntArray]:
        """Both ends of every edge that is gone."""
        read, facts = self.explainer.interactions, self.explainer.triples
        lost = np.flatnonzero(self.edges.gone)
        reads, triples = read[lost[lost < len(read)]], facts[lost[lost >= len(read)] - len(read)]
        left = np.concatenate([reads[:, 0] + self.sizes[0], triples[:, 0]])
        return left, np.concatenate([reads[:, 1], triples[:, 2]])

    def _layers_stay(self) -> bool:
        """Whether who lost an edge still has a neighbour nearer to the users, and no new edge leads nearer to them."""
        ends = distinct(np.concatenate(self._lost()), len(self._before))
        ends = ends[self._before[ends] > 0]
        walked = self.edges.leave(ends)
        nearer = self._before[walked.other] == self._before[ends][walked.position] - 1
        held = np.zeros(len(ends), dtype=bool)
        held[walked.position[nearer]] = True
        # A new edge brings nobody nearer between layers beside each other, or where no user is near.
        left, right = (self._before[ends] for ends in self.added_ends)
        return bool(held.all() and ((np.abs(left - right) <= 1) & ((left < 0) == (right < 0))).all())

    def _touched_nodes(self) -> BoolArray:
        """(N,) nodes whose F_n (their neighbours one layer farther) may not be what it was.

        The nearer end of an edge that is gone or new; a node of another layer than before, and all its neighbours.
        """
        touched = np.zeros(len(self.distance), dtype=bool)
        for (left, right), distance in ((self._lost(), self._before), (self.added_ends, self.distance)):
            touched[left[distance[right] == distance[left] + 1]] = True
            touched[right[distance[left] == distance[right] + 1]] = True
        moved = np.flatnonzero(self.distance != self._before)
        touched[moved] = True
        if len(moved):
            base = self.explainer.adjacency
            touched[base.other[base.leave(moved)[1]]] = True
            touched[self.edges.leave(moved).other] = True
        return touched

    # Stage 1 ------------------------------------------------------------------------------------------------------

    def _felt(self, cone: Cone) -> list[IntArray]:
        """For each layer the nodes whose v~ has to be computed anew; of the users only those of the cone."""
        size, depth = len(self.distance), int(self.distance.max(initial=0))
        touched = np.flatnonzero(self._touched)
        felt: list[IntArray] = []
        above = np.empty(0, dtype=np.int64)
        for level in range(depth, -1, -1):
            there = np.zeros(size, dtype=bool)
            there[touched[self.distance[touched] == level]] = True
            if level == 0:
                users = cone.nodes[0]
                above_marked = np.zeros(size, dtype=bool)
                above_marked[above] = True
                walked = self.edges.leave(users)
                there[users[walked.position[above_marked[walked.other]]]] = True
                inside = np.zeros(size, dtype=bool)
                inside[users] = True
                there &= inside
            elif len(above):
                near = self.edges.leave(above).other
                there[near[self.distance[near] == level]] = True
            above = np.flatnonzero(there)
            felt.insert(0, above)
        return felt

    def _semantics(self, cone: Cone) -> list[Tensor]:
        """v~ of the cone's nodes, layer by layer."""
        felt = self._felt(cone)
        anew: list[Tensor] = [torch.empty(0)] * (len(felt) + 1)
        for level in range(len(felt) - 1, -1, -1):
            anew[level] = self._stage_1(level, felt, anew)
        return [self._states(level, nodes, felt, anew) for level, nodes in enumerate(cone.nodes)]

    def _stage_1(self, level: int, felt: list[IntArray], anew: list[Tensor]) -> Tensor:
        """Eq. 2 for the nodes of one layer that feel the change."""
        model, nodes = self.explainer.model, felt[level]
        part = model.propagation
        if level == 0:
            users = torch.from_numpy(nodes - self.sizes[0])
            own = part.user[users] if part.config.user_embedding else model.entity.new_zeros(len(nodes), len(part.own))
            activation = ACTIVATIONS[part.config.user_activation]
        else:
            own, activation = model.entity[torch.from_numpy(nodes)], ACTIVATIONS[part.config.activation]
        state = own @ part.own.T
        walked = self.edges.leave(nodes)
        onward = self.distance[walked.other] == level + 1
        if onward.any():
            far = distinct(walked.other[onward], len(self.distance))
            places = walked.position[onward], _places(far, walked.other[onward])
            edges = _edges(*places, walked.kind[onward], (len(nodes), len(far)))
            message = part.transformed(edges, self._states(level + 1, far, felt, anew))
            state = state + spmm(edges.forward, forward_coefficients(edges, state.dtype), message)
        return activation(state)

    def _states(self, level: int, nodes: IntArray, felt: list[IntArray], anew: list[Tensor]) -> Tensor:
        """(B, W) v~ of nodes of one layer: looked up, or computed anew."""
        propagated, graph = self.explainer.propagated, self.explainer.graph
        assert propagated is not None
        fresh = np.zeros(len(self.distance), dtype=bool)
        fresh[felt[level]] = True
        fresh = fresh[nodes]
        states = self.explainer.model.entity.new_empty(len(nodes), self.explainer.model.width)
        if not fresh.all():
            old = np.searchsorted(graph.layers[level].numpy(), nodes[~fresh])
            states[torch.from_numpy(~fresh)] = propagated.semantic[level][torch.from_numpy(old)]
        if fresh.any():
            states[torch.from_numpy(fresh)] = anew[level][torch.from_numpy(np.searchsorted(felt[level], nodes[fresh]))]
        return states

    # Stage 2 ------------------------------------------------------------------------------------------------------

    def _cone(self, head: int) -> Cone:
        layer = int(self.distance[head])
        nodes: list[IntArray] = [np.array([head], dtype=np.int64)]
        edges: list[Edges] = []
        for level in range(layer - 1, -1, -1):
            walked = self.edges.leave(nodes[0])
            nearer = self.distance[walked.other] == level
            edges.insert(0, Edges(walked.position[nearer], walked.other[nearer], walked.kind[nearer]))
            nodes.insert(0, distinct(walked.other[nearer], len(self.distance)))
        return Cone(nodes, edges)

    @torch.no_grad()
    def preference(self, head: int) -> Preference:
        """p_h (Eq. 3 - 5) on the changed graph."""
        model, layer = self.explainer.model, int(self.distance[head])
        if layer == UNREACHABLE:
            return Preference.nobody(self.explainer.nothing)
        cone = self._cone(head)
        semantic = self._semantics(cone)
        state, steps = semantic[0], []
        for level, walked in enumerate(cone.edges):
            far, near = cone.nodes[level + 1], cone.nodes[level]
            edges = _edges(_places(near, walked.other), walked.position, walked.kind, (len(near), len(far)))
            alpha = segment_softmax(
                edges.backward, model.propagation.attention_logits(edges, semantic[level + 1], state)
            )
            state = spmm(edges.backward, alpha, state)
            steps.append(steps_of(edges, alpha.numpy()))
        users, weights = user_weights(steps, layer, 0)
        profiles = semantic[0][torch.from_numpy(users)]
        return Preference(
            state[0],
            cone.nodes[0][users] - self.sizes[0],
            weights,
            lambda direction: np.asarray((profiles @ direction).numpy(), dtype=np.float64),
        )


def _edges(near: IntArray, far: IntArray, kind: IntArray, sizes: tuple[int, int]) -> LayerEdges:
    """(M,) edges between places among the near and the far nodes, for either stage: both read one kind only."""
    return layer_edges(near, far, kind, kind, np.full(len(kind), -1, dtype=np.int64), sizes)


def _places(nodes: IntArray, wanted: IntArray) -> IntArray:
    """Where each of ``wanted`` stands among ``nodes`` (ascending); by a table, faster than searching."""
    table = np.zeros(int(nodes.max(initial=-1)) + 1, dtype=np.int64)
    table[nodes] = np.arange(len(nodes))
    return table[wanted]
