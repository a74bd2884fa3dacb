"""The R-GCN-like form of Table 6: every node and every edge treated alike, no stages, no attention.

    x_n <- sigma( W_0 x_n + sum_r 1/|N_n^r| sum_{m in N_n^r} W_r x_m ),    p_h = x_h after ``rgcn_layers`` layers

(Schlichtkrull et al., ESWC 2018, with the parameters of Propagation: W_0 and W_r are shared by the layers.) Both
directions of every triple and interaction are edges. The last layer has no activation, so that p can have any sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from upgan.graph.layered import LayerEdges, LayeredGraph
from upgan.graph.sparse import spmm
from upgan.model.discriminator import Discriminator
from upgan.model.propagation import ACTIVATIONS, Propagation, kept


class MixedDiscriminator(Discriminator):
    """The score of Eq. 7 with the p_h above, in which single users cannot be told apart."""

    users_in = "mixed"

    def preference(
        self, graph: LayeredGraph, heads: Tensor, masked: Tensor | None = None, unread: Tensor | None = None
    ) -> Tensor:
        if not self.config.use_users:
            return self.entity.new_zeros(len(heads), self.width)
        return rgcn_preference(self.propagation, graph, self.entity, masked).index_select(0, heads)


def rgcn_preference(
    propagation: Propagation, graph: LayeredGraph, entity: Tensor, masked: Tensor | None = None
) -> Tensor:
    """(E, W) entity vectors -> (E, W) p of every entity; ``masked`` (T,) triples are no edges in this pass."""
    edges = graph.whole
    assert edges is not None, "the graph was built without its whole form"
    coefficient = mean_coefficients(edges, entity.dtype, None if masked is None else kept(edges.forward_triple, masked))
    state = torch.cat([entity, propagation.user_vectors(graph, entity)])
    layers = propagation.config.rgcn_layers
    for layer in range(layers):
        after = state @ propagation.own.T
        if edges.pair_types:  # a graph without an edge has no messages
            after = after + spmm(edges.forward, coefficient, propagation.transformed(edges, state))
        state = after
        if layer < layers - 1:
            state = ACTIVATIONS[propagation.config.activation](state)
    return state[: graph.num_entities]


def mean_coefficients(edges: LayerEdges, dtype: torch.dtype, keep: Tensor | None = None) -> Tensor:
    """(M,) 1/|N_n^r| of each edge, over the edges that are kept (M,)."""
    pattern = edges.forward
    starts = torch.tensor(edges.pair_starts[1:], dtype=torch.long, device=pattern.column.device)
    kind = torch.searchsorted(starts, pattern.column, right=True)
    group = pattern.row * max(len(edges.pair_types), 1) + kind
    ones = torch.ones(len(group), dtype=dtype, device=group.device) if keep is None else keep.to(dtype)
    distinct, place = torch.unique(group, return_inverse=True)
    size = ones.new_zeros(len(distinct)).index_add_(0, place, ones).clamp_(min=1.0)
    return ones / size.index_select(0, place)
