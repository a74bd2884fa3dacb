"""Every compared system from the command line: a training, the answers of its run, and a kill in the middle."""

from __future__ import annotations

import json
import signal

import pytest

from tests.command_line import here
from tests.runs import victims
from tests.runs.conftest import untimed
from tests.runs.victims import Place
from upgan.config.systems import MODEL_NAMES

MESSAGE_PASSING = ("kgat", "rgcn", "nbfnet")
#: What an explanation says of the users, who are not told apart.
OF_USERS = {
    **dict.fromkeys(
        ("conve", "convtranse", "rotate", "transe", "transh", "kbgan", "rgcn", "nbfnet"), "does not use interactions"
    ),
    **dict.fromkeys(("cofm", "ktup", "kgat"), "learned from interactions together with the triples"),
}


def train_command(folder, model, settings):
    return ["train", folder, "--model", model, "--force", *(f"--set={part}" for part in settings.split())]


def finished(arguments, log):
    assert victims.finish(arguments, log) == 0, log.read_text()


def told(*arguments):
    """What a command answers on stdout, which is JSON."""
    done = here(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", OF_USERS)
def test_the_command_line_from_training_to_explanation(toy_folder, tmp_path, model):
    """Same seed, same bytes; a loaded run scores as the trained one did; what a reason cannot say is said."""
    settings = "model.dim=16 epochs=3 batch=4 eval_every=1 threads=1"
    if model in MESSAGE_PASSING:
        settings += " graph.triple_share=0.8"
    run, again = tmp_path / "run", tmp_path / "again"
    for folder in (run, again):
        finished([*train_command(toy_folder, model, settings), "--run", folder], tmp_path / "log")
    assert (run / "model.safetensors").read_bytes() == (again / "model.safetensors").read_bytes()

    trained, evaluated = json.loads((run / "metrics.json").read_text()), told("evaluate", run)
    assert (evaluated["mrr"], evaluated["mr"]) == (trained["mrr"], trained["mr"])
    rows = told("predict", run, "--head", "b1", "--relation", "by", "-k", "9")["candidates"]
    assert [row["rank"] for row in rows] == list(range(1, 10))
    (row,) = [row for row in rows if row["id"] == "a1"]
    explained = told("explain", run, "--head", "b1", "--relation", "by", "--answer", "a1")
    assert (explained["score"], explained["rank"]) == (pytest.approx(row["score"], rel=1e-5), row["rank"])
    assert f"({MODEL_NAMES[model]}) {OF_USERS[model]}" in " ".join(explained["limits"])


#: What is trained until it is killed, and where: dropout, batch normalisation's means and drawn negatives; KBGAN in the
#: middle of the game, with its average reward; KTUP's drawn interactions and Gumbel noise; KGAT's batches, dropout and
#: BPR's items.
KILLED: dict[str, tuple[str, list[Place]]] = {
    "conve": ("model.dim=16 epochs=3 batch=4 eval_every=1", [("step training", 5)]),
    "rotate": ("model.dim=16 epochs=3 batch=4 eval_every=1", [("step training", 5)]),
    "kbgan": (
        "model.dim=8 epochs=3 batch=3 eval_every=1 distmult_epochs=2 adversarial_epochs=4 adversarial_batch=4"
        " adversarial_lr=0.01 candidates=3",
        [("step adversarial", 7), ("step adversarial", 6)],
    ),
    "ktup": ("model.dim=8 epochs=3 batch=3 eval_every=1 induction=hard", [("step training", 5)]),
    "kgat": ("model.dim=8 epochs=3 batch=3 bpr=0.5 eval_every=1", [("step training", 5)]),
}


@pytest.mark.parametrize("model", KILLED)
def test_a_killed_training_goes_on_exactly(toy_folder, tmp_path, model):
    """Weights, metrics and every line of the log are those of a training that nobody disturbed."""
    settings, places = KILLED[model]
    log, whole, run = tmp_path / "log", tmp_path / "whole", tmp_path / "run"
    train = train_command(toy_folder, model, settings + " threads=1 checkpoint_seconds=0")
    finished([*train, "--run", whole], log)
    command = [*train, "--run", run]
    for place in places:
        assert victims.finish(command, log, place, every_step=True) == -signal.SIGKILL
        command = ["resume", run, "--force"]
    finished(command, log)
    assert (run / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    ends = [untimed(json.loads((folder / "metrics.json").read_text())) for folder in (run, whole)]
    assert ends[0] == ends[1]
    lines = [
        [untimed(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (run, whole)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) >= 3
