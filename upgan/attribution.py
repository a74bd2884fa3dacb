"""Which users, by how much: exact weights and signed contributions, and the heaviest layered paths.

p_h = sum_u w_{h,u} v~_u (Eq. 5), and p_h enters W1 x_q + b1 linearly before tanh, so both numbers are the model's own
arithmetic. Everything runs over the edges reachable from one node, in numpy, float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from upgan.graph import IntArray, LayeredGraph
from upgan.model.discriminator import Discriminator
from upgan.model.product import adjoint

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LayerSteps:
    """The edges from layer l + 1 (far, a row each) to layer l (near), with one value per edge."""

    start: IntArray  # (N_far + 1,)
    near: IntArray  # (M,)
    kind: IntArray  # (M,) relation type as seen from the far node
    value: FloatArray  # (M,)

    def leave(self, far: IntArray) -> tuple[IntArray, IntArray]:
        """(F,) far nodes -> (position in F, edge) of all their edges."""
        count = self.start[far + 1] - self.start[far]
        position = np.repeat(np.arange(len(far)), count)
        within = np.arange(len(position)) - np.repeat(np.cumsum(count) - count, count)
        return position, self.start[far][position] + within


@dataclass(frozen=True)
class PathStep:
    """Partial paths that have come down to one layer: where each stands and how it got there."""

    node: IntArray  # position within the layer
    weight: FloatArray  # product of the values so far
    parent: IntArray  # partial path of the layer above it continues
    edge: IntArray  # edge it took


def backward_steps(graph: LayeredGraph, alphas: list[Tensor]) -> list[LayerSteps]:
    """Stage 2's edges with their attention (Eq. 4)."""
    return [_steps(graph, level, alpha.numpy().astype(np.float64)) for level, alpha in enumerate(alphas)]


def forward_steps(graph: LayeredGraph) -> list[LayerSteps]:
    """Stage 1's edges, from the far node back to the near one, with 1/|F_near| (Eq. 2)."""
    steps = []
    for level, edges in enumerate(graph.edges):
        size = edges.forward.row_start.diff().numpy()
        steps.append(_steps(graph, level, 1.0 / size[edges.backward.column.numpy()]))
    return steps


def _steps(graph: LayeredGraph, level: int, value: FloatArray) -> LayerSteps:
    edges = graph.edges[level]
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
        node, place = np.unique(near, return_inverse=True)
        parts = weight[origin] * steps[level].value[edge]
        weight = np.bincount(place, weights=parts, minlength=len(node)).astype(np.float64)
    return node, weight


def heaviest_paths(steps: list[LayerSteps], layer: int, position: int, count: int) -> list[PathStep]:
    """The ``count`` heaviest layered paths from a node down to every user it reaches, exactly.

    A dynamic program: of all partial paths that arrive at a node only its ``count`` heaviest can be part of one of the
    ``count`` heaviest to any user below. Linear in the reachable edges (times count). Returns one PathStep per layer,
    the starting node's first; equal weights keep the order of their edges.
    """
    root = np.zeros(1, dtype=np.int64)
    found = [PathStep(np.array([position], dtype=np.int64), np.ones(1), root - 1, root - 1)]
    for level in range(layer - 1, -1, -1):
        above = found[-1]
        origin, edge = steps[level].leave(above.node)
        node = steps[level].near[edge]
        weight = above.weight[origin] * steps[level].value[edge]
        order = np.lexsort((-weight, node))
        sorted_node = node[order]
        first = np.flatnonzero(np.r_[True, sorted_node[1:] != sorted_node[:-1]]) if len(order) else order
        place = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
        order = order[place < count]
        found.append(PathStep(node[order], weight[order], origin[order], edge[order]))
    return found


def trace(found: list[PathStep], index: int) -> tuple[list[int], list[int]]:
    """Partial path ``index`` of the last layer -> (node position in each layer, edge between them), top layer first."""
    nodes, edges = [], []
    for step in reversed(found):
        nodes.append(int(step.node[index]))
        if step.edge[index] >= 0:
            edges.append(int(step.edge[index]))
        index = int(step.parent[index])
    return nodes[::-1], edges[::-1]


def contributions(
    model: Discriminator, head: int, relation: int, answer: int, weights: Tensor, preferences: Tensor
) -> Tensor:
    """Signed share of each user in s - s_0, with s_0 the score at p_h = 0; they sum to it exactly.

    Args:
        weights: (N,) w_{h,u} of the reached users; preferences: (N, K) their v~_u.

    Returns:
        (N,) phi_u = sum_k c_k slope_k d_{u,k} with d_u = w_u W1b (v~_u * v_r), c = W2 v_t + b2 and slope the secant of
        tanh between the hidden vector without and with users (its derivative where the two coincide). This equals
        integrated gradients from p_h = 0 along the straight line, without sampling.
    """
    dim = model.config.width
    heads, relations = torch.tensor([head]), torch.tensor([relation])
    without = model.hidden(heads, relations, weights.new_zeros(1, dim))[0]
    with_users = model.hidden(heads, relations, (weights @ preferences).unsqueeze(0))[0]
    step = with_users - without
    secant = (torch.tanh(with_users) - torch.tanh(without)) / torch.where(step == 0, 1.0, step)
    # For a tiny step the quotient loses digits; the derivative at the middle is exact to its square.
    middle = 1.0 - torch.tanh((with_users + without) / 2).square()
    slope = torch.where(step.abs() < 1e-5, middle, secant)
    read = model.w2 @ model.entity[answer] + model.b2
    direction = adjoint(model.config.product, model.relation[relation], model.w1[:, dim:].T @ (read * slope))
    return weights * (preferences @ direction)
