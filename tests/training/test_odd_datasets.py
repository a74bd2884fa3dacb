"""Datasets without users, held-out triples or variety; every setting; what a finished run holds."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from tests.training.small import run_training, weights_of
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError
from upgan.experiment.log import RunLog
from upgan.experiment.train import resolve_device
from upgan.training.checkpoint import load_run


def finite(run):
    return all(bool(torch.isfinite(value).all()) for value in weights_of(run).values())


def test_training_without_interactions_works_and_has_no_users(toy_frames, tmp_path):
    del toy_frames["interactions"]
    metrics = run_training(build_dataset(name="toy", **toy_frames), tmp_path / "run")
    assert metrics["queries"] == 4
    assert finite(tmp_path / "run")


@pytest.mark.parametrize("missing", [["valid"], ["test"], ["valid", "test"]], ids="+".join)
def test_training_without_held_out_triples_works(toy_frames, tmp_path, missing):
    toy_frames["triples"] = toy_frames["triples"].query("split not in @missing")
    run = tmp_path / "run"
    metrics = run_training(build_dataset(name="toy", **toy_frames), run, reporter=RunLog(run))
    assert finite(run)
    assert (metrics["mrr"] is None) == ("test" in missing)
    assert (metrics["valid"]["mrr"] is None) == ("valid" in missing)
    json.loads((run / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    for line in (run / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    load_run(run)


@pytest.mark.parametrize("use_generator", ["true", "false"])
def test_pools_larger_than_the_catalogue_work(tmp_path, use_generator):
    """E = 3; one query is answered by every entity."""
    triples = [("a", "r", "a"), ("a", "r", "b"), ("a", "r", "c"), ("b", "s", "c")]
    frame = pd.DataFrame([(*t, "train") for t in triples], columns=["head", "relation", "tail", "split"])
    reads = pd.DataFrame({"user": ["u"], "item": ["a"]})
    dataset = build_dataset(name="small", triples=frame, interactions=reads)
    run_training(
        dataset,
        tmp_path / "run",
        "adversarial.n_c=1024",
        "adversarial.n_g=200",
        f"adversarial.use_generator={use_generator}",
    )
    assert finite(tmp_path / "run")


def test_one_triple_and_one_reader_are_enough(tmp_path):
    frame = pd.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b"], "split": ["train"]})
    dataset = build_dataset(name="one", triples=frame, interactions=pd.DataFrame({"user": ["u"], "item": ["a"]}))
    run_training(dataset, tmp_path / "run")
    assert finite(tmp_path / "run")


def test_two_entities_joined_by_several_relations_are_enough(tmp_path):
    """More edges between two layers than pairs of their nodes."""
    frame = pd.DataFrame(
        [("a", "r", "b", "train"), ("a", "s", "b", "train"), ("b", "r", "a", "train")],
        columns=["head", "relation", "tail", "split"],
    )
    dataset = build_dataset(name="two", triples=frame, interactions=pd.DataFrame({"user": ["u"], "item": ["a"]}))
    run_training(dataset, tmp_path / "run", "pretrain.batch=1", "adversarial.batch=1")
    assert finite(tmp_path / "run")


@pytest.mark.parametrize(
    "settings",
    [
        ["model.use_users=false"],
        ["model.propagation.user_embedding=true"],
        ["adversarial.use_generator=false"],
        ["adversarial.sigma=0", "adversarial.hidden_layers=1"],
        ["model.entity_norm=at_most_one"],
        ["model.entity_norm=at_least_one"],
        ["model.item_dropout=0.5"],
        ["pretrain.n3=0.1"],
        ["initialisation.optimizer=adagrad", "initialisation.n3=0.1", "initialisation.lr=0.1"],
        ["model.item_dropout=0.9", "model.use_users=false"],
        ["model.product=complex"],
        ["model.product=complex", "initialisation.optimizer=adagrad", "initialisation.n3=0.1", "pretrain.n3=0.1"],
        ["model.product=complex", "model.item_dropout=0.5", "model.entity_norm=at_most_one"],
        ["initialisation.loss=bce"],
        ["initialisation.loss=cross_entropy"],
        ["initialisation.relax_epochs=2"],
        ["pretrain.relax_epochs=2", "pretrain.n3=0.1"],
        ["pretrain.relax_epochs=2", "pretrain.n3=0.1", "pretrain.optimizer=adagrad", "pretrain.batch_by=queries"],
        ["pretrain.loss=bce"],
        ["pretrain.loss=cross_entropy"],
        ["pretrain.batch_by=queries"],
        ["pretrain.optimizer=adagrad"],
        ["pretrain.optimizer=adagrad", "initialisation.optimizer=adam"],
        ["model.propagation.form=rgcn"],
        ["model.propagation.form=rgcn", "model.propagation.user_embedding=true", "model.product=complex"],
        ["graph.interactions=shuffled"],
        ["graph.triple_share=0.5"],
        ["graph.triple_share=0.5", "pretrain.batch_by=queries", "model.propagation.form=rgcn"],
        ["graph.interaction_share=0.5"],
        ["graph.interaction_share=0"],
        ["initialisation.epochs=0", "pretrain.epochs=0", "adversarial.epochs=0"],
    ],
    ids=" ".join,
)
def test_training_works_with_each_setting(toy_dataset, tmp_path, settings):
    metrics = run_training(toy_dataset, tmp_path / "run", *settings)
    assert metrics["queries"] == 4
    assert finite(tmp_path / "run")


def test_distmult_alone_trains_and_leaves_a_run(toy_dataset, tmp_path):
    metrics = run_training(toy_dataset, tmp_path / "run", "model_name=distmult", preset="quality")
    assert list(metrics["stages"]) == ["initialisation", "relaxation"]
    assert load_run(tmp_path / "run").config.model_name == "distmult"
    assert not (tmp_path / "run" / "generator.safetensors").exists()


# The run folder -------------------------------------------------------------------------------------------------------


def test_a_finished_run_holds_what_it_promises(toy_dataset, tmp_path):
    run = tmp_path / "run"
    metrics = run_training(toy_dataset, run, reporter=RunLog(run))
    for name in (
        "config.toml",
        "model.safetensors",
        "metrics.json",
        "metrics.jsonl",
        "status.json",
        "log.txt",
        "card.md",
    ):
        assert (run / name).stat().st_size, name
    assert {"mr", "mrr", "hits@1", "hits@3", "hits@10", "queries", "stages", "seed"} <= set(metrics)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    loaded = load_run(run)
    assert loaded.metrics == metrics
    phases = [json.loads(line)["phase"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(phases)) == ["initialisation", "pretrain", "adversarial"] == list(metrics["stages"])


def test_the_metrics_are_those_of_the_saved_weights(toy_dataset, tmp_path):
    """Of the state that was kept, not of the last epoch's."""
    from upgan.predict.predictor import Predictor

    metrics = run_training(toy_dataset, tmp_path / "run", "adversarial.lr=0.05", "adversarial.epochs=4")
    predictor = Predictor(load_run(tmp_path / "run"))
    assert predictor.rank("test").metrics.to_dict() == {
        key: metrics[key] for key in predictor.rank("test").metrics.to_dict()
    }
    assert predictor.rank("valid").metrics.to_dict() == metrics["valid"]


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="--device cpu"):
        resolve_device("cuda")
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")
