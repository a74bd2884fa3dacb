"""The two-stage collaborative representation learning of Section 4.2: entity semantics down to the users, user
preference back up to the entities.

Everything is computed on whole layers: per relation one K x K product over distinct (relation, node) pairs, per edge
two scalars, per layer one segment softmax and one sparse x dense product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upgan.config.sections import PropagationConfig
from upgan.graph.layered import LayerEdges, LayeredGraph
from upgan.graph.sparse import row_sums, segment_softmax, spmm

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "none": lambda x: x,
}


@dataclass(frozen=True)
class Propagated:
    """What both stages computed, layer by layer."""

    #: semantic[l] (N_l, K): v~ of layer l's nodes (Eq. 2); semantic[0] are the users' preferences.
    semantic: list[Tensor]
    #: preference[l] (N_l, K): p of layer l's nodes (Eq. 3); preference[0] is semantic[0].
    preference: list[Tensor]
    #: coefficients[l] (M_l,): 1/|F_n| of each entry of edges[l].forward.
    coefficients: list[Tensor]
    #: alphas[l] (M_l,): attention (Eq. 4) of each entry of edges[l].backward.
    alphas: list[Tensor]

    def entity_preference(self, graph: LayeredGraph, entities: Tensor) -> Tensor:
        """(B,) entities -> (B, K) p; zeros where no user reaches (Eq. 5: a sum over no users)."""
        stacked = torch.cat([*self.preference[1:], self.preference[0].new_zeros(1, self.preference[0].shape[1])])
        return stacked.index_select(0, graph.state_row.index_select(0, entities))


class Propagation(nn.Module):
    """Parameters of Eq. 2 and 4: W_0, one W_r per relation type, the attention vector w = [w1; w2].

    Args:
        num_types: relation types, 2R + 2 (relations, inverses, interacted, its inverse).
        num_users: users; they have vectors of their own only with ``config.user_embedding``.
    """

    def __init__(self, num_types: int, num_users: int, dim: int, config: PropagationConfig) -> None:
        super().__init__()
        self.config = config
        self.own = nn.Parameter(torch.empty(dim, dim))  # W_0
        self.relation = nn.Parameter(torch.empty(num_types, dim, dim))  # W_r
        self.attention = nn.Parameter(torch.empty(2, dim))  # w1, w2
        self.user = nn.Parameter(torch.empty(num_users if config.user_embedding else 0, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start near "pass the vector on": identity plus small noise keeps the meaning of initialised entities."""
        dim = self.own.shape[0]
        noise = self.config.init_noise / dim**0.5
        with torch.no_grad():
            self.own.copy_(torch.eye(dim))
            self.relation.normal_(0.0, noise).add_(torch.eye(dim))
            self.attention.normal_(0.0, dim**-0.5)
            self.user.normal_(0.0, 0.1 * dim**-0.5)

    def forward(
        self, graph: LayeredGraph, entity: Tensor, masked: Tensor | None = None, unread: Tensor | None = None
    ) -> Propagated:
        """(E, K) entity vectors -> both stages over the whole graph.

        ``masked``: (T,) bool, training triples taken out of the graph for this pass: their edges get coefficient 0
        and the others of the node are renormalised. A training step masks its own batch, so that no query's answer
        reaches its p_h through the very edge that is asked for.
        ``unread``: (E,) bool, items left out of their readers' v~_u in this pass (stage 1 only).
        """
        semantic, coefficients = self._entities_to_users(graph, entity, masked, unread)
        preference, alphas = self._users_to_entities(graph, semantic, masked)
        return Propagated(semantic, preference, coefficients, alphas)

    # Stage 1 ---------------------------------------------------------------------------------------------------------

    def _entities_to_users(
        self, graph: LayeredGraph, entity: Tensor, masked: Tensor | None, unread: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Eq. 2 from the farthest layer down: v~_n = sigma(W_0 v_n + sum over F_n of 1/|F_n| W_r v~_m)."""
        depth = len(graph.edges)
        if depth == 0:
            return [ACTIVATIONS[self.config.user_activation](self.user_vectors(graph, entity) @ self.own.T)], []
        activation = ACTIVATIONS[self.config.activation]
        # W_0 v_n of all layers at once: one gather, whose gradient is one sum into the table instead of one per layer.
        nodes = torch.cat(graph.layers[1:])
        own = (entity.index_select(0, nodes) @ self.own.T).split([len(layer) for layer in graph.layers[1:]])
        states = [activation(own[depth - 1])]
        coefficients: list[Tensor] = []
        for level in range(depth - 1, -1, -1):
            edges = graph.edges[level]
            keep = None if masked is None else kept(edges.forward_triple, masked)
            if level == 0 and unread is not None:
                item = graph.layers[1].index_select(0, edges.pair_node.index_select(0, edges.forward.column))
                read = ~unread.index_select(0, item)
                keep = read if keep is None else keep & read
            coefficient = forward_coefficients(edges, entity.dtype, keep)
            message = spmm(edges.forward, coefficient, self.transformed(edges, states[0]))
            if level > 0:
                state = activation(own[level - 1] + message)
            elif self.config.user_embedding:
                state = ACTIVATIONS[self.config.user_activation](self.user @ self.own.T + message)
            else:  # v_u = 0: the product with W_0 would be one of zeros
                state = ACTIVATIONS[self.config.user_activation](message)
            states.insert(0, state)
            coefficients.insert(0, coefficient)
        return states, coefficients

    def user_vectors(self, graph: LayeredGraph, entity: Tensor) -> Tensor:
        """v_u: learned, or zero where users are only what they read."""
        if self.config.user_embedding:
            return self.user
        return entity.new_zeros(graph.num_users, entity.shape[1])

    def transformed(self, edges: LayerEdges, far_state: Tensor) -> Tensor:
        """(N_far, K) -> (pairs, K): W_r v~_m of each distinct (relation, far node) pair."""
        # Split, not sliced: the gradient of a slice is a table of zeros around it, and there would be one per relation.
        sizes = [stop - start for start, stop in zip(edges.pair_starts, edges.pair_starts[1:], strict=False)]
        sources = far_state.index_select(0, edges.pair_node).split(sizes)
        relation = self.relation.unbind()
        blocks = [source @ relation[kind].T for kind, source in zip(edges.pair_types, sources, strict=True)]
        return torch.cat(blocks)

    # Stage 2 ---------------------------------------------------------------------------------------------------------

    def _users_to_entities(
        self, graph: LayeredGraph, semantic: list[Tensor], masked: Tensor | None
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Eq. 3 from layer 1 upward: p_n = sum over B_n of alpha p_m, p_u = v~_u."""
        preference, alphas = [semantic[0]], []
        for level, edges in enumerate(graph.edges):
            logits = self.attention_logits(edges, semantic[level + 1], preference[level])
            keep = None if masked is None else kept(edges.backward_triple, masked)
            alpha = segment_softmax(edges.backward, logits, keep)
            preference.append(spmm(edges.backward, alpha, preference[level]))
            alphas.append(alpha)
        return preference, alphas

    def attention_logits(self, edges: LayerEdges, far: Tensor, near: Tensor) -> Tensor:
        """Eq. 4 before the softmax, exactly, from two scalars per edge.

        w^T [W_r v~_n; W_r p_m] = v~_n . (W_r^T w1) + p_m . (W_r^T w2): two K-vectors per relation instead of two
        K x K products per edge.
        """
        relation = self.relation.index_select(0, edges.backward_kinds)
        read = torch.einsum("sk,rkj->srj", self.attention, relation)  # (2, R', K)
        far_part = (far @ read[0].T).flatten()  # (N_far * R',)
        near_part = (near @ read[1].T).flatten()
        count = len(edges.backward_types)
        logits = far_part.index_select(0, edges.backward.row * count + edges.backward_type)
        logits = logits + near_part.index_select(0, edges.backward.column * count + edges.backward_type)
        return nn.functional.leaky_relu(logits, self.config.attention_slope)


def forward_coefficients(edges: LayerEdges, dtype: torch.dtype, keep: Tensor | None = None) -> Tensor:
    """(M,) 1/|F_n| of Eq. 2 for each forward entry, over the entries that are kept (M,)."""
    pattern = edges.forward
    ones = torch.ones(pattern.row.numel(), dtype=dtype, device=pattern.row.device)
    if keep is not None:
        ones = keep.to(dtype)
    return ones / row_sums(pattern, ones).clamp_(min=1.0).index_select(0, pattern.row)


def kept(triple: Tensor, masked: Tensor) -> Tensor:
    """(M,) triple of each edge (-1: interaction) and (T,) masked triples -> (M,) edges that stay."""
    # Position -1 reads the sentinel appended at the end: an interaction is never masked.
    return ~torch.cat([masked, masked.new_zeros(1)]).index_select(0, torch.where(triple < 0, len(masked), triple))
