"""What scripts/roofline.py counts, on work that can be counted by hand."""

from __future__ import annotations

import torch

from roofline import Work, roofs
from upgan.graph.sparse import EdgeMatrix, spmm


def counted(work):
    with Work() as found:
        work()
    return found.flops, found.bytes


def test_products_forward_and_backward():
    left, right = torch.randn(5, 7, requires_grad=True), torch.randn(7, 3, requires_grad=True)
    assert counted(lambda: left @ right) == (2 * 5 * 7 * 3, 4 * (35 + 21 + 15))
    flops, _ = counted(lambda: (left @ right).sum().backward())
    assert flops == 3 * 2 * 5 * 7 * 3
    table, out = torch.randn(5, 3), torch.empty(5, 3)
    assert counted(lambda: torch.mm(left.detach(), right.detach(), out=out))[0] == 2 * 5 * 7 * 3
    assert counted(lambda: table.addmm_(left.detach(), right.detach()))[0] == 2 * 5 * 7 * 3


def test_a_sparse_product_counts_its_entries():
    pattern, _ = EdgeMatrix.build(torch.tensor([0, 0, 2]), torch.tensor([1, 3, 0]), 3, 4)
    dense, values = torch.randn(4, 6, requires_grad=True), torch.randn(3, requires_grad=True)
    assert counted(lambda: spmm(pattern, values.detach(), dense.detach()))[0] == 2 * 3 * 6
    # Backward: the transposed product, and one dot product for each entry.
    assert counted(lambda: spmm(pattern, values, dense).sum().backward())[0] == 3 * 2 * 3 * 6


def test_views_move_nothing_and_roofs_are_positive(monkeypatch):
    table = torch.randn(4, 6)
    assert counted(lambda: table.T[1:3].reshape(2, 4)) == (0, 0)
    monkeypatch.setattr("roofline.SIDE", {"cpu": 64})
    monkeypatch.setattr("roofline.COPIED", {"cpu": 2**20})
    assert min(roofs(torch.device("cpu"), 1).values()) > 0
