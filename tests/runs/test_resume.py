"""A training killed anywhere goes on to the very end it would have had: same bytes of weights, same metrics."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runs import victims
from tests.runs.conftest import PHASES, outcome, train_command
from upgan.runs.status import run_state

#: Where a training is killed, one after the other.
PLACES: list[victims.Place] = [
    ("step initialisation", 2),
    ("validate initialisation", 2),
    ("save", 2),
    ("test initialisation", 1),
    ("step relaxation", 3),
    ("step pretrain", 2),
    ("validate pretrain", 2),
    ("step pretrain relaxation", 3),
    ("step adversarial", 4),
    ("validate adversarial", 2),
    ("test adversarial", 1),
    ("validate fusion", 1),
    ("fit", 2),
    ("test fusion", 1),
    ("step held-out start", 2),
    ("step walks", 2),
    ("test walks", 1),
]


@pytest.mark.parametrize("every_step", [True, False], ids=["saved every step", "saved at phase ends"])
def test_a_training_killed_in_every_phase_ends_as_if_nothing_had_happened(toy_run, tmp_path, every_step):
    """One run, killed by SIGKILL once at each place, and resumed by a new process each time."""
    dataset, expected = toy_run
    run, log = tmp_path / "run", tmp_path / "log"
    command: list[str | Path] = train_command(dataset, run)
    for place in PLACES if every_step else PLACES[::3]:
        code = victims.finish(command, log, place, every_step=every_step)
        assert code == -signal.SIGKILL, f"{place}: {log.read_text()}"
        status = run_state(run)
        assert (status.state, status.resumable) == ("interrupted", True), log.read_text()
        command = ["resume", run, "--force"]
    assert victims.finish(command, log) == 0, log.read_text()
    assert outcome(run) == expected
    assert list(dict.fromkeys(line["phase"] for line in expected["metrics.jsonl"])) == list(PHASES)
    assert run_state(run).state == "finished"
    assert not (run / "resume.safetensors").exists()


#: Other models and forms: Adam everywhere and the propagation of the paper; a factorisation alone, which leaves
#: Adagrad's squares; and one that starts from another run's vectors.
VARIANTS: dict[str, tuple[list[str], list[victims.Place]]] = {
    "paper": (
        ["--preset=demo", "--set=pretrain.eval_every=1", "--set=model.propagation.user_embedding=true"],
        [("step initialisation", 6), ("step pretrain", 3), ("step adversarial", 3)],
    ),
    "complex": (["--model=complex"], [("step initialisation", 5), ("step relaxation", 2), ("test relaxation", 1)]),
    "proposed": (
        [
            "--set=initialisation.candidates=3",
            "--set=initialisation.candidates_by=popularity",
            "--set=pretrain.candidates=3",
            "--set=pretrain.candidates_by=generator",
        ],
        [("step initialisation", 3), ("step pretrain", 2), ("step pretrain relaxation", 2), ("step adversarial", 2)],
    ),
    "start": (["--start=START"], [("step pretrain", 2), ("step adversarial", 2)]),
}


@pytest.mark.parametrize(
    "variant", ["paper", *(pytest.param(name, marks=pytest.mark.slow) for name in ("complex", "proposed", "start"))]
)
def test_other_models_and_forms_go_on_exactly_too(toy_run, tmp_path, variant):
    options, places = VARIANTS[variant]
    log, dataset = tmp_path / "log", toy_run[0]
    if variant == "start":
        assert victims.finish(train_command(dataset, tmp_path / "first", "--model=complex"), log) == 0, log.read_text()
        options = [f"--start={tmp_path / 'first'}"]
    whole, run = tmp_path / "whole", tmp_path / "run"
    base = [
        part
        for part in train_command(dataset, whole)
        if not (variant == "paper" and str(part) in ("--preset", "quality"))
    ]
    assert victims.finish([*base, *options], log) == 0, log.read_text()
    command: list[str | Path] = [run if part == whole else part for part in [*base, *options]]
    for place in places:
        assert victims.finish(command, log, place, every_step=True) == -signal.SIGKILL, f"{place}: {log.read_text()}"
        command = ["resume", run, "--force"]
    assert victims.finish(command, log) == 0, log.read_text()
    assert outcome(run) == outcome(whole)
    assert (run / "squares.safetensors").exists() == (variant == "complex")


def test_stopping_again_and_again_changes_nothing(toy_run, tmp_path):
    """A graceful stop ends between two steps of an epoch; the next process goes on with the step after."""
    dataset, expected = toy_run
    run, log = tmp_path / "run", tmp_path / "log"
    command: list[str | Path] = train_command(dataset, run)
    places: list[tuple[str, int]] = []
    code: int | None = 130
    while code == 130:
        process = victims.begin(command, log)
        stop_soon(run, len(places))
        process.join(60)
        code = process.exitcode
        places.append((run_state(run).phase, json.loads((run / "status.json").read_text())["step"]))
        command = ["resume", run, "--force"]
    assert code == 0, log.read_text()
    assert len(places) > 3, places
    assert outcome(run) == expected


def stop_soon(run: Path, count: int) -> None:
    """Ask to stop a little after training has begun: later each time, so that it gets on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = json.loads((run / "status.json").read_text())
        except (OSError, ValueError):
            state = {}
        if state.get("state") == "running":
            time.sleep(0.02 * random.random() * count)
            (run / "stop").touch()
            return
        if state.get("state") == "finished":
            return
        time.sleep(0.002)


#: Kills in each phase that are wanted of the slow test; of the quick one in any.
EACH, FEW = 20, 6


def test_a_few_kills_at_random_moments_change_nothing(toy_run, tmp_path):
    kills = killed_at_random(toy_run, tmp_path, lambda kills: sum(kills.values()) >= FEW)
    assert len(kills.keys() & set(PHASES)) > 1, f"in more than one phase: {kills}"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_kills_at_random_moments_of_every_phase_change_nothing(toy_run, tmp_path):
    kills = killed_at_random(toy_run, tmp_path, lambda kills: all(kills.get(phase, 0) >= EACH for phase in PHASES))
    print("kills:", kills, "in all:", sum(kills.values()))


def killed_at_random(toy_run, folder: Path, enough: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """The unchanged program, killed from outside, evenly over the phases: of those that a training has still before it
    the one with the fewest kills is waited for, then it has up to ``LONGEST`` seconds. Each training ends in the end;
    its outcome is compared. Returns the kills by the phase that status.json named.
    """
    dataset, expected = toy_run
    rng = random.Random(0)
    kills: dict[str, int] = {}
    trainings = 0
    while not enough(kills):
        trainings += 1
        run, log = folder / f"run{trainings}", folder / "log"
        command: list[str | Path] = train_command(dataset, run)
        at = 0
        while True:
            process = victims.begin(command, log, every_step=bool(trainings % 2))
            ahead = PHASES[at:]
            if enough(kills) or all(kills.get(phase, 0) >= EACH for phase in ahead):
                process.join(100)
            else:
                wait_for_phase(run, process, min(ahead, key=lambda phase: kills.get(phase, 0)))
                process.join(rng.random() * LONGEST)
                process.kill()
                process.join()
            if process.exitcode == 0:
                break
            assert process.exitcode == -signal.SIGKILL, log.read_text()
            if (run / "run.json").is_file() and run_state(run).state == "finished":  # killed on its way out
                break
            if (run / "config.toml").is_file() and (run / "dataset" / "manifest.json").is_file():
                command = ["resume", run, "--force"]
                phase = run_state(run).phase or "before the first"
            else:
                command, phase = train_command(dataset, run, "--overwrite"), "making the folder"
            kills[phase] = kills.get(phase, 0) + 1
            at = PHASES.index(phase) if phase in PHASES else 0
        assert outcome(run) == expected, f"training {trainings}"
    return kills


#: Seconds that a phase of the toy has before the kill; about as long as it takes.
LONGEST = 0.08


def wait_for_phase(run: Path, process: Any, wanted: str) -> None:
    """Until this process trains in the phase, or in a later one, or is over."""
    order = ("", *PHASES)
    while process.is_alive():
        try:
            status = json.loads((run / "status.json").read_text())
        except (OSError, ValueError):
            status = {}
        if status.get("pid") == process.pid and order.index(status.get("phase") or "") >= order.index(wanted):
            return
        time.sleep(0.002)
