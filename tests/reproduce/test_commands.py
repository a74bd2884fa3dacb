"""`upgan reproduce` as people run it, with real trainings on the toy catalogue."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.command_line import here, refused
from tests.data.sources import RELEASE, dump_of, write_source
from tests.runs import victims
from upgan.config.settings import applies, flat_settings
from upgan.data.dataset import load_dataset
from upgan.evaluation.compare import compare_rankings
from upgan.predict.predictor import load
from upgan.reproduce import execute
from upgan.reproduce.paper import PAPER_METRICS
from upgan.runs.files import LOG_FILE
from upgan.runs.process import Process
from upgan.runs.status import run_state
from upgan.training.checkpoint import load_config

TINY = {
    "model.dim": 4, "transe.epochs": 2, "initialisation.epochs": 2, "pretrain.epochs": 1, "adversarial.epochs": 1,
    "adversarial.n_c": 4, "adversarial.n_g": 2, "convtranse.epochs": 1, "convtranse.channels": 2,
}  # fmt: skip


def command(data: Path, folder: Path, systems: str, *more: str, target: str = "table3") -> list[str | Path]:
    """With settings that make trainings of the systems as short as they can be."""
    known = {key: value for key, value in TINY.items() if any(applies(key, name) for name in systems.split(","))}
    tiny = ["--preset=demo", *(f"--set={key}={value}" for key, value in known.items())]
    folders: list[str | Path] = ["--data", data, "--out", folder / "out", "--runs-root", folder / "runs"]
    return ["reproduce", target, *folders, f"--systems={systems}", *tiny, *more]


def document(folder: Path, target: str = "table3"):
    return json.loads((folder / "out" / f"{target}.json").read_text())


def test_table_3_trains_what_is_missing_and_agrees_with_its_runs(trainings, toy_folder, tmp_path):
    asked = command(toy_folder, tmp_path, "transe,distmult,upgan", "--seeds=0,1", "--jobs=2")
    result = here(*asked)
    assert result.returncode == 0, result.stderr
    assert len(trainings) == len(set(trainings)) == 6
    assert re.search(r"\[\d/6\] .*; ETA ", result.stderr)
    told = document(tmp_path)
    assert result.stdout == (tmp_path / "out" / "table3.md").read_text() + "\n"
    rankings = {}
    for row in told["rows"]:
        runs = [load(Path(run["run"])) for run in row["runs"]]
        rankings[row["row"]] = [run.rank("test") for run in runs]
        saved = [json.loads((run.run_path / "metrics.json").read_text()) for run in runs]
        assert [run["seed"] for run in row["runs"]] == [run.config.seed for run in runs] == [0, 1]
        for metric in PAPER_METRICS:
            assert row["mean"][metric] == pytest.approx(np.mean([metrics[metric] for metrics in saved]), rel=1e-12)
    upgan = rankings.pop("upgan")
    for name, ranking in rankings.items():
        (row,) = [row for row in told["rows"] if row["row"] == name]
        change = row["upgan_minus"]["mrr"]
        assert change == compare_rankings(ranking, upgan).to_dict()["mrr"]
        assert change["low"] <= change["value"] <= change["high"]
    assert not list(tmp_path.rglob("*.tmp"))

    again = here(*asked, "--json")
    assert len(trainings) == 6
    assert [run["how"] for row in json.loads(again.stdout)["rows"] for run in row["runs"]] == ["reused"] * 6
    more = here(*command(toy_folder, tmp_path, "transe", "--seeds=0,2", "--set=transe.lr=0.5"))
    assert more.returncode == 0
    assert len(trainings) == 8

    # The other tables take the same runs.
    systems = "distmult,convtranse,upgan"
    listed = here(*command(toy_folder, tmp_path, systems, "--dry-run", "--json", target="table4"))
    assert {run["row"]: run["state"] for run in json.loads(listed.stdout)["runs"]} == {
        "distmult": "finished", "convtranse": "missing", "upgan": "finished",
    }  # fmt: skip
    assert not (tmp_path / "out" / "table4.json").exists()

    # A variation that the system does not have is told beside the others.
    folders = ["--data", toy_folder, "--out", tmp_path / "out", "--runs-root", tmp_path / "runs"]
    dims = here("reproduce", "fig3-dim", *folders, "--systems=conve", "--set=conve.kernel=9", "--dry-run")
    lines = dims.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["impossible"] * 3 + ["missing"] * 2
    assert lines[0].startswith("impossible conve-dim16 s0: conve.kernel is 9, but")


def test_a_run_that_fails_is_a_row_and_the_rest_is_done(trainings, toy_folder, tmp_path):
    asked = command(toy_folder, tmp_path, "transe,distmult", target="table4")
    runs = json.loads(here(*asked, "--dry-run", "--json").stdout)["runs"]
    taken = Path(next(run["run"] for run in runs if run["system"] == "transe"))
    taken.mkdir(parents=True)
    (taken / "letter.txt").write_text("mine")
    result = here(*asked)
    assert result.returncode == 0, result.stderr
    first, second = document(tmp_path, "table4")["rows"]
    assert (first["mean"], second["runs"][0]["problem"]) == (None, None)
    assert "not empty and not a run folder" in first["runs"][0]["problem"]
    assert "**Failed**: transe, seed 0:" in result.stdout
    assert (taken / "letter.txt").read_text() == "mine"
    alone = here(*command(toy_folder, tmp_path, "transe", target="table4"))
    assert alone.returncode == 1
    assert "every run failed" in alone.stderr


def test_a_process_that_cannot_even_start_leaves_its_last_words(toy_folder, tmp_path, monkeypatch):
    def spawn(folder, **_):
        with (folder / LOG_FILE).open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", "raise SystemExit('no memory for torch')"], stderr=log)

    monkeypatch.setattr(execute, "spawn", spawn)
    result = here(*command(toy_folder, tmp_path, "transe"))
    assert result.returncode == 1
    assert "transe, seed 0: no memory for torch" in result.stdout
    assert document(tmp_path)["rows"][0]["runs"][0]["how"] == "failed"


def test_killed_in_the_middle_it_goes_on_and_trains_nothing_twice(trainings, toy_folder, tmp_path):
    """Real processes; both the command and its training are killed, as by a power failure."""
    often = "--set=checkpoint_seconds=0"
    slow = ["--set=transe.epochs=400", "--set=transe.patience=9000"]
    asked = command(toy_folder, tmp_path, "transe,distmult", *slow, often)
    planned = [Path(run["run"]) for run in json.loads(here(*asked, "--dry-run", "--json").stdout)["runs"]]
    half, whole = planned
    assert here(*command(toy_folder, tmp_path, "distmult", often)).returncode == 0
    assert trainings == [whole.name]
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()}
    process = victims.begin(asked, tmp_path / "log")
    deadline = time.monotonic() + 60
    # Half-trained: saved, and at least one epoch told besides the start.
    told = half / "metrics.jsonl"
    while not (half / "resume.safetensors").exists() or not told.exists() or told.read_text().count("\n") < 2:
        assert process.is_alive(), (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.join(10)
    assert process.exitcode == -signal.SIGKILL
    training = Process.from_dict(json.loads((half / "status.json").read_text())["process"])
    assert training is not None
    assert training.alive()
    os.kill(training.pid, signal.SIGKILL)
    lines = len(told.read_text().splitlines())
    assert run_state(half).state in ("interrupted", "running")
    result = here(*asked)
    assert result.returncode == 0, result.stderr
    assert trainings == [whole.name, half.name]
    hows = {row["row"]: row["runs"][0]["how"] for row in document(tmp_path)["rows"]}
    assert hows == {"transe": "resumed", "distmult": "reused"}
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*") if path.is_file()} == before
    epochs = [json.loads(line)["epoch"] for line in told.read_text().splitlines()]
    assert len(epochs) > lines > 1
    assert epochs == sorted(set(epochs))  # every epoch once


def kb4rec(folder: Path) -> Path:
    """Twelve films of one country, three directors and two genres; six users who rated all films but two."""
    folder.mkdir()
    films = range(12)
    facts = [
        f"f{film} film.film.directed_by p{film % 3}, f{film} film.film.genre g{film % 2}, f{film} film.film.country c1"
        for film in films
    ]
    (folder / "ml2fb.txt").write_text("".join(f"{film}\tm.0f{film}\n" for film in films))
    rated = [(user, film) for user in range(6) for film in films if film // 2 != user]
    rows = "".join(f"u{user},{film},4.0,1150000000\n" for user, film in rated)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + rows)
    (folder / "freebase-rdf.gz").write_bytes(gzip.compress(dump_of(", ".join(facts)).encode()))
    return folder


def release(folder: Path) -> Path:
    return write_source(folder, RELEASE)


#: Source, options of preparation, and by hand: users, items, interactions, entities, relations, triples.
MINIATURES = {
    "the paper's sources": (
        kb4rec,
        ["--preset=movie", "--relations=film", "--min-triples=1"],
        {"users": 6, "items": 12, "interactions": 60, "entities": 18, "relations": 3, "triples": 36},
    ),
    "the authors' release": (
        release,
        ["--min-triples=1", "--min-interactions=1"],
        {"users": 2, "items": 3, "interactions": 4, "entities": 6, "relations": 2, "triples": 6},
    ),
}


@pytest.mark.parametrize("name", MINIATURES)
def test_the_papers_own_formats_go_all_the_way(name, trainings, tmp_path):
    make, options, expected = MINIATURES[name]
    prepared = here("data", "prepare", make(tmp_path / "source"), "--out", tmp_path / "data", *options)
    assert prepared.returncode == 0, prepared.stderr
    counts = json.loads(here("data", "describe", tmp_path / "data", "--json").stdout)
    assert {key: counts[key] for key in expected} == expected
    result = here(*command(tmp_path / "data", tmp_path, "distmult,upgan"))
    assert result.returncode == 0, result.stderr
    assert len(trainings) == 2
    data, told = load_dataset(tmp_path / "data"), document(tmp_path)
    assert told["dataset"]["fingerprint"] == data.fingerprint
    assert {row["mean"]["queries"] for row in told["rows"]} == {2 * len(data.test)}
    assert len(data.test) > 0
    lines = list(csv.DictReader((tmp_path / "out" / "table3.csv").open(newline="")))
    paper = {line["row"]: line["paper_movie_mrr"] for line in lines if line["group"] == "all"}
    assert paper == {"distmult": "0.252", "upgan": "0.259"}
    assert "25.90" in result.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--seeds=0,x"], "--seeds '0,x'"),
        (["--seeds=1,1"], "different whole numbers"),
        (["--seeds="], "--seeds"),
        (["--seeds=0,99999999999"], "seed = 99999999999"),
        (["--budget=soon"], "10m or 1.5h"),
        (["--systems=upgan,nope"], "'nope' is not a system"),
        (["--systems=upgan,upgan"], "different names"),
        (["--set=transe.speed=1"], "whole name"),
        (["--preset=fast"], "choose one of"),
        (["--search-budget=5s"], "--search N"),
        (["--search=2", "--search-budget=0"], "--search-budget '0'"),
        (["--search=0"], "--search"),
        (["--search=2", "--dry-run"], "--dry-run"),
        (["--jobs=0"], "--jobs"),
        (["--run=x"], "--run does not apply to table3"),
    ],
)
def test_a_wrong_argument_is_refused_and_nothing_is_written(more, said, toy_folder, tmp_path):
    refused(here(*command(toy_folder, tmp_path / "new", "upgan", *more)), said)
    assert not (tmp_path / "new").exists()


def test_an_unknown_target_and_options_of_another_are_refused(toy_folder, tmp_path):
    refused(here(*command(toy_folder, tmp_path, "upgan", target="table9")), "table9", "table3", "fig4")
    fig4 = ["reproduce", "fig4", "--data", toy_folder, "--out", tmp_path / "out"]
    for option in ("--budget=5m", "--jobs=2", "--threads=2", "--no-resume"):
        refused(here(*fig4, option), f"{option.split('=')[0]} does not apply to fig4; --run, ")
    (tmp_path / "file").write_text("")
    refused(here("reproduce", "table3", "--data", toy_folder, "--out", tmp_path / "file"), "a file is in the way")
    below = command(toy_folder, tmp_path / "file", "upgan")
    refused(here(*below, "--runs-root", tmp_path / "runs"), f"--out {tmp_path / 'file' / 'out'}: no folder can be made")
    assert not (tmp_path / "runs").exists()
    refused(here("reproduce", "table3", "--data", tmp_path / "none", "--out", tmp_path / "out"), "none")


@pytest.mark.slow
def test_a_search_from_the_command_line_chooses_by_validation(trainings, toy_folder, tmp_path):
    """Real trials: what the page names is the best of what the trials' own metrics say of validation."""
    asked = command(toy_folder, tmp_path, "distmult,transe", "--search=3", "--search-budget=30s")
    result = here(*asked)
    assert result.returncode == 0, result.stderr
    found = json.loads((tmp_path / "out" / "table3-settings.json").read_text())
    assert document(tmp_path)["search"] == found
    for system, of in found["systems"].items():
        assert (of["trials"], of["failed"]) == (3, 0)
        assert of["valid_mrr"] >= of["default_valid_mrr"]
        (kept,) = [
            load_config(path).model_name for path in (tmp_path / "out" / "search" / "runs").glob(f"toy-{system}-*")
        ]
        assert kept == system
    for row in document(tmp_path)["rows"]:
        used = flat_settings(load_config(Path(row["runs"][0]["run"])))
        assert found["systems"][row["system"]]["settings"].items() <= used.items()
    before = len(trainings)
    assert here(*asked, "--json").returncode == 0
    assert len(trainings) == before
    fourth = here(*command(toy_folder, tmp_path, "distmult", "--search=3", "--search-budget=30s", target="table4"))
    assert fourth.returncode == 0, fourth.stderr
    assert document(tmp_path, "table4")["search"]["systems"]["distmult"] == found["systems"]["distmult"]
