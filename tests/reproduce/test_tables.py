"""Numbers of a document against numpy, its files against each other, names that try to be more than names."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from tests.reproduce.made import HOSTILE, METRICS, document, outcomes
from upgan.data.dataset import build_dataset
from upgan.reproduce.document import Document
from upgan.reproduce.figures import figure_html
from upgan.reproduce.measure import measure
from upgan.reproduce.plan import Request
from upgan.reproduce.produce import write_files
from upgan.reproduce.tables import fitted, markdown, to_csv


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("target", ["table4", "table5", "fig3-dim"])
def test_means_and_deviations_are_numpys(target, toy_dataset, random, tmp_path):
    told, made = document(toy_dataset, target, random, tmp_path)
    for row in told["rows"]:
        of = [outcome.finished.metrics for outcome in made if outcome.planned.row == row["row"]]
        assert len(of) == 3
        for metric in METRICS:
            values = np.array([metrics[metric] for metrics in of])
            assert row["mean"][metric] == pytest.approx(values.mean(), rel=1e-12)
            deviation = np.sqrt(((values - values.mean()) ** 2).sum() / 2)  # of a sample: n - 1
            assert row["std"][metric] == pytest.approx(deviation, rel=1e-12)
            group = np.array([metrics["groups"]["hops"][">=3"][metric] for metrics in of])
            assert row["groups"]["hops"][">=3"]["mean"][metric] == pytest.approx(group.mean(), rel=1e-12)
            assert row["groups"]["hops"][">=3"]["std"][metric] == pytest.approx(group.std(ddof=1), rel=1e-12)


def cells(page, label, place=0):
    """The cells of the place-th table row that begins with the label."""
    rows = [line for line in page.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", rows[place])[1:-1]]


def shown(value, std, metric):
    scale, digits = (1, 0) if metric == "mr" else (100, 2)
    return f"{scale * value:,.{digits}f} ± {scale * std:,.{digits}f}"


def test_markdown_csv_and_json_say_the_same(toy_dataset, random, tmp_path):
    told, _ = document(toy_dataset, "fig3-layers", random, tmp_path)
    page = write_files(told, tmp_path / "out")
    assert (tmp_path / "out" / "fig3-layers.md").read_text() == page
    read = json.loads((tmp_path / "out" / "fig3-layers.json").read_text())
    lines = list(csv.DictReader((tmp_path / "out" / "fig3-layers.csv").open(newline="")))
    whole = [line for line in lines if line["group"] == "all"]
    assert len(read["rows"]) == len(whole) == 4
    for place, (row, line) in enumerate(zip(read["rows"], whole, strict=True)):
        assert (line["row"], float(line["x"]), int(line["runs"])) == (row["row"], row["x"], 3)
        in_page = cells(page, "UPGAN", place)
        assert in_page[1:3] == [f"{row['x']:g}", "3"]
        for metric, cell in zip(METRICS, in_page[3:], strict=True):
            assert float(line[metric]) == row["mean"][metric]
            assert float(line[f"{metric}_std"]) == row["std"][metric]
            assert cell == shown(row["mean"][metric], row["std"][metric], metric)
    groups = {(line["row"], line["by"], line["group"]): line for line in lines if line["group"] != "all"}
    assert len(groups) == 4 * (5 + 4)
    for row in read["rows"]:
        for by, of in row["groups"].items():
            for name, found in of.items():
                assert float(groups[row["row"], by, name]["hits@3"]) == found["mean"]["hits@3"]


def test_the_papers_groups_stand_beside(toy_dataset, random, tmp_path):
    told, _ = document(toy_dataset, "table5", random, tmp_path)
    page = markdown(told)
    assert cells(page, "system")[2:] == ["1", "2", "\\>=3", "unreachable"]
    after = page.split("| UPGAN |")[1]
    assert cells(after, "")[1:] == ["paper: book", "70.10", "18.20", "58.70", "–"]
    beside = [line for line in csv.DictReader(io.StringIO(to_csv(told))) if line["row"] == "distmult"]
    paper = {line["group"]: line["paper_music_hits@3"] for line in beside if line["by"] == "hops"}
    assert paper == {"1": "0.891", "2": "0.718", ">=3": "0.325", "unreachable": ""}


def test_who_is_below_transe_is_said_with_what_is_known_of_why(toy_dataset, random, tmp_path):
    told, _ = document(toy_dataset, "table4", random, tmp_path)
    told["by"] = None
    for row, name, mrr in zip(told["rows"], ("transe", "kgat", "upgan"), (0.3, 0.2, 0.4), strict=True):
        row |= {"row": name, "label": name, "paper": {}, "mean": row["mean"] | {"mrr": mrr}}
    told["rows"][1]["runs"][2]["out_of_time"] = True
    said = "Below TransE, the simplest system: kgat (the time limit ended 1 of 3 runs)."
    assert said in markdown(told)
    told["rows"][1]["runs"][2]["not_begun"] = ["pretrain", "adversarial"]
    assert f"kgat s{told['rows'][1]['runs'][2]['seed']} (no time for pretrain, adversarial)." in markdown(told)
    told["rows"][1]["mean"]["mrr"] = 0.3
    assert "No system is below TransE" in markdown(told)


def test_what_learned_from_validation_is_said_with_what_it_reached_before(toy_dataset, tmp_path):
    """Three seeds, of which one found no use in the fit; by hand: (0.30 + 0.20 + 0.40) / 3."""
    asked = Request("table4", seeds=(0, 1, 2))
    made = outcomes(asked, np.random.default_rng(5))
    assert fitted(measure(made, toy_dataset, asked, tmp_path, print)) == ""
    reached = {0: (0.30, 1), 1: (0.20, 0), 2: (0.40, 1)}
    for outcome in made:
        if outcome.planned.system == "upgan":
            mrr, best = reached[outcome.planned.seed]
            outcome.finished.metrics["stages"] = {
                "initialisation": {"test": {"mrr": 0.9}},
                "adversarial": {"test": {"mrr": mrr}},
                "fusion": {"test": {"mrr": 0.5}, "best_epoch": best},
            }
    told: Document = {**measure(made, toy_dataset, asked, tmp_path, print), "search": None, "command": "upgan"}
    assert [row["mrr_before_fusion"] for row in told["rows"]] == [None, None, pytest.approx(0.3)]
    assert "only to choose and to stop. Test MRR before them: UPGAN 30.00." in markdown(told)


def test_a_failed_run_is_said_with_its_reason_and_left_out_of_the_mean(toy_dataset, random, tmp_path):
    broken = [("distmult", 1), *(("upgan", seed) for seed in (0, 1, 2))]
    told, made = document(toy_dataset, "table4", random, tmp_path, broken=broken)
    rows = {row["row"]: row for row in told["rows"]}
    kept = [
        outcome.finished.metrics["mrr"] for outcome in made if outcome.finished and outcome.planned.row == "distmult"
    ]
    assert rows["distmult"]["mean"]["mrr"] == pytest.approx(np.mean(kept))
    assert rows["upgan"]["mean"] is rows["upgan"]["std"] is None
    page = markdown(told)
    assert page.count("**Failed**") == 4
    assert "distmult, seed 1: out of memory" in page
    assert cells(page, r"UPGAN (failed)")[2:] == ["–"] * 5
    counted = {line["row"]: (line["runs"], line["failed"]) for line in csv.DictReader(io.StringIO(to_csv(told)))}
    assert counted == {"distmult": ("2", "1"), "convtranse": ("3", "0"), "upgan": ("0", "3")}
    assert "<svg" not in page
    figure_html(told)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts = self.images = 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.images += tag == "img"


def test_hostile_names_stay_names(toy_frames, random, tmp_path):
    dataset = build_dataset(name=HOSTILE, **toy_frames)
    for target in ("table4", "fig3-dim"):
        hostile, _ = document(dataset, target, random, tmp_path, broken=[("upgan", 0), ("upgan-dim16", 0)])
        hostile["command"] = f"upgan reproduce --data '{HOSTILE}'"
        page = markdown(hostile)
        outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", page)  # code spans are shown as they are
        outside = re.sub(r"\\.", "", outside)  # so is what is escaped
        assert "<" not in outside
        assert "](" not in outside
        assert HOSTILE in page  # the command, whole
        tame, tags = Tags(), Tags()
        tags.feed(figure_html(hostile))
        hostile["dataset"]["name"] = "tame"
        tame.feed(figure_html(hostile))
        assert (tags.scripts, tags.images) == (tame.scripts, tame.images)
        assert tags.images == 0
