"""`upgan complete` against a list of all triples that there could be, scored one query at a time."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

import upgan
from tests.command_line import here, refused
from tests.predict.toy import make_run
from upgan.errors import QueryError
from upgan.predict.completion import COLUMNS, complete


@pytest.fixture(scope="module")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run", toy_dataset)


@pytest.fixture(scope="module")
def predictor(run):
    return upgan.load(run)


def softmax(scores):
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


def by_hand(predictor, *, anywhere):
    """Every unknown triple with the larger of its two shares, from one query at a time."""
    data = predictor.dataset
    known = {tuple(row) for split in ("train", "valid", "test") for row in data.triples(split).tolist()}
    kinds = data.entity_kinds
    heads = {(r, kinds[h]) for h, r, _ in data.train.tolist()}
    tails = {(r, kinds[t]) for _, r, t in data.train.tolist()}
    found = {}
    for r, relation in enumerate(data.relations):
        for h, head in enumerate(data.entities):
            tail_shares = softmax(predictor.score_tails([head], [relation])[0].double().numpy())
            for t, tail in enumerate(data.entities):
                if h == t or (h, r, t) in known:
                    continue
                if not anywhere and ((r, kinds[h]) not in heads or (r, kinds[t]) not in tails):
                    continue
                head_shares = softmax(predictor.score_heads([relation], [tail])[0].double().numpy())
                found[head, relation, tail] = max(tail_shares[t], head_shares[h])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@pytest.mark.parametrize("anywhere", [False, True])
def test_all_unknown_triples_are_ranked_by_the_larger_of_their_two_shares(predictor, anywhere):
    expected = by_hand(predictor, anywhere=anywhere)
    table = complete(predictor, top=10_000, anywhere=anywhere)
    assert len(expected) > 10
    assert set(zip(table["head"], table["relation"], table["tail"], strict=True)) == set(expected)
    assert len(table) == len(expected), "each triple once"
    shares = [expected[triple] for triple in zip(table["head"], table["relation"], table["tail"], strict=True)]
    np.testing.assert_allclose(table["share"], shares, rtol=1e-5)
    assert (table["share"].diff().dropna() <= 0).all()
    assert list(table.columns) == list(COLUMNS)


def test_fewer_are_the_first_of_all(predictor):
    pd.testing.assert_frame_equal(complete(predictor, top=7), complete(predictor, top=10_000).head(7))


def test_one_block_or_many_are_the_same(predictor, monkeypatch):
    whole = complete(predictor, top=15)
    monkeypatch.setattr("upgan.predict.completion.SCORES_PER_BLOCK", 20)
    told = []
    # Blocks of other sizes sum in another order: the last digits may differ.
    pd.testing.assert_frame_equal(complete(predictor, top=15, progress=lambda *at: told.append(at)), whole, rtol=1e-5)
    assert len(told) > 3
    assert told[-1][0] == told[-1][1]


def test_a_relation_alone_by_its_label(predictor):
    table = complete(predictor, relation="by", top=10_000)
    assert set(table["relation"]) == {"by"}
    everything = complete(predictor, top=10_000)
    assert len(table) == (everything["relation"] == "by").sum()


def test_rank_and_score_are_those_of_the_query_it_was_asked_in(predictor):
    for row in complete(predictor, top=12).to_dict("records"):
        asked = {"tail": row["tail"]} if row["asked"] == "head" else {"head": row["head"]}
        answer = row["head"] if row["asked"] == "head" else row["tail"]
        candidates = predictor.predict(**asked, relation=row["relation"], k=len(predictor.entities))
        mine = next(candidate for candidate in candidates if candidate["id"] == answer)
        assert mine["known"] is None
        assert row["score"] == pytest.approx(mine["score"], rel=1e-5)
        better = [one for one in candidates if one["known"] is None and one["score"] > mine["score"]]
        assert row["rank"] == 1 + len(better)


def test_without_users_its_share_is_that_of_p_0(predictor):
    data, row = predictor.dataset, complete(predictor, top=1).iloc[0]
    asked = row["tail"] if row["asked"] == "head" else row["head"]
    relation = data.relation_index[row["relation"]] + (len(data.relations) if row["asked"] == "head" else 0)
    answer = data.entity_index[row["head"] if row["asked"] == "head" else row["tail"]]
    query = torch.tensor([data.entity_index[asked]]), torch.tensor([relation])
    scores = predictor.score_queries(*query, users=False)[0].double().numpy()
    assert row["share_without_users"] == pytest.approx(softmax(scores)[answer], rel=1e-5)


def test_a_top_of_none_and_an_unknown_relation_are_refused(predictor):
    with pytest.raises(QueryError, match="top = 0"):
        complete(predictor, top=0)
    with pytest.raises(QueryError, match="nope"):
        complete(predictor, relation="nope")


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_the_command_writes_each_format(run, predictor, tmp_path, suffix):
    out = tmp_path / f"missing{suffix}"
    done = here("complete", run, "--top", 9, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    if suffix == ".csv":
        table = pd.read_csv(out, encoding="utf-8-sig")
    elif suffix == ".json":
        table = pd.DataFrame(json.loads(out.read_text(encoding="utf-8")))
    else:
        table = pd.read_parquet(out)
    expected = complete(predictor, top=9)
    assert table[["head", "relation", "tail"]].to_numpy().tolist() == (
        expected[["head", "relation", "tail"]].to_numpy().tolist()
    )
    np.testing.assert_allclose(table["share"], expected["share"], rtol=1e-6)


def test_an_unknown_format_writes_nothing_and_exits_with_2(run, tmp_path):
    refused(here("complete", run, "--out", tmp_path / "missing.xlsx"), ".csv")
    assert not (tmp_path / "missing.xlsx").exists()
