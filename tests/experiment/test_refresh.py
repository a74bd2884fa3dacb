"""New interactions, users and items with the weights frozen: the scores are those of the score's own formula."""

from __future__ import annotations

import json
from collections import Counter
from typing import cast

import numpy as np
import pytest
import torch

import upgan
from tests.command_line import here, refused
from tests.predict.toy import make_quality_run, make_run
from upgan.data.dataset import load_dataset
from upgan.model.bilinear import BilinearDiscriminator
from upgan.runs.status import run_state

NEW = "user,item\nu1,b3\nu9,b1\nu9,new\nu2,new\nu2,b2\n"


@pytest.fixture
def run(toy_dataset, tmp_path):
    return make_quality_run(tmp_path / "run", toy_dataset, "walks.enabled=false", "fusion.enabled=false")


@pytest.fixture
def more(tmp_path):
    (tmp_path / "more.csv").write_text(NEW)
    return tmp_path / "more.csv"


def refreshed(run, more, out, *options):
    done = here("refresh", run, "--interactions", more, "--run", out, "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_refreshed_run_is_one_of_its_own_with_the_same_weights(run, more, tmp_path):
    before = {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    found = refreshed(run, more, tmp_path / "run2")
    assert (found["interactions"], found["users"], found["items"], found["known"]) == (4, 1, 1, 1)
    assert {path.name: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    old, new = upgan.load(run), upgan.load(tmp_path / "run2")
    assert run_state(tmp_path / "run2").state == "finished"
    status = json.loads((tmp_path / "run2" / "status.json").read_text())
    assert status["parent"] == {"run": "run", "fingerprint": old.fingerprint}
    assert "refreshed" in (tmp_path / "run2" / "card.md").read_text()
    ours, theirs = new._run.model.state_dict(), old._run.model.state_dict()
    for name, value in theirs.items():
        kept = ours[name][[new.dataset.entity_index[e] for e in old.entities]] if name == "entity" else ours[name]
        assert torch.equal(kept, value), name
    assert not ours["entity"][new.dataset.entity_index["new"]].any()
    assert new.dataset.catalogue == old.dataset.fingerprint


def test_a_new_item_is_asked_about_through_its_users_alone(run, more, tmp_path):
    refreshed(run, more, tmp_path / "run2")
    new = upgan.load(tmp_path / "run2")
    data, model = new.dataset, cast(BilinearDiscriminator, new._run.model)
    pairs = {(data.users[u], data.entities[i]) for u, i in data.interactions.tolist()}
    assert {("u9", "new"), ("u2", "new"), ("u1", "b3")} <= pairs
    together = Counter(
        item for user, item in pairs if item != "new" and (user, "new") in pairs
    )  # items that the users of "new" chose
    assert together == {"b1": 1, "b2": 1, "b3": 1}
    number = data.entity_index["new"]
    with torch.no_grad():
        p = model.preferences(new.graph)[number]
        assert p.any()
        product = torch.view_as_complex(p.reshape(2, -1).T.contiguous()) * torch.view_as_complex(
            model.target_relation[0].reshape(2, -1).T.contiguous()
        )
        tails = torch.view_as_complex(model.entity.reshape(len(data.entities), 2, -1).transpose(1, 2).contiguous())
        by_hand = (product * tails.conj()).real.sum(1)
    scores = new.score_queries(torch.tensor([number]), torch.tensor([0]))[0]
    without = new.score_queries(torch.tensor([number]), torch.tensor([0]), users=False)[0]
    assert not without.any(), "without users nothing is known of it"
    torch.testing.assert_close(scores, by_hand)
    assert new.explain(head="new", relation="by", answer="a1").users
    assert "by" in new.relations_of("new")["head"], "it is of the kind that items are"


def test_items_have_names_from_a_file_of_their_own(run, more, tmp_path):
    (tmp_path / "items.tsv").write_text("id\tlabel\tkind\nnew\tThe New One\tbook\nother\tUnread\t\nb1\tchanged\tbook\n")
    found = refreshed(run, more, tmp_path / "run2", "--items", tmp_path / "items.tsv")
    assert (found["items"], found["unnamed"]) == (2, 0)
    data = load_dataset(tmp_path / "run2" / "dataset")
    labels = dict(zip(data.entities, data.entity_labels, strict=True))
    assert (labels["new"], labels["other"], labels["b1"]) == ("The New One", "Unread", "B1")
    assert {data.entity_kinds[data.entity_index[name]] for name in ("new", "other")} == {"book"}


def test_ratings_and_times_are_taken_up(run, tmp_path):
    (tmp_path / "rated.csv").write_text("user,item,rating,time\nu1,b3,4.5,100\nu1,b1,,\n")
    refreshed(run, tmp_path / "rated.csv", tmp_path / "run2")
    data = load_dataset(tmp_path / "run2" / "dataset")
    assert data.ratings is not None
    assert data.times is not None
    assert np.nansum(data.ratings) == 4.5
    assert data.times.max() == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,film\nu1,b3\n", "lacks the column(s) item; found: user, film"),
        ("user,item\n", "has a header and no row"),
        ("user,item\nu1,b3\n,b1\n", "line 3: column user is empty"),
        ("user,item,rating\nu1,b3,good\n", "line 2: rating 'good' is not a number"),
        ("user,item,item\nu1,b3,b1\n", "column 'item' is there twice"),
        ("user,item\nu1,b3,b1\n", "line 2: 3 cells; the header has 2"),
        ("user,item\nu1,b1\n", "all 1 interactions are in toy already"),
    ],
)
def test_wrong_interactions_are_said_by_line_and_column(run, tmp_path, text, said):
    (tmp_path / "wrong.csv").write_text(text)
    refused(here("refresh", run, "--interactions", tmp_path / "wrong.csv", "--run", tmp_path / "run2"), said)
    assert not (tmp_path / "run2").exists()


def test_runs_that_do_not_listen_and_taken_folders_are_refused(run, more, tmp_path, toy_dataset):
    deaf = make_run(tmp_path / "deaf", toy_dataset, "model_name=distmult")
    refused(here("refresh", deaf, "--interactions", more, "--run", tmp_path / "run2"), "does not read interactions")
    partial = make_quality_run(tmp_path / "partial", toy_dataset, "graph.interaction_share=0.5")
    refused(here("refresh", partial, "--interactions", more, "--run", tmp_path / "run2"), "part of them")
    refused(here("refresh", run, "--interactions", more, "--run", run), "holds a run already")
    refused(here("refresh", run, "--interactions", tmp_path / "no.csv", "--run", tmp_path / "run2"), "no such file")
    (tmp_path / "twice.csv").write_text("id\nnew\nnew\n")
    refused(
        here("refresh", run, "--interactions", more, "--items", tmp_path / "twice.csv", "--run", tmp_path / "run2"),
        "line 3: id 'new' is in an earlier line too",
    )
    assert not (tmp_path / "run2").exists()
