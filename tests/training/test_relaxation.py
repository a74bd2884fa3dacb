"""The relaxation: when there is one, what it changes, and which state it leaves."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.training.initialised import FAST, Told, adagrad, fresh, initialise, run_complex, same
from upgan.config.phases import n3_share, relaxed
from upgan.config.sections import InitialisationConfig, PretrainConfig
from upgan.config.settings import make_config
from upgan.experiment import players
from upgan.experiment.train import load_start, prepare_training, train


@pytest.mark.parametrize("section", [InitialisationConfig, PretrainConfig])
def test_relaxed_settings_halve_n3_and_change_nothing_else(section):
    config = section(n3=0.3, relax_epochs=7, epochs=40, lr=0.02)
    changed = relaxed(config)
    assert (changed.n3, changed.epochs) == (0.15, 7)
    assert changed.model_copy(update={"n3": 0.3, "epochs": 40}) == config


@pytest.mark.parametrize(
    ("settings", "phases"),
    [
        (["initialisation.relax_epochs=2"], ["initialisation", "relaxation"]),
        (["initialisation.relax_epochs=0"], ["initialisation"]),
        (["initialisation.relax_epochs=2", "initialisation.n3=0"], ["initialisation"]),
    ],
)
def test_the_relaxation_is_a_phase_of_its_own_where_there_is_something_to_relax(
    toy_dataset, tmp_path, settings, phases
):
    told = Told()
    metrics = run_complex(toy_dataset, tmp_path / "run", *settings, told=told)
    assert told.phases == list(metrics["stages"]) == phases
    last = metrics["stages"][phases[-1]]
    assert {key: metrics[key] for key in last["test"]} == last["test"]
    assert "best_epoch" in last


@pytest.mark.parametrize("lr", [0.1, 1.0])
def test_the_relaxation_keeps_the_better_state(toy_dataset, tmp_path, lr):
    """It starts where the initialisation ended up; where no epoch is better on validation, that is what remains."""
    told = Told()
    settings = [f"initialisation.lr={lr}", "initialisation.epochs=8"]
    run_complex(toy_dataset, tmp_path / "short", *settings)
    metrics = run_complex(toy_dataset, tmp_path / "long", *settings, "initialisation.relax_epochs=4", told=told)
    first, second = metrics["stages"]["initialisation"], metrics["stages"]["relaxation"]
    seen = [mrr for phase, mrr in told.mrrs if phase == "relaxation"]
    assert seen[0] == first["valid"]["mrr"]
    assert second["valid"]["mrr"] == max(seen) == metrics["valid"]["mrr"]
    short, long = (load_file(tmp_path / run / "model.safetensors") for run in ("short", "long"))
    unchanged = all(torch.equal(value, long[name]) for name, value in short.items())
    assert unchanged == (second["best_epoch"] == 0)
    assert unchanged == (second["valid"]["mrr"] == first["valid"]["mrr"])


@pytest.mark.parametrize(("mrrs", "kept"), [([0.5, 0.4, 0.3], 0), ([0.5, 0.6, 0.4], 1), ([0.1, 0.2, 0.3], 2)])
def test_a_relaxation_leaves_the_state_of_its_best_validation(index, mrrs, kept):
    states = []
    for epochs in range(3):
        model = fresh()
        _, squares = initialise(model, index, adagrad(epochs=2, n3=0.4))
        if epochs:
            weaker = relaxed(adagrad(relax_epochs=epochs, n3=0.4))
            initialise(model, index, weaker, squares=squares, name="relaxation")
        states.append(model)
    model = fresh()
    _, squares = initialise(model, index, adagrad(epochs=2, n3=0.4))
    weaker = relaxed(adagrad(relax_epochs=2, n3=0.4))
    result, _ = initialise(model, index, weaker, squares=squares, name="relaxation", mrrs=mrrs)
    assert result.best_epoch == kept
    assert [same(model, state) for state in states] == [epochs == kept for epochs in range(3)]


UPGAN = ["model_name=upgan", "product=complex", "pretrain.epochs=2", "pretrain.n3=0.1", "adversarial.epochs=0"]


@pytest.mark.parametrize(
    ("settings", "phases"),
    [
        (["pretrain.relax_epochs=2"], ["pretrain", "pretrain relaxation"]),
        (["pretrain.relax_epochs=0"], ["pretrain"]),
        (["pretrain.relax_epochs=2", "pretrain.n3=0"], ["pretrain"]),
    ],
)
def test_pre_training_is_relaxed_too_where_there_is_something_to_relax(toy_dataset, tmp_path, settings, phases):
    told = Told()
    metrics = run_complex(toy_dataset, tmp_path / "run", *UPGAN, *settings, told=told)
    assert told.phases == list(metrics["stages"]) == ["initialisation", *phases, "adversarial"]
    first, last = metrics["stages"]["pretrain"], metrics["stages"][phases[-1]]
    assert last["valid"]["mrr"] >= first["valid"]["mrr"]


# The weight that pre-training goes on with ----------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second", "share"), [(0, 0, 1.0), (3, 0, 0.5), (0, 2, 0.5), (3, 2, 0.25)])
def test_each_relaxation_that_validation_kept_halves_what_is_gone_on_with(first, second, share):
    stages = {
        "initialisation": {"best_epoch": 9},
        "relaxation": {"best_epoch": first},
        "pretrain": {"best_epoch": 4},
        "pretrain relaxation": {"best_epoch": second},
    }
    assert n3_share(stages) == share
    assert n3_share({"pretrain": {"best_epoch": 4}}, before=0.5) == 0.5


@pytest.fixture
def weights(monkeypatch):
    """Name and N3 weight of the pre-trainings that are made."""
    seen, made = [], players.pretraining

    def spy(*parts, name, **more):
        seen.append((name, parts[3].n3))
        return made(*parts, name=name, **more)

    monkeypatch.setattr(players, "pretraining", spy)
    return seen


@pytest.mark.parametrize("lr", [0.1, 1.0])
def test_pre_training_goes_on_with_the_weight_of_its_start(toy_dataset, tmp_path, weights, lr):
    own = [f"initialisation.lr={lr}", "initialisation.epochs=8", "initialisation.relax_epochs=4", "product=complex"]
    whole = run_complex(toy_dataset, tmp_path / "whole", *UPGAN, *own, "pretrain.relax_epochs=2")
    kept = whole["stages"]["relaxation"]["best_epoch"] > 0
    share = 0.5 if kept else 1.0
    assert weights == [("pretrain", 0.1 * share), ("pretrain relaxation", 0.05 * share)]
    assert whole["n3_share"] == n3_share(whole["stages"])

    weights.clear()
    start = run_complex(toy_dataset, tmp_path / "start", *own)
    assert start["n3_share"] == share
    config = make_config("paper", assignments=[*FAST, *UPGAN, "product=complex"])
    prepared = prepare_training(toy_dataset, config)
    started = train(prepared, config, tmp_path / "on", start_from=load_start(tmp_path / "start", toy_dataset, config))
    assert weights == [("pretrain", 0.1 * share)]
    assert started["n3_share"] == share
