"""`upgan bench` as a user runs it: its document, its table, what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.command_line import here, refused, upgan
from upgan.bench.growth import growth, slopes, write_page
from upgan.bench.measure import Measurement, Spent, in_turn
from upgan.bench.serving import measure_serving
from upgan.bench.suite import MEASUREMENTS


def test_the_document_has_every_measurement(toy_folder, tmp_path):
    done = upgan("bench", "--data", toy_folder, "--repeat", 2, "--json", "--out", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((tmp_path / "bench.json").read_text())
    (dataset,) = found["datasets"]
    assert dataset["counts"] == {
        "entities": 9,
        "relations": 3,
        "users": 5,
        "interactions": 10,
        "training_triples": 9,
    }
    names = {line["name"] for line in dataset["measurements"]}
    assert len(names) == len(dataset["measurements"]) == len(MEASUREMENTS)
    for line in dataset["measurements"]:
        spent = line["cpu_seconds"]
        assert spent["repeats"] == 2
        assert 0 < spent["min"] <= spent["median"] <= spent["max"]
        assert line["peak_memory_mb"] > 50
        assert (line["ratio"] is None) == (line["reference_cpu_seconds"] is None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "everything"], "choose among preparation"),
        (["--data", "synth:films"], "book, movie, music"),
        (["--data", "synth:book@many"], "'many' is no number"),
        (["--repeat", "0"], "--repeat"),
        (["--page", "curves.html"], "--growth"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, says):
    refused(here("bench", *arguments), says)


def test_work_and_reference_take_turns():
    order = []
    in_turn([lambda: order.append("own"), lambda: order.append("reference")], 2, shortest=0)
    assert order == ["own", "reference"] * 3  # the first round is not counted


def test_the_ratio_is_that_of_neighbouring_runs():
    # The machine was ten times slower in the second round, for both.
    line = Measurement("x", "step", Spent((2.0, 20.0, 2.0)), "y", Spent((1.0, 10.0, 1.0)), 1.0, steps=4)
    assert line.ratio == 2.0
    assert line.to_dict()["epoch_cpu_seconds"] == 8.0


def test_serving_states_recall():
    served = measure_serving(5_000, 1, 0)
    assert served["float16_rescored_recall"] == 1.0
    assert served["float16_recall"] > 0.9
    if served["approximate"] is not None:
        recalls = [effort["recall"] for effort in served["approximate"]["efforts"]]
        assert recalls[-1] >= recalls[0]


def test_slopes_of_known_curves():
    assert slopes([1, 10, 100], [2.0, 20.0, 200.0])["slope"] == pytest.approx(1)
    assert slopes([1, 10, 100], [5.0, 5.0, 500.0])["last_slope"] == pytest.approx(2)


def test_growth_has_seven_curves_and_a_page(tmp_path):
    found = growth(1, 0, shrink=200)
    assert [(curve["what"], curve["size"]) for curve in found["curves"]] == [
        *(("propagation", size) for size in ("entities", "edges", "interactions", "K")),
        *(("evaluation", size) for size in ("entities", "K", "batch")),
    ]
    for curve in found["curves"]:
        assert len(curve["values"]) == len(curve["cpu_seconds"]) == 4
        assert min(curve["cpu_seconds"]) > 0
        assert curve["slope"] == slopes(curve["values"], curve["cpu_seconds"])["slope"]
    write_page(found, tmp_path / "growth.html")
    page = (tmp_path / "growth.html").read_text()
    assert "Cost against size" in page
    for curve in found["curves"]:
        assert f"{curve['what']} \\u002f {curve['size']}: slope {curve['slope']:.2f}" in page
