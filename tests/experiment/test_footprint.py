"""Memory counted before a training, against the peak that trainings really have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from upgan import machine
from upgan.bench.random_data import random_dataset
from upgan.bench.workload import Workload
from upgan.config.phases import planned_phases
from upgan.config.settings import make_config
from upgan.data.dataset import copy_dataset
from upgan.errors import ConfigError
from upgan.experiment.footprint import BASE_MB, expected, footprint
from upgan.experiment.inputs import prepare_training
from upgan.experiment.room import check_room
from upgan.objectives.losses import SCORES_PER_BLOCK

FEW = ["initialisation.epochs=1", "pretrain.epochs=1", "adversarial.epochs=1"]
#: Linux counts a parent's memory into the peak of what it starts: a small process stands between tests and training.
SMALL = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]


def counted(data, preset, *assignments):
    config = make_config(preset, assignments=[*FEW, *assignments], overrides={"device": "cpu"})
    work = Workload(prepare_training(data, config), config)
    return footprint({"model": work.model, "generator": work.trainer.g}, work.prepared, config)


def peak_of_training(data, folder, preset, *assignments):
    copy_dataset(data, folder / "data")
    chosen = [word for one in (*FEW, *assignments) for word in ("--set", one)]
    command = [sys.executable, "-m", "upgan", "train", folder / "data", "--preset", preset, "--run", folder / "run"]
    subprocess.run([*SMALL, *map(str, command), "--device", "cpu", "--force", *chosen], check=True, capture_output=True)
    return json.loads((folder / "run" / "metrics.json").read_text())["peak_memory_mb"]


def test_the_scores_of_a_batch_are_counted_by_blocks():
    data = random_dataset({"entities": 40_000, "edges": 9_000, "interactions": 1_000}, 0)
    small = ["adversarial.batch=8", "initialisation.batch=8"]
    one, all_of_them = (
        counted(data, "paper", *small, f"pretrain.batch={batch}").phases["pretrain"][0] for batch in (1, 8_192)
    )
    # 2 queries against 16,384 of them, whose scores would take 2.6 GB: the loss holds a block of 64 MB.
    block = SCORES_PER_BLOCK * 4 / 1e6
    assert one < all_of_them < one + 1.3 * block


def test_a_small_training_needs_what_was_counted(tmp_path):
    data = random_dataset({"entities": 5_000, "edges": 2_000, "interactions": 4_000}, 0)
    # Measured on two cores: 0.9 to 1.1 of the peak.
    assert counted(data, "demo").memory == pytest.approx(peak_of_training(data, tmp_path, "demo"), rel=0.3)


@pytest.mark.parametrize("preset", ["paper", "quality"])
@pytest.mark.parametrize("size", [(300, 3_000, 900), (3_000, 9_000, 40_000), (20_000, 30_000, 60_000)])
def test_what_is_expected_before_anything_is_made_is_what_is_counted_then(size, preset):
    """Less what every process has."""
    data = random_dataset(dict(zip(("entities", "edges", "interactions"), size, strict=True)), 0)
    config = make_config(preset, assignments=FEW, overrides={"device": "cpu"})
    told = expected(data, config).memory - BASE_MB
    assert told == pytest.approx(counted(data, preset).memory - BASE_MB, rel=0.35)


def test_each_phase_has_memory_and_disk_of_its_own():
    data = random_dataset({"entities": 3_000, "edges": 9_000, "interactions": 9_000}, 0)
    whole = expected(data, make_config("quality"))
    assert list(whole.phases) == [planned.name for planned in planned_phases(make_config("quality"))]
    assert whole.memory == max(memory for memory, _ in whole.phases.values())
    assert all(0 < disk <= whole.disk for _, disk in whole.phases.values())


@pytest.fixture
def much():
    return random_dataset({"entities": 40_000, "edges": 60_000, "interactions": 60_000}, 0)


def test_a_training_that_does_not_fit_is_refused_with_what_would_make_it_fit(much, tmp_path, monkeypatch):
    config = make_config("quality", overrides={"device": "cpu"})
    need = expected(much, config).memory
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(64.0, need / 1e3 + 0.01))
    check_room(much, config, tmp_path / "run")
    free = 0.7 * need / 1e3
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(64.0, free))
    with pytest.raises(ConfigError) as caught:
        check_room(much, config, tmp_path / "run")
    message = str(caught.value)
    missing = need / 1e3 - free
    assert caught.value.exit_code == 2
    assert f"{missing:.1f} GB too little" in message or f"{1e3 * missing:.0f} MB too little" in message
    remedy = re.findall(r"--set (\S+=[^\s.]+(?:\.\d+)?)", message)
    assert remedy, message
    smaller = make_config("quality", assignments=remedy, overrides={"device": "cpu"})
    check_room(much, smaller, tmp_path / "run")


def test_what_no_setting_makes_fit_says_so(much, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(64.0, 0.2))
    with pytest.raises(ConfigError, match=r"Even with .* more memory is needed.*--force"):
        check_room(much, make_config("quality", overrides={"device": "cpu"}), tmp_path / "run")


def test_a_full_disk_is_told_before_a_training(much, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5e6))
    with pytest.raises(ConfigError, match=r"of disk, 5 MB are free at .* too little.*--run"):
        check_room(much, make_config("quality", overrides={"device": "cpu"}), tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "quality"])
def test_a_training_of_many_entities_needs_what_was_counted(tmp_path, preset):
    size = {"entities": 80_000, "edges": 10_000, "interactions": 200_000, "users": 20_000}
    data = random_dataset(size, 0)
    assert counted(data, preset).memory == pytest.approx(peak_of_training(data, tmp_path, preset), rel=0.3)
