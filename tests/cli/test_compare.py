"""`upgan compare` as people run it, on tiny trained runs: two systems with two seeds each."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from tests.command_line import here, refused, upgan
from upgan.config.presets import PRESETS
from upgan.data.dataset import copy_dataset
from upgan.evaluation.compare import compare_rankings
from upgan.predict.predictor import load

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset

TINY = ("--preset=demo", "--model=distmult", "--set=initialisation.epochs=2")
METRICS = ("mr", "mrr", "hits@1", "hits@3", "hits@10", "queries")
QUICK = ("--resamples", "200")


def trained(dataset: Path, folder: Path, *options: str) -> Path:
    result = here("train", dataset, "--run", folder, *TINY, *options)
    assert result.returncode == 0, result.stderr
    return folder


def compared(*arguments: str | Path) -> dict[str, Any]:
    """The JSON document of a comparison."""
    result = here("compare", *arguments, *QUICK, "--json")
    assert result.returncode == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ "8s0" is of dimension 8 and seed 0; seed 1 was trained with other settings that make no other system."""
    folder = tmp_path_factory.mktemp("compare")
    triples = [(f"book{b}", "[author]", f"author{b % 5}") for b in range(50)]
    triples += [(f"book{b}", "genre", f"genre{b % 3}") for b in range(50)]
    reads = [(f"user{u}", f"book{b}") for u in range(12) for b in range(50) if (u + b) % 3 == 0]
    (folder / "raw").mkdir()
    pd.DataFrame(triples).to_csv(folder / "raw" / "triples.tsv", sep="\t", header=False, index=False)
    pd.DataFrame(reads).to_csv(folder / "raw" / "interactions.tsv", sep="\t", header=False, index=False)
    books = folder / "books"
    asked = ("--out", books, "--min-interactions", "2", "--min-triples", "1")
    assert here("data", "prepare", folder / "raw", *asked).returncode == 0
    elsewhere = ["--device=cpu", "--set=threads=2", "--set=max_seconds=1000", "--set=checkpoint_seconds=9"]
    elsewhere += ["--pin-head=book1", "--pin-relation=[author]", "--pin-answer=author1"]
    return {
        f"{dim}s{seed}": trained(
            books, folder / f"{dim}s{seed}", f"--seed={seed}", f"--set=model.dim={dim}", *(elsewhere if seed else [])
        )
        for dim in (8, 4)
        for seed in (0, 1)
    }


@pytest.fixture(scope="module")
def toy_run(toy_dataset: KGDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    copy_dataset(toy_dataset, folder / "toy")
    return trained(folder / "toy", folder / "run")


def test_systems_are_compared_over_their_seeds(runs: dict[str, Path]) -> None:
    folders = [runs[name] for name in ("8s0", "4s0", "8s1", "4s1")]
    result = upgan("compare", *folders, *QUICK, "--seed", "3", "--json")
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    assert list(document) == ["split", "dataset", "baseline", "resamples", "seed", "systems"]
    predictors = {name: load(folder) for name, folder in runs.items()}
    dataset = predictors["8s0"].dataset
    assert document["dataset"] == {"name": dataset.name, "fingerprint": dataset.fingerprint}
    assert [document[key] for key in ("split", "resamples", "seed")] == ["test", 200, 3]

    base, other = document["systems"]
    assert [base["name"], other["name"]] == ["distmult demo model.dim=8", "distmult demo model.dim=4"]
    assert document["baseline"] == base["name"]
    assert base["runs"] == [str(runs["8s0"]), str(runs["8s1"])]
    assert base["seeds"] == other["seeds"] == [0, 1]
    rankings = {name: predictor.rank("test") for name, predictor in predictors.items()}
    for entry, dim in ((base, 8), (other, 4)):
        each: list[dict[str, Any]] = [rankings[f"{dim}s{seed}"].metrics.to_dict() for seed in (0, 1)]
        assert tuple(entry["metrics"]) == METRICS
        for key in METRICS:
            assert entry["metrics"][key] == pytest.approx(statistics.mean(one[key] for one in each))
        deviations = {key: statistics.stdev(one[key] for one in each) for key in ("mrr", "hits@10")}
        assert entry["std"] == pytest.approx(deviations)

    assert base["difference"] is None
    mine, yours = ([rankings[f"{dim}s{seed}"] for seed in (0, 1)] for dim in (8, 4))
    expected = compare_rankings(mine, yours, 200, 3).to_dict()
    for key in ("mrr", "hits@10"):
        assert other["difference"][key] == pytest.approx(expected[key])
    higher = sum(b.metrics.mrr > a.metrics.mrr for a, b in zip(mine, yours, strict=True))
    assert other["difference"]["positive_seeds"] == [higher, 2]


def test_the_first_run_s_system_is_the_baseline(runs: dict[str, Path]) -> None:
    one, other = compared(runs["8s0"], runs["4s0"]), compared(runs["4s0"], runs["8s0"])
    assert one["baseline"] != other["baseline"]
    change, back = (document["systems"][1]["difference"]["mrr"] for document in (one, other))
    assert back["value"] == pytest.approx(-change["value"])
    assert (back["low"], back["high"]) == pytest.approx((-change["high"], -change["low"]))
    assert one["systems"][0]["std"] is None


@pytest.mark.parametrize("split", ["test", "valid"])
def test_a_run_has_the_metrics_that_evaluate_shows(runs: dict[str, Path], split: str) -> None:
    document = compared(runs["8s0"], runs["4s0"], "--split", split)
    assert document["split"] == split
    for entry in document["systems"]:
        shown = json.loads(here("evaluate", entry["runs"][0], "--split", split, "--json").stdout)
        assert entry["metrics"] == shown


def test_seeds_alone_are_one_system_without_a_difference(runs: dict[str, Path]) -> None:
    document = compared(runs["8s0"], runs["8s1"])
    (entry,) = document["systems"]
    assert (entry["name"], entry["seeds"], entry["difference"]) == ("distmult demo", [0, 1], None)
    assert "ΔMRR" not in here("compare", runs["8s0"], runs["8s1"]).stdout


OUT_OF_TIME: dict[str, Any] = {"stages": {"initialisation": {"ended": "stopped"}}}


@pytest.mark.parametrize(
    ("change", "name"),
    [(OUT_OF_TIME, "distmult demo max_seconds=1000.0"), ({"started_from": "another"}, "distmult demo start=true")],
)
def test_runs_that_learned_by_other_means_are_two_systems(
    runs: dict[str, Path], tmp_path: Path, change: dict[str, Any], name: str
) -> None:
    """A limit that cut the training short, another run's weights to begin with: the settings alone do not tell."""
    shutil.copytree(runs["8s1"], tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    (tmp_path / "run" / "metrics.json").write_text(json.dumps({**metrics, **change}))
    systems = compared(runs["8s0"], tmp_path / "run")["systems"]
    assert [entry["name"] for entry in systems] == ["distmult demo", name]


def test_systems_of_other_kinds_are_named_by_their_own_settings(runs: dict[str, Path], tmp_path: Path) -> None:
    """A compared system lacks UPGAN's phases: what it does not have is no change of its preset."""
    books = runs["8s0"].parent / "books"
    made = here("train", books, "--run", tmp_path / "run", "--model=transe", "--set=epochs=1", "--set=transe.lr=0.5")
    assert made.returncode == 0, made.stderr
    names = [entry["name"] for entry in compared(runs["8s0"], tmp_path / "run")["systems"]]
    own = ("distmult demo model.dim=8 initialisation.epochs=2", "transe quality transe.epochs=1 transe.lr=0.5")
    assert tuple(names) == own


def test_seeds_that_do_not_pair_up_are_not_paired(runs: dict[str, Path]) -> None:
    assert compared(runs["8s0"], runs["4s1"])["systems"][1]["difference"]["positive_seeds"] is None


def test_a_name_holds_what_was_changed_of_the_preset(runs: dict[str, Path], tmp_path: Path) -> None:
    plain = trained(runs["8s0"].parent / "books", tmp_path / "plain")
    names = [entry["name"] for entry in compared(runs["8s0"], plain)["systems"]]
    assert names == ["distmult demo model.dim=8", "distmult demo"]


def test_a_preset_of_another_version_does_not_matter(runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PRESETS, "demo")
    names = [entry["name"] for entry in compared(runs["8s0"], runs["4s0"])["systems"]]
    assert names == ["distmult demo model.dim=8", "distmult demo model.dim=4"]


@pytest.mark.parametrize("by", ["relation", "sparsity", "hops", "side"])
def test_groups_are_the_same_queries_for_all(runs: dict[str, Path], by: str) -> None:
    document = compared(runs["8s0"], runs["4s0"], "--by", by)
    shown = json.loads(here("evaluate", runs["4s0"], "--by", by, "--json").stdout)["groups"]
    assert document["groups"].keys() == shown.keys()
    for name, group in document["groups"].items():
        base, other = group["systems"]
        assert [base["name"], other["name"]] == [entry["name"] for entry in document["systems"]]
        assert group["queries"] == base["metrics"]["queries"] == shown[name]["queries"]
        assert group["queries"] / 2 <= group["triples"] <= group["queries"]
        assert other["metrics"] == shown[name]
        change = other["difference"]["mrr"]
        assert change["value"] == pytest.approx(other["metrics"]["mrr"] - base["metrics"]["mrr"])


def test_tables_for_a_terminal(runs: dict[str, Path]) -> None:
    document = compared(*runs.values(), "--by", "relation")
    result = here("compare", *runs.values(), *QUICK, "--by", "relation")
    assert result.returncode == 0, result.stderr
    base, other = document["systems"]
    change = {key: 100 * value for key, value in other["difference"]["mrr"].items()}
    shown = [
        f"{100 * base['metrics']['mrr']:.2f} ± {100 * base['std']['mrr']:.2f}",
        f"{change['value']:+.2f} [{change['low']:+.2f}, {change['high']:+.2f}]",
        f"{change['relative']:+.1f}%",
        f"{other['difference']['positive_seeds'][0]} of 2",
        f"minus {document['baseline']}",
        "a triple's two queries together; 200 resamples, seed 0",
        "over triples, not over trainings",
        "[author]",
    ]
    for text in shown:
        assert text in result.stdout
    assert result.stdout == here("compare", *runs.values(), *QUICK, "--by", "relation").stdout


def test_tables_in_markdown(runs: dict[str, Path]) -> None:
    text = here("compare", *runs.values(), *QUICK, "--by", "side", "--markdown").stdout
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert [len(table) for table in tables] == [4, 3, 6]
    for table in tables:
        assert {line.count("|") for line in table} == {table[0].count("|")}
    assert tables[0][0] == "| system | seeds | MRR | H@1 | H@3 | H@10 | MR |"


def test_figures_as_csv(runs: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "new" / "figures.csv"
    document = compared(*runs.values(), "--by", "side", "--csv", file)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["group"] for row in rows] == ["all", "all", "head", "head", "tail", "tail"]
    entries = document["systems"] + [entry for group in document["groups"].values() for entry in group["systems"]]
    for row, entry in zip(rows, entries, strict=True):
        assert (row["system"], row["seeds"]) == (entry["name"], "0 1")
        assert float(row["mrr"]) == entry["metrics"]["mrr"]
        assert float(row["hits@10_std"]) == entry["std"]["hits@10"]
        change = entry["difference"]
        assert row["delta_mrr_low"] == ("" if change is None else str(change["mrr"]["low"]))
        assert row["paired_seeds"] == ("" if change is None else "2")


# What goes wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split", "train"], ["train", "valid"]),
        (["--by", "mood"], ["mood", "sparsity"]),
        (["--resamples", "0"], ["--resamples"]),
        (["--seed", "-1"], ["--seed"]),
        (["--json", "--markdown"], ["--json", "--markdown"]),
        (["--csv", "."], ["--csv", "folder"]),
    ],
)
def test_a_wrong_option_is_refused(runs: dict[str, Path], options: list[str], words: list[str]) -> None:
    refused(here("compare", runs["8s0"], runs["4s0"], *options), *words)


def test_less_than_two_runs_are_refused(runs: dict[str, Path]) -> None:
    refused(here("compare"), "RUN")
    refused(here("compare", runs["8s0"]), str(runs["8s0"]), "two or more")


def test_a_run_named_twice_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    again = runs["8s0"].parent / ".." / runs["8s0"].parent.name / "8s0"
    refused(here("compare", runs["8s0"], runs["4s0"], again), "same folder", str(again))
    copy = tmp_path / "copy"
    shutil.copytree(runs["8s0"], copy)
    refused(here("compare", runs["8s0"], runs["4s0"], copy), "both seed 0", str(runs["8s0"]), str(copy))


def test_runs_of_different_datasets_are_refused(runs: dict[str, Path], toy_run: Path) -> None:
    refused(here("compare", runs["8s0"], toy_run), str(runs["8s0"]), str(toy_run), "different datasets", "toy")


def test_a_run_without_weights_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    refused(here("compare", runs["8s0"], tmp_path / "nowhere"), "nowhere")
    for missing in ("model.safetensors", "run.json"):
        copy = tmp_path / missing
        shutil.copytree(runs["4s0"], copy)
        (copy / missing).unlink()
        refused(here("compare", runs["8s0"], copy), missing)
