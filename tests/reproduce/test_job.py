"""A reproduction as a process of its own: begun, followed, cancelled, gone on with; its state from its files alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from upgan.errors import BusyError, ConfigError, RunError
from upgan.reproduce import job
from upgan.reproduce.job import Order
from upgan.runs.process import process_of


def noted(out: Path, pid: int, log: str = "", **more: object) -> Order:
    """The files of a reproduction that process ``pid`` is at."""
    order = Order("table3", "data", "runs", ("distmult", "upgan"), (0, 1), "1m")
    out.mkdir(parents=True, exist_ok=True)
    told = {"order": asdict(order), "process": asdict(process_of(pid)), "started": time.time()}
    (out / "table3.job.json").write_text(json.dumps(told | more))
    (out / "table3.log").write_text(log)
    return order


def ended() -> int:
    """The number of a process that is over."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        return child.pid


def test_the_state_is_that_of_process_and_files(tmp_path):
    log = "4 runs: 1 are there, 3 to train\n[0/3] DistMult s0 pretrain 1/9; ETA 1.0 min\n[2/3] UPGAN s1; ETA 0.1 min\n"
    order = noted(tmp_path / "a", os.getpid(), log)
    found = job.read(tmp_path / "a", "table3")
    assert found is not None
    assert (found.state, found.done, found.total, found.order) == ("running", 2, 3, order)
    assert found.said == "[2/3] UPGAN s1; ETA 0.1 min"
    with pytest.raises(BusyError, match="already"):
        job.start(tmp_path / "a", order)

    over = ended()
    for name, told in (("failed", {}), ("cancelled", {"cancelled": True})):
        noted(tmp_path / name, over, "it broke\n", **told)
        found = job.read(tmp_path / name, "table3")
        assert found is not None
        assert (found.state, found.said) == (name, "it broke")
        with pytest.raises(RunError, match="not being reproduced"):
            job.cancel(tmp_path / name, "table3")
    (tmp_path / "failed" / "table3.json").write_text("{}")
    states = {each.out.name: each.state for each in job.jobs(tmp_path)}
    assert states == {"a": "running", "failed": "finished", "cancelled": "cancelled"}
    (tmp_path / "failed" / "table3.job.json").write_text("{broken")
    assert job.read(tmp_path / "failed", "table3") is None


def test_what_the_command_refuses_is_refused_before_a_process_is_started(tmp_path):
    for wrong in (Order("table3", "d", "r", ("nobody",)), Order("table3", "d", "r", budget="soon")):
        with pytest.raises(ConfigError):
            job.start(tmp_path / "out", wrong)
    assert not (tmp_path / "out").exists()


WRONG = [
    {"order": 5},
    {"started": "yesterday"},
    {"started": float("inf")},
    {"started": -1},
    {"process": [1]},
    {"cancelled": "no"},
    *({"order": {**asdict(Order("table3", "d", "c")), key: value}} for key, value in
      (("target", 5), ("systems", [1]), ("seeds", ["x"]), ("seeds", 3), ("budget", {}))),
]  # fmt: skip


@pytest.mark.parametrize("told", WRONG, ids=map(str, WRONG))
def test_a_job_of_wrong_types_is_none_and_hides_no_other(tmp_path, told):
    noted(tmp_path / "wrong", ended(), **told)
    noted(tmp_path / "right", ended(), "[" + "9" * 9_000 + "/3] UPGAN\n")
    assert job.read(tmp_path / "wrong", "table3") is None
    assert [each.out.name for each in job.jobs(tmp_path)] == ["right"]
    with pytest.raises(RunError, match="not being reproduced"):
        job.cancel(tmp_path / "wrong", "table3")


def test_a_job_nested_without_end_is_none(tmp_path):
    (tmp_path / "table3.job.json").write_text('{"order":' * 20_000)
    assert job.read(tmp_path, "table3") is None


def test_only_a_process_that_reproduces_there_is_ended(tmp_path):
    """A file from elsewhere may name any process of this machine, with the right start time."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        try:
            noted(tmp_path / "a", other.pid)
            with pytest.raises(RunError, match=rf"names process {other.pid}, but that does not reproduce table3 there"):
                job.cancel(tmp_path / "a", "table3")
            time.sleep(0.2)
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_is_cancelled_and_gone_on_with_for_real(toy_folder, tmp_path):
    order = Order("table3", str(toy_folder), str(tmp_path / "runs"), ("distmult",), (0,), "20s")
    out = tmp_path / "results" / "toy"

    def until(*states: str) -> job.Job:
        deadline = time.monotonic() + 120
        while (found := job.read(out, "table3")) is None or found.state not in states:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    assert job.start(out, order).state == "running"
    while not list((tmp_path / "runs").glob("*/status.json")):
        assert until("running")
        time.sleep(0.1)
    job.cancel(out, "table3")
    until("cancelled", "finished")
    job.start(out, order)
    found = until("finished", "failed")
    assert found.state == "finished", found.said
    document = json.loads((out / "table3.json").read_text())
    assert [row["label"] for row in document["rows"] if row["mean"]] == ["DistMult"]
