"""One sparse x dense product and one segment softmax, against dense versions written with loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import softmax
from upgan.graph.sparse import EdgeMatrix, row_sums, segment_softmax, spmm

#: (rows, columns, entries): more entries than places, so that some are parallel; empty rows and columns; no entry.
SHAPES = [(3, 4, 9), (5, 2, 30), (6, 6, 4), (1, 1, 5), (4, 3, 0), (1, 7, 20), (7, 1, 3)]


def pattern_of(rows, columns, entries, seed=0):
    rng = np.random.default_rng(seed)
    row, column = torch.tensor(rng.integers(rows, size=entries)), torch.tensor(rng.integers(columns, size=entries))
    pattern, order = EdgeMatrix.build(row, column, rows, columns)
    return pattern, order, row, column


def dense_of(pattern, values):
    """The (N, C) matrix, parallel entries added up."""
    matrix = torch.zeros(pattern.rows, pattern.columns, dtype=values.dtype)
    for row, column, value in zip(pattern.row.tolist(), pattern.column.tolist(), values, strict=True):
        matrix[row, column] = matrix[row, column] + value
    return matrix


def softmax_by_rows(pattern, logits, keep):
    result = [0.0] * len(logits)
    for row in range(pattern.rows):
        places = [e for e, r in enumerate(pattern.row.tolist()) if r == row and keep[e]]
        for place, share in zip(places, softmax([float(logits[e]) for e in places]), strict=True):
            result[place] = share
    return torch.tensor(result, dtype=torch.float64)


def double(*size):
    return torch.randn(*size, dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_entries_are_stored_row_by_row_and_order_says_where_each_came_from(shape):
    pattern, order, row, column = pattern_of(*shape)
    assert pattern.row.tolist() == sorted(row.tolist())
    assert torch.equal(pattern.row, row[order])
    assert torch.equal(pattern.column, column[order])
    for number in range(shape[0]):
        start, stop = pattern.row_start[number], pattern.row_start[number + 1]
        assert pattern.row[start:stop].tolist() == [number] * row.tolist().count(number)
        came_from = order[start:stop].tolist()
        assert came_from == sorted(came_from), "entries of a row keep their order"


@pytest.mark.parametrize("shape", SHAPES)
def test_the_transpose_holds_every_entry_once(shape):
    pattern, _, _, _ = pattern_of(*shape)
    for number in range(shape[1]):
        start, stop = pattern.column_start[number], pattern.column_start[number + 1]
        places = pattern.transposed_order[start:stop]
        assert pattern.column[places].tolist() == [number] * len(places)
        assert torch.equal(pattern.row[places], pattern.transposed_row[start:stop])
    assert sorted(pattern.transposed_order.tolist()) == list(range(shape[2]))


@pytest.mark.parametrize("shape", SHAPES)
def test_spmm_and_its_gradients_equal_the_dense_product(shape):
    pattern, _, _, _ = pattern_of(*shape)
    values, dense = double(shape[2]).requires_grad_(), double(shape[1], 5).requires_grad_()
    weight = double(shape[0], 5)
    expected = dense_of(pattern, values) @ dense
    found = spmm(pattern, values, dense)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    found_grads = torch.autograd.grad((found * weight).sum(), [values, dense])
    if shape[2]:
        expected_grads = torch.autograd.grad((expected * weight).sum(), [values, dense])
    else:
        expected_grads = (torch.zeros_like(values), torch.zeros_like(dense))
    torch.testing.assert_close(found_grads, expected_grads, rtol=0, atol=1e-13)


def test_spmm_takes_dense_matrices_and_gradients_of_any_memory_layout():
    pattern, _, _, _ = pattern_of(4, 5, 12)
    values, dense = double(12).requires_grad_(), double(3, 5).requires_grad_()
    found, expected = spmm(pattern, values, dense.T), dense_of(pattern, values) @ dense.T
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
    weight = double(3, 4).T
    torch.testing.assert_close(
        torch.autograd.grad((found * weight).sum(), [values, dense]),
        torch.autograd.grad((expected * weight).sum(), [values, dense]),
        rtol=0,
        atol=1e-13,
    )
    expanded = spmm(pattern, values, double(1, 3).expand(5, 3))
    torch.autograd.grad(expanded.sum(), values)  # the gradient of a sum is one expanded number


def test_spmm_where_only_one_side_wants_a_gradient():
    pattern, _, _, _ = pattern_of(3, 4, 9)
    values, dense = double(9), double(4, 2)
    only_dense = dense.clone().requires_grad_()
    (spmm(pattern, values, only_dense)).sum().backward()
    torch.testing.assert_close(only_dense.grad, dense_of(pattern, values).T @ torch.ones(3, 2, dtype=torch.float64))
    only_values = values.clone().requires_grad_()
    (spmm(pattern, only_values, dense)).sum().backward()
    torch.testing.assert_close(only_values.grad, dense.sum(1)[pattern.column])


@pytest.mark.parametrize("shape", SHAPES[:4])
def test_spmm_passes_gradcheck(shape):
    pattern, _, _, _ = pattern_of(*shape)
    inputs = (double(shape[2]).requires_grad_(), double(shape[1], 3).requires_grad_())
    assert torch.autograd.gradcheck(lambda values, dense: spmm(pattern, values, dense), inputs)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 5),
    entries=st.lists(st.tuples(st.integers(0, 4), st.floats(-30, 30), st.booleans()), max_size=15),
)
def test_segment_softmax_equals_a_softmax_per_row_over_the_kept_entries(rows, entries):
    row = torch.tensor([r % rows for r, _, _ in entries], dtype=torch.long)
    pattern, order = EdgeMatrix.build(row, torch.zeros_like(row), rows, 1)
    logits = torch.tensor([logit for _, logit, _ in entries], dtype=torch.float64)[order]
    keep = torch.tensor([kept for _, _, kept in entries], dtype=torch.bool)[order]
    everything = segment_softmax(pattern, logits)
    torch.testing.assert_close(everything, softmax_by_rows(pattern, logits, [True] * len(row)), rtol=0, atol=1e-14)
    some = segment_softmax(pattern, logits, keep)
    torch.testing.assert_close(some, softmax_by_rows(pattern, logits, keep.tolist()), rtol=0, atol=1e-14)
    sums = row_sums(pattern, some)
    alive = row_sums(pattern, keep.double()) > 0
    torch.testing.assert_close(sums, alive.double(), rtol=0, atol=1e-14)
    assert bool((some[~keep] == 0).all())


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("shape", SHAPES[:4])
def test_segment_softmax_passes_gradcheck(shape, masked):
    pattern, _, _, _ = pattern_of(*shape)
    keep = torch.arange(shape[2]) % 3 != 0 if masked else None
    assert torch.autograd.gradcheck(lambda x: segment_softmax(pattern, x, keep), (double(shape[2]).requires_grad_(),))


def test_masked_entries_and_dead_rows_get_no_gradient():
    pattern, _ = EdgeMatrix.build(torch.tensor([0, 0, 0, 1, 1]), torch.tensor([0, 1, 2, 0, 1]), 2, 3)
    logits = double(5).requires_grad_()
    keep = torch.tensor([True, False, True, False, False])
    alpha = segment_softmax(pattern, logits, keep)
    (alpha * double(5)).sum().backward()
    assert logits.grad is not None
    assert logits.grad[[1, 3, 4]].tolist() == [0.0, 0.0, 0.0]
    assert alpha[3:].tolist() == [0.0, 0.0]
    assert not bool(torch.isnan(logits.grad).any())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_segment_softmax_neither_overflows_nor_underflows(shift, dtype):
    pattern, _ = EdgeMatrix.build(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]), 2, 2)
    alpha = segment_softmax(pattern, torch.tensor([shift, shift + 1, shift], dtype=dtype))
    small, large = softmax([0.0, 1.0])
    torch.testing.assert_close(alpha, torch.tensor([small, large, 1.0], dtype=dtype))


def test_a_matrix_without_entries_gives_zeros_and_zero_gradients():
    nothing = torch.empty(0, dtype=torch.long)
    pattern, order = EdgeMatrix.build(nothing, nothing, 3, 2)
    values = torch.empty(0, dtype=torch.float64, requires_grad=True)
    dense = double(2, 4).requires_grad_()
    out = spmm(pattern, segment_softmax(pattern, values), dense)
    assert out.tolist() == [[0.0] * 4] * 3
    out.sum().backward()
    assert dense.grad is not None
    assert dense.grad.tolist() == [[0.0] * 4] * 2
    assert order.tolist() == []
    assert row_sums(pattern, values).tolist() == [0.0] * 3


def test_moving_a_pattern_keeps_it_whole():
    pattern, _, _, _ = pattern_of(3, 4, 9)
    moved = pattern.to("cpu")
    values, dense = double(9), double(4, 2)
    assert torch.equal(spmm(moved, values, dense), spmm(pattern, values, dense))
    assert (moved.rows, moved.columns) == (3, 4)
