"""The weights of evidence: the sparse loss against a dense one, and what is made of evidence that helps or does not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize
import torch

import upgan.training.fuse as fuse
from tests.oracles_cointeraction import evidence
from upgan.cointeraction import build_cointeraction
from upgan.config import FusionConfig, ModelConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.graph import LayeredGraph, build_graph
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import FullScorer
from upgan.model.evidence import CHANNELS, Facts
from upgan.queries import QueryIndex
from upgan.training.loop import Silent

SIZE = len(CHANNELS)
Triples = list[tuple[int, int, int]]


@dataclass
class World:
    """A model whose vectors are random, and facts to answer with what users chose."""

    model: BilinearDiscriminator
    graph: LayeredGraph
    train: Triples
    facts: Facts
    validation: Evaluator
    test: Evaluator
    config: FusionConfig

    def fuse(self, reporter=None):
        random = torch.Generator().manual_seed(0)
        reporter = reporter or Silent()
        return fuse.fuse_evidence(self.model, self.graph, self.facts, self.validation, self.config, random, reporter)

    def collect(self):
        order = torch.randperm(len(self.validation.queries[0]), generator=torch.Generator().manual_seed(0))
        return fuse.collect(self.model, self.graph, self.facts, self.validation, order)

    def ranks(self, evaluator=None):
        scorer = FullScorer(self.model, self.graph, self.facts)
        return (evaluator or self.validation).rank(scorer.scores).ranks

    @property
    def dense_common(self):
        co = self.graph.cointeraction
        assert co is not None
        dense = np.zeros((self.graph.num_entities,) * 2)
        for item in range(len(dense)):
            others, weight = co.common.of(item)
            dense[item, others] = weight
        return dense


def world_of(splits, reads, sizes, seed=0, scale=0.7, **config):
    """``splits``: train, valid and test facts; ``sizes``: entities, users, relations."""
    entities, users, relations = sizes
    train, valid, test = (np.array(facts, dtype=np.int64).reshape(-1, 3) for facts in splits)
    pairs = np.array(reads, dtype=np.int64).reshape(-1, 2)
    co = build_cointeraction(pairs, entities, users, power=3.0, neighbours=30, counted=200)
    graph = build_graph(train, pairs, entities, users, relations, cointeraction=co)
    settings = FusionConfig(enabled=True, **config)
    model = BilinearDiscriminator(entities, relations, ModelConfig(dim=4, score="bilinear"), settings).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for table, size in (
            (model.entity, scale),
            (model.relation, scale),
            (model.target_relation, 0.01),
            (model.answer_relation, 0.01),
        ):
            table.copy_(torch.randn(table.shape, generator=generator, dtype=torch.float64) * size)
    known = QueryIndex.build(np.concatenate([train, valid, test]), entities, relations)
    facts = Facts.build(train, entities, relations)
    return World(model, graph, list(splits[0]), facts, Evaluator(valid, known), Evaluator(test, known), settings)


def planted(seed=0, clusters=5, per_split=3, signal=0.0, **config):
    """Users choose items of one cluster, and all items of a cluster have its attribute by relation 0.

    Relation 1 joins items to others at random: users say nothing about it. ``signal``: how much the vectors know of
    the clusters, too.
    """
    rng = np.random.default_rng(seed)
    each = 3 * per_split
    items = clusters * each
    order = rng.permutation(items)
    cluster = {int(item): place // each for place, item in enumerate(order)}
    splits: list[Triples] = [[], [], []]
    for place, item in enumerate(order.tolist()):
        splits[place % each // per_split].append((item, 0, items + cluster[item]))
    noise = {(int(rng.integers(items)), 1, int(rng.integers(items))) for _ in range(items)}
    for place, fact in enumerate(sorted(noise)):
        splits[place % 3].append(fact)
    reads = []
    for user in range(4 * clusters):
        mine = [item for item, at in cluster.items() if at == user % clusters]
        reads += [(user, int(item)) for item in rng.choice(mine, size=max(3, len(mine) // 2), replace=False)]
    made = world_of(splits, reads, (items + clusters, 4 * clusters, 2), seed, **config)
    with torch.no_grad():
        centres = torch.from_numpy(rng.standard_normal((clusters, 4)))
        made.model.entity += signal * centres[[cluster.get(e, e - items) for e in range(items + clusters)]]
        made.model.relation += signal
    return made


def meaningless(seed, **config):
    """Facts and choices are drawn at random: neither says anything about the other."""
    rng = np.random.default_rng(seed)
    drawn = {(int(rng.integers(30)), int(rng.integers(2)), int(rng.integers(30))) for _ in range(260)}
    facts = [sorted(drawn)[place] for place in rng.permutation(len(drawn))]
    reads = [(int(rng.integers(12)), int(rng.integers(30))) for _ in range(80)]
    splits = (facts[:100], facts[100:170], facts[170:])
    return world_of(splits, reads, (30, 12, 2), seed, **config)


def contradictory(**config):
    """Every second validation triple says what the users' items say, the others the opposite.

    The halves of the cross-validation are the even and the odd triples: what is learned from one is wrong for the
    other.
    """
    clusters, each = 4, 8
    items = clusters * each
    attribute = [items + item // each for item in range(items)]
    train = [(item, 0, attribute[item]) for item in range(items) if item % each < 4]
    held = [item for item in range(items) if item % each >= 4]
    valid = [
        (item, 0, attribute[item] if place % 2 == 0 else items + clusters + place) for place, item in enumerate(held)
    ]
    reads = [
        (user, cluster * each + item) for cluster in range(clusters) for user in (cluster,) for item in range(each)
    ]
    return world_of((train, valid, train[:2]), reads, (items + clusters + len(held), clusters, 1), **config)


# The fit -------------------------------------------------------------------------------------------------------------


@dataclass
class Dense:
    """All candidates of all queries: b (Q, E), -inf where filtered, and x (Q, E, C), by loops."""

    base: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    relation: npt.NDArray[np.int64]
    answer: npt.NDArray[np.int64]
    prior: float
    relations: int

    @staticmethod
    def of(world):
        heads, relations, answers = (column.tolist() for column in world.validation.queries)
        count = world.facts.by_relation.num_relations
        splits = [world.train, world.validation.triples.tolist(), world.test.triples.tolist()]
        known = {tuple(fact) for facts in splits for fact in facts}
        base = world.model.queries(*world.validation.queries[:2], p := world.model.preferences(world.graph))
        base = base.against(world.model.table(p)).detach().numpy()
        common = world.dense_common
        value = np.zeros((*base.shape, len(CHANNELS)))
        for query, (h, r, a) in enumerate(zip(heads, relations, answers, strict=True)):
            for e in range(base.shape[1]):
                fact = (h, r, e) if r < count else (e, r - count, h)
                if fact in known and e != a:
                    base[query, e] = -math.inf
                f = evidence(common, world.train, count, h, r, e)
                value[query, e] = [math.log(1 + part / world.config.smoothing) for part in f]
        return Dense(base, value, np.array(relations), np.array(answers), world.config.prior, count)

    def fit(self, chosen):
        """(2R, C) gamma and the loss it reaches, over the ``chosen`` queries alone."""
        rows = np.flatnonzero(chosen)
        base, value = self.base[rows], torch.from_numpy(self.value[rows])
        relation, answer = torch.from_numpy(self.relation[rows]), torch.from_numpy(self.answer[rows])
        place = torch.arange(len(rows))
        nll = {}
        for sharp in (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6):
            logits = torch.from_numpy(base * sharp)
            nll[sharp] = torch.nn.functional.cross_entropy(logits, answer).item()
        self.sharp = min(nll, key=nll.__getitem__)
        logits = torch.from_numpy(base * self.sharp)

        def objective(flat):
            parameters = torch.tensor(flat, requires_grad=True)
            mean, own = parameters[:SIZE], parameters[SIZE:].view(2 * self.relations, SIZE)
            added = (value * (mean + own)[relation].unsqueeze(1)).sum(2)
            full = torch.logsumexp(logits + added, 1) - (logits + added)[place, answer]
            loss = full.sum() + self.prior * own.square().sum() + 0.01 * mean.square().sum()
            loss.backward()
            assert parameters.grad is not None
            return loss.item(), parameters.grad.numpy()

        self.objective = objective
        start = np.zeros(SIZE + 2 * SIZE * self.relations)
        found = scipy.optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9}
        )
        gamma = found.x[:SIZE] + found.x[SIZE:].reshape(-1, SIZE)
        return gamma / self.sharp, float(found.fun)

    def loss_at(self, gamma):
        """The loss of the last fit's queries at another gamma, split into mean and rest as is best for the priors."""
        gamma = gamma * self.sharp
        mean = self.prior * gamma.sum(0) / (0.01 + self.prior * len(gamma))
        return self.objective(np.concatenate([mean, (gamma - mean).ravel()]))[0]


@pytest.mark.parametrize(
    ("world", "settings", "times", "sharp"),
    [
        (planted, {"prior": 0.3}, 1.0, 0.5),
        (planted, {"scale": 0.3, "signal": 0.8, "smoothing": 1.0}, 0.3, 1.4),
        (planted, {"scale": 0.3, "signal": 0.8}, 0.1, 4.0),
        (meaningless, {"smoothing": 0.5}, 1.0, 0.5),
    ],
)
def test_the_fit_over_entities_with_evidence_equals_a_fit_over_all_candidates(world, settings, times, sharp):
    """Of all queries and of half of them; base scores are first sharpened or flattened as validation likes best."""
    made = world(1, **settings)
    with torch.no_grad():
        made.model.relation.mul_(times)
    dense, fit = Dense.of(made), made.collect()
    assert sorted(fit.query.tolist()) == list(range(len(dense.answer)))
    assert not torch.equal(fit.query, fit.query.sort().values), "in a random order"
    everything = np.ones(len(dense.answer), dtype=bool)
    for chosen in (everything, everything & (np.arange(len(everything)) % 2 == 0)):
        expected, least = dense.fit(chosen)
        if chosen.all():
            assert dense.sharp == sharp
        fuse.set_weights(made.model, fit, torch.from_numpy(chosen), made.config)
        gamma = made.model.fusion.gamma.numpy()
        assert np.abs(expected).max() > 0.1
        assert -1e-9 < dense.loss_at(gamma) - least < 1e-5 * chosen.sum()
        np.testing.assert_allclose(gamma, expected, rtol=0, atol=1e-2)


def test_the_fit_in_single_precision_finds_the_same_weights():
    made = planted(2, scale=0.3, signal=0.8)
    expected, _ = Dense.of(made).fit(np.ones(len(made.ranks()), dtype=bool))
    made.model.float()
    fuse.set_weights(made.model, made.collect(), torch.ones(len(made.ranks()), dtype=torch.bool), made.config)
    assert made.model.fusion.gamma.dtype == torch.float32
    np.testing.assert_allclose(made.model.fusion.gamma.numpy(), expected, rtol=0, atol=2e-2)


@pytest.mark.parametrize("log_probability", [-5.0, -15.0, -40.0, -120.0])
@pytest.mark.parametrize("queries", [20, 500])
def test_weights_stay_finite_where_evidence_separates_answers_that_the_scores_think_impossible(
    log_probability, queries
):
    """Only the answers have evidence, so that nothing but the prior holds the weight: it ends where both balance."""
    config = FusionConfig()
    model = BilinearDiscriminator(10, 1, ModelConfig(dim=2, score="bilinear"), config)
    sharpness = torch.tensor(fuse.SHARPNESS)
    answer = torch.full((queries,), log_probability / 0.5)
    fit = fuse.Fit(
        query=torch.arange(queries),
        log_total=torch.log(9 + torch.exp(answer.unsqueeze(1) * sharpness)),
        answer_score=answer,
        row=torch.arange(queries),
        relation=torch.zeros(queries, dtype=torch.long),
        base=answer,
        value=torch.eye(SIZE)[0].repeat(queries, 1),
        is_answer=torch.ones(queries, dtype=torch.bool),
    )
    fuse.set_weights(model, fit, torch.ones(queries, dtype=torch.bool), config)
    weight = float(model.fusion.gamma[0, 0]) * 0.5

    def loss(gamma):
        # The one relation's weight is the mean and its own part, whose priors 0.01 and 1 share it.
        mean = gamma / 1.01
        nll = np.logaddexp(math.log(9), log_probability + gamma) - (log_probability + gamma)
        return queries * nll + 0.01 * mean**2 + (gamma - mean) ** 2

    best = scipy.optimize.minimize_scalar(loss, bounds=(0, 300), method="bounded", options={"xatol": 1e-6}).x
    assert weight == pytest.approx(best, abs=0.1)


# What comes of it ----------------------------------------------------------------------------------------------------


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


def test_weights_stay_zero_where_cross_validation_is_not_for_them():
    made = contradictory()
    without = made.ranks()
    reported: list[Metrics | None] = []

    class Listening(Silent):
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

    class Listening(Silent):
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


def test_weights_found_on_one_half_do_not_depend_on_the_other_halfs_answers():
    """Other answers in the second half change neither the first half's weights nor, then, the second half's ranks."""
    made = planted(3)
    fit = made.collect()
    chosen = torch.arange(len(fit.query)) % 2 == 0
    fuse.set_weights(made.model, fit, chosen, made.config)
    before = made.model.fusion.gamma.clone()
    outside = ~chosen[fit.query]
    fit.answer_score[outside] += 3.0
    fit.is_answer[outside[fit.row]] = False
    fuse.set_weights(made.model, fit, chosen, made.config)
    assert torch.equal(made.model.fusion.gamma, before)


# Edges ---------------------------------------------------------------------------------------------------------------


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
    assert len(fit.query) == 512
    assert len(set(fit.query.tolist())) == 512
    assert len(fit.row) == int((whole.row < 512).sum())
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
