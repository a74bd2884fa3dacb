"""S, c and their paths against loops over users and items."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import upgan.graph.cointeraction as cointeraction_module
from tests.oracles.cointeraction import (
    common_row,
    common_weight,
    shared_out,
    sharpened_row,
    similar_row,
    speaking,
)
from upgan.graph.cointeraction import CoInteraction, ItemWeights, build_cointeraction
from upgan.graph.sparse import spmm

ENTITIES, USERS = 12, 7
#: S and c are stored in float32: their relative error is half a unit in the last of 24 binary digits.
STORED = 2.0**-23
SETTINGS: dict[str, Any] = {"power": 3.0, "neighbours": 30, "counted": 200}


def built(reads, entities=ENTITIES, users=USERS, **settings) -> CoInteraction:
    pairs = np.array(reads, dtype=np.int64).reshape(-1, 2)
    return build_cointeraction(pairs, entities, users, **{**SETTINGS, **settings})


def random_reads(seed):
    """Repeated interactions, an item of a single user, a user of a single item, entities and a user without any."""
    rng = np.random.default_rng(seed)
    reads = [(int(rng.integers(5)), int(rng.integers(8))) for _ in range(20)]
    reads += [*reads[:3], (5, 8), (0, 8), (5, 9)]
    return [*reads, (1, 0), (2, 0)]


def row_of(weights: ItemWeights, item) -> dict[int, float]:
    others, values = weights.of(item)
    assert len(set(others.tolist())) == len(others), "no pair is kept twice"
    return dict(zip(others.tolist(), values.tolist(), strict=True))


def assert_same_row(found, expected):
    assert set(found) == set(expected)
    for other, value in expected.items():
        assert found[other] == pytest.approx(value, rel=STORED)


def assert_kept_are_the_largest(found, row, count):
    """What is kept of a row, where ties (which rounding may break) are kept in any order."""
    assert len(found) == min(count, len(row))
    kept = sorted((row[other] for other in found), reverse=True)
    np.testing.assert_allclose(kept, sorted(row.values(), reverse=True)[: len(kept)], rtol=1e-12)


# S and c -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_similarities_and_common_counts_equal_loops_over_users_and_items(seed):
    reads, power = random_reads(seed), [0.25, 1.0, 2.0, 3.0, 5.5, 10.0][seed]
    co = built(reads, power=power)
    for item in range(ENTITIES):
        assert_same_row(row_of(co.common, item), common_row(reads, ENTITIES, item))
        assert_same_row(row_of(co.similar, item), similar_row(reads, ENTITIES, item, power, 30))
    expected = speaking(reads)
    for user, weight in expected.items():
        assert co.user_weight[user] == pytest.approx(weight, rel=1e-15)


@pytest.mark.parametrize(("neighbours", "counted"), [(1, 2), (2, 1), (3, 4), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_only_the_largest_of_each_row_are_kept(seed, neighbours, counted):
    reads = random_reads(seed)
    co = built(reads, neighbours=neighbours, counted=counted)
    for item in range(ENTITIES):
        common, similar = common_row(reads, ENTITIES, item), sharpened_row(reads, ENTITIES, item, 3.0)
        found = row_of(co.common, item)
        assert_kept_are_the_largest(found, common, counted)
        assert_same_row(found, {other: common[other] for other in found})
        found = row_of(co.similar, item)
        assert_kept_are_the_largest(found, similar, neighbours)
        total = math.fsum(similar[other] for other in found)
        assert_same_row(found, {other: similar[other] / total for other in found})


def test_of_equally_similar_items_those_with_the_smaller_number_are_kept():
    """One user chose items 1 to 5, who all have no other: every pair weighs the same."""
    reads = [(0, item) for item in (5, 3, 1, 4, 2)]
    co = built(reads, neighbours=2, counted=3)
    assert {item: sorted(row_of(co.similar, item)) for item in (1, 2, 5)} == {1: [2, 3], 2: [1, 3], 5: [1, 2]}
    assert {item: sorted(row_of(co.common, item)) for item in (1, 3, 5)} == {1: [2, 3, 4], 3: [1, 2, 4], 5: [1, 2, 3]}
    for item in range(1, 6):
        assert set(row_of(co.similar, item)) == set(similar_row(reads, ENTITIES, item, 3.0, 2))


def test_the_toy_catalogue_by_hand(toy_dataset):
    """a = log 2.5 (u1, u2, u5), log 2 (u3), log 4 (u4): b1, b2 and b3 share log 5 pair by pair."""
    co = build_cointeraction(toy_dataset.interactions, toy_dataset.num_entities, toy_dataset.num_users, **SETTINGS)
    five, twelve, fifty = math.log(5), math.log(12.5), math.log(50)
    for item in (2, 3, 4):
        assert_same_row(row_of(co.common, item), dict.fromkeys({2, 3, 4} - {item}, five))
    near, far = (five / twelve) ** 3, (five / math.sqrt(twelve * fifty)) ** 3
    assert_same_row(row_of(co.similar, 2), {3: near / (near + far), 4: far / (near + far)})
    assert_same_row(row_of(co.similar, 4), {2: 0.5, 3: 0.5})


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_the_similarities_sum_to_one_or_are_empty_and_leave_the_item_itself_out(seed):
    reads = random_reads(seed)
    co = built(reads, neighbours=3)
    for weights in (co.similar, co.common):
        assert not (weights.pattern.row == weights.pattern.column).any()
    for item in range(ENTITIES):
        weight = co.similar.of(item)[1]
        assert len(weight) == 0 or weight.sum() == pytest.approx(1.0, abs=4 * STORED)
        assert (len(weight) > 0) == bool(common_row(reads, ENTITIES, item))


def test_an_item_whose_users_chose_nothing_else_has_no_row():
    reads = [(0, 1), (0, 1), (1, 2), (1, 3)]
    co = built(reads)
    assert len(co.similar.of(1)[0]) == len(co.common.of(1)[0]) == 0
    assert row_of(co.similar, 2) == {3: 1.0}


@pytest.mark.parametrize("paths", [1, 2, 7, 40])
def test_how_many_paths_are_held_at_once_changes_nothing(monkeypatch, paths):
    reads = random_reads(1)
    whole = built(reads, neighbours=3, counted=4)
    monkeypatch.setattr(cointeraction_module, "PATHS_PER_BLOCK", paths)
    blocks = built(reads, neighbours=3, counted=4)
    for one, other in ((whole.similar, blocks.similar), (whole.common, blocks.common)):
        assert torch.equal(one.weight, other.weight)
        for name in ("row", "column", "row_start", "column_start", "transposed_row", "transposed_order"):
            assert torch.equal(getattr(one.pattern, name), getattr(other.pattern, name))


def test_repeated_interactions_and_their_order_do_not_count():
    reads = sorted(set(random_reads(2)))
    once = built(reads)
    again = built([*reads[::-1], *reads[:9]])
    assert torch.equal(once.similar.weight, again.similar.weight)
    assert torch.equal(once.common.weight, again.common.weight)
    assert torch.equal(once.common.pattern.column, again.common.pattern.column)


def test_a_higher_power_gives_more_to_the_most_similar_item():
    reads = random_reads(3)
    flat, sharp = built(reads, power=1.0), built(reads, power=8.0)
    grown = [sharp.similar.of(item)[1].max(initial=0) - flat.similar.of(item)[1].max(initial=0) for item in range(8)]
    assert min(grown) >= -STORED
    assert max(grown) > 0.05


# Paths ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_weights_of_the_paths_are_those_of_an_enumeration_and_sum_to_one(seed):
    reads = random_reads(seed)
    co = built(reads, neighbours=4)
    for item in range(ENTITIES):
        paths = co.similar_paths(item)
        found = dict(zip(zip(paths.user.tolist(), paths.other.tolist(), strict=True), paths.weight, strict=True))
        assert len(found) == len(paths.weight), "no path is listed twice"
        similar = sharpened_row(reads, ENTITIES, item, 3.0)
        kept = set(paths.other.tolist())
        assert_kept_are_the_largest(kept, similar, 4)
        total = math.fsum(similar[other] for other in kept)
        expected = shared_out(reads, item, {other: similar[other] / total for other in kept})
        assert set(found) == set(expected)
        for path, weight in expected.items():
            assert found[path] == pytest.approx(weight, rel=2 * STORED)
        if expected:
            assert paths.weight.sum() == pytest.approx(1.0, abs=1e-14)
        users = {user for user, _ in expected}
        shares = {user: math.fsum(weight for (u, _), weight in expected.items() if u == user) for user in users}
        summed = np.bincount(paths.user, weights=paths.weight, minlength=USERS)
        assert set(np.flatnonzero(summed).tolist()) == users
        for user, share in shares.items():
            assert summed[user] == pytest.approx(share, rel=2 * STORED)


@pytest.mark.parametrize("seed", range(4))
def test_what_users_say_about_an_item_adds_up_to_its_preference(seed):
    """p_i = sum_u w_iu v~_{u|i} = sum_j S_ij v_j: to 1e-12 with rows that sum to 1, else to what float32 stores."""
    co = built(random_reads(seed), neighbours=4)
    vectors = np.random.default_rng(seed).standard_normal((ENTITIES, 5))
    stored = spmm(co.similar.pattern, co.similar.weight.double(), torch.from_numpy(vectors)).numpy()
    for item in range(ENTITIES):
        paths = co.similar_paths(item)
        p = np.zeros(5)
        for user in sorted(set(paths.user.tolist())):
            own = paths.user == user
            share = paths.weight[own].sum()
            said = sum((w / share * vectors[j] for w, j in zip(paths.weight[own], paths.other[own], strict=True)))
            p = p + share * said
        others, weight = co.similar.of(item)
        expected = np.zeros(5)
        for other, value in zip(others, weight, strict=True):
            expected = expected + value / weight.sum() * vectors[other]
        np.testing.assert_allclose(p, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(p, stored[item], rtol=0, atol=4 * STORED * np.abs(vectors).max())


@pytest.mark.parametrize("seed", range(3))
def test_the_paths_to_common_items_sum_to_the_common_counts(seed):
    reads = random_reads(seed)
    co = built(reads, counted=3)
    weight = speaking(reads)
    for item in range(ENTITIES):
        paths = co.common_paths(item)
        kept = row_of(co.common, item)
        summed = np.bincount(paths.other, weights=paths.weight, minlength=ENTITIES)
        for other in range(ENTITIES):
            expected = common_weight(reads, item, other) if other in kept else 0.0
            assert summed[other] == pytest.approx(expected, rel=STORED)
        for user, value in zip(paths.user.tolist(), paths.weight, strict=True):
            assert value == pytest.approx(weight[user], rel=2 * STORED)


# What reaches p ------------------------------------------------------------------------------------------------------


def test_the_vector_of_an_item_never_reaches_its_own_preference():
    co = built(random_reads(0))
    vectors = torch.randn(ENTITIES, 3, dtype=torch.float64, requires_grad=True)
    p = spmm(co.similar.pattern, co.similar.weight.double(), vectors)
    for item in range(ENTITIES):
        (grad,) = torch.autograd.grad(p[item].sum(), vectors, retain_graph=True)
        assert not grad[item].any()
        assert set(grad.any(1).nonzero().flatten().tolist()) == set(co.similar.of(item)[0].tolist())


def test_entities_that_nobody_chose_have_no_preference_and_are_in_none():
    co = built(random_reads(0))
    p = spmm(co.similar.pattern, co.similar.weight, torch.ones(ENTITIES, 2))
    nobody = [10, 11]
    assert p[nobody].tolist() == [[0.0, 0.0]] * 2
    assert not set(nobody) & set(co.similar.pattern.column.tolist())
    for item in nobody:
        assert len(co.similar_paths(item).weight) == len(co.common_paths(item).weight) == 0


@pytest.mark.parametrize("users", [0, 2])
def test_without_interactions_everything_is_empty(users):
    co = built([], entities=4, users=users)
    assert len(co.similar.weight) == len(co.common.weight) == 0
    assert not spmm(co.similar.pattern, co.similar.weight, torch.ones(4, 2)).any()
    assert len(co.similar_paths(3).weight) == len(co.common_paths(3).user) == 0


def test_moved_to_a_device_it_is_the_same():
    co = built(random_reads(0))
    moved = co.to(torch.device("cpu"))
    for one, other in ((co.similar, moved.similar), (co.common, moved.common)):
        assert torch.equal(one.weight, other.weight)
        assert torch.equal(one.pattern.column, other.pattern.column)
        assert (one.pattern.rows, one.pattern.columns) == (other.pattern.rows, other.pattern.columns)
    assert moved.similar.to("meta").weight.device.type == moved.similar.to("meta").pattern.row.device.type == "meta"
    np.testing.assert_array_equal(moved.similar_paths(0).weight, co.similar_paths(0).weight)
