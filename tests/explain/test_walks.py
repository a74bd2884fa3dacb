"""What walks say, told path by path and user by user, against every path counted one by one."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch

import upgan
from tests.conftest import toy_tables
from tests.oracles import said as said_oracle
from tests.oracles import walks as oracle
from tests.predict.toy import make_quality_run
from upgan.case.documents import make_case
from upgan.case.reproduction import reproduce
from upgan.case.schema import from_document, to_document
from upgan.data.dataset import build_dataset
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.walks import all_ways, spoken_step
from upgan.render.csv_tables import walk_rows
from upgan.render.paths import walk_row
from upgan.render.words import said_words
from upgan.training.checkpoint import save_weights, seal_run
from upgan.types import INTERACTED, INVERSE_MARK, SAID


def draw_walks(walks, seed=0, said=1):
    """Listen to random paths with random weights, users on at most one step, who say ``said`` kinds of things."""
    random = np.random.default_rng(seed)
    kinds = len(walks.tau)
    every = [path for length in (1, 2, 3) for path in product(range(kinds + said), repeat=length)]
    every = [path for path in every if sum(kind >= kinds for kind in path) <= 1]
    for relation in range(kinds):
        chosen = sorted(every[place] for place in random.permutation(len(every))[: walks.paths.shape[1]])
        parts = random.uniform(0.2, 1.0, len(chosen)), random.normal(size=len(chosen)), random.normal(size=2 * kinds)
        walks.set(relation, chosen, *parts)
        walks.tau[relation] = float(random.uniform(0.5, 1.5))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """The toy catalogue with ratings and an order."""
    run = tmp_path_factory.mktemp("run") / "r"
    tables: dict[str, Any] = {**toy_tables()}
    random, count = np.random.default_rng(1), len(tables["interactions"])
    tables["interactions"]["rating"], tables["interactions"]["time"] = random.integers(1, 6, (2, count))
    dataset = build_dataset(name="toy", **tables)
    made = upgan.load(make_quality_run(run, dataset, "walks.enabled=true", "walks.paths=200"))
    model = made._run.model
    draw_walks(model.walks, said=3)
    save_weights(model, run / "model.safetensors")
    seal_run(run, dataset)
    return upgan.load(run)


@pytest.fixture(scope="module")
def explainer(predictor) -> CoInteractionExplainer:
    found = predictor.explainer()
    assert isinstance(found, CoInteractionExplainer)
    return found


def questions(data):
    return product(range(data.num_entities), range(2 * data.num_relations), range(data.num_entities))


def test_parts_add_up_to_the_score_of_the_ranking_with_and_without_users(predictor, explainer):
    data = predictor.dataset
    pairs = list(product(range(data.num_entities), range(2 * data.num_relations)))
    heads, relations = (torch.tensor(axis) for axis in zip(*pairs, strict=True))
    with_users, without = (predictor.score_queries(heads, relations, users=users) for users in (True, False))
    spoken = 0
    for head, relation, answer in list(questions(data))[::3]:
        found = explainer.influence(head, relation, answer)
        row = head * 2 * data.num_relations + relation
        assert found.score == pytest.approx(float(with_users[row, answer]), abs=5e-5)
        assert found.score_without_users == pytest.approx(float(without[row, answer]), abs=5e-5)
        assert abs(found.residual) < 1e-9
        spoken += bool(len(found.target.users)) and not found.target.weight.any()
    assert spoken, "users in the middle of a path are heard where nobody chose the target"


def test_every_path_and_every_users_share_is_that_of_a_loop_over_all_paths(predictor, explainer):
    data, model = predictor.dataset, explainer.model
    relations, entities = data.num_relations, data.num_entities
    facts = [tuple(row) for row in data.train.tolist()]
    kinds = explainer.edges.said
    assert [kind.name for kind in kinds] == list(SAID.values())
    said = [
        {(i, j): float(kind.weight[i, j]) for i, j in np.argwhere(kind.weight.toarray()).tolist()} for kind in kinds
    ]
    reads = [tuple(pair) for pair in data.interactions.tolist()]
    ratings, times = (dict(zip(reads, column.tolist(), strict=True)) for column in (data.ratings, data.times))
    terms = (
        lambda i, j: said_oracle.together(reads, i, j),
        lambda i, j: said_oracle.rated_alike(reads, ratings, i, j),
        lambda i, j: said_oracle.near_in_time(reads, times, i, j),
    )
    for head, relation in product(range(0, entities, 3), (0, 4)):
        told = [all_ways(model.walks, explainer.edges, head, relation, answer) for answer in range(entities)]
        for path, epsilon, gamma in zip(model.walks.paths_of(relation), *model.walks.said(relation), strict=True):
            expected: Any = defaultdict(dict)
            for nodes, weight in oracle.ways(facts, relations, said, entities, path, head):
                expected[nodes[-1]][nodes] = weight
            for answer in range(entities):
                ways = [each for each in told[answer] if each.path == path]
                assert len(ways) == bool(expected[answer])
                for each in ways:
                    found = {tuple(n): w for n, w in zip(each.nodes.tolist(), each.weight.tolist(), strict=True)}
                    assert found == pytest.approx(expected[answer], abs=1e-9)
                    total = sum(expected[answer].values())
                    assert each.value == pytest.approx(gamma * math.log(1 + total / epsilon), abs=1e-9)
    relation = 1  # whole: the users of both sides, over all its paths
    for head in range(0, entities, 2):
        parts: Any = {side: [defaultdict(float) for _ in range(entities)] for side in ("target", "answer")}
        for path, epsilon, gamma in zip(model.walks.paths_of(relation), *model.walks.said(relation), strict=True):
            step = next((place for place, kind in enumerate(path) if kind >= 2 * relations), None)
            if step is None:
                continue
            side = "answer" if step == len(path) - 1 and step else "target"
            every = list(oracle.ways(facts, relations, said, entities, path, head))
            reached: Any = defaultdict(float)
            for nodes, weight in every:
                reached[nodes[-1]] += weight
            for nodes, weight in every:
                i, j, answer = nodes[step], nodes[step + 1], nodes[-1]
                part = gamma * math.log(1 + reached[answer] / epsilon) * weight / reached[answer]
                heard = {user: term for user, term in terms[path[step] - 2 * relations](i, j).items() if term}
                for user, term in heard.items():
                    parts[side][answer][user] += part * term / sum(heard.values())
        for answer in range(entities):
            found = explainer._walked(explainer.ways(head, relation, answer), relation, answer)
            for side, users in (("target", found.target), ("answer", found.answer)):
                heard = dict(zip(users.users.tolist(), users.part.tolist(), strict=True))
                assert heard == pytest.approx(dict(parts[side][answer]), abs=1e-9)


@pytest.fixture(scope="module")
def asked(predictor, explainer):
    """The questions with most paths, by their names."""
    data = predictor.dataset
    heads = product(range(data.num_entities), range(data.num_relations), range(data.num_entities))
    walks = explainer.model.walks

    def heard(one):
        """Whether users are on a path, and how many paths there are."""
        ways = explainer.ways(*one)
        return any(spoken_step(each, walks) is not None for each in ways), sum(len(each.nodes) for each in ways)

    best = sorted(heads, key=heard, reverse=True)[:6]
    assert any(heard(one)[1] > 1 for one in best)
    names = data.entities, data.relations
    return [{"head": names[0][h], "relation": names[1][r], "answer": names[0][t]} for h, r, t in best]


@pytest.mark.parametrize("place", range(6))
def test_an_explanation_holds_the_paths_and_parts_that_add_up_to_the_score(predictor, asked, place):
    told = predictor.explain(top_walks=10**6, **asked[place])
    parts = {part.name: part.value for part in told.score_parts}
    assert sum(parts.values()) == pytest.approx(told.score, abs=1e-9)
    walked = parts["paths of facts"] + parts["paths through users"]
    assert sum(walk.contribution for walk in told.walks) == pytest.approx(walked, abs=1e-9)
    users = sum(user.contribution for user in (*told.users, *told.answer_users))
    assert parts["users' choices"] + parts["paths through users"] == pytest.approx(users, abs=1e-9)
    sizes = [abs(walk.contribution) for walk in told.walks]
    assert sizes == sorted(sizes, reverse=True)
    data = predictor.dataset
    read = {(data.users[u], data.entities[i]) for u, i in data.interactions.tolist()}
    names = data.entities, data.relations
    known = {(names[0][h], names[1][r], names[0][t]) for h, r, t in data.train.tolist()}
    for walk in told.walks:
        assert (walk.nodes[0].id, walk.nodes[-1].id) == (told.target.id, told.answer.id)
        assert any(node.role == "user" for node in walk.nodes) == bool(walk.users) == bool(walk.said)
        for (one, other), relation in zip(pairwise(walk.nodes), walk.relations, strict=True):
            if relation == INTERACTED:
                assert {(one.id, other.id), (other.id, one.id)} & read
            elif relation.endswith(INVERSE_MARK):
                assert (other.id, relation.removesuffix(INVERSE_MARK), one.id) in known
            else:
                assert (one.id, relation, other.id) in known
    assert any(walk.users for walk in told.walks)
    spoken = {walk.said: walk for walk in told.walks if walk.said}
    assert set(spoken) <= set(SAID.values())
    for walk in spoken.values():
        words = said_words(walk.said, walk.users)
        assert walk_row(walk)[2] == words
        assert words in {row["said"] for row in walk_rows(told, {})}
    few = predictor.explain(top_walks=2, **asked[place])
    assert few.walks == told.walks[:2]
    assert few.to_dict()["walks"][0]["contribution"] == few.walks[0].contribution


@pytest.mark.parametrize("real_ids", [True, False])
def test_a_case_file_holds_the_paths_and_is_computed_again(predictor, asked, real_ids):
    told = predictor.explain(**asked[0])
    document = to_document(make_case(told, predictor, real_ids=real_ids))
    again = reproduce(from_document(json.loads(json.dumps(document))), predictor)
    assert again.verdict == "reproduced", again.message
    assert {"walks", "parts of the score"} <= {group.name for group in again.differences}
    document["explanation"]["walks"][0]["contribution"] += 1.0
    assert reproduce(from_document(document), predictor).verdict == "differs"
    del document["explanation"]["walks"]
    del document["explanation"]["score_parts"]
    assert from_document(document).explanation.walks == (), "as files of earlier versions are"


def test_walks_that_were_not_fitted_change_nothing(toy_dataset, tmp_path):
    plain = upgan.load(make_quality_run(tmp_path / "plain", toy_dataset))
    silent = upgan.load(make_quality_run(tmp_path / "silent", toy_dataset, "walks.enabled=true"))
    assert silent.predict(head="b3", relation="by") == plain.predict(head="b3", relation="by")
