"""A checkpoint's answers against scores and ranks recomputed by hand; names, errors, threads, explanations."""

from __future__ import annotations

import dataclasses
import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import upgan
from tests import oracles
from tests.conftest import toy_tables
from tests.oracles import Facts, hops
from upgan.checkpoint import load_run, save_weights, seal_run, start_run
from upgan.config import make_config
from upgan.data.dataset import build_dataset
from upgan.errors import QueryError
from upgan.model.build import build_model
from upgan.predictor import Predictor

ENTITIES = ["a1", "a2", "b1", "b2", "b3", "c1", "c2", "s", "x"]
RELATIONS = ["by", "from", "linked"]
SPLITS = ("train", "valid", "test")


def make_run(folder, dataset, *assignments, constant=False):
    """A run with random weights, or with all scores equal."""
    torch.manual_seed(1)
    config = make_config(assignments=["model.dim=4", "model.propagation.activation=tanh", *assignments])
    model = build_model(config, dataset.num_entities, dataset.num_relations, dataset.num_users)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_() if constant else parameter.normal_(0.0, 0.7)
    start_run(folder, config, dataset)
    save_weights(model, folder / "model.safetensors")
    seal_run(folder, dataset)
    return folder


@pytest.fixture(scope="module")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run", toy_dataset)


@pytest.fixture(scope="module")
def predictor(run):
    """In float64, to be compared to the last digits."""
    loaded = load_run(run)
    return Predictor(dataclasses.replace(loaded, model=loaded.model.double()))


@pytest.fixture(scope="module")
def tables(predictor):
    """(9, 6, 9) scores with and without users, Eq. 2 - 8 by loops."""
    model, data = predictor._run.model, predictor.dataset
    facts = facts_of(data)
    part = model.propagation
    weights = oracles.Weights(
        own=part.own.numpy(),
        relation=part.relation.numpy(),
        attention=part.attention.numpy().reshape(-1),
        activation="tanh",
    )
    entity, relation = model.entity.numpy(), model.relation.numpy()
    states = oracles.propagate(facts, entity, weights)
    matrices = (model.w1.numpy(), model.b1.numpy(), model.w2.numpy(), model.b2.numpy())

    def scores(preference):
        return np.array(
            [
                [
                    [oracles.discriminator_score(entity[h], v_r, preference[h], v_t, matrices) for v_t in entity]
                    for v_r in relation
                ]
                for h in range(len(entity))
            ]
        )

    return scores(states.preference), scores({node: np.zeros(4) for node in range(len(entity))})


def facts_of(data):
    return Facts(
        tuple(map(tuple, data.train.tolist())),
        tuple(map(tuple, data.interactions.tolist())),
        data.num_entities,
        data.num_users,
        data.num_relations,
    )


def place(scores, entity):
    """Position in the ranked list, 1 is best; ties by entity order."""
    order = sorted(range(len(scores)), key=lambda e: (-scores[e], e))
    return order.index(entity) + 1


def known_splits(data, entity, relation):
    """Answer -> split of a query (relation 0 .. 2R-1)."""
    found = {}
    for split in SPLITS:
        for h, r, t in data.triples(split).tolist():
            if relation < 3 and (h, r) == (entity, relation):
                found[t] = split
            if relation >= 3 and (t, r + 3) == (entity, relation):
                found[h] = split
    return found


QUERIES = [(entity, relation) for entity in range(9) for relation in range(6)]


def ask(entity, relation):
    """A query's numbers as the arguments a user gives."""
    if relation < 3:
        return {"head": ENTITIES[entity], "relation": RELATIONS[relation]}
    return {"tail": ENTITIES[entity], "relation": RELATIONS[relation - 3]}


# Scores --------------------------------------------------------------------------------------------------------------


def test_score_tails_gives_a_row_per_query_and_a_column_per_entity_in_order(predictor, tables):
    heads, relations = [ENTITIES[e] for e, r in QUERIES if r < 3], [RELATIONS[r] for _, r in QUERIES if r < 3]
    found = predictor.score_tails(heads, relations)
    assert found.shape == (27, 9)
    np.testing.assert_allclose(found, tables[0][:, :3].reshape(27, 9), rtol=0, atol=1e-12)
    assert predictor.entities == ENTITIES
    assert predictor.relations == RELATIONS


def test_score_heads_asks_the_inverse_relation(predictor, tables):
    tails, relations = [ENTITIES[e] for e, r in QUERIES if r < 3], [RELATIONS[r] for _, r in QUERIES if r < 3]
    found = predictor.score_heads(relations, tails)
    np.testing.assert_allclose(found, tables[0][:, 3:].reshape(27, 9), rtol=0, atol=1e-12)


def test_scores_are_float32_from_a_run_as_it_was_saved(run, tables):
    found = upgan.load(run).score_tails(ENTITIES, ["by"] * 9)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    np.testing.assert_allclose(found, tables[0][:, 0], rtol=0, atol=1e-4)


def test_scores_take_labels_and_empty_lists_and_refuse_lists_of_different_length(predictor):
    assert torch.equal(predictor.score_tails(["B1"], ["written by"]), predictor.score_tails(["b1"], ["by"]))
    assert predictor.score_tails([], []).shape == (0, 9)
    assert predictor.score_heads([], []).shape == (0, 9)
    with pytest.raises(QueryError, match="2 and 1 names"):
        predictor.score_tails(["b1", "b2"], ["by"])
    with pytest.raises(QueryError, match="1 and 2 names"):
        predictor.score_heads(["by"], ["b1", "b2"])


def test_scores_handed_out_do_not_change_later_ones(predictor):
    first = predictor.score_tails(["b1"], ["by"])
    copy = first.clone()
    first.fill_(math.nan)
    assert torch.equal(predictor.score_tails(["b1"], ["by"]), copy)


# Candidates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4, 9, 1000])
def test_candidates_equal_those_recomputed_from_the_scores(predictor, tables, k):
    """rank, score, known split, filtered rank and rank without users, for every query in both directions."""
    data = predictor.dataset
    for entity, relation in QUERIES:
        scores, without = tables[0][entity, relation], tables[1][entity, relation]
        known = known_splits(data, entity, relation)
        rows = predictor.predict(**ask(entity, relation), k=k)
        assert [row["rank"] for row in rows] == list(range(1, min(k, 9) + 1)), "k larger than E gives all"
        for row in rows:
            number = ENTITIES.index(row["id"])
            assert row["label"] == row["id"].upper()
            assert row["score"] == pytest.approx(scores[number], abs=1e-12)
            assert row["known"] == known.get(number)
            assert row["rank"] == place(scores, number)
            assert row["rank_without_users"] == place(without, number)
            assert row["filtered_rank"] == oracles.filtered_rank(scores, number, known)


def test_tied_candidates_keep_the_order_of_entities_and_share_their_filtered_rank(toy_dataset, tmp_path):
    predictor = upgan.load(make_run(tmp_path / "run", toy_dataset, constant=True))
    rows = predictor.predict(head="b3", relation="by", k=9)
    assert [row["id"] for row in rows] == ENTITIES
    assert [row["rank_without_users"] for row in rows] == list(range(1, 10))
    # b3 by a2 (train) and by a1 (test): a known answer ties with the 7 unknown entities, these with 6 others.
    expected = [4.5 if row["known"] else 4.0 for row in rows]
    assert [row["filtered_rank"] for row in rows] == expected


def test_the_split_of_a_known_answer_is_named(predictor):
    known = {row["id"]: row["known"] for row in predictor.predict(head="b2", relation="linked", k=9)}
    assert {name: split for name, split in known.items() if split} == {"b3": "train", "s": "valid"}
    known = {row["id"]: row["known"] for row in predictor.predict(tail="a1", relation="by", k=9)}
    assert {name: split for name, split in known.items() if split} == {"b1": "train", "b2": "train", "b3": "test"}


def test_candidates_and_explanations_are_json(predictor):
    json.dumps(predictor.predict(head="b3", relation="by"), allow_nan=False)
    json.dumps(predictor.explain(head="b3", relation="by", answer="a1").to_dict(), allow_nan=False)


@pytest.mark.parametrize("split", SPLITS)
def test_the_ranks_of_a_split_are_the_filtered_ranks_of_its_queries(predictor, tables, split):
    ranking, data = predictor.rank(split), predictor.dataset
    triples = data.triples(split).tolist()
    asked = [(h, r, t) for h, r, t in triples] + [(t, r + 3, h) for h, r, t in triples]
    expected = [oracles.filtered_rank(tables[0][e, r], answer, known_splits(data, e, r)) for e, r, answer in asked]
    np.testing.assert_allclose(ranking.ranks, expected, rtol=0, atol=1e-12)


def test_only_training_triples_are_edges(predictor):
    assert predictor.graph.num_triples == 9
    assert predictor.layer("x") == -1
    assert [predictor.layer(name) for name in ("b1", "a1", "c1")] == [1, 2, 3]


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{}, {"head": "b1", "tail": "a1"}])
def test_exactly_one_of_head_and_tail_is_asked_for(predictor, arguments):
    for ask_it in (predictor.predict, predictor.query):
        with pytest.raises(QueryError, match="exactly one"):
            ask_it(relation="by", **arguments)
    with pytest.raises(QueryError, match="exactly one"):
        predictor.explain(relation="by", answer="a1", **arguments)


def test_a_missing_relation_answer_or_a_senseless_number_is_refused(predictor):
    with pytest.raises(QueryError, match="relation"):
        predictor.predict(head="b1")
    with pytest.raises(QueryError, match="answer"):
        predictor.explain(head="b1", relation="by")
    with pytest.raises(QueryError, match="k = 0"):
        predictor.predict(head="b1", relation="by", k=0)
    with pytest.raises(QueryError, match="top_users = -1"):
        predictor.explain(head="b1", relation="by", answer="a1", top_users=-1)


@pytest.fixture(scope="module")
def titled(tmp_path_factory):
    """The toy catalogue with titles long enough to be misspelt."""
    frames = toy_tables()
    titles = {"b1": "Silverthorn", "b2": "Silver Road", "a1": "Raymond Feist"}
    frames["entities"]["label"] = [titles.get(name, name) for name in frames["entities"]["id"]]
    dataset = build_dataset(name="toy", **frames)  # type: ignore[arg-type]
    return upgan.load(make_run(tmp_path_factory.mktemp("runs") / "run", dataset))


@pytest.mark.parametrize(
    "call",
    [
        lambda p, name: p.predict(head=name, relation="by"),
        lambda p, name: p.predict(tail=name, relation="by"),
        lambda p, name: p.explain(head="b1", relation="by", answer=name),
        lambda p, name: p.explain(head=name, relation="by", answer="b1"),
        lambda p, name: p.score_tails([name], ["by"]),
        lambda p, name: p.score_heads(["by"], [name]),
        lambda p, name: p.layer(name),
        lambda p, name: p.relations_of(name),
    ],
)
def test_an_unknown_entity_is_named_with_suggestions(titled, call):
    with pytest.raises(QueryError, match=r"no entity .*'Silverton'.*nearest: b1 \(Silverthorn\)") as caught:
        call(titled, "Silverton")
    assert caught.value.exit_code == 2


def test_an_unknown_relation_is_named_with_suggestions(predictor):
    for call in (
        lambda: predictor.predict(head="b1", relation="link"),
        lambda: predictor.score_tails(["b1"], ["link"]),
        lambda: predictor.explain(head="b1", relation="link", answer="a1"),
    ):
        with pytest.raises(QueryError, match=r"no relation .*'link'.*linked"):
            call()


def test_an_ambiguous_label_lists_the_ids_and_a_unique_one_is_enough(toy_frames, tmp_path):
    labels = toy_frames["entities"].set_index("id")["label"]
    labels[["a1", "a2"]] = "Jane Doe"
    toy_frames["entities"]["label"] = labels.to_numpy()
    predictor = upgan.load(make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames)))
    with pytest.raises(QueryError, match=r"a1 \(Jane Doe\); a2 \(Jane Doe\)"):
        predictor.predict(head="Jane Doe", relation="from")
    assert predictor.predict(head="a2", relation="comes from")[0]["score"] is not None
    assert predictor.query(head="B1", relation="written by").to_dict() == {"head": "b1", "relation": "by", "tail": None}
    assert predictor.query(tail="c1", relation="from").to_dict() == {"head": None, "relation": "from", "tail": "c1"}


def test_relations_of_an_entity_are_those_of_its_kind(predictor):
    assert predictor.relations_of("b3") == {"head": ["by", "linked"], "tail": ["linked"]}
    assert predictor.relations_of("x") == {"head": ["from"], "tail": ["by"]}, "an author, though in no training triple"


def test_relations_of_an_entity_without_a_kind_are_its_own(toy_frames, tmp_path):
    toy_frames["entities"] = toy_frames["entities"][["id", "label"]]
    predictor = upgan.load(make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames)))
    assert predictor.relations_of("a1") == {"head": ["from"], "tail": ["by"]}  # entity number 0
    assert predictor.relations_of("b3") == {"head": ["by"], "tail": ["linked"]}
    assert predictor.relations_of("x") == {"head": [], "tail": []}


# Explanations --------------------------------------------------------------------------------------------------------


def explain(predictor, entity, relation, answer, **more):
    return predictor.explain(**ask(entity, relation), answer=ENTITIES[answer], **more)


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
    assert any("distmult" in sentence for sentence in told.limits)
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


# Threads -------------------------------------------------------------------------------------------------------------


def test_eight_threads_get_the_answers_of_one(run):
    """On a predictor that nobody has asked anything yet, so that its lazy parts are made by whoever comes first."""

    def everything(predictor, shift):
        found = {}
        for step in range(0, len(QUERIES), 5):
            entity, relation = QUERIES[(step + 15 * shift) % len(QUERIES)]
            rows = predictor.predict(**ask(entity, relation), k=9)
            explanation = explain(predictor, entity, relation, (entity + 1) % 9)
            scores = predictor.score_tails([ENTITIES[entity]], ["by"]).tolist()
            found[entity, relation] = (rows, explanation, scores, predictor.relations_of(ENTITIES[entity]))
        return found

    alone = upgan.load(run)
    expected = [everything(alone, shift) for shift in range(8)]
    fresh = upgan.load(run)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(everything, [fresh] * 8, range(8))) == expected
