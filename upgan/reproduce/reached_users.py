"""Users by counting, with no model: who a search from an entity reaches, and who of them read a candidate."""

from __future__ import annotations

import numpy as np

from upgan.graph.layered import UNREACHABLE
from upgan.graph.observed import seen_interactions, seen_triples
from upgan.predict.predictor import Predictor
from upgan.types import IntArray


class Readers:
    """The interaction-augmented graph of a run, walked layer by layer towards the users."""

    def __init__(self, predictor: Predictor) -> None:
        data, config = predictor.dataset, predictor.config
        self._dataset = data
        self._distance = predictor.graph.distance.numpy()
        self._triples = seen_triples(data, config)
        self._interactions = seen_interactions(data, config)

    def items(self, entity: str) -> IntArray:
        """The items below an entity: itself, or what shortest walks towards the users reach one hop before them."""
        number = self._dataset.entity_index[entity]
        frontier = np.array([number], dtype=np.int64)
        for layer in range(int(self._distance[number]), 1, -1):
            heads, tails = self._triples[:, 0], self._triples[:, 2]
            near = np.concatenate([tails[np.isin(heads, frontier)], heads[np.isin(tails, frontier)]])
            frontier = np.unique(near[self._distance[near] == layer - 1])
        return frontier if self._distance[number] != UNREACHABLE else frontier[:0]

    def of(self, entity: str) -> set[str]:
        """Ids of the users who read an item below the entity."""
        rows = np.isin(self._interactions[:, 1], self.items(entity))
        return {self._dataset.users[user] for user in np.unique(self._interactions[rows, 0]).tolist()}
