"""Which users, by how much: exact weights and signed contributions, and the heaviest layered paths.

p_h = sum_u w_{h,u} v~_u (Eq. 5), and p_h enters W1 x_q + b1 linearly before tanh, so both numbers are the model's own
arithmetic. Everything runs over the edges reachable from one node, in numpy, float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.graph.adjacency import edges_of
from upgan.graph.layered import LayerEdges, LayeredGraph
from upgan.graph.sparse import spans
from upgan.model.discriminator import Discriminator
from upgan.model.product import adjoint
from upgan.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class LayerSteps:
    """The edges from layer l + 1 (far, a row each) to layer l (near), with one value per edge."""

    start: IntArray  # (N_far + 1,)
    near: IntArray  # (M,)
    kind: IntArray  # (M,) relation type as seen from the far node
    value: FloatArray  # (M,)

    def leave(self, far: IntArray) -> tuple[IntArray, IntArray]:
        """(F,) far nodes -> (position in F, edge) of all their edges."""
        return edges_of(self.start, far)


@dataclass(frozen=True)
class PathStep:
    """Partial paths that have come down to one layer: where each stands and how it got there."""

    node: IntArray  # position within the layer
    weight: FloatArray  # product of the values so far
    parent: IntArray  # partial path of the layer above it continues
    edge: IntArray  # edge it took


def backward_steps(graph: LayeredGraph, alphas: list[Tensor]) -> list[LayerSteps]:
    """Stage 2's edges with their attention (Eq. 4)."""
    pairs = zip(graph.edges, alphas, strict=True)
    return [steps_of(edges, alpha.numpy().astype(np.float64)) for edges, alpha in pairs]


def forward_steps(graph: LayeredGraph) -> list[LayerSteps]:
    """Stage 1's edges, from the far node back to the near one, with 1/|F_near| (Eq. 2)."""
    steps = []
    for edges in graph.edges:
        size = edges.forward.row_start.diff().numpy()
        steps.append(steps_of(edges, 1.0 / size[edges.backward.column.numpy()]))
    return steps


def steps_of(edges: LayerEdges, value: FloatArray) -> LayerSteps:
    """The edges of stage 2, with a value for each."""
    kinds = np.asarray(edges.backward_types, dtype=np.int64)
    return LayerSteps(
        start=edges.backward.row_start.numpy(),
        near=edges.backward.column.numpy(),
        kind=kinds[edges.backward_type.numpy()],
        value=value,
    )


def user_weights(steps: list[LayerSteps], layer: int, position: int) -> tuple[IntArray, FloatArray]:
    """w_{h,u} of a node at ``layer`` (its position there) -> (users, weights), users ascending, weights summing to 1.

    The mixing matrices of the layers are multiplied onto the node's unit vector, over the edges it reaches only.
    """
    node: IntArray = np.array([position], dtype=np.int64)
    weight: FloatArray = np.ones(1)
    for level in range(layer - 1, -1, -1):
        origin, edge = steps[level].leave(node)
        near = steps[level].near[edge]
        parts = weight[origin] * steps[level].value[edge]
        total = np.bincount(near, weights=parts)
        node = distinct(near, len(total))
        weight = total[node].astype(np.float64)
    return node, weight


def distinct(values: IntArray, size: int) -> IntArray:
    """The values (0 .. size-1) that occur, ascending; without sorting them."""
    there = np.zeros(size, dtype=bool)
    there[values] = True
    return np.flatnonzero(there)


def above(graph: LayeredGraph, users: IntArray, layer: int) -> list[BoolArray]:
    """For layers 0 .. ``layer``: which of their nodes have a layered path down to one of ``users``."""
    marked = [np.zeros(len(graph.layers[0]), dtype=bool)]
    marked[0][users] = True
    node = torch.from_numpy(np.array(users, dtype=np.int64))
    for level in range(layer):
        pattern = graph.edges[level].backward
        _, place = spans(pattern.column_start, node)
        there = np.zeros(pattern.rows, dtype=bool)
        there[pattern.transposed_row[place].numpy()] = True
        marked.append(there)
        node = torch.from_numpy(np.flatnonzero(there))
    return marked


def heaviest_paths(
    steps: list[LayerSteps], layer: int, position: int, count: int, within: list[BoolArray] | None = None
) -> list[PathStep]:
    """The ``count`` heaviest layered paths from a node down to every user it reaches, exactly.

    A dynamic program: of all partial paths that arrive at a node only its ``count`` heaviest can be part of one of the
    ``count`` heaviest to any user below. Linear in the reachable edges (times count). Returns one PathStep per layer,
    the starting node's first; equal weights keep the order of their edges. ``within``: for each layer which of its
    nodes may be passed (see ``above``); None for all.
    """

    def heaviest_of_each_node(level: int, node: IntArray, weight: FloatArray) -> IntArray:
        passed = np.arange(len(node)) if within is None else np.flatnonzero(within[level][node])
        order = passed[np.lexsort((-weight[passed], node[passed]))]
        sorted_node = node[order]
        first = np.flatnonzero(np.r_[True, sorted_node[1:] != sorted_node[:-1]]) if len(order) else order
        place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
        return order[place < count]

    return _descended(steps, layer, position, heaviest_of_each_node)


def heaviest_overall(steps: list[LayerSteps], layer: int, position: int, count: int) -> list[PathStep]:
    """The ``count`` heaviest layered paths from a node down to any users, exactly; the last step's heaviest first.

    First the heaviest way on from every node, from the users up; then from the top down, in every layer, only the
    ``count`` partial paths with the heaviest best completion: each of them stands for a complete path at least as heavy
    as any that a dropped one could become. Linear in the reachable edges, plus ``count`` times a node's degree.
    """
    best = _best_completions(steps, layer, position)

    def best_completed(level: int, node: IntArray, weight: FloatArray) -> IntArray:
        reachable = np.flatnonzero(best[level][node] >= 0)
        return reachable[np.argsort(-(weight * best[level][node])[reachable], kind="stable")][:count]

    return _descended(steps, layer, position, best_completed)


def _descended(
    steps: list[LayerSteps],
    layer: int,
    position: int,
    chosen: Callable[[int, IntArray, FloatArray], IntArray],
) -> list[PathStep]:
    """Partial paths from a node down, layer by layer; ``chosen``: which of those that arrive in a layer go on."""
    root = np.zeros(1, dtype=np.int64)
    walked = [PathStep(np.array([position], dtype=np.int64), np.ones(1), root - 1, root - 1)]
    for level in range(layer - 1, -1, -1):
        before = walked[-1]
        origin, edge = steps[level].leave(before.node)
        node = steps[level].near[edge]
        weight = before.weight[origin] * steps[level].value[edge]
        order = chosen(level, node, weight)
        walked.append(PathStep(node[order], weight[order], origin[order], edge[order]))
    return walked


def _best_completions(steps: list[LayerSteps], layer: int, position: int) -> list[FloatArray]:
    """For layers 0 .. ``layer``: the heaviest product from each node on to a user; -1 where none is reached."""
    node = np.array([position], dtype=np.int64)
    walked: list[tuple[IntArray, IntArray]] = []
    for level in range(layer - 1, -1, -1):
        _, edge = steps[level].leave(node)
        walked.append((node, edge))
        node = distinct(steps[level].near[edge], int(steps[level].near.max(initial=-1)) + 1)
    last = np.full(int(steps[0].near.max(initial=-1)) + 1 if layer else position + 1, -1.0)
    last[node] = 1.0
    best = [last]
    for level, (node, edge) in zip(range(layer), reversed(walked), strict=True):
        step = steps[level]
        onward = best[level][step.near[edge]] if len(edge) else np.empty(0)
        product = np.where(onward >= 0, step.value[edge] * onward, -1.0)
        count = step.start[node + 1] - step.start[node]
        heaviest = np.full(len(step.start) - 1, -1.0)
        leaving = count > 0
        if leaving.any():
            heaviest[node[leaving]] = np.maximum.reduceat(product, (np.cumsum(count) - count)[leaving])
        best.append(heaviest)
    return best


def trace(walked: list[PathStep], index: int) -> tuple[list[int], list[int]]:
    """Partial path ``index`` of the last layer -> (node position in each layer, edge between them), top layer first."""
    nodes, edges = [], []
    for step in reversed(walked):
        nodes.append(int(step.node[index]))
        if step.edge[index] >= 0:
            edges.append(int(step.edge[index]))
        index = int(step.parent[index])
    return nodes[::-1], edges[::-1]


@dataclass(frozen=True)
class Preference:
    """p_h and who is in it: (W,) the vector, (N,) users (ascending) and their weights w_{h,u} (sum 1, or nobody)."""

    vector: Tensor
    users: IntArray
    weights: FloatArray
    #: (W,) a direction -> (N,) v~_u . direction of these users.
    along: Callable[[Tensor], FloatArray]

    @staticmethod
    def nobody(nothing: Tensor) -> Preference:
        """``nothing``: (W,) zeros."""
        return Preference(nothing, np.empty(0, dtype=np.int64), np.empty(0), lambda direction: np.empty(0))


def contributions(
    model: Discriminator, head: int, relation: int, answer: int, preference: Preference, baseline: Tensor
) -> FloatArray:
    """(N,) signed share of each user in s - s_0, with s_0 the score at p_h = (W,) ``baseline``; they sum to it exactly.

    phi_u = w_u (v~_u - baseline) . direction, see ``direction_of``. This equals integrated gradients along the straight
    line from the baseline to p_h, without sampling.
    """
    direction = direction_of(model, head, relation, answer, preference.vector, baseline)
    return preference.weights * (preference.along(direction) - float(baseline @ direction))


def direction_of(
    model: Discriminator, head: int, relation: int, answer: int, preference: Tensor, baseline: Tensor
) -> Tensor:
    """(W,) g with (preference - baseline) . g = s(preference) - s(baseline): the mean gradient of the score in p.

    g = adjoint of (W1b, v_r) applied to c * slope, c = W2 v_t + b2 and slope the secant of tanh between the hidden
    vectors at the two ends (its derivative where they coincide).
    """
    dim = model.width
    heads, relations = torch.tensor([head]), torch.tensor([relation])
    without = model.hidden(heads, relations, baseline.unsqueeze(0))[0]
    with_users = model.hidden(heads, relations, preference.unsqueeze(0))[0]
    step = with_users - without
    secant = (torch.tanh(with_users) - torch.tanh(without)) / torch.where(step == 0, 1.0, step)
    # For a tiny step the quotient loses digits; the derivative at the middle is exact to its square.
    middle = 1.0 - torch.tanh((with_users + without) / 2).square()
    slope = torch.where(step.abs() < 1e-5, middle, secant)
    read = model.w2 @ model.entity[answer] + model.b2
    return adjoint(model.product, model.relation[relation], model.w1[:, dim:].T @ (read * slope))
