"""Opening a case computes it again: the same, changed, with another run, with another dataset, with an unknown one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import upgan
from tests.command_line import PAPER_FORM
from tests.ui import made
from upgan.case import make_case, read_case, reproduce, write_case
from upgan.explain.explanation import UserShare
from upgan.render.pseudonyms import pseudonymised

QUESTIONS = {
    "one hop": {"head": "book:part-of-the-bargain", "relation": "author", "answer": "author:linda-lael-miller"},
    "three hops": {
        "head": "series:the-riftwar-cycle", "relation": "has_sub_series", "answer": "series:the-serpentwar-saga",
    },
    "head asked for": {"tail": "author:raymond-e-feist", "relation": "author", "answer": "book:faerie-tale"},
}  # fmt: skip


@pytest.fixture(scope="module")
def predictor():
    return upgan.load(PAPER_FORM)


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory):
    """Two runs of one small catalogue that differ in their weights, and one without readers."""
    root = tmp_path_factory.mktemp("runs")
    for name, seed in (("one", 1), ("two", 2)):
        made.make_run(root / name, seed=seed)
    return upgan.load(root / "one"), upgan.load(root / "two")


@pytest.fixture
def case(predictor):
    return make_case(predictor.explain(**QUESTIONS["one hop"]), predictor)


def group(outcome, name):
    (found,) = [each for each in outcome.differences if each.name == name]
    return found


def changed(case, **values):
    return dataclasses.replace(case, explanation=dataclasses.replace(case.explanation, **values))


@pytest.mark.parametrize("real_ids", [False, True])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_same_run_reproduces_its_own_file(question, real_ids, predictor, tmp_path):
    explanation = predictor.explain(**QUESTIONS[question])
    write_case(tmp_path / "case.json", make_case(explanation, predictor, real_ids=real_ids))
    outcome = reproduce(read_case(tmp_path / "case.json"), predictor)
    assert outcome.verdict == "reproduced"
    assert outcome.same_numbers
    assert "reproduced" in outcome.message
    assert group(outcome, "weights").compared == len(explanation.users) > 0


@pytest.mark.parametrize(
    ("values", "name", "largest"),
    [
        ({"score": 0.0}, "score", None),
        ({"rank": 7}, "ranks", 6.0),
        ({"filtered_rank_without_users": 40.0}, "ranks", 36.0),
        ({"residual": 0.5}, "sums", 0.5),
        ({"known": "train"}, "names", 0.0),
    ],
)
def test_a_changed_number_is_found_with_its_size(values, name, largest, case, predictor):
    outcome = reproduce(changed(case, **values), predictor)
    assert outcome.verdict == "differs"
    assert "not reproduced" in outcome.message
    assert name in outcome.message
    found = group(outcome, name)
    assert not found.within(outcome.tolerance)
    assert found.largest == pytest.approx(abs(case.explanation.score) if largest is None else largest, abs=1e-9)


@pytest.mark.parametrize("field", ["weight", "contribution"])
def test_a_changed_user_is_found(field, case, predictor):
    users = list(case.explanation.users)
    users[3] = dataclasses.replace(users[3], **{field: getattr(users[3], field) + 1e-4})
    outcome = reproduce(changed(case, users=tuple(users)), predictor)
    assert outcome.verdict == "differs"
    assert group(outcome, f"{field}s").largest == pytest.approx(1e-4, rel=0.2)


def test_a_user_left_out_or_made_up_is_found(predictor):
    explanation = predictor.explain(**QUESTIONS["one hop"])
    for real_ids in (False, True):
        case = make_case(explanation, predictor, real_ids=real_ids)
        fewer = reproduce(changed(case, users=case.explanation.users[:-1]), predictor)
        more = reproduce(changed(case, users=(*case.explanation.users, UserShare("ghost", 0.0, 0.0))), predictor)
        assert [outcome.verdict for outcome in (fewer, more)] == ["differs", "differs"]
        assert "users" in group(fewer, "weights").unmatched


def test_a_changed_path_label_or_caption_is_found(case, predictor):
    path = case.explanation.paths[0]
    heavier = dataclasses.replace(path, alphas=(0.9,), weight=0.9)
    outcome = reproduce(changed(case, paths=(heavier, *case.explanation.paths[1:])), predictor)
    assert group(outcome, "paths").largest == pytest.approx(0.9 - path.weight, abs=1e-9)
    answer = dataclasses.replace(case.explanation.answer, label="Somebody Else")
    assert not group(reproduce(changed(case, answer=answer), predictor), "names").within(1)
    outcome = reproduce(dataclasses.replace(case, caption="Users prove it."), predictor)
    assert outcome.verdict == "differs"
    assert group(outcome, "words").unmatched
    moved = dataclasses.replace(case.figure, nodes=(dataclasses.replace(case.figure.nodes[0], x=-1.0),))
    assert group(reproduce(dataclasses.replace(case, figure=moved), predictor), "figure").unmatched


def test_rounding_of_another_machine_is_within_the_tolerance(case, predictor):
    """Noise of float64 may also turn round users who are equally heavy: under pseudonyms that is no difference."""
    noise = np.random.default_rng(0)
    users = [
        UserShare(user.id, user.weight + noise.normal() * 1e-13, user.contribution + noise.normal() * 1e-12)
        for user in case.explanation.users
    ]
    users.sort(key=lambda user: -user.weight)
    assert reproduce(changed(case, users=tuple(users)), predictor).verdict == "reproduced"


def test_pseudonyms_are_stable_and_hide_every_user(predictor):
    explanation = predictor.explain(**QUESTIONS["three hops"])
    once, again = pseudonymised(explanation), pseudonymised(predictor.explain(**QUESTIONS["three hops"]))
    assert once == again
    assert [user.id for user in once.users] == [f"U{place}" for place in range(1, len(once.users) + 1)]
    assert [(user.weight, user.contribution) for user in once.users] == [
        (user.weight, user.contribution) for user in explanation.users
    ]
    real = {user.id for user in explanation.users}
    shown = {path.nodes[0].id for path in once.paths} | {path.nodes[-1].id for path in once.evidence}
    assert shown
    assert not real & shown
    assert [node.id for node in explanation.paths[0].nodes[1:]] == [node.id for node in once.paths[0].nodes[1:]]


def test_another_run_of_the_dataset_is_compared_all_the_same(small_runs):
    one, two = small_runs
    question = {"head": "book:part-of-the-bargain", "relation": "author", "answer": "author:linda-lael-miller"}
    outcome = reproduce(make_case(one.explain(**question), one), two)
    assert outcome.verdict == "other run"
    assert "another run" in outcome.message
    assert not outcome.same_numbers
    gap = abs(one.explain(**question).score - two.explain(**question).score)
    assert group(outcome, "score").largest >= gap > 0


def test_another_dataset_is_compared_where_it_knows_the_entities(case, small_runs, predictor):
    outcome = reproduce(case, small_runs[0])
    assert outcome.verdict == "other dataset"
    assert "another dataset" in outcome.message
    assert outcome.differences
    unknown = make_case(predictor.explain(**QUESTIONS["three hops"]), predictor)
    outcome = reproduce(unknown, small_runs[0])
    assert outcome.verdict == "unknown"
    assert "series:the-riftwar-cycle" in outcome.message
    assert outcome.differences == ()
    assert not outcome.same_numbers
