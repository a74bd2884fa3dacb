"""The two products, against Python's own complex numbers and one number after the other."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.model.product import Product, adjoint, compose, cubed_modulus, mean_cubed_modulus

PRODUCTS = get_args(Product)
#: Numbers of a vector and how many vectors: K = 3 pairs for the complex product.
WIDTH = 6
NUMBERS = st.lists(st.floats(-8, 8), min_size=WIDTH, max_size=WIDTH)


def double(*size):
    return torch.randn(*size, dtype=torch.float64)


def vector(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def complex_numbers(vectors):
    """The K real parts, then the K imaginary parts."""
    half = len(vectors) // 2
    return [complex(re, im) for re, im in zip(vectors[:half].tolist(), vectors[half:].tolist(), strict=True)]


@settings(deadline=None, max_examples=60)
@given(NUMBERS, NUMBERS)
def test_the_complex_product_is_pythons_number_by_number(left, right):
    found = complex_numbers(compose("complex", vector(left), vector(right)))
    expected = [a * b for a, b in zip(complex_numbers(vector(left)), complex_numbers(vector(right)), strict=True)]
    assert found == pytest.approx(expected, abs=1e-13)


def test_the_real_product_is_element_by_element():
    left, right = double(2, WIDTH), double(2, WIDTH)
    expected = [[a * b for a, b in zip(*rows, strict=True)] for rows in zip(left.tolist(), right.tolist(), strict=True)]
    assert compose("distmult", left, right).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_complex_score_is_the_real_part_of_h_times_r_times_the_conjugate_of_t(head, relation, tail):
    h, r, t = vector(head), vector(relation), vector(tail)
    triples = zip(*map(complex_numbers, (h, r, t)), strict=True)
    expected = sum((a * b * c.conjugate()).real for a, b, c in triples)
    assert float(compose("complex", h, r) @ t) == pytest.approx(expected, abs=1e-11)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(PRODUCTS), NUMBERS, NUMBERS, NUMBERS)
def test_the_adjoint_moves_the_product_to_the_other_side(product, x, left, right):
    """x . adjoint(left, right) = (x o left) . right, whatever x is."""
    x, left, right = vector(x), vector(left), vector(right)
    moved = float(x @ adjoint(product, left, right))
    assert moved == pytest.approx(float(compose(product, x, left) @ right), abs=1e-11)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_adjoint_is_the_transposed_derivative(product):
    left, right = double(WIDTH), double(WIDTH)
    jacobian = torch.autograd.functional.jacobian(lambda x: compose(product, x, left), double(WIDTH))
    torch.testing.assert_close(adjoint(product, left, right), jacobian.T @ right, rtol=0, atol=1e-14)


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_work_along_the_last_dimension_of_any_shape_and_broadcast(product):
    left, right = double(2, 5, WIDTH), double(WIDTH)
    for of in (compose, adjoint):
        found = of(product, left, right)
        assert found.shape == left.shape
        for row in range(2):
            for place in range(5):
                assert torch.equal(found[row, place], of(product, left[row, place], right))


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_have_the_right_gradients_and_leave_their_arguments(product):
    inputs = double(3, WIDTH).requires_grad_(), double(3, WIDTH).requires_grad_()
    before = [part.detach().clone() for part in inputs]
    for of in (compose, adjoint):
        assert torch.autograd.gradcheck(lambda left, right, of=of: of(product, left, right), inputs)
    assert all(torch.equal(part, old) for part, old in zip(inputs, before, strict=True))


def test_the_complex_product_commutes_is_associative_and_has_a_one():
    a, b, c = double(3, 4, WIDTH)
    one = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(compose("complex", a, b), compose("complex", b, a), rtol=0, atol=1e-15)
    left, right = (compose("complex", compose("complex", *pair[:2]), pair[2]) for pair in ((a, b, c), (b, c, a)))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-14)
    assert torch.equal(compose("complex", a, one), a)


# N3 ------------------------------------------------------------------------------------------------------------------


def test_cubed_moduli_are_those_of_the_numbers_the_vectors_stand_for():
    vectors = double(4, WIDTH)
    real = sum(abs(number) ** 3 for row in vectors.tolist() for number in row)
    both = sum(abs(number) ** 3 for row in vectors for number in complex_numbers(row))
    assert float(cubed_modulus("distmult", vectors)) == pytest.approx(real, rel=1e-12)
    assert float(cubed_modulus("complex", vectors)) == pytest.approx(both, rel=1e-10)


def test_the_complex_cubed_modulus_does_not_depend_on_the_angle():
    vectors, angle = double(4, WIDTH), double(3)
    turned = compose("complex", vectors, torch.cat([angle.cos(), angle.sin()]))
    torch.testing.assert_close(cubed_modulus("complex", turned), cubed_modulus("complex", vectors))


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_mean_is_over_pairs_of_the_sum_over_factors(product):
    factors = [double(4, WIDTH) for _ in range(3)]
    expected = sum(float(cubed_modulus(product, factor[row : row + 1])) for factor in factors for row in range(4)) / 4
    assert float(mean_cubed_modulus(product, *factors)) == pytest.approx(expected, rel=1e-12)
    inputs = tuple(factor.requires_grad_() for factor in factors)
    assert torch.autograd.gradcheck(lambda *parts: mean_cubed_modulus(product, *parts), inputs)


@pytest.mark.parametrize("product", PRODUCTS)
def test_no_pair_at_all_costs_nothing(product):
    assert float(mean_cubed_modulus(product, double(0, WIDTH))) == 0.0


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e6])
def test_gradients_of_n3_are_finite_also_at_zero_and_far_away(product, size):
    """Of float32 vectors, as in training; at zero nothing is pulled anywhere."""
    vectors = (size * torch.ones(2, WIDTH)).requires_grad_()
    (grad,) = torch.autograd.grad(mean_cubed_modulus(product, vectors, vectors), vectors)
    assert bool(torch.isfinite(grad).all())
    assert size or not grad.any()
