"""Two systems on the same triples: is the difference of their metrics more than the luck of the draw of triples?

A system is a list of rankings, one for each seed it was trained with. All rankings are of the same triples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from upgan.errors import ConfigError, DataError
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.metrics import HITS_AT, Metrics
from upgan.types import BoolArray, FloatArray, IntArray

#: (2T,) which queries count: tails, then heads, as in Ranking.ranks.
Mask = BoolArray

#: Triples drawn at once, over all resamples of a block: some 100 MB, whatever the number of triples.
DRAWS_PER_BLOCK = 4_000_000
#: The interval's ends: 95% between them.
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Change:
    """A metric of one system minus the baseline's, as fractions.

    NaN stands for what there is no telling: everything where there is no query, the interval where there is but one
    triple, ``relative`` (the share of the baseline's metric) where the baseline's metric is 0.
    """

    value: float
    low: float
    high: float
    relative: float

    def to_dict(self) -> dict[str, float | None]:
        """For JSON; NaN is null."""
        return {key: None if math.isnan(value) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Difference:
    """How a system differs from the baseline."""

    mrr: Change
    hits10: Change

    def to_dict(self) -> dict[str, dict[str, float | None]]:
        return {"mrr": self.mrr.to_dict(), "hits@10": self.hits10.to_dict()}


@dataclass(frozen=True)
class Summary:
    """A system over its seeds: the mean of each metric, and the sample standard deviation (ddof = 1) of two."""

    metrics: Metrics
    #: NaN for a single seed.
    mrr_std: float
    hits10_std: float

    def std_dict(self) -> dict[str, float] | None:
        """For JSON; null where there is no deviation to tell."""
        if math.isnan(self.mrr_std):
            return None
        return {"mrr": self.mrr_std, "hits@10": self.hits10_std}


def compare_rankings(
    baseline: Sequence[Ranking],
    other: Sequence[Ranking],
    resamples: int = 10_000,
    seed: int = 0,
    queries: Mask | None = None,
) -> Difference:
    """``other`` minus ``baseline`` with 95% intervals from a paired bootstrap over triples.

    What is resampled are triples, with replacement, as many as there are: both systems' ranks of a triple stay together
    (paired; Koehn, EMNLP 2004), and so do its two queries, which share both entities and are not independent. The
    interval is the middle 95% of the resampled differences (percentile interval; Efron and Tibshirani, 1993, ch. 13).

    Of several seeds the mean over the seeds of each triple's reciprocal ranks and hits is resampled: the interval is
    over triples, so it does not hold what training with yet another seed would change. It is too narrow where there are
    only a handful of triples.

    Args:
        baseline, other: one ranking per seed, each of the same T triples, in whatever order.
        resamples: how many times T triples are drawn.
        seed: of the draws; the same seed draws the same triples, whichever systems are compared.
        queries: (2T,) the queries that count, in the order of ``baseline[0]``; None: all. Triples of which no query
            counts are not drawn; of the others, the queries that count come along.
    """
    return compare_systems(baseline, [other], resamples, seed, queries)[0]


def compare_systems(
    baseline: Sequence[Ranking],
    others: Sequence[Sequence[Ranking]],
    resamples: int = 10_000,
    seed: int = 0,
    queries: Mask | None = None,
) -> list[Difference]:
    """``compare_rankings`` of each system against one baseline, all on the same draws."""
    if resamples < 1:
        raise ConfigError(f"{resamples} resamples: at least 1 is needed")
    if not baseline or not all(others):
        raise DataError("a system without a ranking cannot be compared")
    if not others:
        return []
    triples = _ordered(baseline[0])[0]
    counts = _counted(baseline[0], queries)
    drawn = counts.any(axis=0)
    means = [_triple_sums(system, triples, counts)[drawn] for system in (baseline, *others)]
    total = counts.sum()
    if not total:
        nothing = Change(math.nan, math.nan, math.nan, math.nan)
        return [Difference(nothing, nothing) for _ in others]
    columns = [column for mean in means[1:] for column in (mean - means[0]).T]
    values = np.column_stack([*columns, counts.sum(axis=0)[drawn]])
    value = values[:, :-1].sum(axis=0) / total
    low, high = _interval(values, resamples, seed)
    base = means[0].sum(axis=0) / total
    changes = [
        Change(float(v), float(lo), float(hi), float(v / b) if b else math.nan)
        for v, lo, hi, b in zip(value, low, high, np.tile(base, len(others)), strict=True)
    ]
    return [Difference(mrr, hits10) for mrr, hits10 in zip(changes[::2], changes[1::2], strict=True)]


def summarise(system: Sequence[Ranking], queries: Mask | None = None) -> Summary:
    """Mean and deviation over the seeds; ``queries`` (2T,) as in ``compare_rankings``, for rankings in one order."""
    each = [Metrics.of(ranking.ranks if queries is None else ranking.ranks[queries]) for ranking in system]
    mean = Metrics(
        mr=float(np.mean([metrics.mr for metrics in each])),
        mrr=float(np.mean([metrics.mrr for metrics in each])),
        hits={k: float(np.mean([metrics.hits[k] for metrics in each])) for k in HITS_AT},
        queries=each[0].queries,
    )
    if len(each) == 1:
        return Summary(mean, math.nan, math.nan)
    mrr, hits10 = ([metrics.mrr for metrics in each], [metrics.hits[10] for metrics in each])
    return Summary(mean, float(np.std(mrr, ddof=1)), float(np.std(hits10, ddof=1)))


def positive_seeds(
    baseline: Mapping[int, Ranking], other: Mapping[int, Ranking], queries: Mask | None = None
) -> tuple[int, int] | None:
    """(seeds with a higher MRR than the baseline's same seed, seeds that both have); None where they share none."""
    shared = [
        summarise([other[seed]], queries).metrics.mrr > summarise([baseline[seed]], queries).metrics.mrr
        for seed in baseline.keys() & other.keys()
    ]
    return (sum(shared), len(shared)) if shared else None


def _ordered(ranking: Ranking) -> tuple[IntArray, IntArray]:
    """(T, 3) the triples in order of their numbers, and (T,) where each of them stood."""
    order = np.lexsort(ranking.triples.T[::-1])
    return ranking.triples[order], order


def _counted(ranking: Ranking, queries: Mask | None) -> FloatArray:
    """(2, T) 1 for each query that counts, triples in order; row 0 asks for tails, row 1 for heads."""
    mask = np.ones(len(ranking.ranks)) if queries is None else np.asarray(queries, dtype=np.float64)
    return mask.reshape(2, -1)[:, _ordered(ranking)[1]]


def _triple_sums(system: Sequence[Ranking], triples: IntArray, counts: FloatArray) -> FloatArray:
    """(T, 2) each triple's reciprocal ranks and its hits@10: mean over seeds, sum over the queries that count."""
    ranks = []
    for ranking in system:
        own, order = _ordered(ranking)
        if not np.array_equal(own, triples):
            raise DataError("the rankings are of different triples: only rankings of one split can be compared")
        ranks.append(ranking.ranks.reshape(2, -1)[:, order])
    # Sorted over the seeds first: a sum must not depend, in its last digit, on the order that the seeds came in.
    stacked = np.sort(np.stack(ranks), axis=0)
    per_query = np.stack([(1.0 / stacked).mean(axis=0), (stacked <= 10).mean(axis=0)])
    summed: FloatArray = (per_query * counts).sum(axis=1).T
    return summed


def _interval(values: FloatArray, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """(T, K + 1) sums of each triple, their queries last -> (K,) low and (K,) high of the resampled means per query.

    A draw of T triples is held as how often each came up, so that a block of draws is one matrix product.
    """
    count, columns = len(values), values.shape[1] - 1
    if count == 1:
        # One triple can only be drawn again and again; an interval of no width would claim certainty.
        return np.full(columns, np.nan), np.full(columns, np.nan)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, columns))
    rows = max(1, DRAWS_PER_BLOCK // count)
    for start in range(0, resamples, rows):
        block = min(rows, resamples - start)
        drawn = random.integers(0, count, size=(block, count))
        drawn += count * np.arange(block)[:, np.newaxis]
        times = np.bincount(drawn.ravel(), minlength=block * count).reshape(block, count)
        sums = times.astype(np.float64) @ values
        means[start : start + block] = sums[:, :-1] / sums[:, -1:]
    low, high = np.quantile(means, INTERVAL, axis=0)
    return low, high
