"""What is gone is said, names do not cover each other, and nothing that is taken away names a user by its id."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ui.driving import checked, run_page, said
from tests.ui.made import written
from ui.charts.runs import _LABEL_WIDTH, _label_rows, lines_chart
from ui.services import following


@pytest.fixture
def roots(made_runs, tmp_path, monkeypatch):
    """A folder of runs and one of data, a thing in each, and no results."""
    written(tmp_path / "runs" / "here", state="stopped")
    shutil.copytree(made_runs / "demo", tmp_path / "runs" / "asked")
    shutil.copytree(made_runs / "demo" / "dataset", tmp_path / "data" / "tiny")
    for name in ("CHECKPOINTS", "DATA", "RESULTS", "LOCKS"):
        folder = {"CHECKPOINTS": "runs"}.get(name, name.lower())
        monkeypatch.setenv(f"UPGAN_{name}", str(tmp_path / folder))
    return tmp_path


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("runs", {"run": "gone"}),
        ("runs", {"beside": "gone"}),
        ("models", {"run": "gone"}),
        ("models", {"part": "compare", "compare": "gone"}),
        ("models", {"part": "data", "dataset": "gone"}),
        ("train", {"dataset": "gone"}),
        ("leaderboard", {"board": "gone"}),
        ("review", {"checkpoint": "gone"}),
        ("review", {"list": "gone"}),
        ("case", {"checkpoint": "gone"}),
        ("case", {"file": "gone"}),
    ],
)
def test_a_link_to_what_is_gone_says_so(roots, page, link):
    text = said(run_page(page, **link))
    assert "“gone” is" in text, text[:500]


def test_no_code_of_a_dataset_is_listed_to_choose_from(roots):
    text = said(run_page("models", part="data", dataset="gone"))
    assert "The link's dataset “gone” is not here. Showing “" in text


@pytest.mark.parametrize(
    ("page", "link"), [("runs", {"run": "gone"}), ("models", {"run": "gone"}), ("train", {"dataset": "gone"})]
)
def test_so_does_one_where_nothing_is_at_all(roots, page, link):
    shutil.rmtree(roots / "runs")
    shutil.rmtree(roots / "data")
    assert "“gone” is not here." in said(run_page(page, **link))


def test_what_was_chosen_and_is_deleted_elsewhere_is_said_and_another_choice_ends_it(roots):
    written(roots / "runs" / "other", state="stopped")
    app = run_page("runs", run="here")
    assert "not here" not in said(app)
    shutil.rmtree(roots / "runs" / "here")
    checked(app)
    assert "The run chosen before is not here any more. Showing “" in said(app)
    checked(app, app.selectbox(key="upgan_widget_run").set_value("other"))
    assert "not here" not in said(app)


@given(st.lists(st.integers(0, 100), max_size=8))
def test_names_of_phases_never_cover_each_other(steps):
    places = [step / 100 for step in sorted(steps)]
    taken: dict[int, list[tuple[float, float]]] = {}
    for place, (row, left) in zip(places, _label_rows(places), strict=True):
        start = place if left else place - _LABEL_WIDTH
        assert start >= -1e-9
        assert start + _LABEL_WIDTH <= 1 + 1e-9, "none is cut off"
        assert all(start >= end - 1e-9 or start + _LABEL_WIDTH <= begin + 1e-9 for begin, end in taken.get(row, []))
        taken.setdefault(row, []).append((start, start + _LABEL_WIDTH))


def test_every_phase_has_its_name(tmp_path):
    curves, _ = following.Followed(written(tmp_path / "run", points=10)).update()
    chart = lines_chart(following.charts(curves)[0], [("one", 0), ("two", 0), ("three", 1)], "run")
    assert [note.text for note in chart.layout.annotations] == ["one", "two", "three"]
    assert len({note.yshift for note in chart.layout.annotations}) == 3
    assert chart.layout.margin.t >= 24 + 2 * 14


def test_the_followed_questions_table_has_pseudonyms(tmp_path):
    run = written(tmp_path / "run")
    users = [{"id": "ann@example.org", "weight": 0.5}, {"id": "ben@example.org", "weight": 0.25}]
    negatives = [{"id": "book:eye", "probability": 0.5}]
    lines = [{"phase": "adversarial", "epoch": 1, "step": 1, "rank": 3, "users": users, "negatives": negatives},
             {"phase": "adversarial", "epoch": 2, "step": 2, "rank": 2, "users": users[::-1]}]  # fmt: skip
    (run / "pinned.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = following.pinned_csv({"run": run})
    assert "@" not in table
    assert "book:eye" in table
    assert table.count("U1") == table.count("U2") == 2
    assert following.pinned_csv({"run": run}, real_ids=True).count("ann@example.org") == 2
