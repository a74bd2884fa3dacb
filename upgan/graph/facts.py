"""The training triples as evidence reads them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from upgan.graph.device import OnDevice
from upgan.graph.queries import QueryIndex
from upgan.graph.said import Said
from upgan.graph.walks import WalkEdges
from upgan.types import IntArray


@dataclass(frozen=True)
class Facts(OnDevice):
    """The training triples as evidence reads them: by relation, and which entities are linked at all."""

    by_relation: QueryIndex
    #: One relation, both directions of every linked pair: the answers of (x, 0) are all of x's neighbours.
    linked: QueryIndex
    _edges: WalkEdges | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def build(triples: IntArray, num_entities: int, num_relations: int) -> Facts:
        """(T, 3) training triples, as numbers."""
        pairs = _linked_pairs(triples)
        once = np.stack([pairs[:, 0], np.zeros(len(pairs), dtype=np.int64), pairs[:, 1]], axis=1)
        return Facts(QueryIndex.build(triples, num_entities, num_relations), QueryIndex.build(once, num_entities, 1))

    def walk_edges(self, said: tuple[Said, ...]) -> WalkEdges:
        """The edges that walks go along, of these facts and of what users say; built once."""
        edges = self._edges  # read once, threads may replace it
        if (
            edges is None
            or len(edges.said) != len(said)
            or any(a is not b for a, b in zip(edges.said, said, strict=True))
        ):
            sizes = self.by_relation.num_entities, self.by_relation.num_relations
            edges = WalkEdges.build(self.by_relation.triples().cpu().numpy(), sizes, said)
            object.__setattr__(self, "_edges", edges)
        return edges

    def without(self, triples: IntArray, gone: IntArray) -> Facts:
        """The facts of all ``triples`` (those they were built of) but the rows ``gone``, as if built of the rest."""
        rest = np.delete(triples, gone, axis=0)
        lost = _linked_pairs(triples[gone])
        near = rest[np.isin(rest[:, 0], lost[:, 0])]  # a pair that another triple still joins stays linked
        size = self.linked.num_entities
        still = np.concatenate([near[:, 0] * size + near[:, 2], near[:, 2] * size + near[:, 0]])
        lost = lost[~np.isin(lost[:, 0] * size + lost[:, 1], still)]
        left, right = torch.from_numpy(lost[:, 0]), torch.from_numpy(lost[:, 1])
        at, place = self.linked.places_of(self.linked.rows(left, torch.zeros_like(left)))
        pair = self.linked.triple[place[self.linked.answer[place] == right[at]]]
        return Facts(self.by_relation.without(gone), self.linked.without(pair.numpy()))


def _linked_pairs(triples: IntArray) -> IntArray:
    """(T, 3) -> (P, 2) the distinct pairs of entities that they join, either way round."""
    pairs: IntArray = np.unique(np.concatenate([triples[:, [0, 2]], triples[:, [2, 0]]]), axis=0)
    return pairs
