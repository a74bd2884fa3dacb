"""The explainer on whole datasets: influence, paths, evidence and context, against the oracle's loops."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from tests import oracles
from tests.attributed import DIM, dataset_of, explained_world, explainer_of, model_for, oracle_weights, score_at
from tests.oracles import facts_of, hops, paths_down
from upgan.config.sections import ModelConfig
from upgan.data.dataset import build_dataset


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
        shown = explainer.evidence(0 if answer else 1, 0, answer, everyone)
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
        paths, evidence = explainer.paths(target, answer, order), explainer.evidence(target, 0, answer, order)
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
    facts = facts_of(dataset)
    return dataset, explainer_of(dataset, facts, model_for(facts))


@pytest.mark.parametrize("user_ids", [("u", "v"), ("i", "j")], ids=["own names", "the names of entities"])
def test_context_tells_a_user_from_an_entity_of_the_same_id(user_ids):
    """Numbered sources use 1, 2, 3 for users and items alike; the fact <i, near, j> is walked by no path."""
    dataset, explainer = read_world(user_ids)
    i, j = dataset.entity_index["i"], dataset.entity_index["j"]
    order = explainer.influence(i, 0, j).order
    paths, evidence = explainer.paths(i, j, order), explainer.evidence(i, 0, j, order)
    context = explainer.context(i, j, paths, evidence)
    facts = [(edge.source.id, edge.relation, edge.target.id) for edge in context if edge.source.role != "user"]
    assert facts == [("i", "near", "j")]


def test_context_shows_the_parallel_fact_that_no_path_walks():
    """<k, by, i> and <k, about, i> are two edges; evidence walks one of them, the other is context."""
    dataset, explainer = read_world(("u", "v"))
    k, j = dataset.entity_index["k"], dataset.entity_index["j"]
    order = explainer.influence(j, 0, k).order
    paths, evidence = explainer.paths(j, k, order), explainer.evidence(j, 0, k, order)
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
    assert explainer.evidence(0, 0, 2, influence.order) == ()
