"""The latent world behind a generated dataset: where every entity stands in taste, and draws of one near another.

Taste is a line from 0 to 1, cut into topics, and each topic into circles of about a dozen items. Every entity has a
place on it. A kind tells apart circles, topics or nothing (``Kind.cells``); the stretch of the line it tells apart is a
cell. Partners of an entity, in the graph as in the interactions, are drawn from the cell around its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upgan.data.synth.schema import Schema

ITEMS_PER_CIRCLE = 12
CIRCLES_PER_TOPIC = 24
#: Zipf exponents: of popularity within a kind, and of the sizes of circles.
POPULARITY, CIRCLE_SIZES = 0.8, 0.4


class Shelf:
    """Members (n,) of one kind by cell, to be drawn by weight."""

    def __init__(self, members: np.ndarray, places: np.ndarray, weights: np.ndarray, cells: int) -> None:
        cell = np.minimum((places * cells).astype(np.int64), cells - 1)
        order = np.argsort(cell, kind="stable")
        self.cells = cells
        self._members = members[order]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))])
        self._mass = np.concatenate([[0.0], np.cumsum(weights[order])])  # (n + 1,)

    def near(self, places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One member for each of ``places`` (N,), from its cell by weight; of an empty cell, any member."""
        cell = np.minimum((places * self.cells).astype(np.int64), self.cells - 1)
        first, end = self._starts[cell], self._starts[cell + 1]
        empty = first == end
        first, end = np.where(empty, 0, first), np.where(empty, len(self._members), end)
        return self._draw(first, end, rng)

    def any(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """``count`` members by weight, wherever they stand."""
        zeros = np.zeros(count, dtype=np.int64)
        return self._draw(zeros, zeros + len(self._members), rng)

    def mixed(self, places: np.ndarray, signal: float, rng: np.random.Generator) -> np.ndarray:
        """``near`` with probability ``signal``, otherwise ``any``."""
        chosen = self.near(places, rng)
        noise = rng.random(len(places)) >= signal
        chosen[noise] = self.any(int(noise.sum()), rng)
        return chosen

    def _draw(self, first: np.ndarray, end: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        low, high = self._mass[first], self._mass[end]
        position = np.searchsorted(self._mass, low + rng.random(len(low)) * (high - low), side="right") - 1
        # Rounding may lead just outside the cell.
        drawn: np.ndarray = self._members[np.clip(position, first, end - 1)]
        return drawn


@dataclass(frozen=True, eq=False)
class World:
    """Entities numbered kind after kind; E entities."""

    schema: Schema
    circles: int
    topics: int
    #: Place of every entity in taste, float64 (E,) in [0, 1).
    places: np.ndarray
    #: Popularity of every entity within its kind, float64 (E,).
    weights: np.ndarray
    #: First and last-plus-one number of each kind.
    spans: dict[str, tuple[int, int]]
    #: Each kind's entities by cell.
    shelves: dict[str, Shelf]

    def members(self, kind: str) -> np.ndarray:
        return np.arange(*self.spans[kind])


def make_world(schema: Schema, seed: int) -> World:
    """Put every entity of ``schema`` in its place."""
    rng = np.random.default_rng([seed, 1])
    circles = max(8, schema.items // ITEMS_PER_CIRCLE)
    topics = max(4, circles // CIRCLES_PER_TOPIC)
    mass = rng.permutation(1.0 + np.arange(circles)) ** -CIRCLE_SIZES
    edges = np.cumsum(mass) / mass.sum()
    places, weights, spans, shelves = [], [], {}, {}
    start = 0
    for kind in schema.kinds:
        # Uniform on the line of circles sized by `mass`: large circles hold more of every kind.
        where = np.minimum(np.searchsorted(edges, rng.random(kind.count), side="right"), circles - 1)
        place = (where + rng.random(kind.count)) / circles
        weight = rng.permutation(1.0 + np.arange(kind.count)) ** -POPULARITY
        cells = {"circle": circles, "topic": topics, "all": 1}[kind.cells]
        if kind.name != schema.item_kind:
            # Two to a cell on average: with one, its only member would be everybody's.
            cells = max(1, min(cells, kind.count // 2))
        spans[kind.name] = (start, start + kind.count)
        shelves[kind.name] = Shelf(np.arange(*spans[kind.name]), place, weight, cells)
        places.append(place)
        weights.append(weight)
        start += kind.count
    return World(schema, circles, topics, np.concatenate(places), np.concatenate(weights), spans, shelves)
