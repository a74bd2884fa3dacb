"""The triples of a generated dataset.

1. Relations of bounded cardinality (N-1, 1-N, 1-1) get what they can hold.
2. Entities in fewer than ``FEWEST`` triples get more by the relation that covers their kind.
3. What is left of the budget is shared out among the N-N and symmetric relations by weight.

A partner is drawn from the cell around the other end's place with probability ``SIGNAL``, otherwise by popularity.
"""

from __future__ import annotations

import numpy as np

from upgan.data.prepare.filters import entity_degrees
from upgan.data.synth.schema import Relation
from upgan.data.synth.world import World
from upgan.data.tables import sorted_rows

#: As in the paper's preparation, entities with fewer triples would have been dropped.
FEWEST = 3
SIGNAL = 0.65
#: Draws that were there already are drawn again, at most so many times; the cells of a small kind may be exhausted.
ROUNDS = 12


def make_triples(world: World, seed: int) -> np.ndarray:
    """Unique rows (N, 3) head, relation, tail; no triple from an entity to itself, sorted."""
    relations = world.schema.relations
    held = {
        number: _bounded(world, relation, np.random.default_rng([seed, 2, number]))
        for number, relation in enumerate(relations)
        if relation.cardinality in ("N-1", "1-N", "1-1")
    }
    pairs = {number: held.get(number, np.zeros((0, 2), dtype=np.int64)) for number in range(len(relations))}
    _cover(world, pairs, np.random.default_rng([seed, 3]))
    _fill(world, pairs, seed)
    rows = [np.insert(pairs[number], 1, number, axis=1) for number in sorted(pairs)]
    return sorted_rows(np.concatenate(rows))


def _bounded(world: World, relation: Relation, rng: np.random.Generator) -> np.ndarray:
    """Pairs (n, 2) of a relation in which one end, or either, occurs at most once."""
    heads, tails = rng.permutation(world.members(relation.head)), rng.permutation(world.members(relation.tail))
    if relation.cardinality == "1-1":
        if relation.head == relation.tail:
            heads, tails = np.array_split(heads, 2)
        count = int(relation.amount * min(len(heads), len(tails)))
        heads, tails = heads[:count], tails[:count]
        # In the order of taste, so that neighbours are paired.
        heads, tails = heads[np.argsort(world.places[heads])], tails[np.argsort(world.places[tails])]
    elif relation.cardinality == "N-1":
        heads = heads[: int(relation.amount * len(heads))]
        tails = world.shelves[relation.tail].mixed(world.places[heads], SIGNAL, rng)
    else:
        tails = tails[: int(relation.amount * len(tails))]
        heads = world.shelves[relation.head].mixed(world.places[tails], SIGNAL, rng)
    pairs: np.ndarray = np.stack([heads, tails], axis=1)[heads != tails]
    return pairs


def _cover(world: World, pairs: dict[int, np.ndarray], rng: np.random.Generator) -> None:
    """Step 2, into ``pairs``."""
    number_of = {relation.label: number for number, relation in enumerate(world.schema.relations)}
    covers = [(kind.name, number_of[kind.cover]) for kind in world.schema.kinds]
    for turn in range(ROUNDS):
        degrees = _degrees(world, pairs)
        if (degrees >= FEWEST).all():
            return
        for kind, number in covers:
            relation = world.schema.relations[number]
            members = world.members(kind)
            lacking = np.repeat(members, np.maximum(FEWEST - degrees[members], 0))
            # In the last rounds from anywhere: the cell may be used up.
            signal = SIGNAL if turn < ROUNDS // 2 else 0.0
            if relation.tail == kind:
                drawn = np.stack([world.shelves[relation.head].mixed(world.places[lacking], signal, rng), lacking], 1)
            else:
                drawn = np.stack([lacking, world.shelves[relation.tail].mixed(world.places[lacking], signal, rng)], 1)
            pairs[number] = np.concatenate([pairs[number], _new(world, pairs[number], drawn)])


def _fill(world: World, pairs: dict[int, np.ndarray], seed: int) -> None:
    """Step 3, into ``pairs``: what one relation cannot hold goes to the others."""
    open_relations = {
        number: relation
        for number, relation in enumerate(world.schema.relations)
        if relation.cardinality in ("N-N", "symmetric")
    }
    rng = np.random.default_rng([seed, 4])
    for turn in range(ROUNDS):
        left = world.schema.triples - sum(map(len, pairs.values()))
        if left <= 0:
            return
        weights = np.array([relation.amount for relation in open_relations.values()])
        shares = np.floor(left * weights / weights.sum()).astype(np.int64)
        shares[int(weights.argmax())] += left - int(shares.sum())
        for (number, relation), count in zip(open_relations.items(), shares.tolist(), strict=True):
            drawn = _drawn(world, relation, count, turn, rng)
            pairs[number] = np.concatenate([pairs[number], _new(world, pairs[number], drawn)[:count]])


def _drawn(world: World, relation: Relation, count: int, turn: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` pairs (n, 2) of an N-N or symmetric relation, some of them perhaps known or repeated."""
    symmetric = relation.cardinality == "symmetric"
    wanted = -(-count // 2) if symmetric else count
    heads = world.shelves[relation.head].any(wanted, rng)
    # Half of the heads without regard to popularity: few entities have nothing to say, many have much.
    plain = rng.random(wanted) < 0.5
    members = world.members(relation.head)
    heads[plain] = rng.choice(members, int(plain.sum()))
    signal = SIGNAL * 0.8**turn
    tails = world.shelves[relation.tail].mixed(world.places[heads], signal, rng)
    if not symmetric:
        return np.stack([heads, tails], axis=1)
    # Each pair directly followed by its mirror, so that cutting leaves at most one pair one-sided.
    return np.stack([heads, tails, tails, heads], axis=1).reshape(-1, 2)


def _new(world: World, known: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The rows of ``drawn`` (n, 2) that are not in ``known``, each once, in the order of the draw, no loops."""
    span = world.schema.entities
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    keys = drawn[:, 0] * span + drawn[:, 1]
    _, first = np.unique(keys, return_index=True)
    first = np.sort(first)
    return drawn[first[~np.isin(keys[first], known[:, 0] * span + known[:, 1])]]


def _degrees(world: World, pairs: dict[int, np.ndarray]) -> np.ndarray:
    whole = np.concatenate(list(pairs.values()))
    return entity_degrees(whole[:, 0], whole[:, 1], world.schema.entities)
