"""Two commands at the same instant, and runs that others have finished meanwhile or left half made."""

from __future__ import annotations

import threading
import time

import pytest

from upgan.config.settings import make_config
from upgan.reproduce import execute
from upgan.reproduce.execute import Executor
from upgan.reproduce.plan import PlannedRun
from upgan.runs import launch
from upgan.runs.status import run_state

TINY = {"model_name": "transe", "model.dim": 4, "transe.epochs": 2, "device": "cpu", "threads": 1}


def planned(seed=0):
    return PlannedRun("transe", "transe", "TransE", None, seed, make_config("paper", overrides={**TINY, "seed": seed}))


def silent(_):
    pass


def test_two_commands_at_the_same_instant_train_a_run_once(trainings, toy_dataset, tmp_path, monkeypatch):
    """Both have seen that nothing is there; making the folder is slowed down so that they meet in it."""
    both, made = threading.Barrier(2), []

    def slowly(folder, *rest):
        made.append(folder)
        time.sleep(0.2)
        launch.create(folder, *rest)

    monkeypatch.setattr(execute, "create", slowly)
    outcomes = {}

    def command(number):
        executor = Executor(toy_dataset, tmp_path, silent)
        both.wait()
        outcomes[number] = executor.run([planned()])

    threads = [threading.Thread(target=command, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    (first,), (second,) = outcomes[0], outcomes[1]
    assert {first.how, second.how} == {"trained", "reused"}, (first.problem, second.problem)
    assert first.finished is not None
    assert second.finished is not None
    assert first.finished.metrics == second.finished.metrics
    assert len(trainings) == len(made) == 1


def test_what_another_command_finished_meanwhile_is_used(trainings, toy_dataset, tmp_path, monkeypatch):
    """As if it ended between the look at what is there and the run's turn."""
    assert Executor(toy_dataset, tmp_path, silent).run([planned()])[0].how == "trained"
    monkeypatch.setattr(execute, "finished_runs", lambda *_: [])
    assert Executor(toy_dataset, tmp_path, silent).run([planned()])[0].how == "reused"
    assert len(trainings) == 1


def test_a_folder_whose_maker_was_killed_is_made_anew(trainings, toy_dataset, tmp_path):
    """Nothing but the beginning of a file, which is what a kill in the middle of the first write leaves."""
    executor = Executor(toy_dataset, tmp_path, silent)
    folder = tmp_path / planned().folder_name(toy_dataset.name, toy_dataset.fingerprint)
    folder.mkdir()
    (folder / ".status.json.x1.tmp").write_text("{")
    (outcome,) = executor.run([planned()])
    assert outcome.how == "trained", outcome.problem
    assert [path.name for path in folder.glob(".*")] == []


def test_without_processes_or_locks_a_run_fails_and_nobody_waits(toy_dataset, tmp_path, monkeypatch):
    executor = Executor(toy_dataset, tmp_path / "runs", silent)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with monkeypatch.context() as changed:
        changed.setenv("UPGAN_LOCKS", str(tmp_path / "link"))
        (outcome,) = executor.run([planned()])
    assert "not a folder of this user" in outcome.problem

    def full(*_, **__):
        raise OSError("no more processes")

    monkeypatch.setattr(execute, "spawn", full)
    (outcome,) = executor.run([planned()])
    assert outcome.problem == "no more processes"
    folder = tmp_path / "runs" / planned().folder_name(toy_dataset.name, toy_dataset.fingerprint)
    assert (run_state(folder).state, run_state(folder).message) == ("failed", "no more processes")


@pytest.mark.parametrize("resume", [True, False])
def test_a_training_that_could_not_start_is_left_as_failed(toy_dataset, tmp_path, monkeypatch, resume):
    """So that a command beside this one, or the next, does not wait for it."""

    class Gone:
        def poll(self):
            return 1

    monkeypatch.setattr(execute, "spawn", lambda *_, **__: Gone())
    executor = Executor(toy_dataset, tmp_path, silent, resume=resume)
    for _ in range(2):
        (outcome,) = executor.run([planned()])
        assert (outcome.how, outcome.finished) == ("failed", None)
        folder = tmp_path / planned().folder_name(toy_dataset.name, toy_dataset.fingerprint)
        assert run_state(folder).state == "failed"


@pytest.mark.parametrize(
    ("spent", "limit", "usual", "left"),
    [
        (10, 0, None, None),  # nothing to go by
        (10, 60, None, 50),
        (10, 60, 25, 15),  # as long as the others took
        (30, 60, 25, 30),  # longer than they: at most its limit
        (30, 0, 25, None),
        (70, 60, 25, 0),  # it ranks the splits
    ],
)
def test_how_long_a_training_still_takes(toy_dataset, tmp_path, monkeypatch, spent, limit, usual, left):
    monkeypatch.setattr("upgan.reproduce.execute.time.monotonic", lambda: 1000.0)
    config = make_config("paper", overrides={"model_name": "transe", "max_seconds": float(limit)})
    job = execute._Job(
        PlannedRun("transe", "transe", "TransE", None, 0, config), tmp_path, "trained", None, 1000 - spent
    )
    assert Executor(toy_dataset, tmp_path, silent)._left(job, usual) == left
