"""The leaderboard shows what `upgan reproduce` wrote, number by number, and says what it cannot show."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.reproduce.made import HOSTILE, document
from tests.reproduce.test_job import ended, noted
from tests.ui.driving import address, checked, run_page, said, table
from ui.services.leaderboard import list_boards, paper_choices, results_roots
from upgan.data.dataset import build_dataset
from upgan.reproduce.produce import write_files


@pytest.fixture
def root(toy_dataset, tmp_path, monkeypatch) -> Path:
    """Two results that can be shown, and three files that cannot."""
    results = Path(tmp_path) / "results"
    random = np.random.default_rng(2)
    for target, broken in (("table4", [("distmult", 1)]), ("fig3-dim", [])):
        told, _ = document(toy_dataset, target, random, tmp_path, broken=broken)
        write_files(told, results / "toy")
    (results / "bad").mkdir()
    (results / "bad" / "table3.json").write_text("{not json")
    (results / "bad" / "table5.json").write_text('{"format_version": 1, "title": "x"}')
    (results / "bad" / "table6.json").write_text('{"format_version": 99}')
    (results / "bad" / "other.json").write_text("{}")
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("UPGAN_RESULTS", raising=False)
    return results


def chart(app: Any) -> Any:
    (found,) = app.get("plotly_chart")
    return json.loads(found.proto.spec)


def link(app: Any) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in address(app).items()}


def test_without_a_result_it_says_which_command_makes_one(tmp_path, monkeypatch):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.delenv("UPGAN_RESULTS", raising=False)
    app = run_page("leaderboard")
    assert "There is no reproduced table yet" in said(app)
    assert str(tmp_path / "results") in said(app)
    assert "upgan reproduce table3 --data data/demo --out results/demo" in app.code[0].value


def test_the_table_is_the_file_and_the_download_its_csv(root):
    app = run_page("leaderboard", board="toy/table4", paper="music")
    told = json.loads((root / "toy" / "table4.json").read_text())
    shown = table(app)
    assert list(shown["system"]) == ["DistMult", "ConvTransE", "UPGAN"]
    assert list(shown["runs"]) == ["2 of 3", "3", "3"]
    for row, (_, line) in zip(told["rows"], shown.iterrows(), strict=True):
        for group in "ABCDE":
            found = row["groups"]["sparsity"][group]
            mean, std = 100 * found["mean"]["hits@3"], 100 * found["std"]["hits@3"]
            assert line[group] == f"{mean:.2f} ± {std:.2f}"
            assert line[f"paper {group}"] == f"{100 * row['paper']['music'][group]:.2f}"
    assert "73.50" in shown["paper A"].tolist()
    (button,) = cast(Any, app.get("download_button"))
    assert button.label == "Table (CSV)"
    bars = {trace["name"]: trace for trace in chart(app)["data"]}
    assert list(bars) == ["DistMult", "ConvTransE", "UPGAN"]
    assert link(app) == {"board": "toy/table4", "paper": "music"}
    assert "distmult, seed 1: out of memory" in app.code[0].value


def test_the_best_system_comes_first_and_intervals_stand_beside(root, toy_dataset, tmp_path):
    random = np.random.default_rng(4)
    told, _ = document(toy_dataset, "table4", random, tmp_path)
    change = {"value": 0.01, "low": -0.002, "high": 0.03, "relative": 0.1}
    told |= {"target": "table3", "by": None, "title": "Table 3: all systems"}
    told["rows"][2]["mrr_before_fusion"] = 0.25
    for row in told["rows"]:
        row["paper"] = {"book": dict.fromkeys(("mr", "mrr", "hits@1", "hits@3", "hits@10"), 0.25)}
        row["upgan_minus"] = None if row["row"] == "upgan" else {"seeds": [0], "mrr": change, "hits@10": change}
    write_files(told, root / "toy")
    app = run_page("leaderboard", board="toy/table3", paper="book")
    shown = table(app)
    by_mrr = sorted(told["rows"], key=lambda row: -row["mean"]["mrr"])
    assert list(shown["system"]) == [row["label"] for row in by_mrr]
    assert list(shown["place"]) == ["1", "2", "3"]
    assert set(shown["UPGAN's lead, MRR"]) == {"–", "\u2060+1.00 [-0.20, +3.00]"}, "guarded for the table's own CSV"
    assert set(shown["paper MRR"]) == {"25.00"}
    assert "Test MRR before them: UPGAN 25.00." in said(app)
    assert chart(app)["data"][0]["x"] == list(shown["system"])
    named = [(trace.get("name"), trace.get("visible", True)) for trace in chart(app)["data"]]
    assert named == [("here", True), ("paper: book", True)], "the figures that stand in the table"
    without = run_page("leaderboard", board="toy/table3", paper="none")
    assert [trace.get("name") for trace in chart(without)["data"]] == ["here"]


def test_what_a_search_found_stands_below(root, toy_dataset, tmp_path):
    told, _ = document(toy_dataset, "table4", np.random.default_rng(4), tmp_path)
    common = {"trials": 4, "failed": 1, "default_valid_mrr": 0.25, "valid_mrr": 0.3}
    told["search"] = {
        "trials": 4, "trial_seconds": 150.0, "final_seconds": 720.0, "seed": 0,
        "systems": {
            "distmult": {**common, "final": {"default_valid_mrr": 0.35, "valid_mrr": 0.4}, "settings": {"a.lr": 0.1}},
            "upgan": {**common, "final": {"default_valid_mrr": 0.5, "valid_mrr": None}, "settings": {}},
            HOSTILE: {**common, "final": None, "settings": {HOSTILE: HOSTILE}},
        },
    }  # fmt: skip
    write_files(told, root / "toy")
    assert "Settings searched" not in said(run_page("leaderboard", board="toy/fig3-dim"))
    app = run_page("leaderboard", board="toy/table4")
    shown = cast(Any, app.dataframe[1].value)
    assert list(shown["both with the final time"]) == ["35.00, 40.00", "50.00, –", "–"]
    assert list(shown["settings"])[:2] == ["a.lr=0.1", "the defaults"]
    assert list(shown["system"]) == ["DistMult", "UPGAN", HOSTILE]
    assert "4 trials of at most 150 s for each system, with seed 0" in said(app)


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("lastfm", "music"),
        ("Last.FM 2b", "music"),
        ("data/music", "music"),
        ("ml-100k", "movie"),
        ("MovieLens_1m", "movie"),
        ("librarything", "book"),
        ("amazon-book", "book"),
        ("facebook", "none"),
        ("toy", "none"),
        ("books and movies", "none"),
    ],
)
def test_the_papers_figures_beside_are_those_of_the_datasets_domain(toy_frames, tmp_path, name, domain):
    dataset = build_dataset(name=name, **toy_frames)
    told, _ = document(dataset, "table4", np.random.default_rng(2), tmp_path)
    first, *others = paper_choices(told)
    assert first == domain
    assert {first, *others} == {"book", "music", "movie", "none"}
    told, _ = document(dataset, "fig3-dim", np.random.default_rng(2), tmp_path)
    assert paper_choices(told) == []


def test_another_table_begins_with_its_own_domain_and_a_choice_stays(root, toy_frames, tmp_path):
    for name in ("lastfm", "ml-100k"):
        told, _ = document(build_dataset(name=name, **toy_frames), "table4", np.random.default_rng(2), tmp_path)
        write_files(told, root / name)
    app = run_page("leaderboard", board="lastfm/table4")
    assert link(app) == {"board": "lastfm/table4", "paper": "music"}
    app.selectbox[1].set_value("none")
    checked(app)
    assert link(app) == {"board": "lastfm/table4", "paper": "none"}
    assert not [column for column in table(app) if column.startswith("paper")]
    app.selectbox[0].set_value("ml-100k/table4")
    checked(app)
    assert link(app) == {"board": "ml-100k/table4", "paper": "movie"}
    app.selectbox[0].set_value("toy/table4")
    checked(app)
    assert link(app) == {"board": "toy/table4", "paper": "none"}


def test_choosing_another_changes_the_address_which_reopens_it(root):
    app = run_page("leaderboard")
    app.selectbox[0].set_value("toy/fig3-dim")
    checked(app)
    assert list(table(app)["K"]) == ["16", "32", "64", "128", "256"]
    assert link(app) == {"board": "toy/fig3-dim"}
    again = run_page("leaderboard", **cast(Any, link(app)))
    assert table(again).equals(table(app))
    assert chart(again)["data"][0]["x"]
    unknown = run_page("leaderboard", board="../../etc/passwd")
    assert unknown.selectbox[0].value in {"toy/table4", "toy/fig3-dim"}


def test_files_that_are_no_results_are_said_with_the_reason(root):
    app = run_page("leaderboard")
    text = said(app)
    for key, reason in (("bad/table3", "not readable"), ("bad/table5", "not as"), ("bad/table6", "format version 1")):
        assert f"**{key}**" in text
        assert reason in text
    assert "other" not in [board.key.split("/")[-1] for board in list_boards(results_roots())]


def test_the_csv_of_the_page_is_the_csv_of_the_command(root):
    from upgan.reproduce.tables import to_csv

    (board,) = [board for board in list_boards(results_roots()) if board.key == "toy/table4"]
    assert to_csv(board.document) == (root / "toy" / "table4.csv").read_text()
    assert len(list(csv.DictReader(io.StringIO(to_csv(board.document))))) == 3 * (1 + 5 + 4)


def test_hostile_names_stay_names(root, toy_frames, tmp_path):
    dataset = build_dataset(name=HOSTILE, **toy_frames)
    told, _ = document(dataset, "table4", np.random.default_rng(2), tmp_path, broken=[("upgan", 2)])
    for row in told["rows"]:
        row["label"] = HOSTILE
    write_files(told, root / "hostile")
    app = run_page("leaderboard", board="hostile/table4")
    drawn = json.dumps(chart(app))
    assert "<script" not in drawn
    assert "<img" not in drawn
    captions = "\n".join(element.value for element in app.caption)
    assert "](javascript" not in captions
    assert "<img" not in captions.replace("\\<", "")
    assert HOSTILE.split(" | ")[0] in table(app)["system"][0]


class TestMeasuringHere:
    @pytest.fixture
    def data(self, root, toy_folder, tmp_path, monkeypatch):
        """Beside the results one dataset."""
        shutil.copytree(toy_folder, tmp_path / "data" / "toy")
        monkeypatch.setenv("UPGAN_DATA", str(tmp_path / "data"))
        return root

    def test_the_form_says_what_it_will_do_as_a_command_that_is_one(self, data, tmp_path):
        app = run_page("leaderboard")
        checked(app, app.selectbox(key="upgan_widget_target").set_value("table4"))
        checked(app, app.multiselect(key="upgan_widget_systems").set_value(["distmult"]))
        checked(app, app.selectbox(key="upgan_widget_budget").set_value("5m"))
        checked(app, app.number_input(key="upgan_reproduce_seeds").set_value(2))
        told = shlex.split(next(code.value for code in app.code if code.value.startswith("upgan reproduce")))
        asked = {
            "--data": str(tmp_path / "data" / "toy"), "--out": str(data / "toy"), "--budget": "5m", "--seeds": "0,1",
            "--checkpoints": str(tmp_path / "checkpoints"), "--systems": "distmult",
        }  # fmt: skip
        assert told[:3] == ["upgan", "reproduce", "table4"]
        assert dict(zip(told[3::2], told[4::2], strict=True)) == asked
        assert "2 runs, at most 5 minutes each." in said(app)
        checked(app, app.text_input(key="upgan_reproduce_name").set_value("../up"))
        assert "name here is 1 to 40 of a-z" in said(app)
        assert "upgan_reproduce_start" not in [button.key for button in app.button]

    def test_what_is_at_work_is_followed_and_what_was_cancelled_can_go_on(self, data, monkeypatch):
        noted(data / "now", os.getpid(), "[2/3] UPGAN s1 pretrain 4/9; ETA 0.1 min\n")
        noted(data / "before", ended(), "interrupted: what is being trained is saved\n", cancelled=True)
        app = run_page("leaderboard")
        assert "2 of 3 runs are over" in [bar.proto.text for bar in cast(Any, app.get("progress"))]
        assert "[2/3] UPGAN s1 pretrain 4/9; ETA 0.1 min" in said(app)
        assert {"Cancel", "Go on"} <= {button.label for button in app.button}
        monkeypatch.setenv("UPGAN_NO_TRAINING", "1")
        app = run_page("leaderboard")
        assert "[2/3] UPGAN s1" in said(app)
        assert not {"Cancel", "Go on", "Start measuring"} & {button.label for button in app.button}
