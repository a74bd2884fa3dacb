"""Distances between queries and candidates, all at once; W is the length of a vector, complex ones hold [re | im]."""

from __future__ import annotations

import torch
from torch import Tensor

#: Keeps the gradient of a root finite at zero.
TINY = 1e-12
#: Differences held at once when candidates are ranked by their moduli: 64 MB in float32.
CELLS_PER_CHUNK = 16_000_000


def euclidean(query: Tensor, table: Tensor) -> Tensor:
    """(B, W), (N, W) -> (B, N) 2-norms by one matrix product: ||q||^2 - 2 q . t + ||t||^2.

    torch.cdist does the same forwards, but goes through all differences one by one backwards.
    """
    squares = torch.addmm(table.square().sum(1), query, table.T, alpha=-2.0) + query.square().sum(1, keepdim=True)
    return squares.clamp_min(TINY).sqrt()


def exact_euclidean(query: Tensor, table: Tensor) -> Tensor:
    """The same for ranking: ``table`` is in double precision, in which the difference of large squares is exact enough.

    In single precision near candidates lose half of their digits, and some of them their order.
    """
    return euclidean(query.double(), table).to(query.dtype)


def moduli(query: Tensor, table: Tensor) -> Tensor:
    """(B, 2K), (N, 2K) -> (B, N) sums over K of the moduli of complex differences, with a gradient."""
    apart = query.unsqueeze(1) - table
    return complex_modulus(apart).sum(2)


def ranked_moduli(query: Tensor, table: Tensor) -> Tensor:
    """``moduli`` without a gradient, a block of candidates at a time."""
    found = query.new_empty(len(query), len(table))
    size = max(1, CELLS_PER_CHUNK // max(query.numel(), 1))
    for start in range(0, len(table), size):
        found[:, start : start + size] = moduli(query, table[start : start + size])
    return found


def complex_modulus(vectors: Tensor) -> Tensor:
    """(..., 2K) -> (..., K)."""
    re, im = vectors.chunk(2, dim=-1)
    return (re.square() + im.square() + TINY).sqrt()
