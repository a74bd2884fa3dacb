"""An explanation's numbers against those of the ranking, and what it says of the toy counted by hand."""

from __future__ import annotations

import math

import pytest

import upgan
from tests import oracles
from tests.oracles import facts_of, hops, place
from tests.predict.toy import ENTITIES, QUERIES, explain, known_splits, make_run
from upgan.data.dataset import build_dataset


def test_an_explanations_numbers_are_those_of_the_ranking(predictor, tables):
    """Score, ranks with and without users, filtered or not, known split; every query, three answers each."""
    for entity, relation in QUERIES:
        known = known_splits(predictor.dataset, entity, relation)
        for answer in (0, 4, 8):
            scores, without = tables[0][entity, relation], tables[1][entity, relation]
            found = explain(predictor, entity, relation, answer)
            assert found.score == pytest.approx(scores[answer], abs=1e-12)
            assert found.score_without_users == pytest.approx(without[answer], abs=1e-12)
            assert (found.rank, found.rank_without_users) == (place(scores, answer), place(without, answer))
            assert found.filtered_rank == oracles.filtered_rank(scores, answer, known)
            assert found.filtered_rank_without_users == oracles.filtered_rank(without, answer, known)
            assert found.known == known.get(answer)
            assert found.inverse == (relation >= 3)
            assert (found.target.id, found.answer.id) == (ENTITIES[entity], ENTITIES[answer])
            assert abs(found.residual) < 1e-12


def test_weights_of_all_users_sum_to_1_and_contributions_to_what_users_add(predictor):
    distance = hops(facts_of(predictor.dataset))
    for entity in range(8):
        found = explain(predictor, entity, 1, 5, top_users=2)
        assert distance[entity] > 0
        assert math.fsum(user.weight for user in found.users) == pytest.approx(1.0, abs=1e-12)
        part = math.fsum(user.contribution for user in found.users)
        assert part == pytest.approx(found.score - found.score_without_users, abs=1e-12)
        assert 1.0 <= found.effective_users <= 5.0
        shown = {path.nodes[0].id for path in found.paths}
        assert shown == {user.id for user in found.users[:2]}, "paths of the heaviest users only, weights of all"


def test_evidence_carries_one_over_the_number_of_forward_edges(predictor):
    """Of the near node, counted by hand: u1 reads b1 b2; b1 has a1, s; b3 has a2, s; a1 has c1; a2 has c1, c2."""
    forward = {"u1": 2, "u2": 2, "u3": 3, "u4": 1, "u5": 2, "b1": 2, "b2": 1, "b3": 2, "a1": 1, "a2": 2}
    seen = 0
    for answer in range(8):
        for target in (2, 3, 4):
            for path in explain(predictor, target, 0, answer).evidence:
                nodes = [node.id for node in path.nodes]
                assert nodes[0] == ENTITIES[answer]
                assert nodes[-1].startswith("u")
                assert path.coefficients == tuple(1 / forward[near] for near in nodes[1:])
                assert [node.layer for node in path.nodes] == list(range(path.nodes[0].layer, -1, -1))
                seen += 1
    assert seen > 40


def test_an_explanation_of_the_toy_by_hand(predictor):
    """<a1, from, ?>: a1 stands on b1 and b2, so u4 (b3 alone) has no part; c1 reached u1 over both."""
    found = predictor.explain(head="a1", relation="from", answer="c1", top_users=10)
    assert {user.id for user in found.users} == {"u1", "u2", "u3", "u5"}
    for path in found.paths:
        assert [node.layer for node in path.nodes] == [0, 1, 2]
        assert path.relations == ("interacted", "by")
        assert path.nodes[-1].role == "target"
    for path in found.evidence:
        assert path.relations in {("from⁻¹", "by⁻¹", "interacted")}
        assert path.nodes[0].role == "answer"
    per_book = {user: [path.weight for path in found.paths if path.nodes[0].id == user] for user in ("u1", "u2")}
    assert [len(weights) for weights in per_book.values()] == [2, 1]
    by_id = {user.id: user.weight for user in found.users}
    assert by_id["u1"] == pytest.approx(sum(per_book["u1"]), abs=1e-14)
    assert by_id["u2"] == pytest.approx(sum(per_book["u2"]), abs=1e-14)


def test_an_unreachable_target_has_no_users_and_the_same_ranks_without_them(predictor):
    for answer in range(9):
        found = predictor.explain(head="x", relation="from", answer=ENTITIES[answer])
        assert (found.users, found.paths, found.evidence) == ((), (), ())
        assert found.score == found.score_without_users
        assert found.rank == found.rank_without_users
        assert found.filtered_rank == found.filtered_rank_without_users
        assert (found.residual, found.effective_users) == (0.0, 0.0)
        assert found.target.layer == -1


def test_an_unreachable_answer_has_no_evidence(predictor):
    found = predictor.explain(head="a1", relation="from", answer="x")
    assert found.users
    assert found.paths
    assert found.evidence == ()


def test_no_user_may_be_asked_for(predictor):
    found = predictor.explain(head="a1", relation="from", answer="c1", top_users=0)
    assert (found.paths, found.evidence) == ((), ())
    assert len(found.users) == 4


def test_the_target_may_be_its_own_answer(predictor):
    found = predictor.explain(head="b1", relation="linked", answer="b1")
    assert found.target.id == found.answer.id == "b1"
    assert abs(found.residual) < 1e-12


def test_the_json_has_the_contracts_keys(predictor):
    document = predictor.explain(head="a1", relation="from", answer="c1").to_dict()
    contract = {
        "query", "answer", "score", "rank", "score_without_users", "rank_without_users", "users", "answer_users",
        "paths", "evidence", "residual",
    }  # fmt: skip
    assert contract <= set(document)
    assert document["query"] == {"head": "a1", "relation": "from", "tail": None}
    assert document["answer"] == "c1"
    assert set(document["users"][0]) == {"id", "weight", "contribution"}
    assert {"nodes", "relations", "alphas", "weight"} <= set(document["paths"][0])
    assert document["paths"][0]["nodes"][-1] == "a1"
    assert document["evidence"][0]["nodes"][0] == "c1"
    assert document["dataset_fingerprint"] == predictor.dataset.fingerprint
    assert document["run_fingerprint"] == predictor.fingerprint
    candidate = predictor.predict(head="a1", relation="from")[0]
    assert {"rank", "id", "label", "score", "known", "rank_without_users"} <= set(candidate)


def test_a_distmult_run_answers_and_its_explanation_says_that_it_hears_no_users(toy_dataset, tmp_path):
    predictor = upgan.load(make_run(tmp_path / "run", toy_dataset, "model_name=distmult"))
    rows = predictor.predict(head="b3", relation="by", k=9)
    assert all(row["rank"] == row["rank_without_users"] for row in rows)
    assert all(row["score"] == row["score_without_users"] for row in rows)
    told = predictor.explain(head="b3", relation="by", answer="a1")
    assert any("(DistMult) does not use interactions" in sentence for sentence in told.limits)
    (row,) = [row for row in rows if row["id"] == "a1"]
    assert (told.score, told.rank, told.known, told.residual) == (row["score"], row["rank"], "test", 0.0)
    assert (len(told.users), told.paths, told.evidence) == (0, (), ())


@pytest.mark.parametrize("case", ["no interactions", "users switched off"])
def test_a_run_without_users_explains_with_none(toy_frames, tmp_path, case):
    if case == "no interactions":
        toy_frames["interactions"] = toy_frames["interactions"][:0]
    settings = ["model.use_users=false"] if case == "users switched off" else []
    predictor = upgan.load(make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames), *settings))
    found = predictor.explain(head="b3", relation="by", answer="a1")
    assert found.users == ()
    assert found.rank == found.rank_without_users
    assert found.score == found.score_without_users
