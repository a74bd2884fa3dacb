"""Everything that a run rests on is checked when it is opened: a flipped bit is a sentence, or changes nothing."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.command_line import here, refused
from tests.predict.toy import make_run
from upgan.config.settings import make_config, to_toml
from upgan.data.dataset import load_dataset
from upgan.errors import DataError, InputError, RunError, UpganError
from upgan.experiment.resume import load_state, save_state
from upgan.experiment.train import prepare_training, train
from upgan.files import sha256_of_file
from upgan.predict.predictor import load
from upgan.runs.files import RESUME_FILE, TABLE_FILES
from upgan.runs.status import list_runs, run_state
from upgan.training.checkpoint import load_config, load_run, load_squares
from upgan.training.loop import Reporter
from upgan.training.state import TrainingState

#: Of each file. A thousand of each were tried by hand.
FLIPS = 15


@pytest.fixture(scope="module")
def run(toy_dataset, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("whole") / "run", toy_dataset)


@pytest.fixture
def copied(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def flipped(path: Path, place: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[place.randrange(len(content))] ^= 1 << place.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["config.toml", "run.json", "model.safetensors", "dataset/manifest.json", *TABLE_FILES]
)
def test_a_flipped_bit_is_a_sentence_or_changes_no_answer(run, copied, name):
    expected = load(run).predict(head="b3", relation="by", k=9)
    place, told = random.Random(name), list[str]()
    for _ in range(FLIPS):
        flipped(copied / name, place)
        try:
            assert load(copied).predict(head="b3", relation="by", k=9) == expected
        except InputError as error:  # which is exit code 2
            told.append(str(error))
        shutil.copy(run / name, copied / name)
    assert all(str(copied) in message for message in told)
    assert len(told) > (-1 if name == "dataset/manifest.json" else FLIPS // 4), "else nothing is checked"


def test_on_the_command_line_it_is_exit_code_2(copied):
    for name in ("model.safetensors", "dataset/triples.parquet"):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])
        refused(here("predict", copied, "--head", "b3", "--relation", "by"), Path(name).name)
        (copied / name).write_bytes(content)


@pytest.fixture(scope="module")
def stopped(toy_dataset, tmp_path_factory):
    """A folder with a checkpoint, and what it was taken of."""
    folder = make_run(tmp_path_factory.mktemp("stopped") / "run", toy_dataset)
    state = TrainingState(torch.Generator())
    state.track("system", torch.nn.Linear(3, 2))
    state.phase.name = "initialisation"
    save_state(folder, state, {"dataset": toy_dataset.fingerprint, "config": sha256_of_file(folder / "config.toml")})
    return folder


def test_a_flipped_bit_in_a_checkpoint_is_never_trained_on(stopped, toy_dataset, tmp_path):
    threads = torch.get_num_threads()
    whole = (stopped / RESUME_FILE).read_bytes()
    state = load_state(stopped, toy_dataset, torch.Generator())
    assert state.saved is not None
    expected = {name: value.numpy().tobytes() for name, value in state.saved.tensors.items()}
    place = random.Random(5)
    for _ in range(6 * FLIPS):
        flipped(stopped / RESUME_FILE, place)
        with contextlib.suppress(RunError):  # blanks in the header, or a name of no meaning, are no damage
            found = load_state(stopped, toy_dataset, torch.Generator()).saved
            assert found is not None
            assert {name: value.numpy().tobytes() for name, value in found.tensors.items()} == expected
        (stopped / RESUME_FILE).write_bytes(whole)
    torch.set_num_threads(threads)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_refused(copied, number):
    """Though the seal fits them: a training that went wrong sealed what it had."""
    tensors = load_file(copied / "model.safetensors")
    name = next(name for name, value in tensors.items() if value.is_floating_point() and value.numel())
    tensors[name].view(-1)[0] = float(number)
    save_file(tensors, copied / "model.safetensors")
    seal = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps({**seal, "model_sha256": sha256_of_file(copied / "model.safetensors")}))
    refused(here("predict", copied, "--head", "b3", "--relation", "by"), "NaN or infinite", name)


TINY = ["initialisation.epochs=1", "model_name=complex", "model.dim=4", "threads=1"]


class Changing(Reporter):
    """Changes config.toml after the first epoch, as somebody at an editor does."""

    def __init__(self, run: Path, text: str) -> None:
        self.run, self.text = run, text
        self.told: list[str] = []

    def epoch(self, *_: object) -> None:
        (self.run / "config.toml").write_text(self.text)

    def log(self, text: str) -> None:
        self.told.append(text)


@pytest.mark.parametrize("text", ["seed = 5\n", "no toml", ""])
def test_settings_changed_while_training_are_not_sealed_as_used(toy_dataset, tmp_path, text):
    config = make_config("quality", assignments=TINY)
    reporter = Changing(tmp_path / "run", text)
    train(prepare_training(toy_dataset, config), config, tmp_path / "run", reporter)
    assert load_config(tmp_path / "run") == load_run(tmp_path / "run").config == config
    assert (tmp_path / "run" / "config.toml").read_text() == to_toml(config)
    assert (tmp_path / "run" / "config.changed.toml").read_text() == text
    assert "config.changed.toml" in reporter.told[0]
    squares = load_squares(tmp_path / "run")
    assert squares
    path = tmp_path / "run" / "squares.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(UpganError, match="changed since training"):
        load_squares(tmp_path / "run")


def test_a_comment_in_the_settings_is_no_change(toy_dataset, tmp_path):
    config = make_config("quality", assignments=TINY)
    text = "# mine\n" + to_toml(config)
    train(prepare_training(toy_dataset, config), config, tmp_path / "run", Changing(tmp_path / "run", text))
    assert load_run(tmp_path / "run").config == config
    assert (tmp_path / "run" / "config.toml").read_text() == text


def gone(run: Path) -> None:
    shutil.rmtree(run / "dataset")


def one_gone(run: Path) -> None:
    (run / "dataset" / "entities.parquet").unlink()


def other(run: Path) -> None:
    path = run / "dataset" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "0" * 64}))


def longer(run: Path) -> None:
    path = run / "dataset" / "triples.parquet"
    path.write_bytes(path.read_bytes() + b"\0")


def without_weights(run: Path) -> None:
    (run / "model.safetensors").unlink()


def damaged_seal(run: Path) -> None:
    (run / "run.json").write_text("{")


@pytest.mark.parametrize("change", [gone, one_gone, other, longer, without_weights, damaged_seal])
def test_what_was_taken_from_under_a_finished_run_is_said_by_status_and_app(copied, change):
    from ui.services import runs

    (copied / "metrics.json").write_text('{"mrr": 0.5}')
    (copied / "status.json").write_text('{"state": "finished"}')
    assert run_state(copied).message == ""
    assert runs.list_runs(copied.parent)[0].problem is None
    change(copied)
    assert "train again" in run_state(copied).message
    assert run_state(copied).message == list_runs(copied.parent)[0].message
    assert "train again" in here("status", "--root", copied.parent).stdout
    assert runs.list_runs(copied.parent)[0].problem
    with pytest.raises(UpganError):
        load_run(copied)


def test_a_dataset_by_itself_is_checked_as_well(toy_folder):
    expected = load_dataset(toy_folder).fingerprint
    place = random.Random(3)
    for name in [path.name for path in toy_folder.iterdir()]:
        whole = (toy_folder / name).read_bytes()
        for _ in range(FLIPS):
            flipped(toy_folder / name, place)
            with contextlib.suppress(DataError):
                assert load_dataset(toy_folder).fingerprint == expected
            (toy_folder / name).write_bytes(whole)
