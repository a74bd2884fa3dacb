"""Two gloo processes train what one would: nearly equal weights, one process goes on, a killed worker ends the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import torch
from safetensors.torch import load_file

from tests.runs.conftest import outcome, train_command
from upgan.runs.status import run_state


def together(command):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    return subprocess.Popen(
        [*launcher, "upgan", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_two_workers_train_what_one_does(toy_run, tmp_path):
    dataset, expected = toy_run
    run = tmp_path / "run"
    process = together(train_command(dataset, run))
    told, _ = process.communicate(timeout=90)
    assert process.returncode == 0, told
    found = outcome(run)
    assert len(found["metrics.jsonl"]) == len(expected["metrics.jsonl"])
    for ours, theirs in zip(found["metrics.jsonl"], expected["metrics.jsonl"], strict=True):
        for loss in {"loss", "loss_g", "loss_d"} & theirs.keys():
            assert abs(ours[loss] - theirs[loss]) < 1e-4, (ours, theirs)
    (tmp_path / "expected").write_bytes(expected["model.safetensors"])
    weights = load_file(tmp_path / "expected")
    for name, value in load_file(run / "model.safetensors").items():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-4)


def test_a_killed_worker_ends_the_run_and_one_process_goes_on(toy_run, tmp_path):
    dataset, _ = toy_run
    run = tmp_path / "run"
    process = together(train_command(dataset, run, "--set=adversarial.epochs=1000", "--set=adversarial.patience=1000"))
    deadline = time.monotonic() + 60
    while not (run / "status.json").exists() or run_state(run).phase != "adversarial":
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workers = [child for child in psutil.Process(process.pid).children() if child.environ().get("RANK") == "1"]
    os.kill(workers[0].pid, signal.SIGKILL)
    told, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    status = run_state(run)
    assert (status.state, status.resumable) == ("failed", True), told
    assert "worker" in status.message
    alone = subprocess.Popen(
        [sys.executable, "-m", "upgan", "resume", str(run), "--force"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    deadline = time.monotonic() + 60
    while not ((now := run_state(run)).pid == alone.pid and now.phase == "adversarial" and now.epoch >= 1):
        assert alone.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (run / "stop").touch()
    alone.communicate(timeout=30)
    assert run_state(run).state == "stopped"
