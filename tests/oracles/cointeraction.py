"""Slow, obvious reference versions of what is read along co-interactions: loops over users, items, edges and facts.

Written from the formulas, not from the package, and sharing no code with it: plain Python, one float64 number after
the other. Reads are pairs (user, item), facts are triples (h, r, t); relations R .. 2R - 1 ask a fact from its tail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

Read = tuple[int, int]
Fact = tuple[int, int, int]
Row = dict[int, float]
Vector = list[float]
Matrix = Sequence[Sequence[float]]

# Items that the same users chose --------------------------------------------------------------------------------------


def speaking(reads: Iterable[Read]) -> dict[int, float]:
    """a_u = log(1 + I / |F_u|) of every user with an item; I items have a user."""
    once = set(reads)
    items = len({item for _, item in once})
    users = {user for user, _ in once}
    return {user: math.log(1 + items / len([1 for other, _ in once if other == user])) for user in users}


def shared_users(reads: Iterable[Read], one: int, other: int) -> list[int]:
    """The users who chose both, ascending."""
    once = set(reads)
    return sorted(user for user in {user for user, _ in once} if (user, one) in once and (user, other) in once)


def common_weight(reads: Iterable[Read], one: int, other: int) -> float:
    """c_ij: the sum of a_u over the users who chose both."""
    weight = speaking(reads)
    return math.fsum(weight[user] for user in shared_users(reads, one, other))


def common_row(reads: Sequence[Read], entities: int, item: int) -> Row:
    """All c_ij > 0 of one item, j != i."""
    row = {}
    for other in range(entities):
        weight = common_weight(reads, item, other)
        if other != item and weight > 0:
            row[other] = weight
    return row


def sharpened_row(reads: Sequence[Read], entities: int, item: int, power: float) -> Row:
    """All (c_ij / sqrt(c_ii c_jj)) ^ power > 0 of one item, j != i, before any is left out and before they sum to 1."""
    row = {}
    for other, weight in common_row(reads, entities, item).items():
        norm = math.sqrt(common_weight(reads, item, item) * common_weight(reads, other, other))
        row[other] = (weight / norm) ** power
    return row


def largest(row: Row, count: int) -> Row:
    """The ``count`` largest entries; of equal ones (to 12 digits) those with the smaller number."""
    order = sorted(row, key=lambda other: (-round(row[other], 12), other))
    return {other: row[other] for other in order[:count]}


def summing_to_one(row: Row) -> Row:
    total = math.fsum(row.values())
    return {other: value / total for other, value in row.items()}


def similar_row(reads: Sequence[Read], entities: int, item: int, power: float, neighbours: int) -> Row:
    """S_ij of one item."""
    return summing_to_one(largest(sharpened_row(reads, entities, item, power), neighbours))


def shared_out(reads: Sequence[Read], item: int, row: Row) -> dict[tuple[int, int], float]:
    """(user, other item) -> the user's part of the pair's weight, in proportion to a_u."""
    weight = speaking(reads)
    parts = {}
    for other, value in row.items():
        users = shared_users(reads, item, other)
        total = math.fsum(weight[user] for user in users)
        for user in users:
            parts[user, other] = value * weight[user] / total
    return parts


# Evidence -------------------------------------------------------------------------------------------------------------


def is_known(facts: Iterable[Fact], relations: int, head: int, relation: int, tail: int) -> bool:
    if relation < relations:
        return (head, relation, tail) in set(facts)
    return (tail, relation - relations, head) in set(facts)


def evidence(
    common: Matrix, facts: Iterable[Fact], relations: int, head: int, relation: int, candidate: int
) -> tuple[float, float, float, float, float]:
    """f of the channels target, answer, direct, target_linked, answer_linked of one candidate; ``common`` is the (E, E)
    matrix of c as it is kept."""
    once = set(facts)
    linked = {frozenset((one, other)) for one, _, other in once}
    target = answer = target_linked = answer_linked = 0.0
    for other in range(len(common)):
        if is_known(once, relations, other, relation, candidate):
            target += common[head][other]
        if is_known(once, relations, head, relation, other):
            answer += common[candidate][other]
        if frozenset((other, candidate)) in linked:
            target_linked += common[head][other]
        if frozenset((head, other)) in linked:
            answer_linked += common[candidate][other]
    return target, answer, common[head][candidate], target_linked, answer_linked


def added_evidence(f: Sequence[float], gamma: Sequence[float], smoothing: float) -> float:
    """sum_c gamma_{r,c} log(1 + f_c / epsilon)."""
    return math.fsum(weight * math.log(1 + value / smoothing) for weight, value in zip(gamma, f, strict=True))


# The bilinear score ---------------------------------------------------------------------------------------------------


def numbers(vector: Sequence[float], product: str) -> list[complex]:
    """W stored values -> K numbers: real ones, or complex ones from their real parts followed by the imaginary ones."""
    if product == "distmult":
        return [complex(value) for value in vector]
    half = len(vector) // 2
    return [complex(re, im) for re, im in zip(vector[:half], vector[half:], strict=True)]


def triple_product(product: str, one: Sequence[float], other: Sequence[float], answer: Sequence[float]) -> float:
    """(x o y) . z, the real part of the sum of x y conj(z)."""
    parts = zip(numbers(one, product), numbers(other, product), numbers(answer, product), strict=True)
    return sum((x * y * z.conjugate() for x, y, z in parts), 0j).real


def bilinear_score(
    product: str, v: Matrix, p: Matrix, relation: tuple[Vector, Vector, Vector], head: int, tail: int
) -> float:
    """(v_h o v_r + p_h o v'_r) . v_t + (v_h o v''_r) . p_t; ``relation`` holds v_r, v'_r and v''_r."""
    known, target, answer = relation
    score = triple_product(product, v[head], known, v[tail])
    score += triple_product(product, p[head], target, v[tail])
    return score + triple_product(product, v[head], answer, p[tail])


# All nodes and edges alike --------------------------------------------------------------------------------------------


def times(matrix: Matrix, vector: Sequence[float]) -> Vector:
    return [math.fsum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def rgcn(
    facts: Sequence[Fact],
    reads: Sequence[Read],
    start: Matrix,
    entities: int,
    relations: int,
    weights: tuple[Matrix, Sequence[Matrix]],
    layers: int,
    sigma: Callable[[float], float],
    masked: Iterable[int] = (),
) -> list[Vector]:
    """(nodes, W) start vectors -> the states of all nodes after ``layers``; ``weights`` are W_0 and the W_r.

    A neighbour is met once per triple or interaction, seen with type r from the head, r + R from the tail, 2R from a
    user and 2R + 1 from an item. ``masked`` triples are no edges.
    """
    own, matrices = weights
    gone = set(masked)
    ends = [(h, t, r, r + relations) for number, (h, r, t) in enumerate(facts) if number not in gone]
    ends += [(entities + user, item, 2 * relations, 2 * relations + 1) for user, item in reads]
    state = [list(vector) for vector in start]
    for layer in range(layers):
        after = []
        for node in range(len(state)):
            total = times(own, state[node])
            for kind in range(2 * relations + 2):
                neighbours = [right for left, right, seen, _ in ends if left == node and seen == kind]
                neighbours += [left for left, right, _, seen in ends if right == node and seen == kind]
                for neighbour in neighbours:
                    message = times(matrices[kind], state[neighbour])
                    total = [a + b / len(neighbours) for a, b in zip(total, message, strict=True)]
            after.append(total if layer == layers - 1 else [sigma(value) for value in total])
        state = after
    return state
