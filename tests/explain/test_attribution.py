"""Weights and contributions of users, against enumeration of every path and numerical integration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests import oracles
from tests.attributed import DIM, integrated_gradients, model_for, place_of, score_at, world
from tests.oracles import hops, layered_edges, random_facts
from upgan.explain.attribution import Preference, backward_steps, contributions, forward_steps, user_weights


@pytest.mark.parametrize("seed", range(4))
def test_user_weights_are_sums_over_all_layered_paths(seed):
    facts, graph, _, propagated, states = world(seed)
    steps = backward_steps(graph, propagated.alphas)
    for node, distance in enumerate(hops(facts)[: facts.entities]):
        if distance < 0:
            continue
        users, weights = user_weights(steps, *place_of(graph, node))
        expected = oracles.user_weights(facts, states, node)
        assert users.tolist() == sorted(expected), "only users that are reached, ascending"
        np.testing.assert_allclose(weights, [expected[user] for user in users.tolist()], rtol=0, atol=1e-13)
        assert weights.sum() == pytest.approx(1.0, abs=1e-13)
        p = (torch.from_numpy(weights).unsqueeze(1) * propagated.semantic[0][users]).sum(0)
        torch.testing.assert_close(p, propagated.entity_preference(graph, torch.tensor([node]))[0], rtol=0, atol=1e-13)


def test_steps_carry_alpha_and_the_stage_1_share_of_each_edge():
    facts, graph, _, propagated, states = world(1)
    alpha = {(e.far, e.near, e.seen_far, e.triple): a for e, a in zip(states.edges, states.alpha, strict=True)}
    share = {(e.far, e.near, e.seen_far, e.triple): c for e, c in zip(states.edges, states.coefficient, strict=True)}
    for steps, expected in ((backward_steps(graph, propagated.alphas), alpha), (forward_steps(graph), share)):
        seen = 0
        for level, step in enumerate(steps):
            far = np.repeat(graph.layers[level + 1].numpy(), np.diff(step.start))
            near = graph.layers[level].numpy()[step.near]
            triples = graph.edges[level].backward_triple.tolist()
            for key in zip(far.tolist(), near.tolist(), step.kind.tolist(), triples, step.value.tolist(), strict=True):
                assert key[-1] == pytest.approx(expected[key[:-1]], abs=1e-13)
                seen += 1
        assert seen == len(states.edges)
    assert len(layered_edges(facts)) == len(states.edges)


def shares(model, query, weights, preferences):
    """(N,) contributions of users with these weights (N,) and v~_u (N, W), counted from p = 0."""
    vector, users = weights @ preferences, np.arange(len(weights))
    preference = Preference(vector, users, weights.numpy(), lambda direction: (preferences @ direction).numpy())
    head, relation, answer = query
    return torch.from_numpy(contributions(model, head, relation, answer, preference, torch.zeros_like(vector)))


@pytest.mark.parametrize("product", ["distmult", "complex"])
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-4])
@pytest.mark.parametrize("seed", range(3))
def test_contributions_sum_to_the_users_part_of_the_score_and_are_integrated_gradients(seed, scale, product):
    """Also where the users hardly move the hidden vector, and its secant loses digits."""
    facts = random_facts(np.random.default_rng(seed))
    model = model_for(facts, seed, product=product)
    random = torch.Generator().manual_seed(seed)
    weights = torch.softmax(torch.randn(5, generator=random, dtype=torch.float64), 0)
    preferences = scale * torch.randn(5, model.config.width, generator=random, dtype=torch.float64)
    query = (1, 2, 4)
    found = shares(model, query, weights, preferences)
    p = (weights.unsqueeze(1) * preferences).sum(0)
    part = float(score_at(model, query, p) - score_at(model, query, torch.zeros_like(p)))
    assert float(found.sum()) == pytest.approx(part, abs=1e-12)
    torch.testing.assert_close(found, integrated_gradients(model, query, weights, preferences), rtol=0, atol=1e-8)


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-6, 9.99e-6, 1.01e-5, 1e-4])
def test_contributions_are_sharp_on_both_sides_of_the_switch_to_the_derivative(step):
    facts = random_facts(np.random.default_rng(0))
    model = model_for(facts)
    preferences = step * torch.tensor([[1.0, -1.0, 0.5]], dtype=torch.float64)
    found = shares(model, (0, 1, 2), torch.ones(1, dtype=torch.float64), preferences)
    nothing = torch.zeros(DIM, dtype=torch.float64)
    part = float(score_at(model, (0, 1, 2), preferences[0]) - score_at(model, (0, 1, 2), nothing))
    assert float(found.sum()) == pytest.approx(part, abs=1e-14)
    if step:
        assert float(found.sum()) == pytest.approx(part, rel=1e-3 if step < 1e-9 else 1e-6)


def test_a_user_without_a_preference_contributes_nothing():
    facts = random_facts(np.random.default_rng(0))
    preferences = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    found = shares(model_for(facts), (0, 1, 2), torch.tensor([0.5, 0.5], dtype=torch.float64), preferences)
    assert found[1] == 0.0
    assert found[0] != 0.0
