"""Contrast, what if and smallest set in a case file: kept, renamed, computed again, and changes in them found."""

from __future__ import annotations

import dataclasses
import json

import pytest

import upgan
from tests.command_line import PAPER_FORM
from tests.render.parsed import Document
from upgan.case import case_json, make_case, read_case, reproduce, write_bundle, write_case
from upgan.errors import CaseError
from upgan.explain.results import Changes
from upgan.render.pseudonyms import users_of

QUESTION = {
    "head": "series:the-riftwar-cycle", "relation": "has_sub_series", "answer": "series:the-serpentwar-saga",
}  # fmt: skip


@pytest.fixture(scope="module")
def predictor():
    return upgan.load(PAPER_FORM)


@pytest.fixture(scope="module")
def cases(predictor):
    """The same case under pseudonyms and under real ids."""
    explanation = predictor.explain(**QUESTION)
    first, second = explanation.users[0].id, explanation.users[1].id
    item = next(node.id for path in explanation.paths for node in path.nodes[1:2] if path.nodes[0].id == second)
    beside = {
        "contrast": predictor.contrast(**QUESTION, against="series:the-wheel-of-time"),
        "what_if": predictor.what_if(
            **QUESTION, changes=Changes(remove_users=[first], remove_interactions=[(second, item)])
        ),
        "smallest_set": predictor.smallest_set(**QUESTION),
    }
    return {real: make_case(explanation, predictor, real_ids=real, **beside) for real in (False, True)}


def group(outcome, name):
    (found,) = [each for each in outcome.differences if each.name == name]
    return found


@pytest.mark.parametrize("real_ids", [False, True])
def test_all_three_are_kept_and_reproduced(real_ids, cases, predictor, tmp_path):
    write_case(tmp_path / "case.json", cases[real_ids])
    case = read_case(tmp_path / "case.json")
    assert case == cases[real_ids]
    outcome = reproduce(case, predictor)
    assert outcome.verdict == "reproduced", outcome.message
    for name in ("contrast", "what if", "smallest set"):
        assert group(outcome, name).compared > 10


def test_pseudonyms_reach_every_user_of_them(cases, predictor):
    text = case_json(cases[False])
    assert "reader-" not in text
    assert "reader-" in case_json(cases[True])
    for kind in ("contrast", "what_if", "smallest_set"):
        named, real = users_of(getattr(cases[False], kind)), users_of(getattr(cases[True], kind))
        assert len(named) == len(real) > 0
        assert all(user.startswith("U") for user in named)
    assert cases[False].what_if.changes.remove_users == ("U1",)
    assert cases[False].what_if.changes.remove_interactions[0][0] == "U2"


@pytest.mark.parametrize("real_ids", [False, True])
@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        ("contrast", "contrast", lambda d: d["users"][3].update(contribution=9.0)),
        ("contrast", "contrast", lambda d: d["popularity"]["against"].update(touched=7)),
        ("contrast", "contrast", lambda d: d["users"].pop()),
        ("what_if", "what if", lambda d: d["after"].update(filtered_rank=1000.0)),
        ("what_if", "what if", lambda d: d["candidates_after"][0].update(label="Somebody Else")),
        ("what_if", "what if", lambda d: d["changes"].update(remove_users=[])),
        ("smallest_set", "smallest set", lambda d: d["users"].pop()),
        ("smallest_set", "smallest set", lambda d: d.update(minimal=not d["minimal"])),
    ],
)
def test_a_change_in_one_of_them_is_found(kind, name, change, real_ids, cases, predictor, tmp_path):
    document = json.loads(case_json(cases[real_ids]))
    change(document[kind])
    document |= {other: None for other in ("contrast", "what_if", "smallest_set") if other != kind}
    (tmp_path / "case.json").write_text(json.dumps(document), encoding="utf-8")
    outcome = reproduce(read_case(tmp_path / "case.json"), predictor)
    assert outcome.verdict == "differs"
    assert not group(outcome, name).within(outcome.tolerance)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("contrast", lambda d: d.update(against=7)),
        ("contrast", lambda d: d.update(baseline="else")),
        ("contrast", lambda d: d["users"][0].update(weight="heavy")),
        ("contrast", lambda d: d["users"].append({"weight": 1.0})),
        ("what_if", lambda d: d.pop("changes")),
        ("what_if", lambda d: d["changes"].update(add_interactions=[["U1"]])),
        ("what_if", lambda d: d["changes"].update(run="rm -rf /")),
        ("what_if", lambda d: d.update(candidates_before=3)),
        ("smallest_set", lambda d: d.update(users=[3])),
        ("smallest_set", lambda d: d.pop("reason")),
        ("contrast", lambda d: d.pop("popularity")),
        ("contrast", lambda d: d["answer_standing"].update(score="high")),
        ("what_if", lambda d: d.update(candidates_after=["nobody"])),
    ],
)
def test_what_does_not_fit_is_refused(kind, change, cases, tmp_path):
    document = json.loads(case_json(cases[False]))
    change(document[kind])
    (tmp_path / "case.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(CaseError, match=rf"case.json: {kind}\.\S+: "):
        read_case(tmp_path / "case.json")


def test_what_another_dataset_does_not_know_is_said(cases, predictor):
    against = dataclasses.replace(cases[False].contrast, against="series:unknown")
    changes = dataclasses.replace(cases[False].what_if.changes, remove_users=("U99999",))
    what_if = dataclasses.replace(cases[False].what_if, changes=changes)
    changed = dataclasses.replace(cases[False], contrast=against, what_if=what_if, smallest_set=None)
    outcome = reproduce(changed, predictor)
    assert "does not know" in group(outcome, "contrast").unmatched
    assert "does not know" in group(outcome, "what if").unmatched


def test_the_page_and_the_caption_tell_of_all_three(cases, tmp_path):
    write_bundle(tmp_path, cases[False])
    document = Document((tmp_path / "page.html").read_text(encoding="utf-8"))
    for words in ("Why The Serpentwar Saga and not The Wheel of Time", "What if (weights frozen)", "Smallest set of"):
        assert words in document.text
    assert "without user U1" in document.text
    assert "reader-" not in document.text
    caption = (tmp_path / "caption.txt").read_text(encoding="utf-8")
    assert "54 of the target's simulated users touched “The Wheel of Time”, 10 “The Serpentwar Saga”" in caption
    assert "counting them would choose “The Wheel of Time”, the model prefers “The Serpentwar Saga”" in caption


def test_the_page_takes_hostile_documents_for_text(cases, tmp_path):
    evil = "</script><img src=x onerror=alert(1)>"
    contrast = dataclasses.replace(cases[False].contrast, against_label=evil)
    smallest = dataclasses.replace(cases[False].smallest_set, reason=evil, users=(evil,) * 3)
    rows = tuple(dataclasses.replace(row, label=evil) for row in cases[False].what_if.candidates_after)
    what_if = dataclasses.replace(cases[False].what_if, candidates_after=rows, label=evil)
    case = dataclasses.replace(cases[False], contrast=contrast, what_if=what_if, smallest_set=smallest)
    write_bundle(tmp_path, case)
    document = Document((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "img" not in document.tags
    assert document.tags.count("script") == 2, "one of data, one that runs"
