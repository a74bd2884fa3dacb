"""The paired bootstrap against a brute-force loop, scipy and the normal approximation; and what must not matter."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest

from upgan.errors import ConfigError, DataError
from upgan.evaluation import compare
from upgan.evaluation.compare import compare_rankings, compare_systems, positive_seeds, summarise
from upgan.evaluation.evaluator import Ranking


def ranking(ranks, triples=None):
    """A ranking of (2T,) ranks; its triples are all different and in no order."""
    count = len(ranks) // 2
    if triples is None:
        numbers = np.random.default_rng(99).permutation(count)
        triples = np.stack([numbers % 7, numbers % 3, numbers], axis=1).astype(np.int64)
    return Ranking(triples, np.asarray(ranks, dtype=np.float64))


def random_ranking(seed, triples=30, worst=40):
    """Ranks of halves too, as ties give them."""
    return ranking(np.random.default_rng(seed).integers(2, worst, size=2 * triples) / 2)


def half_width(change):
    return (change.high - change.low) / 2


def brute_force(baseline, other, resamples, seed, counts):
    """The definition: draw triples, pool the queries that count, subtract the two systems' metrics.

    The draws are made over the triples with a query that counts, in the order of their numbers.
    """
    count = len(baseline[0].triples)
    order = sorted(range(count), key=lambda place: baseline[0].triples[place].tolist())
    queries = [[q for q in (place, place + count) if counts[q]] for place in order]
    queries = [those for those in queries if those]
    draws = np.random.default_rng(seed).integers(0, len(queries), size=(resamples, len(queries)))
    measures = (lambda rank: 1 / rank, lambda rank: float(rank <= 10))

    def mean(measure, system, pooled):
        return statistics.fmean(measure(one.ranks[q]) for one in system for q in pooled)

    def difference(measure, pooled):
        return mean(measure, other, pooled) - mean(measure, baseline, pooled)

    result = []
    for measure in measures:
        values = [difference(measure, [q for place in draw for q in queries[place]]) for draw in draws.tolist()]
        whole = difference(measure, [q for those in queries for q in those])
        result.append((whole, np.quantile(values, 0.025), np.quantile(values, 0.975)))
    return result


def as_tuples(difference):
    return [(change.value, change.low, change.high) for change in (difference.mrr, difference.hits10)]


# Against other ways to the same numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [1.0, 0.4], ids=["all queries", "a group of queries"])
def test_intervals_equal_a_brute_force_loop_over_the_same_draws(seed, share):
    baseline, other = [random_ranking(seed)], [random_ranking(seed + 10), random_ranking(seed + 20)]
    counts = np.random.default_rng(seed).random(60) < share
    found = compare_rankings(baseline, other, resamples=60, seed=seed, queries=counts)
    expected = brute_force(baseline, other, 60, seed, counts)
    np.testing.assert_allclose(as_tuples(found), expected, rtol=0, atol=1e-12)
    assert found.mrr.relative == pytest.approx(found.mrr.value / np.mean(1 / baseline[0].ranks[counts]))


def test_intervals_agree_with_scipy_s_bootstrap():
    stats = pytest.importorskip("scipy.stats")
    baseline, other = random_ranking(1, triples=400), random_ranking(2, triples=400, worst=30)
    found = compare_rankings([baseline], [other], resamples=9_999).mrr
    differences = (1 / other.ranks - 1 / baseline.ranks).reshape(2, -1).mean(axis=0)
    told = stats.bootstrap((differences,), np.mean, n_resamples=9_999, method="percentile", rng=5).confidence_interval
    # Two sets of draws: the ends differ by chance, by a few percent of the interval's width.
    assert found.low == pytest.approx(told.low, abs=0.05 * half_width(found))
    assert found.high == pytest.approx(told.high, abs=0.05 * half_width(found))


@pytest.mark.parametrize("share", [1.0, 0.3], ids=["all queries", "a group of queries"])
def test_many_triples_give_the_interval_of_the_normal_approximation(share):
    """Of a ratio of two sums where a triple has one query or two (linearised: its residual d_i - value * c_i)."""
    baseline, other = random_ranking(3, triples=4_000), random_ranking(4, triples=4_000, worst=38)
    counts = np.random.default_rng(5).random(8_000) < share
    found = compare_rankings([baseline], [other], queries=counts).mrr
    gains = ((1 / other.ranks - 1 / baseline.ranks) * counts).reshape(2, -1).sum(axis=0)
    held = counts.reshape(2, -1).sum(axis=0)
    gains, held = gains[held > 0], held[held > 0]
    spread = np.sqrt(((gains - found.value * held) ** 2).sum()) / held.sum()
    assert found.low == pytest.approx(found.value - 1.96 * spread, abs=0.08 * spread)
    assert found.high == pytest.approx(found.value + 1.96 * spread, abs=0.08 * spread)


# What is resampled ---------------------------------------------------------------------------------------------------


def test_the_systems_are_paired_by_triple():
    """Every rank doubles: each triple loses half of what it had, whatever else was drawn."""
    baseline = random_ranking(1, triples=300)
    halved = compare_rankings([baseline], [ranking(2 * baseline.ranks)]).mrr
    mixed = np.random.default_rng(0).permutation(300)
    shuffled = ranking(2 * baseline.ranks.reshape(2, -1)[:, mixed].ravel())
    unpaired = compare_rankings([baseline], [shuffled]).mrr
    assert halved.value == pytest.approx(unpaired.value)
    assert half_width(unpaired) > 1.5 * half_width(halved)


def test_a_triple_s_two_queries_are_drawn_together():
    """Two queries that always say the same are one observation, two that cancel each other tell nothing of chance."""
    half = np.random.default_rng(1).integers(2, 40, size=500) / 2
    baseline = ranking(np.full(1000, 2.0))
    same = compare_rankings([baseline], [ranking(np.tile(half, 2))]).mrr
    single = compare_rankings([baseline], [ranking(np.tile(half, 2))], queries=np.repeat([True, False], 500)).mrr
    assert dataclasses.astuple(same)[:3] == pytest.approx(dataclasses.astuple(single)[:3])
    gains = np.linspace(-0.4, 0.4, 500)
    opposite = ranking(1 / np.concatenate([0.5 + gains, 0.5 - gains]))
    cancelled = compare_rankings([baseline], [opposite]).mrr
    assert [cancelled.low, cancelled.high] == pytest.approx([0, 0], abs=1e-12)


def test_the_order_of_the_triples_does_not_matter():
    baseline, other = [random_ranking(1), random_ranking(2)], [random_ranking(3)]
    expected = compare_rankings(baseline, other, resamples=200)

    def mixed(one, seed):
        order = np.random.default_rng(seed).permutation(len(one.triples))
        return Ranking(one.triples[order], one.ranks.reshape(2, -1)[:, order].ravel())

    found = compare_rankings([mixed(baseline[0], 5), mixed(baseline[1], 6)], [mixed(other[0], 7)], resamples=200)
    assert found == expected


def test_the_order_of_the_seeds_does_not_matter():
    """Not even in the last digit, as the order of a sum would."""
    baseline = [random_ranking(seed, triples=200) for seed in range(7)]
    other = [random_ranking(seed, triples=200) for seed in range(7, 12)]
    expected = compare_rankings(baseline, other, resamples=200)
    assert compare_rankings(baseline[::-1], other[2:] + other[:2], resamples=200) == expected


def test_several_seeds_are_averaged_triple_by_triple():
    first, second, other = random_ranking(1), random_ranking(2), random_ranking(3)
    found = compare_rankings([first, second], [other], resamples=200)
    mean = ranking(1 / ((1 / first.ranks + 1 / second.ranks) / 2))
    expected = compare_rankings([mean], [other], resamples=200)
    assert dataclasses.astuple(found.mrr) == pytest.approx(dataclasses.astuple(expected.mrr))


# Signs, zeros, draws -------------------------------------------------------------------------------------------------


def test_identical_rankings_differ_by_nothing():
    system = [random_ranking(1), random_ranking(2)]
    found = compare_rankings(system, system[::-1], resamples=500)
    assert dataclasses.astuple(found) == ((0, 0, 0, 0), (0, 0, 0, 0))


def test_a_better_system_gains_and_the_baseline_loses_as_much():
    better = random_ranking(1, triples=200)
    worse = ranking(better.ranks + 3)
    gain, loss = (compare_rankings([a], [b], resamples=500).mrr for a, b in ((worse, better), (better, worse)))
    assert 0 < gain.low < gain.value < gain.high
    assert (loss.value, loss.low, loss.high) == pytest.approx((-gain.value, -gain.high, -gain.low))
    assert gain.relative > 0 > loss.relative


def test_the_difference_is_that_of_the_metrics():
    baseline, other = [random_ranking(1), random_ranking(2)], [random_ranking(3)]
    found = compare_rankings(baseline, other, resamples=10)
    before, after = summarise(baseline).metrics, summarise(other).metrics
    assert found.mrr.value == pytest.approx(after.mrr - before.mrr)
    assert found.hits10.value == pytest.approx(after.hits[10] - before.hits[10])
    assert found.hits10.relative == pytest.approx(after.hits[10] / before.hits[10] - 1)


def test_the_seed_decides_the_draws():
    pair = [random_ranking(1)], [random_ranking(2)]
    first, again, other = (compare_rankings(*pair, resamples=300, seed=seed) for seed in (4, 4, 5))
    assert first == again
    assert first.mrr.value == other.mrr.value
    assert first.mrr.low != other.mrr.low


def test_how_many_draws_are_held_at_once_does_not_matter(monkeypatch):
    pair = [random_ranking(1)], [random_ranking(2)]
    expected = compare_rankings(*pair, resamples=101)
    for size in (1, 100, 1_000):
        monkeypatch.setattr(compare, "DRAWS_PER_BLOCK", size)
        np.testing.assert_allclose(as_tuples(compare_rankings(*pair, resamples=101)), as_tuples(expected), atol=1e-14)


def test_a_system_s_interval_does_not_depend_on_its_company():
    baseline, others = [random_ranking(1)], [[random_ranking(seed)] for seed in (2, 3, 4)]
    together = compare_systems(baseline, others, resamples=200)
    alone = [compare_rankings(baseline, other, resamples=200) for other in others]
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(as_tuples(found), as_tuples(expected), rtol=0, atol=1e-14)
    assert compare_systems(baseline, []) == []


# Groups --------------------------------------------------------------------------------------------------------------


def test_a_group_does_not_see_what_is_outside():
    baseline, other = random_ranking(1), random_ranking(2)
    inside = np.random.default_rng(3).random(60) < 0.5
    expected = compare_rankings([baseline], [other], resamples=200, queries=inside)
    changed = ranking(np.where(inside, other.ranks, 1000.0))
    assert compare_rankings([baseline], [changed], resamples=200, queries=inside) == expected
    everything = compare_rankings([baseline], [other], resamples=200, queries=np.ones(60, dtype=bool))
    assert everything == compare_rankings([baseline], [other], resamples=200)


def test_a_triple_with_both_queries_in_the_group_weighs_twice():
    """Three queries: the tails of both triples, the head of one."""
    triples = np.array([[0, 0, 1], [2, 0, 3]])
    baseline, other = ranking([2, 2, 2, 2], triples), ranking([1, 2, 1, 1], triples)
    found = compare_rankings([baseline], [other], resamples=2_000, queries=np.array([True, True, True, False])).mrr
    # Drawn twice the first triple gains 1/2 in each query, the second nothing; one of each gains 1 in three queries.
    assert (found.low, found.value, found.high) == pytest.approx((0, 1 / 3, 1 / 2))


# What cannot be told -------------------------------------------------------------------------------------------------


def test_without_a_query_nothing_is_told():
    pair = [random_ranking(1)], [random_ranking(2)]
    empty = ranking([])
    nothing = compare_rankings([empty], [empty]), compare_rankings(*pair, queries=np.zeros(60, dtype=bool))
    for found in nothing:
        assert set(found.to_dict()["mrr"].values()) == set(found.to_dict()["hits@10"].values()) == {None}
    assert summarise([empty, empty]).metrics.to_dict()["mrr"] is None
    assert summarise([empty, empty]).std_dict() is None


def test_one_triple_has_a_difference_but_no_interval():
    found = compare_rankings([ranking([20, 20])], [ranking([1, 2])])
    assert found.mrr.to_dict() == {
        "value": pytest.approx(0.7),
        "low": None,
        "high": None,
        "relative": pytest.approx(14),
    }
    assert found.hits10.to_dict() == {"value": 1.0, "low": None, "high": None, "relative": None}


def test_what_cannot_be_compared_is_refused():
    system = [random_ranking(1)]
    elsewhere = ranking(system[0].ranks, system[0].triples + 1)
    for other in ([elsewhere], [random_ranking(1, triples=29)], [system[0], elsewhere]):
        with pytest.raises(DataError, match="different triples"):
            compare_rankings(system, other)
    for baseline, other in (([], system), (system, [])):
        with pytest.raises(DataError, match="without a ranking"):
            compare_rankings(baseline, other)
    with pytest.raises(ConfigError, match="0 resamples"):
        compare_rankings(system, system, resamples=0)


# Seeds ---------------------------------------------------------------------------------------------------------------


def test_a_summary_is_the_mean_and_the_sample_deviation_over_the_seeds():
    system = [random_ranking(seed) for seed in range(4)]
    each = [one.metrics for one in system]
    found = summarise(system)
    assert found.metrics.mr == pytest.approx(statistics.mean(one.mr for one in each))
    assert found.metrics.mrr == pytest.approx(statistics.mean(one.mrr for one in each))
    assert found.metrics.hits == pytest.approx({k: statistics.mean(one.hits[k] for one in each) for k in (1, 3, 10)})
    assert found.metrics.queries == 60
    expected = {"mrr": [one.mrr for one in each], "hits@10": [one.hits[10] for one in each]}
    assert found.std_dict() == pytest.approx({key: statistics.stdev(values) for key, values in expected.items()})


def test_a_single_seed_has_its_own_metrics_and_no_deviation():
    one = random_ranking(1)
    half = one.ranks < 5
    assert summarise([one]).metrics == one.metrics
    assert summarise([one], half).metrics == Ranking(one.triples, one.ranks[half]).metrics
    assert summarise([one]).std_dict() is None


def test_seeds_are_paired_where_both_systems_have_them():
    better, middle, worse = (ranking(np.full(10, rank)) for rank in (1, 2, 3))
    baseline = {0: middle, 1: middle, 2: middle, 7: middle}
    assert positive_seeds(baseline, {1: better, 2: worse, 0: middle, 3: better}) == (1, 3)
    assert positive_seeds(baseline, {4: better}) is None
    mixed = ranking([3] * 5 + [1] * 5)
    assert positive_seeds({0: middle}, {0: mixed}, np.repeat([True, False], 5)) == (0, 1)
    assert positive_seeds({0: middle}, {0: mixed}, np.repeat([False, True], 5)) == (1, 1)
