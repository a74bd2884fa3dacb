"""Two gloo processes train what one would: nearly equal weights, either goes on with what the other began."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import torch
from safetensors.torch import load_file

from tests.runs import victims
from tests.runs.conftest import outcome, train_command
from upgan.evaluation.evaluator import Evaluator
from upgan.graph.queries import QueryIndex
from upgan.runs.status import run_state
from upgan.training.team import Team


def together(command):
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    return subprocess.Popen(
        [*launcher, "upgan", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def check_like(run, expected, tmp_path):
    """Losses and weights of a finished run are those of the undisturbed one, up to the order of sums."""
    found = outcome(run)
    assert len(found["metrics.jsonl"]) == len(expected["metrics.jsonl"])
    for ours, theirs in zip(found["metrics.jsonl"], expected["metrics.jsonl"], strict=True):
        for loss in {"loss", "loss_g", "loss_d"} & theirs.keys():
            assert abs(ours[loss] - theirs[loss]) < 1e-4, (ours, theirs)
    (tmp_path / "expected").write_bytes(expected["model.safetensors"])
    weights = load_file(tmp_path / "expected")
    for name, value in load_file(run / "model.safetensors").items():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-4)


def test_two_workers_train_what_one_does(toy_run, tmp_path):
    dataset, expected = toy_run
    run = tmp_path / "run"
    process = together(train_command(dataset, run))
    told, _ = process.communicate(timeout=90)
    assert process.returncode == 0, told
    check_like(run, expected, tmp_path)


def test_two_workers_go_on_with_what_one_began(toy_run, tmp_path):
    dataset, expected = toy_run
    run, log = tmp_path / "run", tmp_path / "log"
    assert victims.finish(train_command(dataset, run), log, ("step pretrain", 4), every_step=True) == -signal.SIGKILL
    lines = len((run / "metrics.jsonl").read_text().splitlines())
    process = together(["resume", run, "--force"])
    told, _ = process.communicate(timeout=90)
    assert process.returncode == 0, told
    assert 0 < lines < len((run / "metrics.jsonl").read_text().splitlines())
    check_like(run, expected, tmp_path)


def test_a_compared_system_is_refused_before_anything_is_written(toy_run, tmp_path):
    place = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}  # as torchrun starts a worker
    command = [sys.executable, "-m", "upgan", "train", toy_run[0], "--model", "transe", "--run", tmp_path / "run"]
    done = subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "transe trains in one process" in done.stderr
    assert not (tmp_path / "run").exists()


def test_every_worker_gets_all_ranks_and_does_its_share():
    """Shares of queries with ties and several answers, by two and by nine workers; one gets nothing."""
    torch.manual_seed(0)
    triples = torch.stack([torch.randint(high, (4,)) for high in (7, 2, 7)], 1).numpy()
    index, table = QueryIndex.build(triples, 7, 2), torch.randint(3, (7, 7)).float()
    asked: list[int] = []
    parts: list[torch.Tensor] = []
    alone = Evaluator(triples, index).rank(lambda heads, _: table[heads]).ranks

    class Share(Team):
        def sum(self, value):
            parts.append(value.clone())

    def scorer(heads, _):
        asked.append(len(heads))
        return table[heads]

    for size in (2, 9):
        parts.clear()
        asked.clear()
        for rank in range(size):
            Evaluator(triples, index, Share(rank, size)).rank(scorer)
        assert sum(asked) == len(alone)
        assert torch.equal(torch.stack(parts).sum(0), torch.from_numpy(alone))


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
