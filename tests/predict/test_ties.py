"""Entities that a model cannot tell apart have one rank, wherever and beside how many others it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests import oracles
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.evaluation import evaluator as evaluator_module
from upgan.evaluation.ties import TIE, better, bounds, listed
from upgan.predict import slot_queries
from upgan.predict.completion import complete
from upgan.predict.predictor import Predictor
from upgan.systems.build import build_model
from upgan.training.checkpoint import load_run, save_weights, seal_run, start_run

BOOKS, TWINS = [f"b{number:02}" for number in range(12)], ("t1", "t2", "t3")


@pytest.fixture(scope="module")
def dataset():
    """Books by authors from cities; three authors of the same two books and the same city."""
    rows = [[book, "by", f"a{number % 5}", "train"] for number, book in enumerate(BOOKS)]
    rows += [[book, "by", twin, "train"] for book in BOOKS[:2] for twin in TWINS]
    rows += [[author, "from", f"c{number % 2}", "train"] for number, author in enumerate(["a0", "a1", "a2", "a3"])]
    rows += [[twin, "from", "c1", "train"] for twin in TWINS]
    rows += [["b05", "by", TWINS[0], "valid"], ["b06", "by", TWINS[1], "test"], ["b07", "by", TWINS[2], "test"]]
    names = sorted({row[0] for row in rows} | {row[2] for row in rows})
    kinds = {"b": "book", "a": "author", "t": "author", "c": "city"}
    return build_dataset(
        name="twins",
        triples=pd.DataFrame(rows, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame({"user": ["u", "u"], "item": BOOKS[:2]}),
        entities=pd.DataFrame({"id": names, "label": names, "kind": [kinds[name[0]] for name in names]}),
        relations=pd.DataFrame({"id": ["by", "from"], "label": ["by", "from"]}),
    )


class Noisy:
    """A scorer whose last digits depend on how many questions it is asked at once, and on the place of each."""

    def __init__(self, scorer):
        self._scorer = scorer

    def __getattr__(self, name):
        return getattr(self._scorer, name)

    def scores(self, heads, relations, *, users=True, among=None):
        scores = self._scorer.scores(heads, relations, users=users, among=among)
        rows, columns = scores.shape
        wave = torch.arange(rows).unsqueeze(1) * 3.1 + torch.arange(columns) * 1.7 + rows
        return scores + 2e-6 * torch.sin(wave) * scores.abs().clamp(min=1)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "nbfnet"
    torch.manual_seed(4)
    config = make_config("paper", assignments=["model_name=nbfnet", "nbfnet.width=8", "nbfnet.layers=2"])
    model = build_model(config, dataset)
    start_run(folder, config, dataset)
    save_weights(model, folder / "model.safetensors")
    seal_run(folder, dataset)
    return folder


@pytest.fixture(params=["as it is", "noisy"])
def predictor(run, request):
    opened = Predictor(load_run(run))
    if request.param == "noisy":
        noisy: Any = Noisy(opened._scorer)
        opened._scorer = opened._answering.scorer = noisy
    return opened


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_one_rank_in_evaluation_however_many_are_asked_at_once(predictor, dataset, at_once, monkeypatch):
    monkeypatch.setattr(evaluator_module, "SCORES_PER_BLOCK", at_once * dataset.num_entities)
    ranks = predictor.rank("test").ranks[: len(dataset.test)]
    for (head, _, answer), rank in zip(dataset.test.tolist(), ranks.tolist(), strict=True):
        names = dataset.entities[head], dataset.entities[answer]
        explained = predictor.explain(head=names[0], relation="by", answer=names[1])
        rows = {row["id"]: row for row in predictor.predict(head=names[0], relation="by", k=100)}
        assert rank == explained.filtered_rank == rows[names[1]]["filtered_rank"]
        assert explained.rank == rows[names[1]]["rank"]
        others = {rows[twin]["filtered_rank"] for twin in TWINS if twin != names[1]}
        assert others == {rank - 0.5}, "they tie with one another; the known answer is left out"
        places = [rows[twin]["rank"] for twin in TWINS]
        assert places == list(range(places[0], places[0] + 3)), "beside each other, in entity order"
        known = predictor.known_answers(torch.tensor([head]), torch.tensor([0]))[1].tolist()
        scores = predictor.score_tails([names[0]], ["by"])[0].tolist()
        assert rank == oracles.filtered_rank(scores, answer, known)
        assert len(set(scores)) > 6, "not all alike"


@pytest.mark.parametrize("at_once", [1, 1000])
def test_completion_ranks_equals_alike(predictor, dataset, at_once, monkeypatch):
    monkeypatch.setattr(slot_queries, "SCORES_PER_BLOCK", at_once * dataset.num_entities)
    table = complete(predictor, "by", top=100, kind="book")
    proposed = table[table["tail"].isin(TWINS) & (table["asked"] == "tail")]
    assert len(proposed) >= len(TWINS)
    for row in proposed.to_dict("records"):
        rows = predictor.predict(head=row["head"], relation="by", k=100)
        unknown = [one for one in rows if one["known"] is None]
        mine = [one["id"] for one in unknown].index(row["tail"])
        assert row["rank"] == 1 + oracles.better([one["score"] for one in unknown], mine), "optimistic among ties"
        alike = {one["filtered_rank"] for one in unknown if one["id"] in TWINS}
        assert alike == {unknown[mine]["filtered_rank"]}


def test_the_best_answer_of_a_slot_is_the_first_of_equals():
    """Whatever rounding prefers."""
    random = np.random.default_rng(1)
    scores = np.repeat(random.normal(0, 9, (40, 6)), 3, axis=1)[:, random.permutation(18)].astype(np.float32)
    scores += random.uniform(-2e-6, 2e-6, scores.shape).astype(np.float32) * np.maximum(np.abs(scores), 1)
    found = slot_queries._first(torch.from_numpy(scores))
    for row, place in zip(scores.tolist(), found.tolist(), strict=True):
        assert place == min(e for e in range(18) if oracles.better(row, e) == 0)


def test_equal_is_said_once_and_holds_in_every_precision():
    for dtype in (torch.float32, torch.float64):
        for score in (0.0, 0.7, -3.0, 250.0):
            one = torch.tensor([score], dtype=dtype)
            least, most = (float(bound) for bound in bounds(one))
            assert most - score == pytest.approx(TIE * max(1, abs(score)), rel=0.05)
            assert score - least == pytest.approx(TIE * max(1, abs(score)), rel=0.05)
    special = torch.tensor([float("inf"), float("-inf")])
    assert all(torch.equal(bound, special) for bound in bounds(special))


def test_a_list_is_ordered_by_how_many_are_better():
    """Clusters closer than rounding keep the entities' order; chains of near scores are no cluster."""
    random = np.random.default_rng(2)
    for _ in range(50):
        scores = np.repeat(random.normal(size=8), 3) + random.uniform(-2e-6, 2e-6, 24)
        scores = np.concatenate([scores, 5 + 0.7e-5 * np.arange(6)])[random.permutation(30)].tolist()
        tensor = torch.tensor(scores, dtype=torch.float64)
        assert better(tensor).tolist() == [oracles.better(scores, e) for e in range(30)]
        order = listed(tensor).tolist()
        assert order == sorted(range(30), key=lambda e: oracles.place(scores, e))
