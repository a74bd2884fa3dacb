"""The generator against Eq. 10 - 12 as printed, its pool and its draws; and that no user can reach it."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import generator_distribution, known_answers, random_facts, rewards
from upgan.config.sections import AdversarialConfig, ModelConfig
from upgan.graph.layered import build_graph
from upgan.graph.queries import QueryIndex
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.model.generator import SLOPE, Generator, draw
from upgan.objectives.batches import BatchSampler
from upgan.training.adversarial import AdversarialTrainer, Pool

DIM = 3
FACTS = random_facts(np.random.default_rng(0), layers=(4, 4, 3), extra=10)
TRIPLES = np.unique(np.array(FACTS.triples, dtype=np.int64), axis=0)


def random_generator(layers=2, sigma=1.0, product="distmult"):
    """In float64, every parameter random."""
    model = Generator(FACTS.entities, FACTS.relations, DIM, layers, sigma, product).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, dtype=torch.float64))
    return model


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch_of(size=8, seed=0):
    index = QueryIndex.build(TRIPLES, FACTS.entities, FACTS.relations)
    return next(iter(BatchSampler(TRIPLES, index, size, seeded(seed))))


def trainer_for(reads=FACTS.reads, seed=0, **changes):
    torch.manual_seed(seed)
    graph = build_graph(TRIPLES, np.array(reads), FACTS.entities, FACTS.users, FACTS.relations)
    d = Discriminator(FACTS.entities, FACTS.relations, FACTS.users, ModelConfig(dim=DIM))
    g = Generator(FACTS.entities, FACTS.relations, DIM, 2, 1.0)
    given = {"n_c": 9, "n_g": 5, "lr": 0.01, "lr_g": 0.01, **changes}
    return AdversarialTrainer(d, g, graph, AdversarialConfig(**given), seeded(seed))


# The distribution ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["distmult", "complex"])
@pytest.mark.parametrize("sigma", [0.0, 0.7])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_the_distribution_is_equations_10_to_12_as_printed(layers, sigma, product):
    model = random_generator(layers, sigma, product)
    heads, relations = torch.tensor([0, 5, 5, 2]), torch.tensor([0, 1, 3, 2])
    pool = torch.tensor([4, 0, 7, 9, 1])
    found = torch.softmax(model.logits(heads, relations, pool, seeded()), 1).detach()
    noise = sigma * torch.randn(4, model.entity.shape[1], generator=seeded(), dtype=torch.float64).numpy()
    entity, relation = model.entity.detach().numpy(), model.relation.detach().numpy()
    mlp = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in [*model.layers, model.out]]
    for row, (h, r) in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        vectors = entity[h], relation[r], noise[row]
        expected = generator_distribution(*vectors, mlp, entity[pool.numpy()], SLOPE, product)
        np.testing.assert_allclose(found[row], expected, rtol=0, atol=1e-12)


def test_noise_has_the_standard_deviation_sigma_and_is_fresh_for_every_query():
    model = Generator(2, 1, 2, 1, sigma=3.0)
    seen: list[torch.Tensor] = []
    model.layers[0].register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    zeros = torch.zeros(20_000, dtype=torch.long)
    model.logits(zeros, zeros, torch.tensor([0, 1]), seeded())
    noise = seen[0][:, 2:].detach()
    assert float(noise.mean()) == pytest.approx(0.0, abs=0.06)
    assert float(noise.std()) == pytest.approx(3.0, rel=0.02)
    assert len(torch.unique(noise[:, 0])) > 19_000
    assert torch.equal(seen[0][0, :2], model.entity[0] * model.relation[0])


@pytest.mark.parametrize("product", ["distmult", "complex"])
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_an_initialised_generator_draws_from_the_softmax_of_its_starts_scores(layers, product):
    start = Factorisation(12, 2, 64 if product == "distmult" else 32, scale=0.7, product=product)
    model = Generator(12, 2, 64 if product == "distmult" else 32, layers, sigma=0.0, product=product)
    model.initialise_from(start)
    heads, relations = torch.arange(12), torch.arange(12) % 4
    found = torch.softmax(model.logits(heads, relations, torch.arange(12), seeded()), 1)
    expected = torch.softmax(start.scores(heads, relations), 1)
    assert float((found - expected).detach().abs().sum(1).max()) < 0.15, "total variation, twice"
    assert float((expected - 1 / 12).detach().abs().sum(1).max()) > 0.5, "which is far from uniform"


def test_initialise_from_copies_the_vectors_and_shares_nothing():
    distmult, model = Factorisation(4, 2, DIM), Generator(4, 2, DIM, 2, 1.0)
    model.initialise_from(distmult)
    assert torch.equal(model.entity, distmult.entity)
    assert torch.equal(model.relation, distmult.relation)
    with torch.no_grad():
        distmult.entity.add_(1.0)
    assert not torch.equal(model.entity, distmult.entity)


# Draws ---------------------------------------------------------------------------------------------------------------


def test_draws_follow_their_probabilities():
    """Pearson's chi-square of 20,000 draws a row; 40 is exceeded once in a million for 7 degrees of freedom."""
    weights = torch.rand(4, 8, dtype=torch.float64, generator=seeded(1))
    weights[1] *= 17.0  # up to a factor per row
    weights[2, 3] = weights[3, :6] = 0.0
    drawn = draw(weights, 20_000, seeded())
    for row in range(4):
        counts = torch.bincount(drawn[row], minlength=8).double()
        expected = 20_000 * weights[row] / weights[row].sum()
        assert bool((counts[expected == 0] == 0).all()), "what has no probability is never drawn"
        alive = expected > 0
        assert float(((counts - expected)[alive] ** 2 / expected[alive]).sum()) < 40


def test_draws_of_a_row_are_independent():
    """With replacement: neighbouring draws repeat as often as chance says, so that their mean is unbiased."""
    drawn = draw(torch.tensor([[0.5, 0.3, 0.2]]), 40_000, seeded())[0]
    repeats = float((drawn[1:] == drawn[:-1]).double().mean())
    assert repeats == pytest.approx(0.25 + 0.09 + 0.04, abs=0.015)


def test_more_may_be_drawn_than_the_pool_holds():
    assert draw(torch.tensor([[0.0, 1.0]]), 7, seeded()).tolist() == [[1] * 7]


# The pool ------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(2, 40), st.integers(0, 5))
def test_a_pool_holds_distinct_entities_and_marks_each_querys_own_answers(size, n_c, seed):
    batch = batch_of(size, seed)
    pool = Pool.draw(batch, FACTS.entities, n_c, seeded(seed))
    entities = pool.entities.tolist()
    assert len(entities) == len(set(entities)) == min(n_c, FACTS.entities), "no larger than E"
    answers = known_answers(map(tuple, TRIPLES.tolist()), FACTS.relations)
    for row, query in enumerate(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True)):
        expected = [entity in answers[query] for entity in entities]
        if all(expected):
            assert int(pool.weight[row]) == 0
            assert int(pool.known[row].sum()) == len(expected) - 1, "one stays, so that a softmax is defined"
        else:
            assert pool.known[row].tolist() == expected
            assert int(pool.weight[row]) == int(batch.weight[row])


def test_a_row_of_nothing_but_true_answers_weighs_nothing():
    """E = 2: <0, 0, ?> is answered by both entities, <1, 1, ?> (the inverse) by entity 0 alone."""
    triples = np.array([[0, 0, 0], [0, 0, 1]])
    index = QueryIndex.build(triples, 2, 1)
    batch = BatchSampler(triples, index, 4, seeded()).batch(torch.arange(2))
    pool = Pool.draw(batch, 2, 1024, seeded())
    weight = dict(
        zip(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True), pool.weight.tolist(), strict=True)
    )
    assert weight == {(0, 0): 0, (0, 1): 1, (1, 1): 1}
    assert not pool.known.all(1).any(), "one candidate stays in every row, so that its softmax is defined"


def test_pools_are_drawn_uniformly():
    batch = batch_of(4)
    random = seeded()
    counts = torch.zeros(FACTS.entities)
    for _ in range(600):
        counts[Pool.draw(batch, FACTS.entities, 5, random).entities] += 1
    expected = 600 * 5 / FACTS.entities
    assert float((counts - expected).abs().max()) < 5 * expected**0.5


@pytest.mark.parametrize("use_generator", [True, False])
def test_a_known_answer_is_never_drawn(use_generator):
    trainer = trainer_for(n_c=6, n_g=50, use_generator=use_generator)
    answers = known_answers(map(tuple, TRIPLES.tolist()), FACTS.relations)
    seen: list[tuple[Pool, torch.Tensor]] = []
    original = trainer.discriminator_step

    def watch(batch, pool, positive, negative):
        scores = trainer.d.scores(
            trainer.d.queries(batch.heads, batch.relations, preference_of(trainer, batch)), pool.entities
        )
        for row, query in enumerate(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True)):
            if int(pool.weight[row]) == 0:
                continue
            known = [place for place, entity in enumerate(pool.entities.tolist()) if entity in answers[query]]
            allowed = scores[row, [place for place in range(len(pool.entities)) if place not in known]]
            gap = (negative[row].unsqueeze(1) - allowed.unsqueeze(0)).abs().min(1).values
            assert float(gap.detach().max()) < 1e-5
        seen.append((pool, negative))
        return original(batch, pool, positive, negative)

    trainer.discriminator_step = watch
    for seed in range(5):
        trainer.step(batch_of(8, seed))
    assert len(seen) == 5


def preference_of(trainer, batch):
    mask = torch.zeros(trainer.graph.num_triples, dtype=torch.bool)
    mask[batch.triples] = True
    return trainer.d.preference(trainer.graph, batch.heads, mask)


# The game ------------------------------------------------------------------------------------------------------------


def test_the_generator_has_no_input_and_no_parameter_that_knows_of_users():
    parameters = {
        *inspect.signature(Generator.__init__).parameters,
        *inspect.signature(Generator.logits).parameters,
    }
    assert not {name for name in parameters if any(word in name for word in ("user", "graph", "pref", "interact"))}
    sizes = {tuple(parameter.shape) for parameter in Generator(11, 3, DIM, 2, 1.0).parameters()}
    assert sizes == {(11, DIM), (6, DIM), (2 * DIM, 2 * DIM), (2 * DIM,), (DIM, 2 * DIM), (DIM,)}


def test_generator_steps_do_not_depend_on_the_interactions():
    """Other readers, the same discriminator scores: bit by bit the same generator after five steps."""
    others = tuple(sorted((FACTS.users - 1 - user, item) for user, item in FACTS.reads if item != 1))
    trainers = [trainer_for(FACTS.reads), trainer_for(others)]
    assert trainers[0].graph.num_reachable != 0
    assert trainers[0].graph.distance.tolist() != trainers[1].graph.distance.tolist()
    for seed in range(5):
        batch, scores = batch_of(8, seed), torch.randn(50, 9, generator=seeded(seed))
        drawn = []
        for trainer in trainers:
            pool = Pool.draw(batch, FACTS.entities, 9, trainer.random)
            drawn.append(trainer.generator_step(batch, pool, scores[: len(batch.heads)])[0])
        assert torch.equal(*drawn)
    first, second = (trainer.g.state_dict() for trainer in trainers)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_both_steps_get_the_scores_of_the_discriminator_as_it_is():
    """G the pool's, without a gradient; D those of every pair asked for and of every entity that G drew."""
    trainer, batch = trainer_for(), batch_of(8)
    with torch.no_grad():
        trainer.d.b1.normal_()
        trainer.d.b2.normal_()
    seen: dict[str, tuple] = {}
    generator_step, discriminator_step = trainer.generator_step, trainer.discriminator_step

    def watch_generator(batch, pool, scores):
        drawn, told = generator_step(batch, pool, scores)
        seen["g"] = (pool, scores, drawn)
        return drawn, told

    def watch_discriminator(batch, pool, positive, negative):
        seen["d"] = (positive, negative)
        return discriminator_step(batch, pool, positive, negative)

    trainer.generator_step, trainer.discriminator_step = watch_generator, watch_discriminator
    queries = trainer.d.queries(batch.heads, batch.relations, preference_of(trainer, batch))
    everything = trainer.d.scores(queries).detach()
    trainer.step(batch)
    pool, scores, drawn = seen["g"]
    torch.testing.assert_close(scores, everything[:, pool.entities])
    assert not scores.requires_grad
    positive, negative = seen["d"]
    torch.testing.assert_close(positive.detach(), everything[batch.row, batch.answer])
    torch.testing.assert_close(negative.detach(), everything.gather(1, pool.entities[drawn]))
    assert positive.requires_grad
    assert negative.requires_grad


def test_a_generator_step_leaves_the_discriminator_untouched_and_the_reverse():
    trainer, batch = trainer_for(), batch_of(8)
    pool = Pool.draw(batch, FACTS.entities, 9, trainer.random)
    before_d, before_g = copy.deepcopy(trainer.d.state_dict()), copy.deepcopy(trainer.g.state_dict())

    queries = trainer.d.queries(batch.heads, batch.relations, preference_of(trainer, batch))
    scores = trainer.d.scores(queries, pool.entities)
    drawn, _ = trainer.generator_step(batch, pool, scores.detach())
    assert all(torch.equal(value, before_d[name]) for name, value in trainer.d.state_dict().items())
    assert all(parameter.grad is None for parameter in trainer.d.parameters())
    assert not torch.equal(trainer.g.entity, before_g["entity"])

    after_g = copy.deepcopy(trainer.g.state_dict())
    positive = (queries.vector[batch.row] * trainer.d.entity[batch.answer]).sum(1) + queries.offset[batch.row]
    trainer.discriminator_step(batch, pool, positive, scores.gather(1, drawn))
    assert all(torch.equal(value, after_g[name]) for name, value in trainer.g.state_dict().items())
    assert not torch.equal(trainer.d.entity, before_d["entity"])


def test_without_a_generator_it_is_not_trained_and_negatives_are_uniform():
    trainer, batch = trainer_for(use_generator=False), batch_of(8)
    before = copy.deepcopy(trainer.g.state_dict())
    told = trainer.step(batch)
    assert all(torch.equal(value, before[name]) for name, value in trainer.g.state_dict().items())
    assert set(told) == {"loss_d", "loss_d_real", "loss_d_fake"}


def test_generator_steps_raise_the_expected_reward_towards_its_largest_value():
    """Constant scores: G comes to draw the entity the discriminator likes best among those that are no true answer.

    Not for every query: a softmax policy may settle on a second best before it has drawn the best one.
    """
    trainer = trainer_for(lr_g=0.01, n_g=100, l2_g=0.0, clip=10.0)
    trainer.g.sigma = 0.0
    batch = batch_of(3)
    pool = Pool.draw(batch, FACTS.entities, 9, trainer.random)
    scores = 3.0 * torch.randn(len(batch.heads), 9, generator=seeded(4))

    def expected_reward():
        logits = trainer.g.logits(batch.heads, batch.relations, pool.entities, seeded())
        share = torch.softmax(logits.masked_fill(pool.known, -torch.inf), 1).detach()
        reward = torch.tensor([rewards(row, k) for row, k in zip(scores.tolist(), pool.known.tolist(), strict=True)])
        return (share * reward).sum(1), reward.max(1).values

    before, best = expected_reward()
    for _ in range(300):
        trainer.generator_step(batch, pool, scores)
    after, _ = expected_reward()
    assert float(before.mean()) < 0.3 * float(best.mean())
    assert float(after.mean()) > 0.8 * float(best.mean())
