"""Explanations of the bilinear score: the shares of both sides' users add up, to the score and one by one."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch

import upgan
from tests.predict.toy import EPSILON, make_quality_run
from upgan.config.settings import make_config
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.results import Changes
from upgan.render.caption import caption
from upgan.render.words import proof
from upgan.systems.build import build_model
from upgan.training.checkpoint import save_weights, seal_run, start_run


@pytest.fixture(scope="module", params=["complex", "distmult"])
def predictor(request, toy_dataset, tmp_path_factory):
    return upgan.load(
        make_quality_run(tmp_path_factory.mktemp("run") / "r", toy_dataset, f"model.product={request.param}")
    )


@pytest.fixture(scope="module")
def explainer(predictor) -> CoInteractionExplainer:
    found = predictor.explainer()
    assert isinstance(found, CoInteractionExplainer)
    return found


def questions(dataset):
    return product(range(dataset.num_entities), range(2 * dataset.num_relations), range(dataset.num_entities))


def test_score_and_score_without_users_are_those_of_the_ranking(predictor, explainer):
    data = predictor.dataset
    heads, relations = (
        torch.tensor(axis)
        for axis in zip(*product(range(data.num_entities), range(2 * data.num_relations)), strict=True)
    )
    with_users = predictor._scorer.scores(heads, relations)
    without = predictor._scorer.scores(heads, relations, users=False)
    for head, relation, answer in questions(data):
        found = explainer.influence(head, relation, answer)
        row = head * 2 * data.num_relations + relation
        assert found.score == pytest.approx(float(with_users[row, answer]), abs=2e-5)
        assert found.score_without_users == pytest.approx(float(without[row, answer]), abs=2e-5)


def test_weights_sum_to_1_on_each_side_and_shares_to_the_difference_of_the_scores(predictor, explainer):
    books = {predictor.dataset.entity_index[name] for name in ("b1", "b2", "b3")}
    for head, relation, answer in questions(predictor.dataset):
        found = explainer.influence(head, relation, answer)
        for item, users in ((head, found.users), (answer, found.answer_users)):
            assert bool(users) == (item in books)
            if users:
                assert sum(user.weight for user in users) == pytest.approx(1.0, abs=1e-12)
        assert abs(found.residual) < 1e-12


def test_each_users_share_equals_a_loop_over_its_paths(predictor, explainer):
    """Written from the formulas alone: every path item <- user <- other, one after the other."""
    data, model, co = predictor.dataset, explainer.model, explainer.co
    chose: dict[int, set[int]] = {user: set() for user in range(data.num_users)}
    for user, item in data.interactions.tolist():
        chose[user].add(item)
    items = len(set.union(*chose.values()))
    a = {user: math.log(1 + items / len(mine)) for user, mine in chose.items()}
    facts = {(h, r, t) for h, r, t in data.train.tolist()}
    facts |= {(t, r + data.num_relations, h) for h, r, t in facts}
    linked = {frozenset((h, t)) for h, _, t in facts}
    everyone = range(data.num_users)

    def count(i, j):
        return sum(a[u] for u in everyone if i in chose[u] and j in chose[u])

    def times(x, y):
        if model.config.product == "distmult":
            return x * y
        x, y = (torch.complex(*v.chunk(2)) for v in (x, y))
        return torch.cat([(x * y).real, (x * y).imag])

    def similar(i):
        others = [j for j in range(data.num_entities) if j != i and count(i, j)]
        cosine = {j: count(i, j) ** 3 / math.sqrt(count(i, i) * count(j, j)) ** 3 for j in others}
        kept = sorted(others, key=lambda j: (-cosine[j], j))[: co.neighbours]
        total = sum(cosine[j] for j in kept)
        return {j: cosine[j] / total for j in kept}

    def shares(item, read, channels):
        """User -> (weight, part) of one side."""
        weight, part = dict.fromkeys(everyone, 0.0), dict.fromkeys(everyone, 0.0)
        for j, share in similar(item).items():
            for u in everyone:
                if item in chose[u] and j in chose[u]:
                    weight[u] += share * a[u] / count(item, j)
                    part[u] += share * a[u] / count(item, j) * read(model.entity[j])
        for gamma, related in channels:
            f = {u: a[u] * sum(related(j) for j in chose[u] - {item}) * (item in chose[u]) for u in everyone}
            for u in everyone:
                if f[u]:
                    part[u] += gamma * math.log(1 + sum(f.values()) / EPSILON) * f[u] / sum(f.values())
        return {data.users[u]: (weight[u], part[u]) for u in everyone if item in chose[u]}

    for head, relation, answer in questions(data):
        found = explainer.influence(head, relation, answer)
        gamma = model.fusion.gamma[relation].tolist()
        target = shares(
            head,
            lambda v, r=relation, t=answer: float(times(v, model.target_relation[r]) @ model.entity[t]),
            [
                (gamma[0], lambda j, r=relation, t=answer: (j, r, t) in facts),
                (gamma[2], lambda j, t=answer: j == t),
                (gamma[3], lambda j, t=answer: frozenset((j, t)) in linked),
            ],
        )
        answered = shares(
            answer,
            lambda v, h=head, r=relation: float(times(model.entity[h], model.answer_relation[r]) @ v),
            [
                (gamma[1], lambda j, h=head, r=relation: (h, r, j) in facts),
                (gamma[4], lambda j, h=head: frozenset((h, j)) in linked),
            ],
        )
        for users, expected in ((found.users, target), (found.answer_users, answered)):
            told = {user.id: (user.weight, user.contribution) for user in users}
            for user, values in told.items():
                assert values == pytest.approx(expected[user], abs=1e-6)
            # Users with neither weight nor part need not be listed.
            assert all(max(map(abs, values)) < 1e-9 for user, values in expected.items() if user not in told)


def test_the_heaviest_users_paths_and_evidence_are_true_edges(predictor):
    read = {(predictor.dataset.users[u], predictor.dataset.entities[i]) for u, i in predictor.dataset.interactions}
    known = predictor.dataset.train[:, [0, 2]].tolist()
    known = {frozenset((predictor.dataset.entities[h], predictor.dataset.entities[t])) for h, t in known}
    seen = 0
    for question in ({"head": "b3", "answer": "a1"}, {"tail": "a1", "answer": "b3"}, {"head": "b2", "answer": "b3"}):
        relation = "linked" if question["answer"] == "b3" and "head" in question else "by"
        told = predictor.explain(relation=relation, top_users=5, **question)
        for path in (*told.paths, *told.answer_paths):
            assert (path.nodes[0].id, path.nodes[1].id) in read
            assert path.weight == path.alphas[0]
        for end, chains in ((told.answer, told.evidence), (told.target, told.answer_evidence)):
            for chain in chains:
                *facts, user = chain.nodes
                assert chain.nodes[0] == end
                assert (user.id, facts[-1].id) in read
                assert len(facts) == 1 or frozenset(node.id for node in facts) in known
                assert all(0 < value <= 1 for value in chain.coefficients)
                seen += 1
    assert seen > 3


def test_users_that_had_not_chosen_the_item_say_nothing_any_more(predictor, explainer):
    """Without any of an item's users the score is that without the side's users."""
    data, question = predictor.dataset, {"head": "b3", "relation": "by", "answer": "a1"}
    found = explainer.influence(data.entity_index["b3"], 0, data.entity_index["a1"])
    users = [user.id for user in found.users]

    def score_without(gone):
        changes = Changes(remove_interactions=tuple((user, "b3") for user in gone))
        return predictor.what_if(changes=changes, **question).after.score

    assert score_without(users) == pytest.approx(found.score_without_users, abs=1e-6)
    assert score_without([]) == pytest.approx(found.score, abs=1e-6)
    one_less = score_without(users[:1])
    assert np.isfinite(one_less)
    assert one_less != pytest.approx(found.score, abs=1e-9)


def test_without_users_there_is_nobody_to_explain_with(toy_dataset, tmp_path):
    run = make_quality_run(tmp_path / "run", toy_dataset, "model.use_users=false", "fusion.enabled=false")
    told = upgan.load(run).explain(head="b3", relation="by", answer="a1")
    assert not told.users
    assert not told.answer_users
    assert not told.paths
    assert told.score == told.score_without_users


def test_a_run_with_the_r_gcn_like_form_says_that_it_has_no_user_weights(toy_dataset, tmp_path):
    folder = tmp_path / "run"
    config = make_config("paper", assignments=["model.dim=4", "model.propagation.form=rgcn"])
    start_run(folder, config, toy_dataset)
    model = build_model(config, toy_dataset)
    save_weights(model, folder / "model.safetensors")
    seal_run(folder, toy_dataset)
    predictor = upgan.load(folder)
    rows = predictor.predict(head="b3", relation="by")
    assert len(rows) == 9
    told = predictor.explain(head="b3", relation="by", answer="a1")
    assert any("R-GCN" in sentence for sentence in told.limits)
    (row,) = [row for row in rows if row["id"] == "a1"]
    assert (told.score, told.rank) == (row["score"], row["rank"])
    assert told.score_without_users == row["score_without_users"] != told.score
    assert told.residual == told.score - told.score_without_users, "nobody's part is told"
    said = " ".join([caption(told), *proof(told)])
    assert "R-GCN" in said
    assert "it is not known how much each user adds" in said
