"""Scores and losses (Eq. 6 - 14), pair by pair."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np


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
