"""Typed edges that a system passes messages along, in both directions; a step takes its own triples out.

Letters: N nodes, M edges, T triples, P distinct (kind, source) pairs that occur.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from upgan.graph.sparse import EdgeMatrix


class Edges(nn.Module):
    """Edges target <- source of a kind. They follow from what is seen: buffers, but not saved."""

    row: Tensor
    column: Tensor
    kind: Tensor
    triple: Tensor
    group: Tensor
    pair_kind: Tensor
    pair_source: Tensor

    def __init__(self, triples: Tensor, num_nodes: int, num_kinds: int) -> None:
        """(T, 3) h, k, t gives h <- t of kind k and t <- h of kind k + ``num_kinds``."""
        super().__init__()
        self.num_nodes, self.num_kinds, self.num_triples = num_nodes, 2 * num_kinds, len(triples)
        row = torch.cat([triples[:, 0], triples[:, 2]])
        column = torch.cat([triples[:, 2], triples[:, 0]])
        kind = torch.cat([triples[:, 1], triples[:, 1] + num_kinds])
        pattern, order = EdgeMatrix.build(row, column, num_nodes, num_nodes)
        self._hold("", pattern)
        self._buffer("kind", kind[order])
        self._buffer("triple", order % max(len(triples), 1))
        # Edges of one kind into one node: what a mean over them is divided by.
        groups, group = torch.unique(pattern.row * self.num_kinds + self.kind, return_inverse=True)
        self.num_groups = len(groups)
        self._buffer("group", group)
        # Edges read (kind, source) pairs: what a message has in common is computed once per pair, kind by kind.
        pairs, pair = torch.unique(self.kind * num_nodes + pattern.column, return_inverse=True)
        self._buffer("pair_kind", pairs // max(num_nodes, 1))
        self._buffer("pair_source", pairs % max(num_nodes, 1))
        by_pair, _ = EdgeMatrix.build(pattern.row, pair, num_nodes, len(pairs))  # rows ascend: their order stays
        self._hold("pair_", by_pair)

    def _buffer(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value, persistent=False)

    def _hold(self, prefix: str, pattern: EdgeMatrix) -> None:
        for name, value in vars(pattern).items():
            if isinstance(value, Tensor):
                self._buffer(prefix + name, value)

    def _held(self, prefix: str, columns: int) -> EdgeMatrix:
        names = ("row", "column", "row_start", "column_start", "transposed_row", "transposed_order")
        return EdgeMatrix(self.num_nodes, columns, **{name: getattr(self, prefix + name) for name in names})

    @property
    def pattern(self) -> EdgeMatrix:
        """(N, N) target x source."""
        return self._held("", self.num_nodes)

    @property
    def by_pair(self) -> EdgeMatrix:
        """(N, P) target x (kind, source)."""
        return self._held("pair_", len(self.pair_kind))

    def keep(self, masked: Tensor | None) -> Tensor:
        """(M,) whether an edge is there when the (B,) ``masked`` triples are not: both its directions go."""
        gone = torch.zeros(max(self.num_triples, 1), dtype=torch.bool, device=self.triple.device)
        if masked is not None:
            gone[masked] = True
        return ~gone.index_select(0, self.triple)

    def means(self, keep: Tensor, dtype: torch.dtype) -> Tensor:
        """(M,) 1/c_{i,r} over the kept edges of kind r into i; 0 where an edge is not kept."""
        ones = keep.to(dtype)
        size = ones.new_zeros(self.num_groups).index_add_(0, self.group, ones).clamp_(min=1.0)
        return ones / size.index_select(0, self.group)
