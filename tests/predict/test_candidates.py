"""Ranked candidates: rank, score, known split and rank without users, recomputed from the scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

import upgan
from tests import oracles
from tests.oracles import place
from tests.predict.toy import ENTITIES, QUERIES, SPLITS, ask, known_splits, make_run


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
