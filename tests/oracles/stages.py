"""Both stages (Eq. 2 - 5): states, preferences, paths and users' weights, one edge after the other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.oracles.graph import Edge, Facts, hops, layered_edges
from tests.oracles.scores import softmax


@dataclass(frozen=True)
class Weights:
    """Parameters of Eq. 2 and 4; ``user`` is None where users have no vector of their own."""

    own: np.ndarray  # W_0 (K, K)
    relation: np.ndarray  # W_r (2R + 2, K, K)
    attention: np.ndarray  # w (2K,)
    user: np.ndarray | None = None
    activation: str = "relu"
    user_activation: str = "none"
    slope: float = 0.2


@dataclass(frozen=True)
class States:
    """v~ of every reachable node, p of every node, alpha and 1/|F_n| of every layered edge (by its place)."""

    edges: list[Edge]
    semantic: dict[int, np.ndarray]
    preference: dict[int, np.ndarray]
    alpha: list[float]
    coefficient: list[float]


def activate(name: str, x: np.ndarray) -> np.ndarray:
    """sigma by its name; leaky_relu has the slope 0.01."""
    if name == "relu":
        return np.array([max(value, 0.0) for value in x])
    if name == "leaky_relu":
        return np.array([value if value > 0 else 0.01 * value for value in x])
    if name == "tanh":
        return np.array([math.tanh(value) for value in x])
    assert name == "none"
    return x


def propagate(
    facts: Facts, entity: np.ndarray, weights: Weights, masked: Iterable[int] = (), unread: Iterable[int] = ()
) -> States:
    """Eq. 2 from the farthest layer down, Eq. 3 and 4 from layer 1 up, with full K x K products on every edge.

    ``masked`` triples are no edges, but the layers stay those of the whole graph. ``unread`` items are in no reader's
    v~_u (stage 1), but hear of their readers as before (stage 2). p of a node without a backward edge is the empty
    sum, 0.
    """
    distance, gone, silent = hops(facts), set(masked), set(unread)
    edges = layered_edges(facts)
    there = [edge.triple not in gone or edge.triple < 0 for edge in edges]
    zero = np.zeros(entity.shape[1])
    alpha, coefficient = [0.0] * len(edges), [0.0] * len(edges)

    semantic: dict[int, np.ndarray] = {}
    for node in sorted((n for n, d in enumerate(distance) if d >= 0), key=lambda n: -distance[n]):
        is_user = node >= facts.entities
        own = (zero if weights.user is None else weights.user[node - facts.entities]) if is_user else entity[node]
        forward = [place for place, edge in enumerate(edges) if edge.near == node and there[place]]
        if is_user:
            forward = [place for place in forward if edges[place].far not in silent]
        total = weights.own @ own
        for place in forward:
            coefficient[place] = 1.0 / len(forward)
            edge = edges[place]
            total = total + (weights.relation[edge.seen_near] @ semantic[edge.far]) / len(forward)
        semantic[node] = activate(weights.user_activation if is_user else weights.activation, total)

    preference = {node: semantic[node] for node, d in enumerate(distance) if d == 0}
    for node in sorted((n for n, d in enumerate(distance) if d > 0), key=lambda n: distance[n]):
        backward = [place for place, edge in enumerate(edges) if edge.far == node and there[place]]
        logits = []
        for place in backward:
            matrix = weights.relation[edges[place].seen_far]
            read = weights.attention @ np.concatenate([matrix @ semantic[node], matrix @ preference[edges[place].near]])
            logits.append(float(read) if read > 0 else weights.slope * float(read))
        shares = softmax(logits)
        preference[node] = zero
        for place, share in zip(backward, shares, strict=True):
            alpha[place] = share
            preference[node] = preference[node] + share * preference[edges[place].near]
    preference |= {node: zero for node, d in enumerate(distance) if d < 0}
    return States(edges, semantic, preference, alpha, coefficient)


@dataclass(frozen=True)
class Path:
    """Nodes from the start down to a user, the layered edges between them, and the product of their values."""

    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    weight: float


def paths_down(facts: Facts, edges: list[Edge], value: Sequence[float], start: int) -> list[Path]:
    """All layered paths from ``start`` to a user, one by one."""
    if start >= facts.entities:
        return [Path((start,), (), 1.0)]
    found = []
    for place, edge in enumerate(edges):
        if edge.far == start:
            for rest in paths_down(facts, edges, value, edge.near):
                found.append(Path((start, *rest.nodes), (place, *rest.edges), value[place] * rest.weight))
    return found


def user_weights(facts: Facts, states: States, start: int) -> dict[int, float]:
    """w_{h,u} of Eq. 5: user number -> sum over all paths."""
    weights: dict[int, float] = {}
    for path in paths_down(facts, states.edges, states.alpha, start):
        user = path.nodes[-1] - facts.entities
        weights[user] = weights.get(user, 0.0) + path.weight
    return weights
