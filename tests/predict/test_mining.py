"""Mined cases against ranks computed one query at a time from the scores."""

from __future__ import annotations

import numpy as np
import pytest

import upgan
from tests.oracles.ranking import filtered_rank
from tests.ui import made
from upgan.errors import QueryError
from upgan.predict.mining import mine


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "tiny"
    made.make_run(run)
    return upgan.load(run)


def slow_rank(predictor, query, answer, *, users):
    """The filtered rank of one answer by counting, ties at half."""
    data = predictor.dataset
    known = {
        head if query.head is None else tail
        for split in ("train", "valid", "test")
        for head, relation, tail in data.triples(split).tolist()
        if data.relations[relation] == query.relation
        and (data.entities[tail] == query.tail if query.head is None else data.entities[head] == query.head)
    }
    rows = predictor.predict(head=query.head, relation=query.relation, tail=query.tail, k=len(predictor.entities))
    by_name = {row["id"]: row["score" if users else "score_without_users"] for row in rows}
    scores = [by_name[name] for name in predictor.entities]
    own = data.entity_index[answer]
    return filtered_rank(scores, own, known)


@pytest.mark.parametrize("split", ["test", "valid"])
def test_every_query_has_its_brute_force_ranks(predictor, split):
    triples = predictor.dataset.triples(split)
    mined = mine(predictor, split, n=10 * len(triples))
    assert mined.queries == 2 * len(triples) > 0
    assert len(mined.up) == mined.moved_up
    assert len(mined.down) == mined.moved_down
    for case in (*mined.up, *mined.down):
        assert case.rank == slow_rank(predictor, case.query, case.answer, users=True)
        assert case.rank_without_users == slow_rank(predictor, case.query, case.answer, users=False)


def test_no_query_is_missed_and_both_lists_are_in_order(predictor):
    data = predictor.dataset
    gains = []
    for head, relation, tail in data.test.tolist():
        names = data.entities[head], data.relations[relation], data.entities[tail]
        for query, answer in (
            (predictor.query(head=names[0], relation=names[1]), names[2]),
            (predictor.query(relation=names[1], tail=names[2]), names[0]),
        ):
            pair = [slow_rank(predictor, query, answer, users=users) for users in (True, False)]
            gains.append(1 / pair[0] - 1 / pair[1])
    mined = mine(predictor, "test", n=100)
    assert [case.reciprocal_rank_difference for case in mined.up] == pytest.approx(
        sorted((g for g in gains if g > 0), reverse=True)
    )
    assert [case.reciprocal_rank_difference for case in mined.down] == pytest.approx(sorted(g for g in gains if g < 0))
    assert mined.mrr is not None
    assert mined.mrr_without_users is not None
    assert mined.mrr - mined.mrr_without_users == pytest.approx(np.mean(gains))


def test_n_cuts_both_lists_and_keeps_the_most_moved(predictor):
    everything, one = mine(predictor, "test", n=100), mine(predictor, "test", n=1)
    assert one.up == everything.up[:1]
    assert one.down == everything.down[:1]
    assert (one.moved_up, one.moved_down) == (everything.moved_up, everything.moved_down)


def test_progress_counts_both_rankings_as_one(predictor):
    heard: list[tuple[int, int]] = []
    mine(predictor, "test", 1, lambda done, total: heard.append((done, total)))
    queries = 2 * len(predictor.dataset.test)
    assert heard[-1] == (2 * queries, 2 * queries)
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})


def test_a_run_without_users_has_nothing_to_mine(tmp_path):
    made.make_run(tmp_path / "plain", model="distmult")
    with pytest.raises(QueryError, match="has no users"):
        mine(upgan.load(tmp_path / "plain"))
