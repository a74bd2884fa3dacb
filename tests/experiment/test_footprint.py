"""Memory counted before a training, against the peak that trainings really have."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from upgan.bench.random_data import random_dataset
from upgan.bench.workload import Workload
from upgan.config.settings import make_config
from upgan.data.dataset import copy_dataset
from upgan.experiment.footprint import footprint
from upgan.experiment.inputs import prepare_training
from upgan.objectives.losses import SCORES_PER_BLOCK

FEW = ["initialisation.epochs=1", "pretrain.epochs=1", "adversarial.epochs=1"]
#: Linux counts a parent's memory into the peak of what it starts: a small process stands between tests and training.
SMALL = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"]


def counted(data, preset, *assignments):
    config = make_config(preset, assignments=[*FEW, *assignments], overrides={"device": "cpu"})
    work = Workload(prepare_training(data, config), config)
    return footprint({"model": work.model, "generator": work.trainer.g}, work.prepared, config)[0]


def peak_of_training(data, folder, preset, *assignments):
    copy_dataset(data, folder / "data")
    chosen = [word for one in (*FEW, *assignments) for word in ("--set", one)]
    command = [sys.executable, "-m", "upgan", "train", folder / "data", "--preset", preset, "--run", folder / "run"]
    subprocess.run([*SMALL, *map(str, command), "--device", "cpu", "--force", *chosen], check=True, capture_output=True)
    return json.loads((folder / "run" / "metrics.json").read_text())["peak_memory_mb"]


def test_the_scores_of_a_batch_are_counted_by_blocks():
    data = random_dataset({"entities": 40_000, "edges": 9_000, "interactions": 1_000}, 0)
    small = ["adversarial.batch=8", "initialisation.batch=8"]
    one, all_of_them = (counted(data, "paper", *small, f"pretrain.batch={batch}") for batch in (1, 8_192))
    # 2 queries against 16,384 of them, whose scores would take 2.6 GB: the loss holds a block of 64 MB.
    block = SCORES_PER_BLOCK * 4 / 1e6
    assert one < all_of_them < one + 1.3 * block


def test_a_small_training_needs_what_was_counted(tmp_path):
    data = random_dataset({"entities": 5_000, "edges": 2_000, "interactions": 4_000}, 0)
    # Measured on two cores: 0.9 to 1.1 of the peak.
    assert counted(data, "demo") == pytest.approx(peak_of_training(data, tmp_path, "demo"), rel=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "quality"])
def test_a_training_of_many_entities_needs_what_was_counted(tmp_path, preset):
    size = {"entities": 80_000, "edges": 10_000, "interactions": 200_000, "users": 20_000}
    data = random_dataset(size, 0)
    assert counted(data, preset) == pytest.approx(peak_of_training(data, tmp_path, preset), rel=0.3)
