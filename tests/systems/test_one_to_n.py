"""Training of the 1-N systems with dropout and batch normalisation: single queries, questions meanwhile, a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch

from tests.runs import victims
from tests.runs.conftest import untimed
from upgan.config import make_config
from upgan.model_names import MODEL_NAMES
from upgan.queries import QueryIndex
from upgan.seen import seen_data
from upgan.systems.build import build_system

SMALL = ["model.dim=16", "epochs=3", "batch=4", "eval_every=1", "threads=1", "checkpoint_seconds=0"]


def learner(dataset, model, *settings):
    config = make_config(assignments=[f"model_name={model}", "model.dim=16", *settings])
    system = build_system(config, seen_data(dataset, config))
    index = QueryIndex.build(dataset.train, dataset.num_entities, dataset.num_relations)
    return system, system.learning("training", index, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_an_epoch_s_last_query_may_be_alone(toy_dataset, model):
    system, learning = learner(toy_dataset, model)
    before = system.entity.detach().clone()
    learning.step(torch.tensor([2]))
    assert system.training
    assert not torch.equal(system.entity, before)


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_a_question_during_training_changes_nothing(toy_dataset, model):
    system, learning = learner(toy_dataset, model)
    learning.step(torch.arange(6))
    before = {name: value.clone() for name, value in system.state_dict().items()}
    drawn = torch.get_rng_state()
    answer = learning.answerer()
    first, second = (answer(torch.arange(4), torch.arange(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert system.training


@pytest.mark.parametrize("model", ["conve", "convtranse", "rotate", "transe"])
def test_training_ranks_the_training_answers_first(toy_dataset, model):
    system, learning = learner(toy_dataset, model, "lr=0.02")
    for _ in range(150):
        learning.step(learning.draw())
    system.eval()
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    rows, answers = index.answers_of(torch.arange(len(index)))
    with torch.no_grad():
        scores = learning.answerer()(index.heads, index.relations)
    known = torch.zeros_like(scores, dtype=torch.bool)
    known[rows, answers] = True
    best_wrong = scores.masked_fill(known, -torch.inf).amax(1)
    assert float((scores[rows, answers] > best_wrong[rows]).float().mean()) > 0.8


def run_cli(*arguments):
    command = [sys.executable, "-m", "upgan", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "model", ["conve", *(pytest.param(name, marks=pytest.mark.slow) for name in ("convtranse", "rotate", "transe"))]
)
def test_the_command_line_from_training_to_explanation(toy_folder, tmp_path, model):
    run = tmp_path / "run"
    made = run_cli("train", toy_folder, "--model", model, "--run", run, *(f"--set={part}" for part in SMALL))
    assert made.returncode == 0, made.stderr
    trained = json.loads((run / "metrics.json").read_text())
    evaluated = json.loads(run_cli("evaluate", run, "--json").stdout)
    assert (evaluated["mrr"], evaluated["mr"]) == (trained["mrr"], trained["mr"])
    rows = json.loads(run_cli("predict", run, "--head", "b1", "--relation", "by", "--json").stdout)
    assert rows
    told = run_cli("explain", run, "--head", "b1", "--relation", "by", "--answer", "a1")
    assert told.returncode == 0, told.stderr
    assert f"({MODEL_NAMES[model]}) hears no users" in " ".join(told.stdout.split())


@pytest.mark.parametrize("model", ["conve", "rotate"])
def test_a_killed_training_goes_on_exactly(toy_folder, tmp_path, model):
    """Dropout, batch normalisation's means and the drawn negatives are taken up where they were."""
    train = ["train", toy_folder, "--model", model, "--force", *(f"--set={part}" for part in SMALL)]
    log, whole, run = tmp_path / "log", tmp_path / "whole", tmp_path / "run"
    assert victims.finish([*train, "--run", whole], log) == 0, log.read_text()
    assert victims.finish([*train, "--run", run], log, ("step training", 5), every_step=True) == -signal.SIGKILL
    assert victims.finish(["resume", run, "--force"], log) == 0, log.read_text()
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    ends = [untimed(json.loads((folder / "metrics.json").read_text())) for folder in (run, whole)]
    assert ends[0] == ends[1]
