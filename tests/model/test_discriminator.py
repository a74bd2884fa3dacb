"""The discriminator's score against Eq. 6 - 8 as printed, and where users can and cannot reach it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.oracles import Facts, discriminator_score, hops, random_facts
from upgan.config.sections import ModelConfig, PropagationConfig
from upgan.graph.layered import build_graph
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.systems.build import build_model

DIM = 3
PRODUCTS = ("distmult", "complex")


def facts_of(seed=0):
    return random_facts(np.random.default_rng(seed), layers=(3, 3, 2), users=3)


def model_for(facts, seed=0, **settings):
    """In float64, every parameter random."""
    model = Discriminator(facts.entities, facts.relations, facts.users, ModelConfig(dim=DIM, **settings)).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def graph_of(facts):
    return build_graph(*facts.arrays())


def every_query(facts):
    heads = torch.arange(facts.entities).repeat_interleave(2 * facts.relations)
    return heads, torch.arange(2 * facts.relations).repeat(facts.entities)


def printed_scores(model, heads, relations, preference):
    """(B, E) scores, one by one."""
    entity, relation = model.entity.detach().numpy(), model.relation.detach().numpy()
    matrices = tuple(part.detach().numpy() for part in (model.w1, model.b1, model.w2, model.b2))
    return np.array(
        [
            [discriminator_score(entity[h], relation[r], p, v_t, matrices, model.config.product) for v_t in entity]
            for h, r, p in zip(heads.tolist(), relations.tolist(), preference.detach().numpy(), strict=True)
        ]
    )


# The score -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_score_is_equation_7_as_printed(product):
    """(W2 v_t + b2)^T tanh(W1 [v_h * v_r ; p_h * v_r] + b1), W2 and b2 on the candidate's side."""
    facts = facts_of()
    model, (heads, relations) = model_for(facts, product=product), every_query(facts)
    preference = torch.randn(len(heads), model.config.width, dtype=torch.float64)
    found = model.scores(model.queries(heads, relations, preference))
    np.testing.assert_allclose(found.detach(), printed_scores(model, heads, relations, preference), rtol=0, atol=1e-12)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_score_with_p_of_the_graph_is_equation_7_as_printed(product):
    facts = facts_of(1)
    model, (heads, relations) = model_for(facts, product=product), every_query(facts)
    scorer = model.on(graph_of(facts))
    preference = model.preference(graph_of(facts), heads)
    expected = printed_scores(model, heads, relations, preference)
    np.testing.assert_allclose(scorer.scores(heads, relations), expected, rtol=0, atol=1e-12)
    without = printed_scores(model, heads, relations, torch.zeros_like(preference))
    np.testing.assert_allclose(scorer.scores(heads, relations, users=False), without, rtol=0, atol=1e-12)
    assert not np.allclose(expected, without)


def test_scores_of_some_candidates_are_columns_of_all_scores():
    facts = facts_of()
    model, (heads, relations) = model_for(facts), every_query(facts)
    queries = model.queries(heads, relations, torch.randn(len(heads), DIM, dtype=torch.float64))
    everything, chosen = model.scores(queries), torch.tensor([5, 0, 5, 2])
    torch.testing.assert_close(model.scores(queries, chosen), everything[:, chosen], rtol=0, atol=1e-13)
    assert model.scores(queries, chosen[:0]).shape == (len(heads), 0)


def test_scores_of_pairs_are_entries_of_all_scores():
    facts = facts_of()
    model, (heads, relations) = model_for(facts, product="complex"), every_query(facts)
    queries = model.queries(heads, relations, torch.randn(len(heads), model.config.width, dtype=torch.float64))
    row, answer = torch.tensor([3, 0, 3, 7]), torch.tensor([1, 5, 0, 0])
    found = queries.of_pairs(row, model.entity, answer)
    torch.testing.assert_close(found, model.scores(queries)[row, answer], rtol=0, atol=1e-13)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_hidden_vector_is_linear_in_p(product):
    """What makes attribution exact."""
    facts = facts_of()
    model, (heads, relations) = model_for(facts, product=product), every_query(facts)
    one, other = torch.randn(2, len(heads), model.config.width, dtype=torch.float64)
    nothing = model.hidden(heads, relations, torch.zeros_like(one))
    mixed = model.hidden(heads, relations, 0.3 * one - 2.0 * other)
    parts = 0.3 * (model.hidden(heads, relations, one) - nothing) - 2.0 * (
        model.hidden(heads, relations, other) - nothing
    )
    torch.testing.assert_close(mixed - nothing, parts, rtol=0, atol=1e-12)


# Users ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use_users", [True, False])
def test_p_is_zero_without_users_and_on_a_graph_without_interactions(use_users):
    facts = facts_of()
    nobody = dataclasses.replace(facts, reads=())
    for world in [nobody] if use_users else [facts, nobody]:
        model, (heads, relations) = model_for(world, use_users=use_users), every_query(world)
        assert not model.preference(graph_of(world), heads).any()
        scorer = model.on(graph_of(world))
        assert torch.equal(scorer.scores(heads, relations), scorer.scores(heads, relations, users=False))


def test_p_is_zero_where_no_user_reaches_and_only_there():
    facts = facts_of()
    preference = model_for(facts, propagation=PropagationConfig(activation="tanh")).preference(
        graph_of(facts), torch.arange(facts.entities)
    )
    reached = [distance > 0 for distance in hops(facts)[: facts.entities]]
    assert preference.detach().any(1).tolist() == reached
    assert not all(reached)


def test_interactions_reach_the_scores_through_p_and_nothing_else(monkeypatch):
    """Two worlds that differ in who read what: with the same p the scores are bit by bit the same."""
    facts = facts_of()
    other = dataclasses.replace(facts, reads=tuple((2 - user, item) for user, item in facts.reads[::-1][1:]))
    model, (heads, relations) = model_for(facts), every_query(facts)
    one, two = model.on(graph_of(facts)), model.on(graph_of(other))
    p = model.preferences(graph_of(facts))
    assert not torch.equal(p, model.preferences(graph_of(other)))
    assert not torch.equal(one.scores(heads, relations), two.scores(heads, relations))
    assert torch.equal(one.scores(heads, relations, users=False), two.scores(heads, relations, users=False))
    monkeypatch.setattr(model, "preferences", lambda graph: p)
    again = model.on(graph_of(other))
    assert torch.equal(one.scores(heads, relations), again.scores(heads, relations))


def test_the_score_of_an_unreachable_head_does_not_depend_on_any_interaction():
    facts = facts_of()
    lost = [node for node, distance in enumerate(hops(facts)[: facts.entities]) if distance < 0]
    model = model_for(facts)
    heads, relations = torch.tensor(lost), torch.zeros(len(lost), dtype=torch.long)
    scorer = model.on(graph_of(facts))
    assert torch.equal(scorer.scores(heads, relations), scorer.scores(heads, relations, users=False))


@pytest.mark.parametrize("product", PRODUCTS)
def test_gradients_of_the_score_reach_every_parameter(product):
    facts = facts_of()
    model = model_for(facts, product=product, propagation=PropagationConfig(user_embedding=True))
    heads, relations = every_query(facts)
    queries = model.queries(heads, relations, model.preference(graph_of(facts), heads))
    model.scores(queries).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


# Start and bounds ----------------------------------------------------------------------------------------------------


def test_initialise_from_copies_the_vectors_and_shares_nothing():
    facts = facts_of()
    distmult, model = Factorisation(facts.entities, facts.relations, DIM), model_for(facts).float()
    others = {name: value.clone() for name, value in model.state_dict().items() if name not in ("entity", "relation")}
    model.initialise_from(distmult)
    assert torch.equal(model.entity, distmult.entity)
    assert torch.equal(model.relation, distmult.relation)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in others.items())
    with torch.no_grad():
        distmult.entity.add_(1.0)
    assert not torch.equal(model.entity, distmult.entity)


@pytest.mark.parametrize("product", PRODUCTS)
def test_at_the_start_the_small_scores_of_the_vectors_are_kept(product):
    """tanh(x) = x and W1 = [I | ..], W2 = I up to small noise: pre-training starts from the factorisation's ranking."""
    facts = facts_of()
    start = Factorisation(facts.entities, facts.relations, 50, product=product)
    model = Discriminator(facts.entities, facts.relations, facts.users, ModelConfig(dim=50, product=product))
    model.initialise_from(start)
    heads, relations = every_query(facts)
    nothing = torch.zeros(len(heads), model.config.width)
    found = model.scores(model.queries(heads, relations, nothing)).detach().flatten()
    expected = start.scores(heads, relations).detach().flatten()
    assert float(torch.corrcoef(torch.stack([found, expected]))[0, 1]) > 0.99


@pytest.mark.parametrize("preference_init", [0.0, 0.3])
def test_preference_init_says_how_much_users_count_at_first(preference_init):
    model = Discriminator(3, 1, 2, ModelConfig(dim=50, preference_init=preference_init))
    users = model.w1[:, 50:].detach()
    assert float(users.diagonal().mean()) == pytest.approx(preference_init, abs=0.01)
    assert float((users - preference_init * torch.eye(50)).abs().max()) < 0.02


@pytest.mark.parametrize("kind", ["free", "at_least_one", "at_most_one"])
def test_entity_norm_keeps_vectors_within_the_settings_bound_and_their_direction(kind):
    model = Discriminator(4, 1, 1, ModelConfig(dim=2, entity_norm=kind)).double()
    start = torch.tensor([[0.3, 0.4], [3.0, 4.0], [0.6, 0.8], [0.0, 0.0]], dtype=torch.float64)
    with torch.no_grad():
        model.entity.copy_(start)
    model.constrain()
    expected = {
        "free": [0.5, 5.0, 1.0, 0.0],
        "at_least_one": [1.0, 5.0, 1.0, 0.0],  # a zero vector has no direction to grow in
        "at_most_one": [0.5, 1.0, 1.0, 0.0],
    }[kind]
    norms = model.entity.detach().norm(dim=1)
    torch.testing.assert_close(norms[:3], torch.tensor(expected[:3], dtype=torch.float64), rtol=0, atol=1e-12)
    assert bool(torch.isfinite(model.entity).all())
    assert torch.allclose(model.entity[:3] * start[:3].norm(dim=1, keepdim=True), start[:3] * norms[:3].unsqueeze(1))
    assert model.entity.requires_grad


def test_build_model_makes_what_the_settings_name(toy_dataset):
    from upgan.config.settings import make_config

    upgan = build_model(make_config("paper", assignments=["dim=4"]), toy_dataset)
    assert isinstance(upgan, Discriminator)
    assert (upgan.entity.shape, upgan.relation.shape, upgan.propagation.relation.shape) == ((9, 4), (6, 4), (8, 4, 4))
    distmult = build_model(make_config("paper", assignments=["dim=4", "model_name=distmult"]), toy_dataset)
    assert isinstance(distmult, Factorisation)
    mixed = build_model(make_config("paper", assignments=["dim=4", "model.propagation.form=rgcn"]), toy_dataset)
    bilinear = build_model(make_config("quality", assignments=["dim=4"]), toy_dataset)
    compared = build_model(make_config("paper", assignments=["dim=4", "model_name=kgat"]), toy_dataset)
    made = (upgan, distmult, mixed, bilinear, compared)
    assert [model.users_in for model in made] == ["layers", "none", "mixed", "paths", "vectors"]
    assert [model.has_users for model in made] == [True, False, True, True, False]


def test_distmult_scores_are_the_product_of_three_vectors():
    model = Factorisation(4, 2, 3).double()
    heads, relations = torch.tensor([0, 3, 3]), torch.tensor([0, 1, 3])
    found, entity, relation = model.scores(heads, relations).detach(), model.entity.detach(), model.relation.detach()
    for row, (h, r) in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        for t in range(4):
            expected = sum(float(entity[h, k] * relation[r, k] * entity[t, k]) for k in range(3))
            assert float(found[row, t]) == pytest.approx(expected, abs=1e-15)


def test_a_world_of_one_of_everything_is_scored():
    facts = Facts((), ((0, 0),), 1, 1, 1)
    model = model_for(facts)
    assert model.on(graph_of(facts)).scores(torch.tensor([0]), torch.tensor([1])).shape == (1, 1)
