"""The product of an entity's and a relation's vector that every score is built on: DistMult's or ComplEx's.

    s(h, r, t) = (v_h o v_r) . v_t

* distmult: o is the element-wise product of real vectors (Yang et al., ICLR 2015).
* complex: vectors hold K real parts, then K imaginary parts, o is the element-wise product of complex numbers, and the
  dot product of two such vectors is Re<x, conj(y)>: s = Re<v_h, v_r, conj(v_t)> (Trouillon et al., ICML 2016).
"""

from __future__ import annotations

from typing import Any, Literal, cast

import torch
from torch import Tensor

Product = Literal["distmult", "complex"]

#: Keeps the gradient of a modulus finite at zero.
TINY = 1e-12


def compose(product: Product, left: Tensor, right: Tensor) -> Tensor:
    """(..., W) and (..., W) -> (..., W) left o right."""
    if product == "distmult":
        return left * right
    left_re, left_im = left.chunk(2, dim=-1)
    right_re, right_im = right.chunk(2, dim=-1)
    return torch.cat([left_re * right_re - left_im * right_im, left_re * right_im + left_im * right_re], dim=-1)


def adjoint(product: Product, left: Tensor, right: Tensor) -> Tensor:
    """(..., W) and (..., W) -> (..., W) y with x . y = (x o left) . right for every x."""
    if product == "distmult":
        return left * right
    left_re, left_im = left.chunk(2, dim=-1)
    conjugate = torch.cat([left_re, -left_im], dim=-1)
    return compose(product, right, conjugate)


def cubed_modulus(product: Product, vectors: Tensor) -> Tensor:
    """(P, W) -> the sum of |x|^3 over all P x K numbers, x real or complex (N3: Lacroix et al., ICML 2018)."""
    return cast(Tensor, _CubedModulus.apply(vectors, product))


class _CubedModulus(torch.autograd.Function):
    """The gradient of |x|^3 is 3 |x| x, real or complex: no power is taken, forward or backward, which takes as long as
    all other operations of it together."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, product: Product) -> Tensor:
        if product == "distmult":
            modulus = vectors.abs()
        else:
            re, im = vectors.chunk(2, dim=-1)
            modulus = (re.square() + im.square() + TINY).sqrt_()
        ctx.save_for_backward(vectors, modulus)
        return modulus.square().mul_(modulus).sum()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (grad,) = grads
        vectors, modulus = ctx.saved_tensors
        parts = vectors.unflatten(-1, (-1, modulus.shape[-1]))  # real parts and, of complex numbers, imaginary ones
        return (parts * (3.0 * grad * modulus).unsqueeze(-2)).flatten(-2), None


def mean_cubed_modulus(product: Product, *factors: Tensor) -> Tensor:
    """N3 of pairs: the sum over their (P, W) factors of ``cubed_modulus``, averaged over the P pairs."""
    return torch.stack([cubed_modulus(product, factor) for factor in factors]).sum() / max(len(factors[0]), 1)
