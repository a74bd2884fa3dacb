"""The app's use cases, without Streamlit."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

import upgan
from tests.render import samples
from ui.components.text import plain
from ui.panels import PARAMETERS, TAB
from ui.panels.contrast import AGAINST
from ui.panels.users import ORDER
from ui.services import answers, casefiles, examples, questions
from ui.services import view as views
from ui.services.edits import ADD_CHOICE, ADD_FACT, REMOVE_CHOICE, REMOVE_FACT, WITHOUT
from ui.services.questions import Question
from ui.services.runs import checkpoint_root, list_runs
from ui.services.view import View, read_view
from upgan.case.documents import case_json, make_case
from upgan.case.reproduction import reproduce
from upgan.data.query import Query
from upgan.errors import QueryError
from upgan.explain.results import Changes
from upgan.render import csv_tables


@pytest.fixture(scope="module")
def predictor(made_runs):
    return upgan.load(made_runs / "demo")


BARGAIN = Query.about("book:part-of-the-bargain", "author")


def bargain() -> Question:
    return Question("demo", BARGAIN, "author:linda-lael-miller")


def test_runs_are_listed_with_what_is_wrong_with_them(made_runs):
    entries = {entry.name: entry for entry in list_runs(made_runs)}
    assert set(entries) == {"demo", "plain", "unfinished", "garbled", "truncated"}
    assert entries["demo"].problem is None
    assert (entries["demo"].mrr, entries["demo"].model, entries["demo"].dataset) == (0.5, "upgan", "tiny books")
    assert "is missing (training is running)" in (entries["unfinished"].problem or "")
    assert "run.json is not as upgan writes it" in (entries["garbled"].problem or "")
    assert next(iter(list_runs(made_runs))).name == "demo"
    assert "0.500" in entries["demo"].summary()


def test_a_changed_run_gets_another_stamp(made_runs, tmp_path):
    shutil.copytree(made_runs / "demo", tmp_path / "demo")
    before = list_runs(tmp_path)[0].stamp
    with (tmp_path / "demo" / "model.safetensors").open("ab") as stream:
        stream.write(b"x")
    assert list_runs(tmp_path)[0].stamp != before


def test_no_folder_means_no_runs(tmp_path, monkeypatch):
    assert list_runs(tmp_path / "nowhere") == []
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path))
    assert checkpoint_root() == tmp_path


def test_paper_cases_are_found_by_their_labels(predictor):
    first, second = examples.paper_cases(predictor, "demo")
    assert first.question == bargain()
    assert first.text == "Part of the Bargain — author — ?"
    assert second.text == "The Riftwar Cycle — has sub-series — ?"
    assert second.question.answer == "series:serpentwar"


def test_first_question_is_the_first_case(predictor):
    assert examples.first_question(predictor, "demo") == bargain()


def test_random_question_is_a_held_out_fact_and_repeatable(predictor):
    first = questions.random_question(predictor, "demo", seed=4)
    assert first == questions.random_question(predictor, "demo", seed=4)
    assert first.answer is None
    assert first.query.entity in predictor.dataset.entity_index


def test_choices_are_sentences_limited_to_what_this_kind_has(predictor):
    texts = questions.choices(predictor, BARGAIN, everything=False)
    assert texts["author", "tail"] == "Part of the Bargain — author — ?"
    assert ("has_sub_series", "tail") not in texts
    everything = questions.choices(predictor, BARGAIN, everything=True)
    assert len(everything) == 2 * len(predictor.relations)
    assert everything["has_sub_series", "head"] == "? — has sub-series — Part of the Bargain"


def test_the_question_asked_is_always_among_the_choices(predictor):
    odd = Query.about(BARGAIN.entity, "has_sub_series", "head")
    assert ("has_sub_series", "head") in questions.choices(predictor, odd, everything=False)


def test_another_entity_keeps_the_relation_where_it_fits(predictor):
    assert questions.about(predictor, "book:eye", BARGAIN).relation == "author"
    feist = questions.about(predictor, "author:feist", BARGAIN)
    assert (feist.relation, feist.direction) == ("author", "head")
    wheel = questions.about(predictor, "series:wheel")
    assert (wheel.relation, wheel.direction) == ("series", "head")


def test_candidates_both_directions(predictor):
    tails = answers.candidates(predictor, BARGAIN, 5, hide_known=False)
    heads = answers.candidates(predictor, Query.about("author:feist", "author", "head"), 5, hide_known=False)
    assert [row["rank"] for row in tails.rows] == [1, 2, 3, 4, 5]
    assert len(heads.rows) == 5


def test_hiding_known_answers_fills_the_list_up(predictor):
    query = Query.about("author:feist", "author", "head")
    everything = answers.candidates(predictor, query, 18, hide_known=False)
    known = [row["id"] for row in everything.rows if row["known"]]
    assert len(known) == 3
    hidden = answers.candidates(predictor, query, 6, hide_known=True)
    assert len(hidden.rows) == 6
    assert not {row["id"] for row in hidden.rows} & set(known)
    above = [row for row in everything.rows if row["known"] and row["rank"] < hidden.rows[-1]["rank"]]
    assert hidden.hidden == len(above)


def test_the_explained_answer_joins_the_list_where_it_is_not_among_the_best(predictor):
    found = answers.candidates(predictor, BARGAIN, 1, hide_known=False)
    last = answers.candidates(predictor, BARGAIN, 18, hide_known=False).rows[-1]["id"]
    explanation = answers.explain(predictor, BARGAIN, last, 5)
    rows = answers.with_answer(found, explanation).rows
    assert [row["id"] for row in rows] == [found.rows[0]["id"], last]
    assert rows[-1]["rank"] == 18
    assert answers.with_answer(answers.Candidates(rows, 0), explanation).rows == rows


def test_explanations_add_up(predictor):
    explanation = answers.explain(predictor, BARGAIN, "author:linda-lael-miller", 5)
    assert sum(user.weight for user in explanation.users) == pytest.approx(1)
    assert abs(explanation.residual) < 1e-9


def test_unknown_answers_are_refused_in_words(predictor):
    with pytest.raises(QueryError, match="no entity"):
        answers.explain(predictor, BARGAIN, "<script>", 5)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({"entity": "nope"}, "entity “nope”"),
        ({"entity": "../../etc/passwd"}, "entity “../../etc/passwd”"),
        ({"entity": "book:eye", "relation": "<script>"}, "relation “<script>”"),
        ({"entity": "book:eye", "relation": "author", "direction": "sideways"}, "direction “sideways”"),
        ({"entity": "book:eye", "relation": "author", "answer": "\x00\u202e"}, "answer “"),
        ({"relation": "author"}, "names no entity"),
        ({"entity": "x" * 5000}, "x…"),
        ({"k": "1000000"}, "k “1000000” is not a number from 5 to 50"),
        ({"users": "many"}, "users “many”"),
        ({"weight": "nan"}, "weight “nan”"),
        ({"layout": "<b>"}, "layout “<b>” is none of auto, columns, rows"),
        ({"contrast": "book:none"}, "contrast “book:none”"),
        ({"without": "r99"}, "left-out user “r99”"),
        ({"remove_fact": "book:eye,author"}, "change “book:eye,author” is not made of head, relation, tail"),
        ({"add_interaction": "r99,book:eye"}, "change “r99,book:eye” is not made of user, item"),
        ({"node": "book:eye"}, "node “book:eye”"),
    ],
)
def test_links_with_unknown_parts_say_so(predictor, link, expected):
    first = examples.first_question(predictor, "demo")
    view, problems = read_view(predictor, "demo", {name: [value] for name, value in link.items()}, first, PARAMETERS)
    query = view.question.query
    assert any(expected in problem for problem in problems), problems
    assert query.entity in predictor.dataset.entity_index
    assert query.relation in predictor.dataset.relation_index
    assert all(len(problem) < 200 for problem in problems)


def test_links_reopen_what_they_name(predictor):
    question = Question("demo", Query.about("author:feist", "author", "head"), "book:magician")
    values: dict[views.Parameter[Any], Any] = {
        views.K: 20,
        views.KNOWN: "hide",
        views.TOP_USERS: 7,
        views.WEIGHT: 0.05,
        views.LAYOUT: "rows",
    }
    values |= {ORDER: "contribution", TAB: "users", AGAINST: "book:eye", WITHOUT: ("r4", "r5"), views.NODE: "u:r4"}
    values |= {REMOVE_FACT: (("book:magician", "author", "author:feist"),), REMOVE_CHOICE: (("r4", "book:magician"),)}
    values |= {ADD_FACT: (("book:eye", "series", "series:saga"),), ADD_CHOICE: (("r1", "book:eye"), ("r2", "book:eye"))}
    view = View(question)
    for parameter, value in values.items():
        view = view.put(parameter, value)
    link = {name: [value] if isinstance(value, str) else value for name, value in view.parameters().items()}
    assert read_view(predictor, "demo", link, bargain(), PARAMETERS) == (view, [])


def test_csv_is_readable_and_starts_no_formula():
    explanation = samples.hostile()
    text = csv_tables.to_csv(csv_tables.path_rows(explanation, {}), ["user", "path", "factors", "weight"])
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == len(explanation.paths)
    assert "<script>alert(1)</script>" in rows[0]["path"]
    table = csv_tables.to_csv([{"user": "=1+1"}, {"user": "@x"}, {"user": "u,1\n2"}], ["user"])
    assert table.splitlines()[1:] == ["'=1+1", "'@x", '"u,1 2"']


def test_user_rows_hold_every_user():
    rows = csv_tables.user_rows(samples.bargain())
    assert len(rows) == 23
    assert rows[0] == {"user": "77OC0", "of": "target", "weight": 0.31, "contribution": 0.52, "paths": 1}
    assert len(csv_tables.evidence_rows(samples.bargain(), {})) == 4


@pytest.mark.parametrize("label", samples.HOSTILE)
def test_plain_leaves_no_markdown(label):
    escaped = plain(label)
    assert escaped.replace("\\", "") == label.replace("\\", "")
    assert not set(re.sub(r"\\.", "", escaped)) & set("*_`[]<>$:#~|(!"), "every one of them, wherever it stands"


def test_services_need_neither_streamlit_nor_torch():
    code = (
        "import sys, ui.services.view, ui.services.answers, ui.services.examples, ui.services.nodes, ui.services.runs, "
        "ui.charts.bars, ui.charts.runs, upgan.render.csv_tables;"
        "bad = {'streamlit', 'torch', 'plotly', 'pyvis'} & set(sys.modules); print(bad); sys.exit(bool(bad))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_where_kinds_are_not_known_no_question_is_unlike_training(predictor):
    odd = Query.about("author:feist", "genre")
    assert questions.unlike_training(predictor, odd)
    kindless = dataclasses.replace(predictor.dataset, entity_kinds=[""] * predictor.dataset.num_entities)
    other = SimpleNamespace(dataset=kindless, relations_of=predictor.relations_of)
    assert not questions.unlike_training(cast(Any, other), odd)


def test_case_files_hold_what_was_asked_beside_the_answer(predictor):
    explanation = answers.explain(predictor, BARGAIN, "author:linda-lael-miller", 5)
    left_out = (explanation.users[0].id,)
    other = "author:feist"
    case = make_case(
        explanation,
        predictor,
        contrast=predictor.contrast(**BARGAIN.names, answer=explanation.answer.id, against=other),
        what_if=predictor.what_if(
            **BARGAIN.names, answer=explanation.answer.id, changes=Changes(remove_users=left_out)
        ),
        real_ids=True,
    )
    opened = casefiles.open_uploaded(case_json(case).encode())
    assert opened.results == case.results
    assert opened.smallest_set is None
    assert opened.what_if is not None
    assert opened.what_if.changes.remove_users == left_out
    assert reproduce(opened, predictor).verdict == "reproduced"
