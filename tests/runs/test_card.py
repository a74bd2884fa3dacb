"""The model card says what the run's own numbers are, in a header that tools read and a text that people read."""

from __future__ import annotations

import dataclasses
import json

import pytest

from upgan.config.settings import make_config
from upgan.data.dataset import load_dataset
from upgan.experiment.card import run_card

yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def run(toy_run):
    return toy_run[0].parent / "run"


def parts(text: str) -> tuple[dict, str]:
    _, header, body = text.split("---\n", 2)
    return yaml.safe_load(header), body


def test_the_header_holds_the_runs_test_metrics(run):
    header, _ = parts((run / "card.md").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    (result,) = header["model-index"][0]["results"]
    told = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert told == {key: pytest.approx(metrics[key], rel=1e-5) for key in ("mrr", "hits@1", "hits@3", "hits@10", "mr")}
    assert result["dataset"]["type"] == load_dataset(run / "dataset").fingerprint
    assert header["license"] == "unknown"


def test_the_text_names_what_a_reader_needs(run):
    _, body = parts((run / "card.md").read_text())
    metrics = json.loads((run / "metrics.json").read_text())
    for heading in (
        "Data",
        "Protocol",
        "Test metrics after",
        "Test metrics by group",
        "Settings",
        "Hardware",
        "Limits",
    ):
        assert f"## {heading}" in body
    for group in ("relation", "sparsity", "hops", "side"):
        assert f"### By {group}" in body
        assert sum(found["queries"] for found in metrics["groups"][group].values()) == metrics["queries"] == 4
    for phase in metrics["stages"]:
        assert f"| {phase} | " in body
    assert "`pretrain.batch` | `4`" in body
    assert str(metrics["hardware"]["torch"]) in body
    assert "How to cite" in body
    assert "WWW) 2020" in body


def test_names_from_the_data_cannot_change_the_card(run):
    """A licence and a name as an attacker would choose them: neither breaks out of the header nor makes a link."""
    dataset = load_dataset(run / "dataset")
    evil = 'x"\n---\n<script>alert(1)</script> [click](http://evil) | # head'
    manifest = {**dataset.manifest, "licence": evil, "sources": [{"name": evil}], "simulated_users": True}
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["groups"]["relation"] = {evil: metrics["groups"]["relation"]["by"]}
    card = run_card(dataclasses.replace(dataset, name=evil, manifest=manifest), make_config("paper"), metrics)
    header, body = parts(card)
    assert header["license"] == evil
    assert header["datasets"] == [evil]
    assert "<script>" not in body
    assert "](http" not in body
    assert "SIMULATED" in body
    assert all(line.count("|") - line.count("\\|") in (0, 3, 8, 9) for line in body.splitlines())


def test_a_long_licence_stays_whole(run):
    """A name is cut to a length that a table bears; a licence that is cut would say something else."""
    dataset = load_dataset(run / "dataset")
    licence = "may be used by whoever " + "asks and " * 60 + "gives it on under the same terms"
    metrics = json.loads((run / "metrics.json").read_text())
    manifest = {**dataset.manifest, "licence": licence}
    card = run_card(dataclasses.replace(dataset, manifest=manifest), make_config("paper"), metrics)
    assert card.count(licence) == 2
