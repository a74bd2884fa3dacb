"""A training that goes on from a finished DistMult or ComplEx run: what it takes from it, and which runs it refuses."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import subprocess

import pytest
import torch
from safetensors.torch import load_file

import upgan
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset, copy_dataset
from upgan.errors import ConfigError, RunError
from upgan.experiment.train import load_start, prepare_training, train
from upgan.training.checkpoint import load_run
from upgan.training.loop import Reporter

SMALL = [
    "model.dim=4", "initialisation.epochs=4", "initialisation.batch=4", "initialisation.relax_epochs=2",
    "pretrain.epochs=1", "pretrain.batch=6", "pretrain.relax_epochs=1", "adversarial.epochs=1", "adversarial.batch=4",
    "adversarial.n_c=6", "adversarial.n_g=3", "device=cpu",
]  # fmt: skip
#: Nothing happens to the vectors after the start.
STILL = [
    *("pretrain.epochs=0", "pretrain.relax_epochs=0", "adversarial.epochs=0"),
    *("fusion.enabled=false", "walks.enabled=false"),
]


def config_of(*assignments, preset="quality"):
    return make_config(preset, assignments=[*SMALL, *assignments])


def run_training(dataset, run, *assignments, start=None, preset="quality", reporter=None):
    config = config_of(*assignments, preset=preset)
    start_from = None if start is None else load_start(start, dataset, config)
    return train(prepare_training(dataset, config), config, run, reporter, start_from=start_from)


@pytest.fixture(scope="module")
def complex_run(toy_dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "complex"
    run_training(toy_dataset, run, "model_name=complex")
    return run


def refusal(run, dataset, *assignments, kind=ConfigError):
    with pytest.raises(kind) as caught:
        load_start(run, dataset, config_of(*assignments))
    assert caught.value.exit_code == 2
    assert str(run) in str(caught.value)
    return str(caught.value)


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# What it takes -------------------------------------------------------------------------------------------------------


class Validated(Reporter):
    """The validation MRR at the start of each phase."""

    def __init__(self):
        self.first: dict[str, float] = {}

    def epoch(self, phase, epoch, values, metrics):
        if epoch == 0:
            self.first[phase] = metrics.mrr


@pytest.mark.parametrize("score", ["bilinear", "mlp"])
def test_both_players_have_the_runs_vectors_at_epoch_0(toy_dataset, complex_run, tmp_path, score):
    run = tmp_path / "run"
    metrics = run_training(toy_dataset, run, *STILL, f"model.score={score}", start=complex_run)
    start, d, g = (
        load_file(path)
        for path in (complex_run / "model.safetensors", run / "model.safetensors", run / "generator.safetensors")
    )
    for name in ("entity", "relation"):
        assert torch.equal(d[name], start[name])
        assert torch.equal(g[name], start[name])
    assert list(metrics["stages"]) == ["pretrain", "adversarial"], "nothing is initialised again"


def test_without_users_a_started_bilinear_training_begins_at_the_runs_own_ranks(toy_dataset, complex_run, tmp_path):
    told = Validated()
    settings = ["model.use_users=false", "fusion.enabled=false"]
    run_training(toy_dataset, tmp_path / "run", *settings, start=complex_run, reporter=told)
    assert told.first["pretrain"] == json.loads((complex_run / "metrics.json").read_text())["valid"]["mrr"]


def test_the_metrics_and_nothing_else_name_the_run_it_started_from(toy_dataset, complex_run, tmp_path):
    before = hashes(complex_run)
    metrics = run_training(toy_dataset, tmp_path / "started", start=complex_run)
    assert metrics["started_from"] == load_run(complex_run).fingerprint
    assert json.loads((tmp_path / "started" / "metrics.json").read_text())["started_from"] == metrics["started_from"]
    assert hashes(complex_run) == before, "the run is read, not changed"
    assert run_training(toy_dataset, tmp_path / "alone")["started_from"] is None
    predictor = upgan.load(tmp_path / "started")
    assert predictor.rank("test").metrics.mrr == metrics["mrr"]


def test_a_started_training_is_the_one_that_initialises_by_itself_up_to_its_draws(toy_dataset, complex_run, tmp_path):
    """Same settings, same seed: the vectors before D's first step are the same."""
    for name, start in (("alone", None), ("started", complex_run)):
        run_training(toy_dataset, tmp_path / name, *STILL, start=start)
    alone, started = (load_file(tmp_path / name / "model.safetensors") for name in ("alone", "started"))
    assert torch.equal(alone["entity"], started["entity"])
    assert torch.equal(alone["relation"], started["relation"])


def test_the_same_start_and_seed_give_the_same_weights(toy_dataset, complex_run, tmp_path):
    for name in ("one", "two"):
        torch.randn(3)  # somebody else's draws
        run_training(toy_dataset, tmp_path / name, start=complex_run)
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())


def test_pre_training_goes_on_with_the_runs_squares(toy_dataset, complex_run, tmp_path):
    """Without their file the first step is that of a new optimiser, which goes farther: the losses tell."""
    shutil.copytree(complex_run, tmp_path / "bare")
    (tmp_path / "bare" / "squares.safetensors").unlink()
    config = config_of("pretrain.batch=100", "pretrain.epochs=2", "pretrain.relax_epochs=0", "adversarial.epochs=0")
    losses: dict[str, list[float]] = {}

    class Losses(Reporter):
        def __init__(self, name):
            self.told = losses.setdefault(name, [])

        def epoch(self, phase, epoch, values, metrics):
            self.told += values.values()

    for name, folder in (("with", complex_run), ("without", tmp_path / "bare")):
        start = load_start(folder, toy_dataset, config)
        assert bool(start.squares) == (name == "with")
        train(prepare_training(toy_dataset, config), config, tmp_path / name, Losses(name), start_from=start)
    assert losses["with"][0] == losses["without"][0], "the first step's loss is that of the same vectors"
    assert abs(losses["with"][1] - losses["with"][0]) < abs(losses["without"][1] - losses["without"][0])


def test_a_distmult_run_starts_a_training_of_the_papers_form(toy_dataset, tmp_path):
    settings = ["product=distmult", "score=mlp", "fusion.enabled=false", "walks.enabled=false"]
    run_training(toy_dataset, tmp_path / "distmult", "model_name=distmult")
    metrics = run_training(toy_dataset, tmp_path / "run", *settings, *STILL, start=tmp_path / "distmult")
    started, start = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "distmult"))
    assert torch.equal(started["entity"], start["entity"])
    assert metrics["started_from"] == load_run(tmp_path / "distmult").fingerprint


# What it refuses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        (["product=distmult"], ("model.product", "'complex'", "'distmult'")),
        (["model.dim=5"], ("model.dim", "4", "5")),
        (["graph.triple_share=0.5"], ("graph.triple_share", "1.0", "0.5")),
    ],
    ids=["another product", "another length", "another share of the triples"],
)
def test_a_run_with_other_settings_is_refused_with_both_values(toy_dataset, complex_run, assignment, words):
    message = refusal(complex_run, toy_dataset, *assignment)
    assert all(word in message for word in words), message


def test_a_run_on_other_data_is_refused(toy_frames, complex_run):
    toy_frames["interactions"] = toy_frames["interactions"][1:]
    assert "other data" in refusal(complex_run, build_dataset(name="changed", **toy_frames))


def test_a_run_on_another_draw_of_the_triples_is_refused(toy_dataset, tmp_path):
    """With the whole of the triples any seed may go on; of a share another seed has seen others."""
    run_training(toy_dataset, tmp_path / "run", "model_name=complex", "graph.triple_share=0.7", "seed=3")
    assert "seed" in refusal(tmp_path / "run", toy_dataset, "graph.triple_share=0.7", "seed=4")
    same = load_start(tmp_path / "run", toy_dataset, config_of("graph.triple_share=0.7", "seed=3"))
    assert same.fingerprint == load_run(tmp_path / "run").fingerprint


def test_any_seed_may_go_on_from_the_whole_of_the_triples(toy_dataset, complex_run):
    assert load_start(complex_run, toy_dataset, config_of("seed=9")).fingerprint == load_run(complex_run).fingerprint


def test_a_upgan_run_gives_all_that_it_learned_by_steps(toy_dataset, complex_run, tmp_path):
    run_training(toy_dataset, tmp_path / "run", *STILL, start=complex_run)
    start = load_start(tmp_path / "run", toy_dataset, config_of())
    model = load_run(tmp_path / "run").model
    assert start.learned is not None
    assert {"entity", "relation"} <= set(start.learned)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in start.learned.items())
    assert "settings of the model differ" in refusal(tmp_path / "run", toy_dataset, "model.preference_init=0.9")


def test_a_compared_system_s_run_is_no_start(toy_dataset, tmp_path):
    config = make_config("quality", assignments=["model_name=transe", "transe.epochs=1", "model.dim=4", "device=cpu"])
    train(prepare_training(toy_dataset, config), config, tmp_path / "run")
    message = refusal(tmp_path / "run", toy_dataset)
    assert "transe" in message
    assert "complex" in message


def test_a_run_that_is_missing_or_unfinished_is_refused(toy_dataset, complex_run, tmp_path):
    refusal(tmp_path / "absent", toy_dataset, kind=RunError)
    shutil.copytree(complex_run, tmp_path / "unfinished")
    (tmp_path / "unfinished" / "run.json").unlink()
    refusal(tmp_path / "unfinished", toy_dataset, kind=RunError)


def test_truncated_squares_are_refused_with_their_file(toy_dataset, complex_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(complex_run, run)
    path = run / "squares.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    assert str(path) in refusal(run, toy_dataset, kind=RunError)


# On the command line -------------------------------------------------------------------------------------------------


def command(*arguments):
    """The entry point in this process."""
    from upgan.cli.main import run as run_command

    out, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
        code = run_command([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), told.getvalue())


@pytest.fixture
def folder(toy_dataset, tmp_path):
    copy_dataset(toy_dataset, tmp_path / "toy")
    return tmp_path / "toy"


def asked(folder, run, *more):
    settings = [f"--set={assignment}" for assignment in SMALL]
    return command("train", folder, "--run", run, *settings, *more)


def test_train_start_leaves_a_run_that_names_its_start(folder, complex_run, tmp_path):
    done = asked(folder, tmp_path / "run", "--preset=quality", "--start", complex_run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["started_from"] == load_run(complex_run).fingerprint
    assert "initialisation" not in metrics["stages"]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--preset=quality", "--set=model.dim=5"], "model.dim"),
        (["--preset=paper"], "model.product"),
        (["--model=complex"], "only --model upgan"),
        (["--preset=quality", "--set=graph.triple_share=0.5"], "graph.triple_share"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_anything_is_written(folder, complex_run, tmp_path, more, word):
    """Also where the run folder holds a run that was to be replaced: it is still there and still opens."""
    run = tmp_path / "earlier"
    shutil.copytree(complex_run, run)
    before = hashes(run)
    for target, overwrite in ((tmp_path / "new", []), (run, ["--overwrite"])):
        done = asked(folder, target, *more, "--start", complex_run, *overwrite)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert word in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
    assert hashes(run) == before
