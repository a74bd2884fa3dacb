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
from upgan.evaluation.calibration import Curve
from upgan.predict.completion import COLUMNS, complete
from upgan.predict.sureness import Sureness


@pytest.fixture(scope="module")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run", toy_dataset)


@pytest.fixture(scope="module")
def predictor(run):
    return upgan.load(run)


def softmax(scores):
    raised = np.exp(scores - scores.max())
    return raised / raised.sum()


def usual_by_hand(data):
    """(kind, end) -> how many answers are usual, end "head" or "tail" of a relation, told by loops."""
    facts = [tuple(row) for split in ("train", "valid", "test") for row in data.triples(split).tolist()]
    users_choose = {data.kinds[item] for item in data.items}
    usual: dict[tuple, int] = {}
    counts: dict[tuple, int] = {}
    for kind in set(data.kinds):
        members = [e for e, own in enumerate(data.kinds) if own == kind]
        for r in range(data.num_relations):
            for side, place in (("head", 0), ("tail", 2)):
                many = sorted(sum(f[1] == r and f[place] == e for f in facts) for e in members)
                counts |= {(e, r, side): sum(f[1] == r and f[place] == e for f in facts) for e in members}
                there = any(f[1] == r and data.kinds[f[place]] == kind for f in data.train.tolist())
                low, middle = many[int(0.2 * len(many) + 1e-9)], many[len(many) // 2]
                some = sum(number > 0 for number in many) >= len(many) / 2
                number = low if side == "head" and low > 1 and middle <= 1.5 * low else int(some)
                usual[kind, r, side] = number if there and (side == "head" or kind in users_choose) else 0
    return usual, counts


def by_hand(predictor, sure, *, anywhere):
    """Every unknown triple: (empty or not, sure, what is left, share), best first, from one query at a time."""
    data = predictor.dataset
    known = {tuple(row) for split in ("train", "valid", "test") for row in data.triples(split).tolist()}
    kinds = data.entity_kinds
    heads = {(r, kinds[h]) for h, r, _ in data.train.tolist()}
    tails = {(r, kinds[t]) for _, r, t in data.train.tolist()}
    usual, counts = usual_by_hand(data)
    filled = {
        key: np.mean([counts[e, key[1], key[2]] >= least for e, own in enumerate(kinds) if own == key[0]])
        for key, least in usual.items()
    }
    found = {}
    for r, relation in enumerate(data.relations):
        for h, head in enumerate(data.entities):
            answers = {t for (a, b, t) in known if (a, b) == (h, r)}
            tail_scores = predictor.score_tails([head], [relation])[0].double().numpy()
            for t, tail in enumerate(data.entities):
                if h == t or (h, r, t) in known:
                    continue
                if not anywhere and ((r, kinds[h]) not in heads or (r, kinds[t]) not in tails):
                    continue
                head_scores = predictor.score_heads([relation], [tail])[0].double().numpy()
                askers = {a for (a, b, c) in known if (b, c) == (r, t)}
                asked = []
                for side, scores, answer, others, about in (
                    ("head", tail_scores, t, answers, h),
                    ("tail", head_scores, h, askers, t),
                ):
                    parts = softmax(scores)
                    empty = counts[about, r, side] < usual[kinds[about], r, side]
                    end = r + (side == "tail") * data.num_relations
                    # Those that may stand there.
                    fits = [
                        parts[e]
                        for e in range(len(parts))
                        if e not in others
                        and e != about
                        and (anywhere or (r, kinds[e]) in (tails if side == "head" else heads))
                    ]
                    left = parts[answer] / sum(fits)
                    first = parts[answer] >= max(fits)
                    most = (1 + filled[kinds[about], r, side]) / 2 if empty else 1.0
                    promise = most * float(sure.curve(end, empty=empty, first=first).at(np.array([left]))[0])
                    asked.append((empty, promise, left, parts[answer], most))
                found[head, relation, tail] = max(asked)
    return dict(sorted(found.items(), key=lambda item: item[1][:3], reverse=True))


@pytest.fixture(scope="module")
def sure(predictor):
    """Curves that differ by end, situation and rank: the toy catalogue holds out too little to learn any."""
    curves = {}
    for end in range(-1, 6):
        for empty in (True, False):
            low = 0.05 * (end + 2) + 0.2 * empty
            curves[end, empty, True] = Curve(1 + low, low, 9)
            curves[end, empty, False] = Curve(1 - low, low - 0.5, 9)
    return Sureness(curves)


@pytest.mark.parametrize("anywhere", [False, True])
def test_all_unknown_triples_are_there_empty_slots_first_then_by_how_sure_they_are(predictor, sure, anywhere):
    expected = by_hand(predictor, sure, anywhere=anywhere)
    table = complete(predictor, top=10_000, anywhere=anywhere, sure=sure)
    assert len(expected) > 10
    triples = list(zip(table["head"], table["relation"], table["tail"], strict=True))
    assert triples == list(expected), "each triple once, in order"
    slots = [expected[triple][0] for triple in triples]
    assert (table["slot"] == np.where(slots, "empty", "further")).all()
    assert 0 < sum(slots) < len(slots)
    np.testing.assert_allclose(table["sure"], [expected[triple][1] for triple in triples], rtol=1e-5)
    np.testing.assert_allclose(table["share"], [expected[triple][3] for triple in triples], rtol=1e-5)
    most = [expected[triple][4] for triple in triples]
    np.testing.assert_allclose((1 + table["filled"].fillna(1)) / 2, most)
    assert (table["filled"].isna() == ~np.array(slots)).all()
    assert (table["sure"] <= most).all()
    assert table["filled"].min() < 1
    np.testing.assert_allclose(table["users"], table["share"] - table["share_without_users"])
    assert list(table.columns) == list(COLUMNS)


@pytest.mark.parametrize("top", [1, 3, 6, 9, 14])
def test_the_best_are_kept_block_by_block_as_if_all_were_held(predictor, sure, monkeypatch, top):
    expected = list(by_hand(predictor, sure, anywhere=False))
    monkeypatch.setattr("upgan.predict.slot_queries.SCORES_PER_BLOCK", 1)
    table = complete(predictor, top=top, sure=sure)
    assert list(zip(table["head"], table["relation"], table["tail"], strict=True)) == expected[:top]


def test_a_kind_is_a_filter_on_whose_slot_it_is(predictor, sure):
    data, table = predictor.dataset, complete(predictor, top=10_000, kind="book", sure=sure)
    whose = np.where(table["asked"] == "head", table["tail"], table["head"])
    assert {data.entity_kinds[data.entity_index[name]] for name in whose} == {"book"}
    with pytest.raises(QueryError, match=r"no kind 'boot'; kinds: author, book, city, subject.*book"):
        complete(predictor, kind="boot", sure=sure)


def test_known_non_facts_are_not_proposed(predictor, sure):
    table = complete(predictor, top=4, sure=sure)
    data = predictor.dataset
    wrong = [(row.head, row.relation, row.tail) for row in table.iloc[[0, 2]].itertuples()]
    numbers = np.array([(data.entity_index[h], data.relation_index[r], data.entity_index[t]) for h, r, t in wrong])
    again = complete(predictor, top=4, sure=sure, but=numbers)
    kept = complete(predictor, top=6, sure=sure).drop(index=[0, 2])
    assert (
        again[["head", "relation", "tail"]].to_numpy().tolist()
        == kept[["head", "relation", "tail"]].to_numpy().tolist()
    )


def test_fewer_are_the_first_of_all(predictor):
    pd.testing.assert_frame_equal(complete(predictor, top=7), complete(predictor, top=10_000).head(7))


def test_one_block_or_many_are_the_same(predictor, monkeypatch):
    whole = complete(predictor, top=15)
    monkeypatch.setattr("upgan.predict.slot_queries.SCORES_PER_BLOCK", 20)
    told = []
    # Blocks of other sizes sum in another order: the last digits may differ.
    pd.testing.assert_frame_equal(
        complete(predictor, top=15, progress=lambda *at: told.append(at)), whole, rtol=1e-5, atol=1e-7
    )
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
