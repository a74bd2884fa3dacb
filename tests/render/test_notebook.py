"""What results show in a notebook: short words, HTML that names no user, and tables for pandas that add up."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from typing import Any

import pytest
import run_notebook

import upgan
from tests.command_line import DEMO, ROOT, here
from tests.ui.made import make_run

ASKED: Any = {"head": "book:part-of-the-bargain", "relation": "author", "answer": "author:linda-lael-miller"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("shown")
    labels = {"book:part-of-the-bargain": EVIL, "author:linda-lael-miller": EVIL}
    make_run(root / "one", labels=labels)
    make_run(root / "two", model="distmult", labels=labels)
    return root


@pytest.fixture(scope="module")
def results(run):
    predictor = upgan.load(run / "one")
    compared = upgan.compare([run / "one", run / "two"], resamples=20, by="relation")
    return {
        "predictor": predictor,
        "dataset": predictor.dataset,
        "explanation": predictor.explain(**ASKED),
        "contrast": predictor.contrast(**ASKED, against="author:feist"),
        "comparison": compared,
    }


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)


@pytest.mark.parametrize("name", ["predictor", "dataset", "explanation", "contrast", "comparison"])
def test_each_shows_itself_and_is_short(name, results):
    value = results[name]
    assert len(repr(value)) < 200
    assert repr(value).startswith(type(value).__name__ + "(")
    page = Tags()
    page.feed(value._repr_html_())
    assert "table" in page.tags
    assert "script" not in page.tags
    assert len(value.to_frame()) > 0


def test_a_contrast_calls_its_answer_by_the_label(results):
    text = results["contrast"]._repr_html_()
    assert ASKED["answer"] not in text, "its id"


def test_the_figure_is_in_the_cell_and_no_user_is_named(results):
    text = results["explanation"]._repr_html_()
    assert "<svg" in text
    for user in results["predictor"].dataset.users:
        assert f">{user}<" not in text
        assert f">{user}<" not in results["contrast"]._repr_html_()
    assert "U1" in text


def test_the_tables_have_the_ids_and_add_up(results):
    explanation, contrast = results["explanation"], results["contrast"]
    users = explanation.to_frame()
    assert set(users["user"]) <= set(results["predictor"].dataset.users)
    gained = explanation.score - explanation.score_without_users
    assert users["contribution"].sum() == pytest.approx(gained - explanation.residual, abs=1e-9)
    assert contrast.to_frame()["difference"].sum() == pytest.approx(contrast.difference - contrast.residual, abs=1e-9)
    with pytest.raises(upgan.errors.QueryError, match="users, paths, walks, parts"):
        explanation.to_frame("everything")


def test_the_dataset_comes_back_from_its_table(results):
    data = results["dataset"]
    frame = data.to_frame()
    splits = ("train", "valid", "test")
    assert frame["split"].value_counts().to_dict() == {split: len(data.triples(split)) for split in splits}
    head, relation, tail = data.test[0]
    row = frame[frame["split"] == "test"].iloc[0]
    assert (row["head"], row["relation"], row["tail"]) == (
        data.entities[head], data.relations[relation], data.entities[tail],
    )  # fmt: skip
    assert row["tail_label"] == data.entity_labels[tail]


def test_a_comparison_is_that_of_the_command(run, results):
    printed = here("compare", run / "one", run / "two", "--resamples", "20", "--by", "relation", "--json")
    assert json.loads(printed.stdout) == json.loads(json.dumps(results["comparison"].to_dict()))
    frame = results["comparison"].to_frame()
    assert list(frame[frame["group"] == "all"]["system"]) == ["upgan demo", "distmult demo"]


def test_the_notebook_of_the_docs_runs_and_every_cell_shows_something(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "checkpoints").symlink_to(DEMO.parent)
    copy = tmp_path / "docs" / "notebook.ipynb"
    shutil.copy(ROOT / "docs" / "notebook.ipynb", copy)
    cells = [cell for cell in run_notebook.run(copy)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] for cell in cells)
    kinds = [set(cell["outputs"][0]["data"]) for cell in cells]
    assert sum("text/html" in kind for kind in kinds) >= len(cells) - 1
