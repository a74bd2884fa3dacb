"""Decisions into the data, and taken away as files."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pyoxigraph
import pytest

from tests.command_line import here, refused
from upgan.data.dataset import copy_dataset, load_dataset
from upgan.errors import DataError
from upgan.review.agreement import agreement
from upgan.review.apply import apply
from upgan.review.export import exported, report
from upgan.review.store import ReviewStore

PROPOSED = [("b3", "linked", "s"), ("a1", "from", "c2"), ("b2", "by", "a2"), ("b1", "by", "a2")]


@pytest.fixture
def data(toy_folder):
    return load_dataset(toy_folder)


@pytest.fixture
def reviewed(tmp_path, data):
    """yes, no and unsure to the first three of a list of the toy catalogue; nothing to the last."""
    store = ReviewStore(tmp_path / "data" / "reviews.sqlite")
    number = store.add_list(
        catalogue=data.catalogue, dataset=data.fingerprint, name=data.name, run="demo", model="m1", options={},
        promise={},
        lines=[
            {
                "head": h, "relation": r, "tail": t, "head_label": h.upper(), "relation_label": r,
                "tail_label": "=" + t,
                "asked": "tail", "kind": "book", "slot": "empty", "sure": 0.9, "score": 1.0, "users": 0.1, "decides": 1,
                "reason": "3 of 4 users say so.",
            }
            for h, r, t in PROPOSED
        ],
    )  # fmt: skip
    shown = store.lists()[0]
    assert shown.id == number
    for place, verdict in ((1, "yes"), (2, "no"), (3, "unsure")):
        store.decide(shown, place, verdict, "Anna")
    return store


def facts(data, split="train"):
    return {(data.entities[h], data.relations[r], data.entities[t]) for h, r, t in data.triples(split).tolist()}


def test_accepted_facts_join_and_rejected_ones_are_known_to_be_wrong(reviewed, data, tmp_path):
    applied = apply(reviewed.path, data, tmp_path / "v2")
    assert (applied.accepted, applied.rejected, applied.already, applied.unsettled) == (1, 1, 0, 1)
    second = load_dataset(tmp_path / "v2")
    assert facts(second) == facts(data) | {PROPOSED[0]}
    assert facts(second, "test") == facts(data, "test")
    assert [(second.entities[h], second.relations[r], second.entities[t]) for h, r, t in second.rejected] == [
        PROPOSED[1]
    ]
    assert second.catalogue == data.fingerprint != second.fingerprint
    rows = pd.read_parquet(tmp_path / "v2" / "reviewed.parquet")
    kept = rows.set_index("verdict").loc["yes"]
    assert (kept["head"], kept["who"], kept["run"], kept["model"], kept["sure"]) == ("b3", "Anna", "demo", "m1", "0.9")
    assert kept["reason"] == "3 of 4 users say so."
    version = second.manifest["versions"][0]
    assert (version["from"], version["accepted"], version["people"]) == (data.fingerprint, 1, {"Anna": 2})
    copy_dataset(second, tmp_path / "copy")
    assert load_dataset(tmp_path / "copy").fingerprint == second.fingerprint, "a run's own copy keeps what is rejected"
    copied = load_dataset(tmp_path / "copy").reviewed
    assert copied is not None
    assert len(copied) == 2


def test_a_later_review_goes_on_from_the_new_version(reviewed, data, tmp_path):
    apply(reviewed.path, data, tmp_path / "v2")
    second = load_dataset(tmp_path / "v2")
    with pytest.raises(DataError, match="has all 2 decisions already"):
        apply(reviewed.path, second, tmp_path / "v3")
    reviewed.decide(reviewed.lists()[0], 4, "yes", "Ben")
    applied = apply(reviewed.path, second, tmp_path / "v3")
    assert (applied.accepted, applied.rejected, applied.already) == (1, 0, 2)
    third = load_dataset(tmp_path / "v3")
    assert facts(third) == facts(data) | {PROPOSED[0], PROPOSED[3]}
    assert len(third.rejected) == 1
    assert third.reviewed is not None
    assert len(third.reviewed) == 3
    assert len(third.manifest["versions"]) == 2


def test_ratings_and_times_stay(reviewed, toy_frames, tmp_path):
    from upgan.data.dataset import build_dataset

    count = len(toy_frames["interactions"])
    toy_frames["interactions"]["rating"] = [5.0, None, *np.arange(count - 2.0)]
    toy_frames["interactions"]["time"] = pd.array([None, *range(1, count)], dtype="Int64")
    data = build_dataset(name="toy", **toy_frames)
    out = tmp_path / "v2.csv"
    out.write_text("head,relation,tail,verdict\nb3,linked,s,yes\n")
    apply(out, data, tmp_path / "v2")
    second = load_dataset(tmp_path / "v2")
    np.testing.assert_array_equal(second.ratings, data.ratings)
    np.testing.assert_array_equal(second.times, data.times)


def test_the_same_from_the_exported_files(reviewed, data, tmp_path):
    shown = reviewed.lists()[0]
    prints = set()
    for ending in ("csv", "tsv"):
        out = tmp_path / f"decisions.{ending}"
        done = here("review", "export", reviewed.path, "--out", out, "--all")
        assert done.returncode == 0, done.stderr
        done = here("data", "apply", out, "--to", data.path, "--out", tmp_path / ending)
        assert done.returncode == 0, done.stderr
        assert "1 facts joined" in done.stdout
        prints.add(load_dataset(tmp_path / ending).fingerprint)
    assert prints == {apply(reviewed.path, data, tmp_path / "direct").fingerprint}
    accepted = exported(reviewed.decisions(shown.catalogue, ("yes",)), "csv")
    (row,) = csv.DictReader(io.StringIO(accepted.removeprefix("\ufeff")))
    assert row["tail_label"] == "'=s", "no formula for a spreadsheet"
    assert row["reason"] == "3 of 4 users say so."


def test_n_triples_are_read_by_another_program(reviewed):
    text = exported(reviewed.decisions(reviewed.lists()[0].catalogue), "nt")
    (quad,) = pyoxigraph.parse(text.encode(), format=pyoxigraph.RdfFormat.N_TRIPLES)
    assert [quad.subject.value, quad.predicate.value, quad.object.value] == [f"urn:upgan:{x}" for x in PROPOSED[0]]
    assert "# yes, Anna" in text
    assert "3 of 4 users say so." in text
    assert "# not stated: <urn:upgan:a1>" in text


def test_the_report_is_a_page_of_its_own_that_nothing_in_it_can_change(reviewed, data):
    shown = reviewed.lists()[0]
    decisions = [row | {"head_label": "<script>alert(1)</script>"} for row in reviewed.decisions(shown.catalogue)]
    page = report("toy", decisions, agreement(reviewed.outcomes(shown)), reviewed.people(shown.catalogue))
    assert "<script>" not in page
    assert "3 of 4 lines judged: 1 accepted,\n1 rejected, 1 unsure" in page
    assert "accepted by Anna" in page


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("gone,by,a1,yes", r"line 2, column head: 'gone' is no entity of toy any more"),
        ("b1,nope,a1,no", r"line 2, column relation: 'nope' is no relation"),
        ("b1,by,a2,maybe", r"line 2: verdict 'maybe'; allowed: yes, no, unsure"),
        ("b1,by,a1,no", r"'b1' 'by' 'a1' was rejected, but toy holds it"),
        ("b1,by,a2,yes\nb1,by,a2,no", r"line 3: 'b1' 'by' 'a2' is both accepted and rejected"),
        ("b1,by,a2,unsure", r"nothing is accepted or rejected yet"),
        ("b1,by,a1,yes", r"has all 1 decisions already"),
    ],
)
def test_what_cannot_be_applied_is_said_and_nothing_is_written(data, tmp_path, rows, said):
    out = tmp_path / "decisions.csv"
    out.write_text(f"head,relation,tail,verdict\n{rows}\n")
    with pytest.raises(DataError, match=said):
        apply(out, data, tmp_path / "v2")
    assert not (tmp_path / "v2").exists()


def test_wrong_files_exit_with_2(data, tmp_path, reviewed):
    refused(here("data", "apply", tmp_path / "no", "--to", data.path, "--out", tmp_path / "v2"), "no such file")
    (tmp_path / "columns.csv").write_text("head,tail\nb1,a1\n")
    done = here("data", "apply", tmp_path / "columns.csv", "--to", data.path, "--out", tmp_path / "v2")
    refused(done, "relation, verdict", "head, tail")
    refused(here("data", "apply", reviewed.path, "--to", data.path, "--out", data.path), "would replace the old one")
    refused(here("review", "export", reviewed.path, "--out", tmp_path / "x.doc"), "csv, tsv, nt, html")
    refused(here("review", "status", reviewed.path, "--list", 7), "no such list; there are 1")
    done = here("review", "status", reviewed.path)
    assert "3 of 4 judged: 1 accepted, 1 rejected, 1 unsure" in done.stdout
