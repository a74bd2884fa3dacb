"""Faults while training: each leaves a state, a message, and a run that goes on once the fault is gone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runs import victims
from tests.runs.conftest import outcome, train_command
from tests.runs.states import ENDLESS, wait_for
from upgan.runs.history import read_history
from upgan.runs.status import run_state


def failed(run: Path, log: Path, *words: str) -> None:
    """The state is failed, and state and output hold every word; no traceback was printed."""
    status = run_state(run)
    assert status.state == "failed", log.read_text()
    for word in words:
        assert word in status.message, status.message
        assert word in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_save_that_the_disk_refuses_fails_and_training_goes_on_later(toy_run, tmp_path):
    """Files may not grow beyond a limit in the middle of a training; the last good checkpoint is left."""
    dataset, expected = toy_run
    run, log = tmp_path / "run", tmp_path / "log"
    code = victims.finish(train_command(dataset, run), log, file_size=11_000, every_step=True)
    assert code == 1, log.read_text()
    failed(run, log, "resume.safetensors")
    assert not list(run.glob(".*.tmp"))
    assert run_state(run).resumable
    assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
    assert outcome(run) == expected


def test_a_full_disk_fails_and_training_goes_on_when_there_is_space(toy_run, tmp_path):
    dataset, expected = toy_run
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    whole = [path for path in (dataset.parent / "run").rglob("*") if path.is_file()]
    size = sum(-(-path.stat().st_size // 4096) * 4 for path in whole) - 8  # two pages less than the finished run needs
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "upgan-test", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    try:
        run = disk / "run"
        assert victims.finish(train_command(dataset, run), log) == 1, log.read_text()
        assert "No space left" in log.read_text()
        assert "Traceback" not in log.read_text()
        # There was no room left to say so perhaps; then the process that is gone tells.
        assert run_state(run).state in ("failed", "interrupted")
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
        assert outcome(run) == expected
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_folder_that_cannot_be_made_is_said_to_be_so(toy_run, tmp_path):
    """Root may write into a read-only folder, but nobody into a file."""
    (tmp_path / "file").write_text("in the way")
    log = tmp_path / "log"
    assert victims.finish(train_command(toy_run[0], tmp_path / "file" / "run"), log) == 2
    assert str(tmp_path / "file") in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_folder_deleted_under_a_training_ends_it(toy_run, tmp_path):
    run, log = tmp_path / "run", tmp_path / "log"
    training = victims.begin(train_command(toy_run[0], run, *ENDLESS), log)
    wait_for(run, "running")
    run.rename(tmp_path / "gone")
    training.join(60)
    assert training.exitcode == 1, log.read_text()
    assert "deleted" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert not run.exists()


def test_a_torn_last_line_is_passed_over_and_mended(toy_run, tmp_path):
    dataset, expected = toy_run
    run, log = tmp_path / "run", tmp_path / "log"
    assert victims.finish(train_command(dataset, run), log, ("step pretrain", 2)) == -signal.SIGKILL
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"t": "2026-01-01T00:00:00+00:00", "phase": "pretr')
    lines = read_history(run)
    assert [line["phase"] for line in lines.lines][-1] == "pretrain"
    again = read_history(run, lines.position)
    assert (again.lines, again.whole) == ([], False)
    assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
    assert outcome(run) == expected
    assert read_history(run, lines.position).whole


@pytest.mark.parametrize("changed", ["dataset", "config.toml", "resume.safetensors"])
def test_a_training_does_not_go_on_with_other_data_settings_or_a_damaged_checkpoint(toy_run, tmp_path, changed):
    run, log = tmp_path / "run", tmp_path / "log"
    assert victims.finish(train_command(toy_run[0], run), log, ("step pretrain", 2)) == -signal.SIGKILL
    log.unlink()
    if changed == "dataset":
        other_dataset(run / "dataset")
    elif changed == "config.toml":
        text = (run / changed).read_text()
        (run / changed).write_text(text.replace("seed = 3", "seed = 4"))
    else:
        (run / changed).write_bytes((run / changed).read_bytes()[:-100])
    assert victims.finish(["resume", run, "--force"], log) == 2, log.read_text()
    assert changed in log.read_text()
    assert "Traceback" not in log.read_text()
    assert changed in run_state(run).message


def other_dataset(folder: Path) -> None:
    from tests.conftest import toy_tables
    from upgan.data.dataset import build_dataset, copy_dataset

    tables = toy_tables()
    tables["interactions"] = tables["interactions"].iloc[1:]
    shutil.rmtree(folder)
    copy_dataset(build_dataset(name="toy", **tables), folder)  # type: ignore[arg-type]


def test_a_loss_that_is_no_number_names_the_step_and_the_setting(toy_run, tmp_path):
    run, log = tmp_path / "run", tmp_path / "log"
    assert victims.finish(train_command(toy_run[0], run, "--set=initialisation.scale=1e25"), log) == 1
    failed(run, log, "initialisation, epoch 1, step 1 of", "--set initialisation.lr=")


def test_too_little_memory_names_the_settings_that_need_less(toy_run, tmp_path):
    """The generator's matrices of the largest dimension do not fit into what the process may have."""
    run, log = tmp_path / "run", tmp_path / "log"
    command = train_command(toy_run[0], run, "--set=model.dim=4096", "--set=adversarial.hidden_layers=6")
    assert victims.finish(command, log, memory=400_000_000) == 1, log.read_text()
    failed(run, log, "out of memory in adversarial", "--set adversarial.batch=", "--set model.dim=")
    assert run_state(run).resumable


def test_a_training_says_that_it_lives_at_least_every_few_seconds(toy_run, tmp_path):
    """In the middle of an epoch, too, which takes longer than that."""
    run, log = tmp_path / "run", tmp_path / "log"
    training = victims.begin(train_command(toy_run[0], run, "--set=initialisation.batch=1"), log, slow_step=0.5)
    deadline = time.monotonic() + 60
    now: dict[str, Any] = {}
    while not now.get("epoch_share"):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
        now = json.loads((run / "status.json").read_text()) if (run / "status.json").exists() else {}
    training.kill()
    training.join()
    assert now["epoch"] == 0, "still the first"
    assert 0 < now["epoch_share"] < 1
    assert run_state(run).state == "interrupted"
