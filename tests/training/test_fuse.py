"""What is made of evidence that helps or does not: which weights are kept, and what they do to the ranks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import upgan.training.fuse as fuse
from tests.training.evidence_worlds import contradictory, meaningless, planted, world_of
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.graph.layered import build_graph
from upgan.training.loop import Reporter


@pytest.mark.parametrize("seed", range(4))
def test_planted_evidence_gets_positive_weights_and_raises_the_mrr_of_triples_never_seen(seed):
    made = planted(seed, signal=0.5)
    before = made.ranks(made.test)
    result = made.fuse()
    gamma = made.model.fusion.gamma
    assert gamma[0, 0] > 0.5, "the attribute that items of the same users have"
    assert gamma[2, 1] > 0.5, "the items whose users chose those known to have the attribute"
    assert (1 / made.ranks(made.test)).mean() > (1 / before).mean() + 0.15
    assert (result.best_epoch, result.ended) == (1, "completed")
    # Items are asked for the attribute first, then other items by relation 1, and the same backwards.
    planted_ones = made.test.queries[1].numpy() % 2 == 0
    assert (1 / made.ranks(made.test)[planted_ones]).mean() > (1 / before[planted_ones]).mean() + 0.3


def test_after_the_time_limit_nothing_is_fitted():
    made = planted(0, signal=0.5)
    before = made.ranks()
    result = made.fuse(deadline=-math.inf)
    assert (result.epochs, result.best_epoch, result.ended) == (0, 0, "stopped")
    assert result.best == Metrics.of(before)
    assert made.model.fusion.silent


def test_weights_stay_zero_where_cross_validation_is_not_for_them():
    made = contradictory()
    without = made.ranks()
    reported: list[Metrics | None] = []

    class Listening(Reporter):
        def epoch(self, phase, epoch, values, metrics):
            reported.append(metrics)

    result = made.fuse(Listening())
    assert made.model.fusion.silent
    assert result.best_epoch == 0
    assert result.best == Metrics.of(without) == reported[0]
    assert reported[1] is not None
    assert reported[1].mrr < result.best.mrr, "what was tried is told all the same"
    np.testing.assert_array_equal(made.ranks(), without)


@pytest.mark.parametrize("seed", range(6))
def test_meaningless_evidence_is_rejected_or_does_little_harm(seed):
    made = meaningless(seed)
    before, unseen = Metrics.of(made.ranks()), Metrics.of(made.ranks(made.test))
    result = made.fuse()
    assert made.model.fusion.silent == (result.best_epoch == 0)
    assert result.best.mrr >= before.mrr
    if result.best_epoch == 0:
        assert result.best == before
    assert Metrics.of(made.ranks(made.test)).mrr > unseen.mrr - 0.02


@pytest.mark.parametrize("world", [planted, contradictory])
def test_every_validation_query_is_ranked_with_weights_that_were_fitted_without_it(monkeypatch, world):
    made = world()
    triples = made.validation.triples
    made.validation = Evaluator(triples[: len(triples) - 1 + len(triples) % 2], made.validation.index)
    assert len(made.validation.triples) % 2 == 1
    fitted = []
    set_weights = fuse.set_weights

    def spy(model, fit, chosen, config):
        set_weights(model, fit, chosen, config)
        fitted.append((chosen.numpy().copy(), model.fusion.gamma.clone()))

    monkeypatch.setattr(fuse, "set_weights", spy)
    reported = []

    class Listening(Reporter):
        def epoch(self, phase, epoch, values, metrics):
            reported.append(metrics)

    result = made.fuse(Listening())
    kept = made.model.fusion.gamma.clone()
    (one, _), (other, _) = fitted[:2]
    assert (one ^ other).all(), "two halves"
    assert abs(int(one.sum()) - int(other.sum())) <= 2
    count = len(made.validation.triples)
    np.testing.assert_array_equal(one[:count], one[count:], "a triple's two queries are in the same half")
    ranks = np.full(2 * count, np.nan)
    for chosen, gamma in fitted[:2]:
        made.model.fusion.gamma.copy_(gamma)
        ranks[~chosen] = made.ranks()[~chosen]
    assert reported[1] == Metrics.of(ranks)
    made.model.fusion.gamma.copy_(kept)
    if world is planted:
        assert result.best == reported[1]
        assert len(fitted) == 3
        assert fitted[2][0].all(), "the weights that are kept are fitted on all"
        assert torch.equal(fitted[2][1], kept)
    else:
        assert len(fitted) == 2


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_validation_triples_leave_the_weights_at_zero(count):
    made = planted()
    made.validation = Evaluator(made.validation.triples[:count], made.validation.index)
    result = made.fuse()
    assert made.model.fusion.silent
    assert result.best_epoch == 0
    assert result.best.queries == 2 * count
    assert math.isnan(result.best.mrr) == (count == 0)


def test_two_validation_triples_are_one_for_each_half():
    made = planted()
    made.validation = Evaluator(made.validation.triples[:2], made.validation.index)
    result = made.fuse()
    assert result.best.queries == 4
    assert bool(torch.isfinite(made.model.fusion.gamma).all())


@pytest.mark.parametrize("lacking", ["interactions", "training facts of the items", "co-interactions", "users"])
def test_without_evidence_nothing_is_added(lacking):
    made = planted()
    train = np.array(made.train)
    sizes = (made.graph.num_entities, made.graph.num_users, 2)
    if lacking == "interactions":
        made = world_of((made.train, made.validation.triples, made.test.triples), [], sizes)
    elif lacking == "training facts of the items":
        # One user per item: nothing is shared.
        reads = [(item, item) for item in range(sizes[1])]
        made = world_of((made.train, made.validation.triples, made.test.triples), reads, sizes)
    elif lacking == "co-interactions":
        made.graph = build_graph(train, np.empty((0, 2), dtype=np.int64), *sizes)
    else:
        made.model.config = made.model.config.model_copy(update={"use_users": False})
    without = Metrics.of(made.ranks())
    result = made.fuse()
    assert made.model.fusion.silent
    assert (result.best_epoch, result.best) == (0, without)


def test_weights_that_were_there_before_are_forgotten():
    fresh, again = contradictory(), contradictory()
    again.model.fusion.gamma.fill_(5.0)
    assert again.fuse().best == fresh.fuse().best
    assert again.model.fusion.silent


def test_queries_are_sampled_where_the_evidence_is_too_much_to_hold(monkeypatch):
    made = planted(1, clusters=6, per_split=25, signal=0.3)
    count = 2 * len(made.validation.triples)
    assert count > 512
    whole = made.collect()
    monkeypatch.setattr(fuse, "MOST_ENTRIES", 10)
    fit = made.collect()
    assert len(whole.query) == count
    held = len(fit.query)
    assert 100 < held < count
    assert len(set(fit.query.tolist())) == held
    assert len(fit.row) == int((whole.row < held).sum())
    assert set((fit.query >= count // 2).tolist()) == {False, True}, "tails and heads are asked for"
    before = made.ranks(made.test)
    result = made.fuse()
    assert result.best_epoch == 1
    assert result.best.queries == count, "all queries are ranked"
    assert made.model.fusion.gamma[0, 0] > 0.5
    assert (1 / made.ranks(made.test)).mean() > (1 / before).mean() + 0.05


def test_the_same_generator_gives_the_same_weights_and_touches_nothing_else():
    one, other = planted(4), planted(4)
    vectors = {name: value.clone() for name, value in one.model.state_dict().items() if name != "fusion.gamma"}
    first, second = one.fuse(), other.fuse()
    assert torch.equal(one.model.fusion.gamma, other.model.fusion.gamma)
    assert first.best == second.best
    for name, value in vectors.items():
        assert torch.equal(one.model.state_dict()[name], value)
    again = one.fuse()
    assert torch.equal(one.model.fusion.gamma, other.model.fusion.gamma), "a second time starts from zero, too"
    assert again.best == first.best
