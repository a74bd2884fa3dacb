"""The state of a run is the truth: whatever its process wrote last, and whatever happened to it since."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs import victims
from tests.runs.conftest import SETTINGS, train_command
from tests.runs.states import ENDLESS, wait_for, written
from upgan.config.settings import make_config
from upgan.errors import BusyError, RunError
from upgan.runs import control, launch, trash
from upgan.runs.locks import device_holder, device_lock, run_lock
from upgan.runs.process import process_of, this_process
from upgan.runs.status import list_runs, run_state


def process(**changes: object) -> dict[str, object]:
    return {**dataclasses.asdict(this_process()), **changes}


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "running"),
        ({"state": "pending"}, "pending"),
        ({"process": process(start="1")}, "interrupted"),  # the number was given to another program
        ({"process": process(boot="before the last reboot")}, "interrupted"),
        ({"process": process(pid=2**22 + 1)}, "interrupted"),
        ({"process": None}, "interrupted"),  # written by a version that named no process
        ({"state": "pending", "process": process(start="1")}, "interrupted"),
        ({"process": process(host="another machine")}, "running"),
        ({"process": process(host="another machine"), "heartbeat": time.time() - 600}, "interrupted"),
        # A clock that is wrong, while status.json is being written.
        ({"process": process(host="another machine"), "heartbeat": time.time() + 10**6}, "running"),
        # Alive, but silent for long and without the lock of a training: some other program.
        ({"heartbeat_monotonic": time.monotonic() - 600}, "interrupted"),
        ({"state": "finished", "process": process(start="1")}, "finished"),
        ({"state": "stopped", "process": process(start="1")}, "stopped"),
        ({"state": "failed", "process": process(start="1")}, "failed"),
        ({"state": "asleep"}, "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else " and ".join(value) or "as written",
)
def test_the_state_is_what_status_json_says_while_its_process_lives(tmp_path, values, state):
    assert run_state(written(tmp_path / "run", **values)).state == state


def test_a_heartbeat_from_the_future_does_not_live_for_ever(tmp_path):
    run = written(tmp_path / "run", process=process(host="another machine"), heartbeat=time.time() + 10**6)
    for changed in (time.time() - 600, time.time() + 600):
        os.utime(run / "status.json", (changed, changed))
        assert run_state(run).state == "interrupted"


def test_force_ends_no_process_but_the_one_that_trains_the_folder(tmp_path):
    """Whatever status.json says: the right start time, command, folder. The lock tells, which no run folder holds."""
    run = tmp_path / "run"
    waits = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", waits, "-m", "upgan", "resume", str(run)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path)
    assert child.stdout is not None
    child.stdout.readline()
    written(run, process=dataclasses.asdict(process_of(child.pid)), pid=child.pid)
    assert run_state(run).state == "running"
    with pytest.raises(RunError, match=f"names process {child.pid}, but that is not training"):
        control.kill(run)
    with run_lock(run), pytest.raises(RunError, match="not training this folder"):  # somebody else trains it
        control.kill(run)
    assert child.poll() is None
    child.communicate(b"")


def test_a_run_that_was_asked_to_stop_is_stopping_until_its_process_is_gone(tmp_path):
    run = written(tmp_path / "run")
    control.request_stop(run)
    assert run_state(run).state == "stopping"
    written(run, process=process(start="1"))
    assert run_state(run).state == "interrupted"
    with pytest.raises(RunError, match="interrupted"):
        control.request_stop(run)


def test_a_process_that_ended_but_was_not_waited_for_is_gone():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    assert process_of(child.pid).alive() is False
    child.wait()


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_heartbeats_age_does_not_feel_the_clock_being_set(tmp_path, hours):
    run = written(tmp_path / "run", heartbeat=time.time() - 3600 * hours)
    age = run_state(run).heartbeat_age
    assert age is not None
    assert 0 <= age < 60
    other = written(tmp_path / "run", heartbeat=time.time() + 3600, process=process(boot="another"))
    assert run_state(other).heartbeat_age == 0.0


def test_a_status_that_is_no_json_is_said_to_be_so(tmp_path):
    run = written(tmp_path / "run")
    (run / "status.json").write_text('{"state": "run')
    status = run_state(run)
    assert status.state == "failed"
    assert "status.json" in status.message
    with pytest.raises(RunError, match="not a run folder"):
        run_state(tmp_path)


def test_two_hundred_runs_are_listed_within_a_second(tmp_path):
    for number in range(200):
        written(tmp_path / f"run{number}", state="finished", started=f"2026-01-01T00:{number % 60:02d}:00")
    began = time.process_time()
    found = list_runs(tmp_path)
    assert time.process_time() - began < 1
    assert len(found) == 200
    assert [status.started for status in found] == sorted((str(status.started) for status in found), reverse=True)


def test_a_device_is_held_by_one_run_and_free_again_when_its_process_dies(tmp_path):
    with device_lock("test-device", tmp_path / "first"):
        assert device_holder("test-device") == tmp_path / "first"
        with pytest.raises(BusyError, match="first"), device_lock("test-device", tmp_path / "second"):
            pass
        with device_lock("test-device", tmp_path / "second", force=True):
            assert device_holder("test-device") == tmp_path / "first"
    assert device_holder("test-device") is None
    holder = f"from upgan.runs.locks import *; import os, pathlib; l = run_lock(pathlib.Path({str(tmp_path)!r}))"
    holder += "; l.__enter__(); print('held', flush=True); os.read(0, 1)"
    child = subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(BusyError), run_lock(tmp_path):
        pass
    child.kill()
    child.communicate()
    with run_lock(tmp_path):
        pass


def test_deleting_can_be_undone(tmp_path):
    run = written(tmp_path / "runs" / "mine", state="stopped")
    (run / "config.toml").write_text("seed = 1")
    gone = trash.delete(run)
    assert list_runs(tmp_path / "runs") == []
    assert [deleted.name for deleted in trash.deleted_runs(tmp_path / "runs")] == ["mine"]
    written(run, state="stopped")
    with pytest.raises(RunError, match="another run of this name"):
        trash.restore(gone.path)
    run.rename(run.with_name("other"))
    assert (trash.restore(gone.path) / "config.toml").read_text() == "seed = 1"
    assert trash.deleted_runs(tmp_path / "runs") == []
    written(run)
    with pytest.raises(RunError, match="running"):
        trash.delete(run)


def test_of_two_that_resume_a_run_the_later_one_leaves_the_others_training_alone(tmp_path, monkeypatch):
    """Its own process ends at once: the run is held."""
    folder = written(tmp_path / "run", process=dataclasses.asdict(process_of(os.getppid())), pid=os.getppid())
    before = (folder / "status.json").read_bytes()

    class Refused:
        pid = 0

        def __init__(self, *_, **__):
            pass

        def poll(self):
            return 1

    monkeypatch.setattr(subprocess, "Popen", Refused)
    status = launch.launch(folder)
    assert (status.state, status.pid) == ("running", os.getppid())
    assert (folder / "status.json").read_bytes() == before


def test_a_folder_that_another_is_just_making_is_not_made_again(toy_dataset, tmp_path):
    """Two pages that chose the same free name."""
    with run_lock(tmp_path / "run"), pytest.raises(BusyError, match="another process"):
        launch.start(tmp_path / "run", toy_dataset, make_config("paper"), force=True)
    assert not (tmp_path / "run").exists()


def test_a_detached_training_is_found_again_stopped_and_killed(toy_run, tmp_path):
    """Started as the app and `upgan train --detach` start it; its launcher only reads the folder."""
    from upgan.config.settings import make_config
    from upgan.data.dataset import load_dataset

    settings = [text.removeprefix("--set=") for text in [*SETTINGS[6:], *ENDLESS]]
    config = make_config("quality", assignments=[*settings, "device=cpu"])
    run = tmp_path / "run"
    data = load_dataset(toy_run[0])
    begun = launch.start(run, data, config)
    assert begun.state in ("pending", "running")
    assert begun.pid != os.getpid()
    wait_for(run, "running")
    with pytest.raises(BusyError, match=str(run)):
        launch.start(tmp_path / "other", data, config)
    assert not (tmp_path / "other").exists()
    log = tmp_path / "log"
    assert victims.finish(["train", toy_run[0], "--run", tmp_path / "other", "--device", "cpu"], log) == 1
    assert str(run) in log.read_text()
    assert not (tmp_path / "other").exists()
    assert victims.finish(train_command(toy_run[0], run, "--overwrite"), log) == 2
    assert "stop it first" in log.read_text()

    assert [status.state for status in list_runs(tmp_path)] == ["running"]
    control.request_stop(run)
    stopped = control.wait_until_over(run, 60)
    assert (stopped.state, stopped.resumable) == ("stopped", True), stopped
    assert not (run / "stop").exists()

    launch.resume(run)
    wait_for(run, "running")
    assert run_state(run).epoch >= stopped.epoch
    killed = control.kill(run)
    assert (killed.state, killed.resumable) == ("interrupted", True)
    assert "by force" in killed.message


@pytest.mark.parametrize(("times", "state"), [(1, "stopped"), (2, "interrupted")])
def test_the_first_signal_saves_and_the_second_ends_at_once(toy_run, tmp_path, times, state):
    """The second comes while the first is still being followed: in a save that takes long."""
    run, log = tmp_path / "run", tmp_path / "log"
    training = victims.begin(train_command(toy_run[0], run, *ENDLESS), log, slow_save=times == 2)
    wait_for(run, "running")
    assert training.pid is not None
    os.kill(training.pid, signal.SIGTERM)
    if times == 2:
        while not list(run.glob(".resume*")):
            time.sleep(0.01)
        os.kill(training.pid, signal.SIGINT)
    training.join(60)
    assert training.exitcode == 130, log.read_text()
    assert "Traceback" not in log.read_text()
    status = run_state(run)
    assert (status.state, status.resumable) == (state, True)
    assert "upgan resume" in status.message
    assert not list(run.glob(".*.tmp"))


def test_a_status_prints_as_json(toy_run, tmp_path):
    run = written(tmp_path / "run")
    log = tmp_path / "log"
    assert victims.finish(["status", run, "--json"], log) == 0
    told = json.loads(log.read_text())
    assert told["state"] == "running"
    assert set(told) == {field.name for field in dataclasses.fields(run_state(run))} | {"run", "name"}
