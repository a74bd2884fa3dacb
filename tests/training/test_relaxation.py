"""The relaxation: when there is one, what it changes, and which state it leaves."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests.training.initialised import Told, adagrad, fresh, initialise, run_complex, same
from upgan.config.phases import relaxed
from upgan.config.sections import InitialisationConfig, PretrainConfig


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
