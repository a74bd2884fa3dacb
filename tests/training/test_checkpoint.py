"""A run folder opens to exactly what was saved, or says which file is wrong; and nothing in it is ever executed."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pandas as pd
import pytest
import tomli_w
import torch
from safetensors.torch import save_file

import upgan
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset, copy_dataset
from upgan.errors import DataError, InputError, RunError
from upgan.files import read_toml, sha256_of_file
from upgan.graph.observed import seen_graph
from upgan.systems.build import build_model
from upgan.training import checkpoint
from upgan.training.checkpoint import load_run, load_weights, save_weights, seal_run, start_run

SMALL = ["model.dim=4", "seed=3"]


@pytest.fixture(scope="module")
def saved(toy_dataset, tmp_path_factory):
    """A run with random weights, and the model that was saved."""
    torch.manual_seed(0)
    run = tmp_path_factory.mktemp("runs") / "run"
    config = make_config("paper", assignments=SMALL)
    model = build_model(config, toy_dataset)
    start_run(run, config, toy_dataset)
    save_weights(model, run / "model.safetensors")
    seal_run(run, toy_dataset)
    return run, model


@pytest.fixture
def run(saved, tmp_path):
    """A copy to be damaged."""
    shutil.copytree(saved[0], tmp_path / "run")
    return tmp_path / "run"


def reseal(run, **changes):
    """run.json as whoever changed the folder would write it."""
    seal = json.loads((run / "run.json").read_text())
    if (run / "model.safetensors").is_file():
        seal["model_sha256"] = sha256_of_file(run / "model.safetensors")
    seal["config_sha256"] = sha256_of_file(run / "config.toml")
    seal.update(changes)
    (run / "run.json").write_text(json.dumps({key: value for key, value in seal.items() if value is not None}))


def refusal(run, kind=RunError):
    with pytest.raises(kind) as caught:
        upgan.load(run)
    assert isinstance(caught.value, InputError)
    assert caught.value.exit_code == 2
    return str(caught.value)


# Saved and opened ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        ["model_name=upgan"],
        ["model_name=upgan", "product=complex"],
        ["model_name=upgan", "product=complex", "score=bilinear", "fusion.enabled=true"],
        ["model_name=distmult"],
        ["model_name=complex"],
    ],
    ids=" ".join,
)
def test_a_saved_model_opens_with_bit_identical_weights_and_scores(settings, toy_dataset, tmp_path):
    config = make_config("paper", assignments=[*SMALL, *settings, "model.propagation.user_embedding=true"])
    model = build_model(config, toy_dataset)
    start_run(tmp_path / "run", config, toy_dataset)
    save_weights(model, tmp_path / "run" / "model.safetensors")
    seal_run(tmp_path / "run", toy_dataset)
    loaded = load_run(tmp_path / "run")
    assert loaded.config == config
    assert loaded.dataset.fingerprint == toy_dataset.fingerprint
    assert loaded.model.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, loaded.model.state_dict()[name]) for name, value in model.state_dict().items())
    graph = seen_graph(toy_dataset, config)
    heads, relations = torch.arange(9).repeat_interleave(6), torch.arange(6).repeat(9)
    assert torch.equal(model.on(graph).scores(heads, relations), loaded.model.on(graph).scores(heads, relations))


def test_a_run_from_before_a_setting_existed_still_opens(saved, run):
    """Its config.toml lacks what came later; the weights and the answers are the same."""
    values = read_toml(run / "config.toml")
    for section in ("graph", "fusion"):
        del values[section]
    for name in ("product", "score", "co_interaction"):
        del values["model"][name]
    for name in ("form", "rgcn_layers"):
        del values["model"]["propagation"][name]
    for name in ("loss", "relax_epochs"):
        del values["initialisation"][name]
    for name in ("loss", "batch_by", "optimizer", "relax_epochs"):
        del values["pretrain"][name]
    (run / "config.toml").write_text(tomli_w.dumps(values))
    reseal(run)
    assert load_run(run).config == load_run(saved[0]).config
    assert upgan.load(run).predict(head="b3", relation="by") == upgan.load(saved[0]).predict(head="b3", relation="by")


def test_an_opened_model_is_for_reading(saved):
    loaded = load_run(saved[0])
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.metrics is None
    assert loaded.status is None


def test_a_run_answers_the_same_from_another_place(saved, run, monkeypatch):
    """The folder is all it takes: copied elsewhere, opened with a relative path."""
    here = upgan.load(saved[0]).predict(head="b3", relation="by", k=9)
    monkeypatch.chdir(run.parent)
    there = upgan.load("run")
    assert there.predict(head="b3", relation="by", k=9) == here
    assert there.fingerprint == upgan.load(saved[0]).fingerprint


def test_metrics_and_status_are_handed_on(run):
    (run / "metrics.json").write_text('{"mrr": 0.5}')
    (run / "status.json").write_text('{"state": "finished"}')
    loaded = load_run(run)
    assert loaded.metrics == {"mrr": 0.5}
    assert loaded.status == {"state": "finished"}


def test_the_fingerprint_changes_with_the_weights_and_with_the_settings(saved, run):
    before = load_run(run).fingerprint
    tensors = load_weights(run / "model.safetensors")
    tensors["entity"][0, 0] += 1.0
    save_file(tensors, run / "model.safetensors")
    reseal(run)
    changed = load_run(run).fingerprint
    assert changed != before
    (run / "config.toml").write_text((run / "config.toml").read_text().replace("seed = 3", "seed = 4"))
    reseal(run)
    assert load_run(run).fingerprint not in (before, changed)


def test_saving_replaces_the_file_whole_or_not_at_all(run, monkeypatch):
    before = (run / "model.safetensors").read_bytes()

    def half_written(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(checkpoint, "save_file", half_written)
    with pytest.raises(OSError, match="disk full"):
        save_weights(torch.nn.Linear(2, 2), run / "model.safetensors")
    assert (run / "model.safetensors").read_bytes() == before
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


# What is refused -----------------------------------------------------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path):
    assert str(tmp_path / "absent") in refusal(tmp_path / "absent")


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    assert str(tmp_path / "file") in refusal(tmp_path / "file")


@pytest.mark.parametrize("name", ["config.toml", "run.json", "model.safetensors"])
def test_a_missing_file_is_named(run, name):
    (run / name).unlink()
    message = refusal(run)
    assert name in message
    assert str(run) in message


def test_a_run_without_weights_yet_says_how_far_it_is(run):
    (run / "run.json").unlink()
    (run / "status.json").write_text('{"state": "running"}')
    assert "'running'" in refusal(run)


@pytest.mark.parametrize("keep", [0, 4, 8, 100, -1])
@pytest.mark.parametrize("sealed", [False, True], ids=["as copied", "with a matching hash"])
def test_a_truncated_model_file_is_named(run, keep, sealed):
    path = run / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    if sealed:
        reseal(run)
    message = refusal(run)
    assert str(path) in message
    assert "truncated" in message


def test_a_changed_model_file_is_named(run):
    path = run / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert str(path) in refusal(run)


@pytest.mark.parametrize("change", ["another value", "cut after a line"])
def test_changed_settings_are_named_even_where_they_still_fit(run, change):
    """attention_slope changes no shape, but every p; a file cut between two lines falls back to defaults."""
    path = run / "config.toml"
    lines = path.read_text().splitlines(keepends=True)
    if change == "another value":
        lines = [line.replace("attention_slope = 0.2", "attention_slope = 0.3") for line in lines]
    else:
        del lines[-1]
    assert lines != path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines))
    assert str(path) in refusal(run)


def test_weights_of_another_shape_are_named_with_both_shapes(run):
    text = (run / "config.toml").read_text()
    (run / "config.toml").write_text(text.replace("dim = 4", "dim = 5"))
    reseal(run)
    message = refusal(run)
    assert "model.safetensors" in message
    assert "(4,)" in message
    assert "(5,)" in message


@pytest.mark.parametrize("change", ["absent", "extra"])
def test_a_missing_or_additional_tensor_is_named(run, change):
    tensors = load_weights(run / "model.safetensors")
    if change == "absent":
        del tensors["w1"]
    else:
        tensors["w9"] = torch.zeros(1)
    save_file(tensors, run / "model.safetensors")
    reseal(run)
    message = refusal(run)
    assert "model.safetensors" in message
    assert ("w1" if change == "absent" else "w9") in message


@pytest.mark.parametrize("version", [0, 2, "1", "none"])
def test_another_format_version_is_refused_with_both_versions(run, version):
    reseal(run, format_version=None if version == "none" else version)
    message = refusal(run)
    assert "format version" in message
    assert repr(checkpoint.FORMAT_VERSION) in message


@pytest.mark.parametrize("key", ["dataset_fingerprint", "model_sha256", "config_sha256"])
def test_a_seal_that_lacks_a_key_is_named(run, key):
    reseal(run, **{key: None})
    message = refusal(run)
    assert "run.json" in message
    assert key in message


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "status.json"])
@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00"])
def test_damaged_json_is_named(run, name, content):
    (run / name).write_text(content)
    assert name in refusal(run)


@pytest.mark.parametrize("content", ["dim = ", "colour = 1\n", "[model]\ndim = 0\n"])
def test_damaged_settings_are_named(run, content):
    (run / "config.toml").write_text(content)
    assert str(run / "config.toml") in refusal(run)


@pytest.mark.parametrize("name", ["triples", "interactions", "entities", "relations"])
@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_missing_or_truncated_table_of_the_dataset_is_named(run, name, damage):
    path = run / "dataset" / f"{name}.parquet"
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    assert str(path) in refusal(run, DataError)


def test_a_missing_dataset_is_named(run):
    shutil.rmtree(run / "dataset")
    assert str(run / "dataset") in refusal(run, DataError)


def test_a_missing_manifest_is_named(run):
    (run / "dataset" / "manifest.json").unlink()
    assert "manifest.json" in refusal(run, DataError)


def test_a_changed_table_is_refused(run):
    path = run / "dataset" / "entities.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "label"] = "Somebody Else"
    table.to_parquet(path)
    assert str(run / "dataset") in refusal(run, DataError)


def test_another_dataset_in_its_place_is_refused(run, toy_frames):
    toy_frames["interactions"] = toy_frames["interactions"][1:]
    other = build_dataset(name="toy", **toy_frames)
    copy_dataset(other, run / "dataset")
    message = refusal(run)
    assert "dataset" in message
    assert other.fingerprint[:12] in message


# Nothing is executed -------------------------------------------------------------------------------------------------


class Bomb:
    """What a malicious pickle looks like: unpickling it makes a folder."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
@pytest.mark.parametrize("sealed", [False, True], ids=["as copied", "with a matching hash"])
def test_a_pickle_in_place_of_the_weights_is_refused_and_not_executed(run, tmp_path, writer, sealed):
    marker = tmp_path / "executed"
    path = run / "model.safetensors"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Bomb(marker)))
    else:
        torch.save(Bomb(marker), path)
    if sealed:
        reseal(run)
    assert str(path) in refusal(run)
    assert not marker.exists()
    pickle.loads(pickle.dumps(Bomb(marker)))
    assert marker.exists(), "the bomb works"


def test_opening_and_asking_never_unpickles(run, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a pickle was opened")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, refuse)
    (run / "log.txt").write_text("a run as training leaves it")
    shutil.copy(run / "model.safetensors", run / "generator.safetensors")
    predictor = upgan.load(run)
    assert predictor.predict(head="b3", relation="by", k=1)
    assert predictor.explain(head="b3", relation="by", answer="a1").users
