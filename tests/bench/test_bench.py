"""`upgan bench` as a user runs it: its document, its table, what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.command_line import here, refused, upgan
from upgan.bench.growth import GROWN, HELD, PLANS, growth, keeps, sizes_of, sizes_to_value, slopes
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
        (["--data", "synth:book@many"], "'many' is not a number"),
        (["--repeat", "0"], "--repeat"),
        (["--page", "curves.html"], "--growth"),
        (["--growth", "--data", "demo"], "leave out --data"),
        (["--growth", "--only", "speed"], "choose among"),
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
    pytest.importorskip("faiss")
    served = measure_serving(5_000, 1, 0)
    forms = {form["form"]: form for form in served["forms"]}
    found = {}
    for name, form in forms.items():
        assert form["float16_rescored_recall"] == 1.0
        assert form["float16_recall"] > 0.9
        found[name] = [effort["recall"] for effort in form["approximate"]["efforts"]]
        assert found[name] == sorted(found[name])
        assert found[name][-1] == 1.0  # all 71 lists read, and the candidates scored again by their own vectors
        # 100 codes of a byte and a number of 8 for each candidate, 71 centres of 100 float32.
        assert form["approximate"]["index_mb"] == pytest.approx((5_000 * 108 + 71 * 400) / 1e6)
    # Clusters are what lists find their way by.
    assert found["clustered"][1] > found["noise"][1]


def test_slopes_of_known_curves():
    assert slopes([1, 10, 100], [2.0, 20.0, 200.0])["slope"] == pytest.approx(1)
    assert slopes([1, 10, 100], [5.0, 5.0, 500.0])["last_slope"] == pytest.approx(2)


def test_a_curve_keeps_its_order_or_does_not():
    sizes = [10, 100, 1_000]
    linear, quadratic, late = (slopes(sizes, spent) for spent in ([1.0, 10, 100], [1.0, 100, 10_000], [1.0, 1.1, 40]))
    assert keeps(1, linear)
    assert not keeps(0, linear)
    assert keeps(2, quadratic)
    assert not keeps(1, quadratic)
    # Fixed costs make the whole curve look flat; its last step tells.
    assert late["slope"] < 1
    assert not keeps(1, late)


def test_one_size_grows_over_two_decades_and_the_others_are_held():
    for plan in PLANS:
        values = [sizes_to_value(plan.size, sizes_of(plan.size, value)) for value in GROWN[plan.size]]
        assert values[-1] / values[0] == pytest.approx(100, rel=0.01)
        if plan.size in HELD:
            grown = sizes_of(plan.size, values[-1])
            assert {name for name in HELD if grown[name] != HELD[name]} == {plan.size}


@pytest.mark.parametrize("what", sorted({plan.what for plan in PLANS}))
def test_growth_of_every_kind_at_tiny_sizes(what):
    found = growth(1, 0, [what], shrink=200)
    assert {curve["what"] for curve in found["curves"]} == {what}
    assert [curve["size"] for curve in found["curves"]] == [plan.size for plan in PLANS if plan.what == what]
    for curve in found["curves"]:
        assert len(curve["values"]) == len(curve["cpu_seconds"]) == 4
        assert min(curve["cpu_seconds"]) > 0
        assert curve["kept"] == keeps(curve["order"], curve)


def test_growth_by_the_command_line(tmp_path):
    paths = tmp_path / "growth.html", tmp_path / "growth.json"
    done = here("bench", "--growth", "--only", "serving", "--repeat", 1, "--page", paths[0], "--out", paths[1])
    assert done.returncode == 0, done.stderr
    found = json.loads(paths[1].read_text())
    assert [(curve["what"], curve["size"]) for curve in found["curves"]] == [("serving", "entities"), ("serving", "K")]
    assert done.stdout.count("| serving |") == 2
    page = paths[0].read_text()
    assert "Cost against size" in page
    assert all(f"slope {curve['slope']:.2f}" in page for curve in found["curves"])
