"""What a training is said to cost, against what it then costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.command_line import here
from upgan.bench.random_data import random_dataset
from upgan.config.phases import planned_phases
from upgan.config.settings import make_config
from upgan.data.dataset import copy_dataset

#: Every phase goes through the same epochs, whatever validation says.
FIXED = [
    *("initialisation.epochs=4", "initialisation.patience=99", "initialisation.relax_epochs=2", "threads=1"),
    *("pretrain.epochs=3", "pretrain.patience=99", "pretrain.relax_epochs=2", "adversarial.epochs=1"),
]


def asked(folder, *words):
    """A command in a process of its own, with its exit code."""
    command = [sys.executable, "-m", "upgan", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done


def test_an_estimate_has_every_phase_and_starts_nothing(toy_dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy_dataset(toy_dataset, tmp_path / "toy")
    words = ["--set=model.dim=4", "--set=walks.least_triples=2", "--device=cpu"]
    done = here("train", tmp_path / "toy", "--estimate", "--json", *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert list(told["phases"]) == [planned.name for planned in planned_phases(make_config())]
    least, most = told["seconds"]
    assert 0 < least <= told["likely_seconds"] <= most
    assert told["preparing"] > 0
    for phase in told["phases"].values():
        assert 0 <= phase["least"] <= phase["likely"] <= phase["most"]
        assert phase["memory_mb"] > 0
        assert phase["disk_mb"] > 0
    assert told["memory_mb"] == max(phase["memory_mb"] for phase in told["phases"].values())
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    again = here("estimate", tmp_path / "toy", "--json", *words)
    assert list(json.loads(again.stdout)["phases"]) == list(told["phases"])
    text = here("train", tmp_path / "toy", "--estimate", *words).stdout
    assert all(name in text for name in (*told["phases"], "preparing", "in all"))


def test_json_belongs_to_the_estimate(toy_dataset, tmp_path):
    copy_dataset(toy_dataset, tmp_path / "toy")
    done = here("train", tmp_path / "toy", "--json", "--run", tmp_path / "run")
    assert done.returncode == 2
    assert "--estimate" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "size",
    [
        {"entities": 3_000, "edges": 20_000, "interactions": 20_000},
        {"entities": 9_000, "edges": 40_000, "interactions": 60_000},
        {"entities": 30_000, "edges": 60_000, "interactions": 100_000},
    ],
    ids=lambda size: f"{size['entities']:,} entities",
)
def test_a_training_takes_the_time_that_was_said(size, tmp_path):
    """Within a factor of 1.5, in processor seconds, which a shared machine disturbs less; the last size is sampled."""
    copy_dataset(random_dataset(size, 0), tmp_path / "data")
    words = [f"--set={setting}" for setting in FIXED]
    said = json.loads(asked(tmp_path, "train", tmp_path / "data", "--estimate", "--json", *words).stdout)
    asked(tmp_path, "train", tmp_path / "data", "--run", tmp_path / "run", "--force", *words)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    spent = sum(stage["cpu_seconds"] + stage["cpu_seconds_test"] for stage in metrics["stages"].values())
    # All epochs are used; what is likely lies below that in time of the day as in processor time.
    most = said["cpu_seconds"] * said["seconds"][1] / said["likely_seconds"]
    assert spent / 1.5 < most < spent * 1.5, {name: (p["cpu_seconds"]) for name, p in said["phases"].items()}
    assert metrics["peak_memory_mb"] / 1.5 < said["memory_mb"] < metrics["peak_memory_mb"] * 1.5
