"""Curves of precision against worlds whose precision is known, and the reliability diagram against loops."""

from __future__ import annotations

import numpy as np
import pytest

from upgan.evaluation.calibration import HIGHEST, Curve, Reliability, fit_curves


def world(sizes, seed=0):
    """Examples whose truth is a curve of each group: groups differ in slope and offset."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    share = random.uniform(0.001, 0.999, len(group))
    odds = np.log(share / (1 - share))
    truth = 1 / (1 + np.exp(-((0.5 + 0.2 * group) * odds - 1 + 0.6 * group)))
    return group, share, random.uniform(size=len(group)) < truth, truth


def test_promises_come_true_on_new_examples_of_every_group():
    curves = fit_curves(*world([4000, 2000, 800])[:3])
    group, share, right, truth = world([3000] * 3, seed=1)
    promised = np.concatenate([curves[g].at(share[group == g]) for g in range(3)])
    assert np.abs(promised - truth).mean() < 0.02
    for g in range(3):
        assert Reliability.of(promised[group == g], right[group == g]).error < 0.05
    assert [curves[g].examples for g in (0, 1, 2, -1)] == [4000, 2000, 800, 6800]


def test_a_group_with_few_examples_keeps_to_what_all_have_in_common():
    group, share, right, _ = world([3000, 3000])
    few = np.array([2] * 3), np.array([0.2, 0.3, 0.4]), np.array([True] * 3)
    curves = fit_curves(*(np.concatenate(pair) for pair in zip((group, share, right), few, strict=True)))
    at = np.linspace(0.05, 0.95, 10)
    assert np.abs(curves[2].at(at) - curves[-1].at(at)).max() < 0.33, "three lucky ones are no proof"


def test_more_is_never_less_sure_even_where_the_examples_say_so():
    share = np.linspace(0.01, 0.99, 200)
    curves = fit_curves(np.zeros(200, dtype=int), share, share < 0.5)
    assert (np.diff(curves[0].at(share)) > 0).all()


def test_the_share_of_a_precision_is_never_too_large():
    random = np.random.default_rng(0)
    for _ in range(200):
        curve = Curve(random.uniform(0.05, 4), random.normal(0, 3))
        share = random.uniform(0, 1)
        least = curve.least(float(curve.at(np.array([share]))[0]))
        assert least <= share
        assert least == pytest.approx(min(share, HIGHEST), rel=1e-3, abs=1e-9)
    assert Curve().least(0.0) == 0.0
    assert Curve().least(1.0) == HIGHEST


def test_an_example_of_weight_three_is_three_examples():
    group, share, right, _ = world([40, 30])
    times = np.random.default_rng(5).integers(0, 4, len(group))
    weighted = fit_curves(group, share, right, weight=times.astype(float))
    repeated = fit_curves(*(np.repeat(column, times) for column in (group, share, right)))
    for g in (-1, 0, 1):
        assert (weighted[g].slope, weighted[g].offset) == pytest.approx(
            (repeated[g].slope, repeated[g].offset), rel=1e-3
        )
    promised = np.random.default_rng(6).uniform(size=len(group))
    one = Reliability.of(promised, right, times.astype(float))
    same = Reliability.of(np.repeat(promised, times), np.repeat(right, times))
    assert (one.error, one.sure_right) == pytest.approx((same.error, same.sure_right))


def test_no_promise_exceeds_what_can_be_right_and_promises_below_it_come_true():
    random = np.random.default_rng(7)
    group, share, right, truth = world([6000, 6000], seed=2)
    most = np.where(group == 0, 0.6, 1.0)
    right = right & (random.uniform(size=len(group)) < most)
    curves = fit_curves(group, share, right, most=most)
    promised = np.where(group == 0, curves[0].at(share, 0.6), curves[1].at(share, 1.0))
    assert promised[group == 0].max() < 0.6
    assert np.abs(promised - most * truth).mean() < 0.02
    assert curves[0].least(0.6, 0.6) == HIGHEST
    assert float(curves[0].at(np.array([curves[0].least(0.3, 0.6)]), 0.6)[0]) == pytest.approx(0.3, rel=1e-3)


def test_no_examples_no_curves():
    empty = np.empty(0)
    assert fit_curves(np.empty(0, dtype=np.int64), empty, empty > 0) == {}


def test_the_diagram_is_that_of_a_plain_loop():
    random = np.random.default_rng(3)
    promised, right = random.uniform(size=500), random.uniform(size=500) < 0.6
    found = Reliability.of(promised, right)
    error = 0.0
    for low in range(10):
        here = [n for n in range(500) if low / 10 <= promised[n] < (low + 1) / 10]
        told, true = sum(promised[here]) / len(here), sum(right[here]) / len(here)
        error += abs(told - true) * len(here) / 500
        assert (found.bins[low].count, found.bins[low].promised, found.bins[low].right) == pytest.approx(
            (len(here), told, true)
        )
    assert found.error == pytest.approx(error)
    assert found.sure == (promised >= 0.9).sum()
    assert found.sure_right == pytest.approx(right[promised >= 0.9].mean())
    nothing = Reliability.of(np.empty(0), np.empty(0, dtype=bool))
    assert (nothing.examples, nothing.error, nothing.sure_right) == (0, 0.0, None)


def test_the_error_by_chance_is_that_of_promises_that_are_true():
    random = np.random.default_rng(4)
    promised = random.uniform(0, 1, 600) ** 2
    drawn = [Reliability.of(promised, random.uniform(size=600) < promised).error for _ in range(400)]
    assert Reliability.of(promised, promised > 0.5).by_chance == pytest.approx(np.mean(drawn), rel=0.08)
