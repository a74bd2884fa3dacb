"""The interactions of a generated dataset: users who like circles and topics of the world the graph is made of.

Number of interactions of a user: log-normal, scaled to the wanted total, at least ``FEWEST``. Each user has favourite
circles, one for every six interactions and three at least, drawn from the two topics the user likes. An interaction is
with an item of a favourite circle (``CIRCLE``), of a favourite's topic (``TOPIC``) or with any; always by popularity.
Every item is first given ``FEWEST`` users who like its circle, so that none is without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from upgan.data.synth.world import Shelf, World

FEWEST = 5
CIRCLE, TOPIC = 0.3, 0.3
SPREAD = 1.0
#: At most this share of all items for one user.
MOST = 0.25
#: What a user had already is drawn again, at most so many times; each time less by taste, because that is used up.
ROUNDS = 12


@dataclass(frozen=True, eq=False)
class _Users:
    """U users; user u's favourites are ``favourites[starts[u]:starts[u + 1]]``, places in taste."""

    wanted: np.ndarray  # (U,) interactions
    starts: np.ndarray  # (U + 1,)
    favourites: np.ndarray


def make_interactions(world: World, seed: int, counted: Callable[[int, int], None] | None = None) -> np.ndarray:
    """Unique rows (M, 2) user, entity number of the item; sorted. ``counted`` is told (done, wanted)."""
    rng = np.random.default_rng([seed, 5])
    schema = world.schema
    users = _make_users(world, rng)
    first_item, end_item = world.spans[schema.item_kind]
    items = world.members(schema.item_kind)
    # Popularity flattened within a circle: who likes it also takes its lesser known items.
    circle = Shelf(items, world.places[items], np.sqrt(world.weights[items]), world.circles)
    topic = Shelf(items, world.places[items], world.weights[items], world.topics)
    span = end_item - first_item
    keys = _first_users(world, users, rng) * span + np.repeat(items, FEWEST) - first_item
    keys = _unique(keys)
    for turn in range(ROUNDS):
        missing = np.maximum(users.wanted - np.bincount(keys // span, minlength=schema.users), 0)
        if turn and missing.sum() <= schema.interactions * 0.001:
            break
        who = np.repeat(np.arange(schema.users), missing)
        drawn = _draw(users, circle, topic, who, 0.8**turn, rng) - first_item
        keys = _unique(np.concatenate([keys, _unique(who * span + drawn)]))
        if counted:
            counted(len(keys), schema.interactions)
    return np.stack([keys // span, keys % span + first_item], axis=1)


def _make_users(world: World, rng: np.random.Generator) -> _Users:
    schema = world.schema
    appetite = rng.lognormal(0.0, SPREAD, schema.users)
    most = max(FEWEST, int(MOST * schema.items))
    rest = schema.interactions - FEWEST * schema.users
    wanted = FEWEST + appetite * (rest / appetite.sum())
    # The cap takes from the largest; the others get it in proportion.
    for _ in range(4):
        over = wanted >= most
        wanted[over] = most
        free = schema.interactions - most * int(over.sum())
        wanted[~over] *= free / max(wanted[~over].sum(), 1)
    wanted = np.minimum(np.floor(wanted + rng.random(schema.users)), most).astype(np.int64)
    counts = np.maximum(3, wanted // 6)
    starts = np.concatenate([[0], np.cumsum(counts)])
    owner = np.repeat(np.arange(schema.users), counts)
    # Two topics each, the first twice as often; topics are as popular as the items they hold.
    items = world.members(schema.item_kind)
    liked = world.places[rng.choice(items, (schema.users, 2))]  # (U, 2)
    which = (rng.random(len(owner)) < 1 / 3).astype(np.int64)
    topic = np.floor(liked[owner, which] * world.topics)
    favourites = (topic + rng.random(len(owner))) / world.topics
    return _Users(wanted, starts, favourites)


def _first_users(world: World, users: _Users, rng: np.random.Generator) -> np.ndarray:
    """For each item FEWEST users, (items * FEWEST,), of those with the item's circle among their favourites."""
    owner = np.repeat(np.arange(len(users.wanted)), np.diff(users.starts))
    # Each of a user's favourites counts less, the more of them there are, but large appetites stay likelier.
    weights = (users.wanted / np.sqrt(np.diff(users.starts)))[owner]
    fans = Shelf(owner, users.favourites, weights, world.circles)
    return fans.near(np.repeat(world.places[world.members(world.schema.item_kind)], FEWEST), rng)


def _draw(
    users: _Users, circle: Shelf, topic: Shelf, who: np.ndarray, signal: float, rng: np.random.Generator
) -> np.ndarray:
    """An item for each of ``who`` (n,); in blocks, so that memory does not grow with the number of draws."""
    drawn = np.empty(len(who), dtype=np.int64)
    for start in range(0, len(who), 1 << 20):
        block = who[start : start + (1 << 20)]
        count = np.diff(users.starts)[block]
        # Squared: the first favourites are liked best.
        nth = np.minimum((rng.random(len(block)) ** 2 * count).astype(np.int64), count - 1)
        place = users.favourites[users.starts[block] + nth]
        mode = rng.random(len(block))
        by_circle, by_topic = mode < CIRCLE * signal, mode < (CIRCLE + TOPIC) * signal
        chosen = topic.any(len(block), rng)
        chosen[by_topic] = topic.near(place[by_topic], rng)
        chosen[by_circle] = circle.near(place[by_circle], rng)
        drawn[start : start + (1 << 20)] = chosen
    return drawn


def _unique(keys: np.ndarray) -> np.ndarray:
    """Sorted distinct ``keys`` (n,). By sorting, which for runs that are sorted already is a merge; np.unique hashes,
    and took 50 s for ten million such keys."""
    keys = np.sort(keys, kind="stable")
    first = np.ones(len(keys), dtype=bool)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]
