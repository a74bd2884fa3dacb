"""Slow, obvious reference versions of the paper's equations: loops over single edges, pairs and paths.

Written from the equations (He et al., WWW 2020), not from the package, and sharing no code with it: numpy and plain
Python only, one float64 number after the other. Nodes are the entities 0 .. E-1 and the users E .. E+U-1. Relation
types: r as seen from a triple's head, r + R from its tail, 2R from a user, 2R + 1 from an item.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# The graph -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """A small world: training triples, who read what, and how many of each there are."""

    triples: tuple[tuple[int, int, int], ...]
    reads: tuple[tuple[int, int], ...]
    entities: int
    users: int
    relations: int

    def arrays(self) -> tuple[np.ndarray, np.ndarray, int, int, int]:
        """What build_graph takes."""
        triples = np.array(self.triples, dtype=np.int64).reshape(-1, 3)
        reads = np.array(self.reads, dtype=np.int64).reshape(-1, 2)
        return triples, reads, self.entities, self.users, self.relations


@dataclass(frozen=True)
class Edge:
    """One triple or interaction between neighbouring layers."""

    near: int
    far: int
    seen_near: int
    seen_far: int
    #: Number of the training triple; -1 for an interaction.
    triple: int


def hops(facts: Facts) -> list[int]:
    """d_n of every node by breadth-first search from all users at once; -1 where none arrives."""
    neighbours: list[set[int]] = [set() for _ in range(facts.entities + facts.users)]
    ends = [(h, t) for h, _, t in facts.triples] + [(facts.entities + u, i) for u, i in facts.reads]
    for a, b in ends:
        neighbours[a].add(b)
        neighbours[b].add(a)
    distance = [-1] * facts.entities + [0] * facts.users
    queue = deque(range(facts.entities, facts.entities + facts.users))
    while queue:
        node = queue.popleft()
        for other in neighbours[node]:
            if distance[other] < 0:
                distance[other] = distance[node] + 1
                queue.append(other)
    return distance


def layered_edges(facts: Facts) -> list[Edge]:
    """Every edge whose ends are in neighbouring layers, once."""
    distance = hops(facts)
    relations = facts.relations
    seen = [(h, t, r, r + relations, number) for number, (h, r, t) in enumerate(facts.triples)]
    seen += [(facts.entities + u, i, 2 * relations, 2 * relations + 1, -1) for u, i in facts.reads]
    edges = []
    for left, right, from_left, from_right, triple in seen:
        if distance[left] < 0 or distance[right] < 0:
            continue
        if distance[right] == distance[left] + 1:
            edges.append(Edge(left, right, from_left, from_right, triple))
        elif distance[left] == distance[right] + 1:
            edges.append(Edge(right, left, from_right, from_left, triple))
    return edges


def random_facts(
    rng: np.random.Generator,
    *,
    layers: Sequence[int] = (4, 4, 3),
    users: int = 3,
    relations: int = 2,
    extra: int = 8,
    unreachable: int = 2,
) -> Facts:
    """A connected world with ``layers`` entities per hop and every oddity: parallel triples, triples within a layer,
    self-loops, a user without items, entities that no user reaches (joined to each other)."""
    first = np.cumsum([0, *layers])
    total = int(first[-1])
    reads = {(int(rng.integers(users - 1)), item) for item in range(layers[0])}
    reads |= {(int(rng.integers(users - 1)), int(rng.integers(layers[0]))) for _ in range(users)}
    triples: list[tuple[int, int, int]] = []

    def add(a: int, b: int) -> None:
        ends = (a, b) if rng.random() < 0.5 else (b, a)
        triples.append((ends[0], int(rng.integers(relations)), ends[1]))

    for level in range(1, len(layers)):
        for node in range(first[level], first[level + 1]):
            for _ in range(int(rng.integers(1, 3))):
                add(node, int(rng.integers(first[level - 1], first[level])))
    for _ in range(extra):  # within a layer, or to the next one
        level = int(rng.integers(len(layers)))
        other = min(level + int(rng.integers(2)), len(layers) - 1)
        add(int(rng.integers(first[level], first[level + 1])), int(rng.integers(first[other], first[other + 1])))
    triples.append(triples[0])  # parallel, same relation
    head, relation, tail = triples[1]
    triples += [(head, (relation + 1) % relations, tail), (0, 0, 0)]  # parallel, other relation; a self-loop
    triples += [(total + n, 0, total + (n + 1) % unreachable) for n in range(unreachable)]
    return Facts(tuple(triples), tuple(sorted(reads)), total + unreachable, users, relations)


# Both stages (Eq. 2 - 5) ---------------------------------------------------------------------------------------------


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


# Scores and losses (Eq. 6 - 14) --------------------------------------------------------------------------------------


def softmax(logits: Sequence[float]) -> list[float]:
    if not len(logits):
        return []
    powers = [math.exp(value - max(logits)) for value in logits]
    return [power / math.fsum(powers) for power in powers]


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def times(left: np.ndarray, right: np.ndarray, product: str = "distmult") -> np.ndarray:
    """Number by number; for "complex" a vector is K real parts, then K imaginary parts."""
    if product == "distmult":
        return np.array([a * b for a, b in zip(left, right, strict=True)])
    half = len(left) // 2
    pairs = [complex(left[k], left[k + half]) * complex(right[k], right[k + half]) for k in range(half)]
    return np.array([pair.real for pair in pairs] + [pair.imag for pair in pairs])


def discriminator_score(
    v_h: np.ndarray,
    v_r: np.ndarray,
    p_h: np.ndarray,
    v_t: np.ndarray,
    matrices: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    product: str = "distmult",
) -> float:
    """Eq. 7 and 8 as printed; ``matrices`` are W1 (K, 2K), b1, W2 (K, K), b2."""
    w1, b1, w2, b2 = matrices
    x_q = np.concatenate([times(v_h, v_r, product), times(p_h, v_r, product)])
    return float((w2 @ v_t + b2) @ np.tanh(w1 @ x_q + b1))


def discriminator_loss(
    positive: Sequence[float], negative: Sequence[Sequence[float]], weight: Sequence[int], smoothing: float
) -> tuple[float, float]:
    """Eq. 9 pair by pair with D = sigmoid(s) and smoothed targets."""
    real = fake = 0.0
    for s in positive:
        d = sigmoid(s)
        real += -((1 - smoothing) * math.log(d) + smoothing * math.log(1 - d))
    for scores, pairs in zip(negative, weight, strict=True):
        target = smoothing / len(scores)
        for s in scores:
            d = sigmoid(s)
            fake += pairs / len(scores) * -(target * math.log(d) + (1 - target) * math.log(1 - d))
    return real / len(positive), fake / len(positive)


def rewards(scores: Sequence[float], known: Sequence[bool]) -> list[float]:
    """Eq. 13 over the pool C_{h,r}; None-like 0 for true answers, which are not in it."""
    members = [place for place, is_known in enumerate(known) if not is_known]
    shares = softmax([scores[place] for place in members])
    result = [0.0] * len(scores)
    for place, share in zip(members, shares, strict=True):
        result[place] = share - 1.0 / len(members)
    return result


def one_to_n(
    scores: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    known: Iterable[tuple[int, int]],
    kind: str = "cross_entropy_filtered",
) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of each pair against all entities, and its gradient in scores.

    "cross_entropy_filtered" leaves the query's other answers out: those of ``known`` and those that are asked for.
    """
    if kind == "bce":
        return _one_to_n_binary(scores, pairs, set(known) | set(pairs))
    left_out = set() if kind == "cross_entropy" else set(known) | set(pairs)
    loss, grad = 0.0, np.zeros_like(scores)
    for row, answer in pairs:
        members = [e for e in range(scores.shape[1]) if e == answer or (row, e) not in left_out]
        shares = softmax([scores[row, e] for e in members])
        for e, share in zip(members, shares, strict=True):
            grad[row, e] += (share - (e == answer)) / len(pairs)
            if e == answer:
                loss -= math.log(share) / len(pairs)
    return loss, grad


def _one_to_n_binary(
    scores: np.ndarray, pairs: Sequence[tuple[int, int]], no_negatives: set[tuple[int, int]]
) -> tuple[float, np.ndarray]:
    """-log D of each pair and -log(1 - D) of every cell that is no known answer, summed, over the number of pairs."""
    loss, grad = 0.0, np.zeros_like(scores)
    for row, answer in pairs:
        d = sigmoid(scores[row, answer])
        loss -= math.log(d) / len(pairs)
        grad[row, answer] += (d - 1.0) / len(pairs)
    for row in range(scores.shape[0]):
        for e in range(scores.shape[1]):
            if (row, e) not in no_negatives:
                d = sigmoid(scores[row, e])
                loss -= math.log(1.0 - d) / len(pairs)
                grad[row, e] += d / len(pairs)
    return loss, grad


def generator_distribution(
    v_h: np.ndarray,
    v_r: np.ndarray,
    noise: np.ndarray,
    layers: Sequence[tuple[np.ndarray, np.ndarray]],
    candidates: np.ndarray,
    slope: float,
    product: str = "distmult",
) -> list[float]:
    """Eq. 10 - 12: softmax over the (C, K) candidates of MLP([v_h * v_r ; z]) . v_a."""
    x = np.concatenate([times(v_h, v_r, product), noise])
    for matrix, bias in layers[:-1]:
        x = np.array([value if value > 0 else slope * value for value in matrix @ x + bias])
    matrix, bias = layers[-1]
    out = matrix @ x + bias
    return softmax([float(out @ v_a) for v_a in candidates])


# Evaluation (5.2.1) --------------------------------------------------------------------------------------------------


def known_answers(triples: Iterable[tuple[int, int, int]], relations: int) -> dict[tuple[int, int], set[int]]:
    """(entity, relation 0 .. 2R-1) -> all its answers."""
    answers: dict[tuple[int, int], set[int]] = {}
    for h, r, t in triples:
        answers.setdefault((h, r), set()).add(t)
        answers.setdefault((t, r + relations), set()).add(h)
    return answers


def filtered_rank(scores: Sequence[float], answer: int, known: Iterable[int]) -> float:
    """Mean of the optimistic and the pessimistic rank among all entities but the other known answers.

    A competitor's NaN is better than everything; an answer's NaN is last of all entities.
    """
    if math.isnan(scores[answer]):
        return float(len(scores))
    others = [s for e, s in enumerate(scores) if e != answer and e not in set(known)]
    better = sum(1 for s in others if math.isnan(s) or s > scores[answer])
    ties = sum(1 for s in others if s == scores[answer])
    return ((1 + better) + (1 + better + ties)) / 2


def metrics(ranks: Sequence[float]) -> Mapping[str, float]:
    count = len(ranks)
    return {
        "mr": math.fsum(ranks) / count,
        "mrr": math.fsum(1 / rank for rank in ranks) / count,
        **{f"hits@{k}": sum(1 for rank in ranks if rank <= k) / count for k in (1, 3, 10)},
    }
