"""Weights, paths and contributions of users, against enumeration of every path and numerical integration."""

from __future__ import annotations

import copy
import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracles
from tests.oracles import Facts, hops, layered_edges, paths_down, random_facts
from upgan.attribution import (
    LayerSteps,
    backward_steps,
    contributions,
    forward_steps,
    heaviest_overall,
    heaviest_paths,
    trace,
    user_weights,
)
from upgan.config import ModelConfig, PropagationConfig
from upgan.data.dataset import KGDataset, build_dataset
from upgan.explainer import Explainer
from upgan.graph import build_graph
from upgan.model.discriminator import Discriminator

DIM = 3


def model_for(facts, seed=0, scale=1.0, **settings_of_model):
    config = ModelConfig(dim=DIM, propagation=PropagationConfig(activation="tanh"), **settings_of_model)
    model = Discriminator(facts.entities, facts.relations, facts.users, config).double()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return model.requires_grad_(False)


def oracle_weights(model):
    part = model.propagation
    return oracles.Weights(
        own=part.own.numpy(),
        relation=part.relation.numpy(),
        attention=part.attention.numpy().reshape(-1),
        activation="tanh",
    )


def world(seed, layers=(4, 4, 3, 2)):
    """Facts, graph, model, its propagation, and the same by loops."""
    facts = random_facts(np.random.default_rng(seed), layers=layers, extra=10)
    graph, model = build_graph(*facts.arrays()), model_for(facts, seed)
    states = oracles.propagate(facts, model.entity.numpy(), oracle_weights(model))
    return facts, graph, model, model.propagate(graph), states


def place_of(graph, node):
    """(layer, position) of a reachable node."""
    layer = int(graph.distance[node])
    return layer, graph.layers[layer].tolist().index(node)


# Weights -------------------------------------------------------------------------------------------------------------


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


# Heaviest paths ------------------------------------------------------------------------------------------------------


@st.composite
def layered_steps(draw):
    """Random layers 0 .. 3 with random edges whose values are few, so that products tie."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    steps = []
    for near, far in pairwise(sizes):
        edge = st.tuples(st.integers(0, far - 1), st.integers(0, near - 1), st.sampled_from([0.0, 0.25, 0.5, 1.0, 0.3]))
        edges = sorted(draw(st.lists(edge, max_size=9)), key=lambda e: e[0])
        start = np.searchsorted([e[0] for e in edges], np.arange(far + 1))
        values = np.array([e[2] for e in edges], dtype=np.float64)
        ends = np.array([e[1] for e in edges], dtype=np.int64)
        steps.append(LayerSteps(start.astype(np.int64), ends, np.zeros(len(edges), dtype=np.int64), values))
    return steps, sizes


def every_path(steps, layer, position):
    """(user, edges, weight) of each layered path down from a node."""
    if layer == 0:
        return [(position, (), 1.0)]
    step, found = steps[layer - 1], []
    for edge in range(int(step.start[position]), int(step.start[position + 1])):
        for user, edges, weight in every_path(steps, layer - 1, int(step.near[edge])):
            found.append((user, (edge, *edges), float(step.value[edge]) * weight))
    return found


@settings(deadline=None, max_examples=150)
@given(layered_steps(), st.integers(1, 3), st.data())
def test_the_heaviest_paths_are_those_of_brute_force(steps_and_sizes, count, data):
    """For every user its ``count`` heaviest, different paths; where weights tie, the weights decide."""
    steps, sizes = steps_and_sizes
    layer = len(sizes) - 1
    position = data.draw(st.integers(0, sizes[-1] - 1))
    paths = every_path(steps, layer, position)
    found = heaviest_paths(steps, layer, position, count)
    assert len(found) == layer + 1
    ends = found[-1].node.tolist()
    assert set(ends) == {user for user, _, _ in paths}
    for user in set(ends):
        expected = sorted((weight for end, _, weight in paths if end == user), reverse=True)[:count]
        places = [index for index, end in enumerate(ends) if end == user]
        assert sorted(found[-1].weight[places].tolist(), reverse=True) == pytest.approx(expected, abs=1e-15)
    walked = set()
    for index, weight in enumerate(found[-1].weight.tolist()):
        nodes, edges = trace(found, index)
        assert nodes[0] == position
        assert nodes[-1] == ends[index]
        for depth, edge in enumerate(edges):
            step = steps[layer - 1 - depth]
            assert step.start[nodes[depth]] <= edge < step.start[nodes[depth] + 1]
            assert step.near[edge] == nodes[depth + 1]
        product = np.prod([steps[layer - 1 - depth].value[edge] for depth, edge in enumerate(edges)])
        assert weight == pytest.approx(product, abs=1e-15)
        walked.add(tuple(edges))
    assert len(walked) == len(ends), "no path twice"


@pytest.mark.parametrize("seed", range(3))
def test_the_heaviest_paths_of_a_graph_are_those_of_brute_force(seed):
    facts, graph, _, propagated, states = world(seed, layers=(3, 3, 3, 3))
    steps = backward_steps(graph, propagated.alphas)
    for node in graph.layers[-1].tolist():
        paths = paths_down(facts, states.edges, states.alpha, node)
        layer, position = place_of(graph, node)
        found = heaviest_paths(steps, layer, position, 2)[-1]
        for user in range(facts.users):
            expected = sorted((p.weight for p in paths if p.nodes[-1] == facts.entities + user), reverse=True)[:2]
            np.testing.assert_allclose(sorted(found.weight[found.node == user])[::-1], expected, rtol=0, atol=1e-14)


# Contributions -------------------------------------------------------------------------------------------------------


def multiplied(left, right):
    """Vectors of real parts, then imaginary parts, as complex numbers multiplied one by one."""
    found = torch.complex(*left.chunk(2)) * torch.complex(*right.chunk(2))
    return torch.cat([found.real, found.imag])


def score_at(model, query, preference):
    """Eq. 7 with W2 and b2 on the candidate's side; ``query`` is (head, relation, answer)."""
    head, relation, answer = query
    v_h, v_r, v_t = model.entity[head], model.relation[relation], model.entity[answer]
    times = multiplied if model.config.product == "complex" else torch.mul
    hidden = model.w1 @ torch.cat([times(v_h, v_r), times(preference, v_r)]) + model.b1
    return (model.w2 @ v_t + model.b2) @ torch.tanh(hidden)


def integrated_gradients(model, query, weights, preferences, pieces=400):
    """Simpson's rule over the straight line from p = 0 to p_h, the gradient by autograd at every knot."""
    total = (weights.unsqueeze(1) * preferences).sum(0)
    mean = torch.zeros_like(total)
    for knot in range(2 * pieces + 1):
        p = (total * (knot / (2 * pieces))).requires_grad_()
        (grad,) = torch.autograd.grad(score_at(model, query, p), p)
        mean += grad * (1 if knot in (0, 2 * pieces) else 4 if knot % 2 else 2) / (6 * pieces)
    return weights * (preferences @ mean)


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
    found = contributions(model, *query, weights, preferences)
    p = (weights.unsqueeze(1) * preferences).sum(0)
    part = float(score_at(model, query, p) - score_at(model, query, torch.zeros_like(p)))
    assert float(found.sum()) == pytest.approx(part, abs=1e-12)
    torch.testing.assert_close(found, integrated_gradients(model, query, weights, preferences), rtol=0, atol=1e-8)


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-6, 9.99e-6, 1.01e-5, 1e-4])
def test_contributions_are_sharp_on_both_sides_of_the_switch_to_the_derivative(step):
    facts = random_facts(np.random.default_rng(0))
    model = model_for(facts)
    preferences = step * torch.tensor([[1.0, -1.0, 0.5]], dtype=torch.float64)
    found = contributions(model, 0, 1, 2, torch.ones(1, dtype=torch.float64), preferences)
    nothing = torch.zeros(DIM, dtype=torch.float64)
    part = float(score_at(model, (0, 1, 2), preferences[0]) - score_at(model, (0, 1, 2), nothing))
    assert float(found.sum()) == pytest.approx(part, abs=1e-14)
    if step:
        assert float(found.sum()) == pytest.approx(part, rel=1e-3 if step < 1e-9 else 1e-6)


def test_a_user_without_a_preference_contributes_nothing():
    facts = random_facts(np.random.default_rng(0))
    preferences = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    found = contributions(model_for(facts), 0, 1, 2, torch.tensor([0.5, 0.5], dtype=torch.float64), preferences)
    assert found[1] == 0.0
    assert found[0] != 0.0


# The explainer on whole datasets -------------------------------------------------------------------------------------


def dataset_of(facts: Facts) -> KGDataset:
    """Ids "e00" .. and "u0" .., so that numbers are those of the facts; repeated triples and reads once."""
    triples = sorted(set(facts.triples))
    frame = pd.DataFrame(
        [(f"e{h:02d}", f"r{r}", f"e{t:02d}", "train") for h, r, t in triples],
        columns=["head", "relation", "tail", "split"],
    )
    reads = pd.DataFrame([(f"u{u}", f"e{i:02d}") for u, i in sorted(set(facts.reads))], columns=["user", "item"])
    return build_dataset(
        name="facts",
        triples=frame,
        interactions=reads,
        entities=pd.DataFrame({"id": [f"e{number:02d}" for number in range(facts.entities)]}),
        relations=pd.DataFrame({"id": [f"r{number}" for number in range(facts.relations)]}),
    )


def explainer_of(dataset, facts, model):
    """The explainer of a model that has seen all of the facts."""
    return Explainer(dataset, build_graph(*facts.arrays()), dataset.train, dataset.interactions, model)


def explained_world(seed, **settings_of_model):
    facts = random_facts(np.random.default_rng(seed), layers=(4, 3, 3))
    dataset = dataset_of(facts)
    facts = dataclasses.replace(
        facts,
        triples=tuple(map(tuple, dataset.train.tolist())),
        reads=tuple(map(tuple, dataset.interactions.tolist())),
        users=dataset.num_users,
    )
    model = model_for(facts, seed, **settings_of_model)
    return facts, dataset, model, explainer_of(dataset, facts, model)


@pytest.mark.parametrize("product", ["distmult", "complex"])
@pytest.mark.parametrize("seed", range(3))
def test_influence_is_the_models_own_arithmetic_for_every_query(seed, product):
    facts, dataset, model, explainer = explained_world(seed, product=product)
    states = oracles.propagate(facts, model.entity.numpy(), oracle_weights(model))
    distance = hops(facts)
    nothing = torch.zeros(model.config.width, dtype=torch.float64)
    for head in range(facts.entities):
        query = (head, head % (2 * facts.relations), (head + 3) % facts.entities)
        influence = explainer.influence(*query)
        p = torch.tensor(states.preference[head])
        assert influence.score == pytest.approx(float(score_at(model, query, p)), abs=1e-12)
        assert influence.score_without_users == pytest.approx(float(score_at(model, query, nothing)), abs=1e-12)
        assert abs(influence.residual) < 1e-12
        weights = [share.weight for share in influence.users]
        assert weights == sorted(weights, reverse=True)
        if distance[head] < 0:
            assert influence.users == ()
            assert influence.effective_users == 0.0
            assert influence.score == influence.score_without_users
            continue
        assert sum(weights) == pytest.approx(1.0, abs=1e-12)
        assert influence.effective_users == pytest.approx(1 / sum(weight**2 for weight in weights), rel=1e-12)
        assert [dataset.users[number] for number in influence.order] == [share.id for share in influence.users]
        part = sum(share.contribution for share in influence.users)
        assert part == pytest.approx(influence.score - influence.score_without_users, abs=1e-12)


def named(facts, dataset):
    """Every layered edge by what an explanation shows of it: ids as walked from far to near, relation in words."""
    names = [*dataset.entities, *dataset.users]

    def word(kind):
        if kind >= 2 * facts.relations:
            return "interacted"
        return dataset.relations[kind % facts.relations] + ("⁻¹" if kind >= facts.relations else "")

    return names, word


@pytest.mark.parametrize("seed", range(3))
def test_paths_are_the_heaviest_of_each_chosen_user_in_words(seed):
    facts, dataset, model, explainer = explained_world(seed)
    states = oracles.propagate(facts, model.entity.numpy(), oracle_weights(model))
    names, word = named(facts, dataset)
    for target in [n for n, d in enumerate(hops(facts)[: facts.entities]) if d > 0]:
        users = np.array(sorted(oracles.user_weights(facts, states, target)), dtype=np.int64)
        every: dict[str, list[tuple]] = {}
        for path in paths_down(facts, states.edges, states.alpha, target):
            nodes = tuple(names[node] for node in reversed(path.nodes))
            relations = tuple(word(states.edges[place].seen_near) for place in reversed(path.edges))
            every.setdefault(nodes[0], []).append((path.weight, nodes, relations))
        shown = explainer.paths(target, 0, users)
        assert [path.weight for path in shown] == sorted((path.weight for path in shown), reverse=True)
        for user, candidates in every.items():
            theirs = [path for path in shown if path.nodes[0].id == user]
            best = sorted((weight for weight, _, _ in candidates), reverse=True)[:2]
            assert [path.weight for path in theirs] == pytest.approx(best, abs=1e-13)
            for path in theirs:
                assert path.weight == pytest.approx(float(np.prod(path.alphas)), abs=1e-14)
                known = [
                    (nodes, relations) for weight, nodes, relations in candidates if abs(weight - path.weight) < 1e-12
                ]
                assert (tuple(node.id for node in path.nodes), path.relations) in known
                assert (path.nodes[0].role, path.nodes[-1].role) == ("user", "target")
        assert explainer.paths(target, 0, users[:0]) == ()


@pytest.mark.parametrize("seed", range(3))
def test_evidence_is_the_heaviest_stage_1_path_from_the_answer_to_each_user(seed):
    facts, dataset, model, explainer = explained_world(seed)
    states = oracles.propagate(facts, model.entity.numpy(), oracle_weights(model))
    names, word = named(facts, dataset)
    everyone = np.arange(facts.users)[::-1]
    for answer in range(facts.entities):
        shown = explainer.evidence(0 if answer else 1, answer, everyone)
        paths = [] if hops(facts)[answer] < 0 else paths_down(facts, states.edges, states.coefficient, answer)
        reached = [user for user in everyone if any(p.nodes[-1] == facts.entities + user for p in paths)]
        assert [path.nodes[-1].id for path in shown] == [dataset.users[user] for user in reached], "in the users' order"
        for user, path in zip(reached, shown, strict=True):
            candidates = [p for p in paths if p.nodes[-1] == facts.entities + user]
            best = max(p.weight for p in candidates)
            assert float(np.prod(path.coefficients)) == pytest.approx(best, abs=1e-14)
            known = [
                (tuple(names[n] for n in p.nodes), tuple(word(states.edges[e].seen_far) for e in p.edges))
                for p in candidates
                if abs(p.weight - best) < 1e-12
            ]
            assert (tuple(node.id for node in path.nodes), path.relations) in known
            assert path.nodes[0].id == dataset.entities[answer]


@pytest.mark.parametrize("seed", range(4))
def test_context_holds_true_edges_among_the_shown_that_no_path_walks(seed):
    facts, dataset, _, explainer = explained_world(seed)
    for target, answer in [(0, 5), (4, 7), (9, 1)]:
        order = explainer.influence(target, 0, answer).order[:3]
        paths, evidence = explainer.paths(target, answer, order), explainer.evidence(target, answer, order)
        context = explainer.context(target, answer, paths, evidence)
        true = {(dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in facts.triples}
        true |= {(dataset.users[u], "interacted", dataset.entities[i]) for u, i in facts.reads}
        shown = {node.id for chain in [*paths, *evidence] for node in chain.nodes}
        shown |= {dataset.entities[target], dataset.entities[answer]}
        users_shown = {path.nodes[0].id for path in paths}
        walked = {fact for chain in [*paths, *evidence] for fact in facts_walked(chain)}
        assert walked <= true
        found = [(edge.source.id, edge.relation, edge.target.id) for edge in context]
        assert len(set(found)) == len(found)
        among = {(a, r, b) for a, r, b in true if {a, b} <= shown and (r != "interacted" or a in users_shown)}
        assert set(found) == among - walked


def facts_walked(chain):
    """The triples and interactions of a path of either stage, as the dataset spells them."""
    for a, b, relation in zip(chain.nodes, chain.nodes[1:], chain.relations, strict=False):
        if relation.endswith("⁻¹") or (relation == "interacted" and b.role == "user"):
            a, b = b, a
        yield a.id, relation.removesuffix("⁻¹"), b.id


def read_world(user_ids):
    """Items i and j share two readers and a fact within their layer; k is linked to i by two relations."""
    triples = [("i", "near", "j"), ("k", "by", "i"), ("k", "about", "i")]
    frame = pd.DataFrame([(*t, "train") for t in triples], columns=["head", "relation", "tail", "split"])
    reads = pd.DataFrame([(user, item) for user in user_ids for item in "ij"], columns=["user", "item"])
    dataset = build_dataset(name="ids", triples=frame, interactions=reads)
    facts = Facts(
        tuple(map(tuple, dataset.train.tolist())), tuple(map(tuple, dataset.interactions.tolist())), 3, len(user_ids), 3
    )
    return dataset, explainer_of(dataset, facts, model_for(facts))


@pytest.mark.parametrize("user_ids", [("u", "v"), ("i", "j")], ids=["own names", "the names of entities"])
def test_context_tells_a_user_from_an_entity_of_the_same_id(user_ids):
    """Numbered sources use 1, 2, 3 for users and items alike; the fact <i, near, j> is walked by no path."""
    dataset, explainer = read_world(user_ids)
    i, j = dataset.entity_index["i"], dataset.entity_index["j"]
    order = explainer.influence(i, 0, j).order
    paths, evidence = explainer.paths(i, j, order), explainer.evidence(i, j, order)
    context = explainer.context(i, j, paths, evidence)
    facts = [(edge.source.id, edge.relation, edge.target.id) for edge in context if edge.source.role != "user"]
    assert facts == [("i", "near", "j")]


def test_context_shows_the_parallel_fact_that_no_path_walks():
    """<k, by, i> and <k, about, i> are two edges; evidence walks one of them, the other is context."""
    dataset, explainer = read_world(("u", "v"))
    k, j = dataset.entity_index["k"], dataset.entity_index["j"]
    order = explainer.influence(j, 0, k).order
    paths, evidence = explainer.paths(j, k, order), explainer.evidence(j, k, order)
    walked = {relation.removesuffix("⁻¹") for chain in [*paths, *evidence] for relation in chain.relations} - {
        "interacted"
    }
    assert len(walked) == 1
    (other,) = {"by", "about"} - walked
    context = explainer.context(j, k, paths, evidence)
    assert ("k", other, "i") in [(edge.source.id, edge.relation, edge.target.id) for edge in context]


@pytest.mark.parametrize("case", ["switched off", "no interactions"])
def test_without_users_there_is_nothing_to_attribute(case):
    facts, dataset, model, _ = explained_world(0)
    if case == "switched off":
        model = copy.deepcopy(model)
        model.config = ModelConfig(dim=DIM, use_users=False)
    else:
        facts = dataclasses.replace(facts, reads=(), users=0)
        dataset = dataset_of(facts)
        model = model_for(facts)
    explainer = explainer_of(dataset, facts, model)
    influence = explainer.influence(0, 1, 2)
    assert influence.users == ()
    assert influence.residual == 0.0
    assert influence.score == influence.score_without_users
    assert explainer.paths(0, 2, influence.order) == ()
    assert explainer.evidence(0, 2, influence.order) == ()


@settings(deadline=None, max_examples=150)
@given(layered_steps(), st.integers(1, 6), st.data())
def test_the_heaviest_paths_overall_are_those_of_brute_force(steps_and_sizes, count, data):
    """Over all users together; ties may take either path, the weights are the same."""
    steps, sizes = steps_and_sizes
    layer = len(sizes) - 1
    position = data.draw(st.integers(0, sizes[-1] - 1))
    expected = sorted((weight for _, _, weight in every_path(steps, layer, position)), reverse=True)[:count]
    found = heaviest_overall(steps, layer, position, count)
    assert found[-1].weight.tolist() == pytest.approx(expected, abs=1e-15)
    walked = [trace(found, index) for index in range(len(found[-1].node))]
    assert len({tuple(edges) for _, edges in walked}) == len(expected), "no path twice"
    for (nodes, edges), weight in zip(walked, found[-1].weight.tolist(), strict=True):
        assert nodes[0] == position
        for depth, edge in enumerate(edges):
            step = steps[layer - 1 - depth]
            assert step.start[nodes[depth]] <= edge < step.start[nodes[depth] + 1]
            assert step.near[edge] == nodes[depth + 1]
        product = np.prod([steps[layer - 1 - depth].value[edge] for depth, edge in enumerate(edges)])
        assert weight == pytest.approx(product, abs=1e-15)
