"""Segment operations over the edges of a bipartite layer: one sparse x dense product, one segment softmax.

Letters: N rows (targets), C columns (sources), M edges, K dimensions. No per-edge K-vector is kept: a layer's cost in
memory is M scalars and N x K states.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from upgan.graph.device import OnDevice

# The patterns are built and checked here once; PyTorch would check them again at every product and warn of its beta
# status each time.
torch.sparse.check_sparse_tensor_invariants.disable()
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")


@dataclass(frozen=True)
class EdgeMatrix(OnDevice):
    """The sparsity pattern of an (N, C) matrix with M entries, and of its transpose.

    Entries are stored row by row; ``values`` given to the functions below follow that order. Several entries may share
    a row and a column (parallel edges): they add up.
    """

    rows: int
    columns: int
    #: (M,) row and column of each entry, rows ascending.
    row: Tensor
    column: Tensor
    #: (N + 1,) where each row's entries start.
    row_start: Tensor
    #: The transpose: (C + 1,) starts, (M,) row of each entry in column order, (M,) its place in row order.
    column_start: Tensor
    transposed_row: Tensor
    transposed_order: Tensor

    @staticmethod
    def build(row: Tensor, column: Tensor, rows: int, columns: int) -> tuple[EdgeMatrix, Tensor]:
        """Sort (M,) entries by row (stable) and index both directions; also returns the order taken."""
        order = torch.argsort(row, stable=True)
        row, column = row[order], column[order]
        by_column = torch.argsort(column, stable=True)
        pattern = EdgeMatrix(
            rows=rows,
            columns=columns,
            row=row,
            column=column,
            row_start=_starts(row, rows),
            column_start=_starts(column[by_column], columns),
            transposed_row=row[by_column],
            transposed_order=by_column,
        )
        return pattern, order


def _starts(sorted_index: Tensor, count: int) -> Tensor:
    """(M,) ascending indices -> (count + 1,) offsets of each index's block."""
    starts = torch.zeros(count + 1, dtype=torch.long, device=sorted_index.device)
    starts[1:] = torch.bincount(sorted_index, minlength=count).cumsum(0)
    return starts


def spans(starts: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """(N + 1,) starts of blocks and (B,) block numbers (-1: none) -> position in B and place of all their elements.

    Positions ascend, and within a block places do.
    """
    safe = index.clamp(min=0)
    first = starts.index_select(0, safe)
    count = torch.where(index < 0, 0, starts.index_select(0, safe + 1) - first)
    position = torch.repeat_interleave(torch.arange(len(index), device=index.device), count)
    before = torch.cumsum(count, 0) - count
    within = torch.arange(len(position), device=index.device) - before.index_select(0, position)
    return position, first.index_select(0, position) + within


def row_sums(pattern: EdgeMatrix, values: Tensor) -> Tensor:
    """(M,) values -> (N,) sums over each row's entries."""
    return values.new_zeros(pattern.rows).index_add_(0, pattern.row, values)


def spmm(pattern: EdgeMatrix, values: Tensor, dense: Tensor) -> Tensor:
    """(M,) values on ``pattern`` times a (C, K) matrix -> (N, K); differentiable in both."""
    return cast(Tensor, _SpMM.apply(values, dense, pattern))


def segment_softmax(pattern: EdgeMatrix, logits: Tensor, keep: Tensor | None = None) -> Tensor:
    """(M,) logits -> (M,) softmax within each row (Eq. 4). Entries where ``keep`` is False get 0.

    A row without a kept entry is all zeros instead of NaN.
    """
    return cast(Tensor, _SegmentSoftmax.apply(logits, pattern, keep))


def _product(start: Tensor, index: Tensor, values: Tensor, dense: Tensor, rows: int) -> Tensor:
    """Row by row the sum of ``values`` times the rows of ``dense`` at ``index``: a sparse matrix times a dense one."""
    if index.numel() == 0:
        return dense.new_zeros(rows, dense.shape[1])
    if dense.dtype == torch.float32 and dense.device.type == "cpu":
        # The same sums by PyTorch's kernel for bags of embeddings, which fetches rows ahead: 3 to 9 times as fast.
        return functional.embedding_bag(
            index, dense, start, mode="sum", per_sample_weights=values, include_last_offset=True
        )
    matrix = torch.sparse_csr_tensor(start, index, values, size=(rows, dense.shape[0]))
    return matrix @ dense


class _SpMM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, dense: Tensor, pattern: EdgeMatrix) -> Tensor:
        ctx.save_for_backward(values, dense)
        ctx.pattern = pattern
        return _product(pattern.row_start, pattern.column, values, dense, pattern.rows)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        values, dense = ctx.saved_tensors
        pattern: EdgeMatrix = ctx.pattern
        grad = grad.contiguous()
        grad_values = grad_dense = None
        if ctx.needs_input_grad[0]:
            grad_values = _sampled_product(pattern, grad, dense)
        if ctx.needs_input_grad[1]:
            transposed = values.index_select(0, pattern.transposed_order)
            grad_dense = _product(pattern.column_start, pattern.transposed_row, transposed, grad, pattern.columns)
        return grad_values, grad_dense, None


def _sampled_product(pattern: EdgeMatrix, left: Tensor, right: Tensor) -> Tensor:
    """(N, K) and (C, K) -> (M,) left[row_e] . right[column_e], without gathering a K-vector per edge."""
    cells = pattern.rows * pattern.columns
    if pattern.row.numel() > cells:
        # More (parallel) edges than cells: sampled_addmm refuses them, and the dense product is the smaller one.
        return (left @ right.T).flatten().index_select(0, pattern.row * pattern.columns + pattern.column)
    zeros = torch.sparse_csr_tensor(
        pattern.row_start, pattern.column, left.new_zeros(pattern.row.numel()), size=(pattern.rows, pattern.columns)
    )
    # A view, not a copy: the kernel wants the transpose's own transpose, which is ``right`` as it lies in memory.
    return cast(Tensor, torch.sparse.sampled_addmm(zeros, left, right.T, beta=0.0).values())


class _SegmentSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, pattern: EdgeMatrix, keep: Tensor | None) -> Tensor:
        if keep is not None:
            logits = logits.masked_fill(~keep, -torch.inf)
        peak = logits.new_full((pattern.rows,), -torch.inf)
        peak.scatter_reduce_(0, pattern.row, logits, "amax")
        peak = torch.nan_to_num(peak, neginf=0.0)  # a row without entries
        weight = torch.exp(logits - peak.index_select(0, pattern.row))
        total = row_sums(pattern, weight).clamp_min_(torch.finfo(weight.dtype).tiny)
        alpha = weight / total.index_select(0, pattern.row)
        ctx.save_for_backward(alpha)
        ctx.pattern = pattern
        return alpha

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None]:
        (grad,) = grads
        (alpha,) = ctx.saved_tensors
        pattern: EdgeMatrix = ctx.pattern
        mean = row_sums(pattern, alpha * grad)
        return alpha * (grad - mean.index_select(0, pattern.row)), None, None
