"""The interaction-augmented graph, laid out in layers by distance to the users (Section 3 of the paper).

Nodes are the E entities (0 .. E-1) and the U users (E .. E+U-1). d_n is the minimum number of hops from n to any user,
edges walked both ways: users 0, items with an interaction 1, the rest by breadth-first search. Only TRAINING triples
are edges. Edges within a layer are used by neither stage, and nodes no user reaches are in no layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.data.prepare.filters import bfs_hops
from upgan.errors import DataError
from upgan.graph.cointeraction import CoInteraction
from upgan.graph.device import OnDevice
from upgan.graph.said import Said
from upgan.graph.sparse import EdgeMatrix
from upgan.types import BoolArray, IntArray

#: d_n of a node that no user reaches.
UNREACHABLE = -1


@dataclass(frozen=True)
class LayerEdges(OnDevice):
    """All edges between layer l (nearer to the users) and layer l + 1, in the two forms the two stages use.

    Edge e is one training triple or interaction. Node numbers here are positions within their layer.
    """

    #: Stage 1 (Eq. 2), a row per near node n and a column per distinct (relation, far node m) pair: W_r v~_m is
    #: computed once for each pair, however many edges share it.
    forward: EdgeMatrix
    #: (pairs,) far node of each pair; pairs are sorted by relation, relation i owns pairs starts[i] .. starts[i+1].
    pair_node: Tensor
    pair_types: tuple[int, ...]
    pair_starts: tuple[int, ...]
    #: (M,) training triple of each forward entry; -1 for an interaction.
    forward_triple: Tensor
    #: Stage 2 (Eq. 3, 4), a row per far node n and a column per near node m.
    backward: EdgeMatrix
    #: (M,) relation of each backward entry as seen from the far node, as a position in ``backward_types``.
    backward_type: Tensor
    backward_types: tuple[int, ...]
    #: The same as a tensor, so that no pass has to bring it to the device again.
    backward_kinds: Tensor
    backward_triple: Tensor


@dataclass(frozen=True)
class LayeredGraph(OnDevice):
    """Layers 0 (users) .. L with the edges between neighbours."""

    num_entities: int
    num_users: int
    num_relations: int
    num_triples: int
    #: (E + U,) d_n, UNREACHABLE where no user reaches.
    distance: Tensor
    #: Node numbers of each layer, ascending.
    layers: tuple[Tensor, ...]
    #: edges[l] joins layers l and l + 1.
    edges: tuple[LayerEdges, ...]
    #: (E,) row of each entity in the stacked states of layers 1 .. L; the row after the last (all zeros) where
    #: unreachable.
    state_row: Tensor
    #: Item <- user <- item paths, where the model reads them.
    cointeraction: CoInteraction | None = None
    #: All nodes and edges alike, in both directions, for the R-GCN-like form: rows and columns are node numbers.
    whole: LayerEdges | None = None
    #: What users say of two items, where walks are.
    said: tuple[Said, ...] = ()

    @property
    def num_reachable(self) -> int:
        """Entities with a path to a user."""
        return sum(len(layer) for layer in self.layers[1:])


def build_graph(
    triples: IntArray,
    interactions: IntArray,
    num_entities: int,
    num_users: int,
    num_relations: int,
    *,
    cointeraction: CoInteraction | None = None,
    walked: bool = True,
    whole: bool = False,
    likely: IntArray | None = None,
) -> LayeredGraph:
    """Training triples (T, 3) and interactions (M, 2) of (user, entity) -> the layered graph.

    ``whole`` keeps all edges in one piece too, for the R-GCN-like form; ``cointeraction`` is carried along. Without
    ``walked`` the edges between layers are left out, for a score that never walks them. ``likely``: (E + U,) distances
    of a graph much like this one, which are checked and taken where they are right.

    Raises DataError where an index is out of range. Validation and test triples must not be passed: see
    ``check_no_leak``.
    """
    _check_range("entity", triples[:, [0, 2]], num_entities)
    _check_range("relation", triples[:, 1], num_relations)
    _check_range("user", interactions[:, 0], num_users)
    _check_range("entity of an interaction", interactions[:, 1], num_entities)

    ends = ends_of(triples, interactions, num_entities, num_relations)
    users = np.arange(num_entities, num_entities + num_users)
    if likely is not None and _are_distances(likely, ends.left, ends.right):
        distance = likely
    else:
        distance = bfs_hops(ends.left, ends.right, num_entities + num_users, users)
    depth = int(distance.max(initial=0))
    layers = [np.flatnonzero(distance == level) for level in range(depth + 1)]
    place = np.full(num_entities + num_users, -1, dtype=np.int64)
    for layer in layers:
        place[layer] = np.arange(len(layer))

    edges = []
    at_left, at_right = distance[ends.left], distance[ends.right]
    for level in range(depth if walked else 0):
        outward = (at_left == level) & (at_right == level + 1)
        inward = (at_right == level) & (at_left == level + 1)
        edges.append(_edges_of(ends, outward, inward, place, (len(layers[level]), len(layers[level + 1]))))
    reachable = np.concatenate([*layers[1:], np.empty(0, dtype=np.int64)])
    state_row = np.full(num_entities, len(reachable), dtype=np.int64)
    state_row[reachable] = np.arange(len(reachable))
    nodes, every = np.arange(num_entities + num_users), np.ones(len(ends.left), dtype=bool)
    return LayeredGraph(
        num_entities=num_entities,
        num_users=num_users,
        num_relations=num_relations,
        num_triples=len(triples),
        distance=torch.from_numpy(distance),
        layers=tuple(torch.from_numpy(layer) for layer in layers),
        edges=tuple(edges),
        state_row=torch.from_numpy(state_row),
        cointeraction=cointeraction,
        whole=_edges_of(ends, every, every, nodes, (len(nodes), len(nodes))) if whole else None,
    )


def _are_distances(distance: IntArray, left: IntArray, right: IntArray) -> bool:
    """Whether (N,) distances, 0 at users and only there, are those over these edges.

    They are if no edge spans more than one step and every node farther out has a neighbour one step nearer.
    """
    far = len(distance)
    hops = np.where(distance == UNREACHABLE, far, distance)
    at_left, at_right = hops[left], hops[right]
    nearer = (hops == 0) | (hops == far)
    nearer[left[at_right == at_left - 1]] = True
    nearer[right[at_left == at_right - 1]] = True
    return bool(nearer.all()) and bool((np.abs(at_left - at_right) <= 1).all())


@dataclass(frozen=True)
class Ends:
    """Every edge once: its two nodes, its type as seen from each, its triple (-1: an interaction)."""

    left: IntArray
    right: IntArray
    seen_left: IntArray
    seen_right: IntArray
    triple: IntArray


def ends_of(triples: IntArray, interactions: IntArray, num_entities: int, num_relations: int) -> Ends:
    """Every edge once, as (left, right): interactions first, then triples."""
    interacted = np.full(len(interactions), 2 * num_relations, dtype=np.int64)
    number = np.concatenate([np.full(len(interactions), -1, dtype=np.int64), np.arange(len(triples), dtype=np.int64)])
    return Ends(
        left=np.concatenate([interactions[:, 0] + num_entities, triples[:, 0]]),
        right=np.concatenate([interactions[:, 1], triples[:, 2]]),
        seen_left=np.concatenate([interacted, triples[:, 1]]),
        seen_right=np.concatenate([interacted + 1, triples[:, 1] + num_relations]),
        triple=number,
    )


def _edges_of(ends: Ends, outward: BoolArray, inward: BoolArray, place: IntArray, sizes: tuple[int, int]) -> LayerEdges:
    """The edges whose left end is the near one (``outward``), then those whose right end is (``inward``).

    ``place``: (E + U,) where each node stands among the near or the far nodes, of which there are ``sizes``.
    """
    return layer_edges(
        near=place[np.concatenate([ends.left[outward], ends.right[inward]])],
        far=place[np.concatenate([ends.right[outward], ends.left[inward]])],
        forward_type=np.concatenate([ends.seen_left[outward], ends.seen_right[inward]]),
        backward_type=np.concatenate([ends.seen_right[outward], ends.seen_left[inward]]),
        triple=np.concatenate([ends.triple[outward], ends.triple[inward]]),
        sizes=sizes,
    )


def check_no_leak(train: IntArray, held_out: IntArray, num_entities: int, num_relations: int) -> None:
    """Raise DataError where a validation or test triple (T, 3) is among the triples that become edges."""
    held, trained = (_keys(triples, num_entities, num_relations) for triples in (held_out, train))
    # np.isin sorts both; training triples are sorted already, and looking them up in the others is nearly linear then.
    known = np.sort(held)
    both = trained[known[np.searchsorted(known, trained).clip(max=len(known) - 1)] == trained] if len(known) else known
    leaked = np.flatnonzero(np.isin(held, both))
    if len(leaked):
        head, relation, tail = held_out[leaked[0]].tolist()
        raise DataError(
            f"{len(leaked)} validation or test triples are training triples too, the first is "
            f"(head {head}, relation {relation}, tail {tail}); the graph would hold the answer. Prepare the data again."
        )


def _keys(triples: IntArray, num_entities: int, num_relations: int) -> IntArray:
    keys: IntArray = (triples[:, 0] * num_relations + triples[:, 1]) * num_entities + triples[:, 2]
    return keys


def _check_range(what: str, values: IntArray, count: int) -> None:
    if values.size and (values.min() < 0 or values.max() >= count):
        raise DataError(f"{what} number {int(values.min())} or {int(values.max())} is outside 0 .. {count - 1}")


def layer_edges(
    near: IntArray,
    far: IntArray,
    forward_type: IntArray,
    backward_type: IntArray,
    triple: IntArray,
    sizes: tuple[int, int],
) -> LayerEdges:
    """(M,) edges by the positions of their ends in two neighbouring layers of ``sizes`` (near, far); see LayerEdges.

    ``forward_type`` as seen from the near node, ``backward_type`` from the far one; ``triple`` -1: an interaction.
    """
    num_near, num_far = sizes
    pairs, pair = np.unique(forward_type * num_far + far, return_inverse=True)
    types, starts = np.unique(pairs // num_far, return_index=True)
    forward, forward_order = EdgeMatrix.build(torch.from_numpy(near), torch.from_numpy(pair), num_near, len(pairs))
    backward, backward_order = EdgeMatrix.build(torch.from_numpy(far), torch.from_numpy(near), num_far, num_near)
    seen, position = np.unique(backward_type, return_inverse=True)
    return LayerEdges(
        forward=forward,
        pair_node=torch.from_numpy(pairs % num_far),
        pair_types=tuple(types.tolist()),
        pair_starts=(*starts.tolist(), len(pairs)),
        forward_triple=torch.from_numpy(triple)[forward_order],
        backward=backward,
        backward_type=torch.from_numpy(position)[backward_order],
        backward_types=tuple(seen.tolist()),
        backward_kinds=torch.from_numpy(seen),
        backward_triple=torch.from_numpy(triple)[backward_order],
    )
