"""The plan of phases: what is trained is what was planned, and every phase names settings that exist."""

from __future__ import annotations

import pytest

from tests.training.small import tiny
from upgan.config.phases import planned_phases
from upgan.config.settings import flat_settings, make_config
from upgan.config.systems import MODELS
from upgan.experiment.train import load_start, prepare_training, train
from upgan.runs.launch import description

RELAXED = ["initialisation.relax_epochs=1", "initialisation.n3=0.1", "pretrain.relax_epochs=1", "pretrain.n3=0.1"]


def names(config, **more):
    return [planned.name for planned in planned_phases(config, **more)]


@pytest.mark.parametrize("preset", ["paper", "quality"])
@pytest.mark.parametrize("settings", [[], RELAXED, ["model.use_users=false"]], ids=str)
def test_training_goes_through_the_planned_phases_and_no_other(toy_dataset, tmp_path, preset, settings):
    config = tiny(*settings, preset=preset)
    metrics = train(prepare_training(toy_dataset, config), config, tmp_path / "run")
    assert list(metrics["stages"]) == names(config)


def test_a_training_from_a_finished_run_has_no_initialisation_to_plan(toy_dataset, tmp_path):
    vectors, config = (tiny(*RELAXED, *more, preset="quality") for more in (["model_name=complex"], []))
    train(prepare_training(toy_dataset, vectors), vectors, tmp_path / "start")
    start = load_start(tmp_path / "start", toy_dataset, config)
    metrics = train(prepare_training(toy_dataset, config), config, tmp_path / "run", start_from=start)
    planned = names(config, started=True)
    assert list(metrics["stages"]) == planned == description(toy_dataset, config, started=True)["phases"]
    assert [name for name in names(config) if name not in planned] == ["initialisation", "relaxation"]


@pytest.mark.parametrize("model", MODELS)
def test_a_phase_names_its_own_settings(model):
    """A learning rate and a batch wherever there are steps; KBGAN's game has some of its own."""
    config = make_config("quality" if model in ("upgan", "complex", "distmult") else None,
                         assignments=[f"model_name={model}", *(RELAXED if model == "upgan" else [])])  # fmt: skip
    for planned in planned_phases(config):
        keys = {setting: planned.key(setting) for setting in ("lr", "batch", "clip", "n_c")}
        assert {key for key in keys.values() if key} <= flat_settings(config).keys()
        assert (keys["lr"] is None) == (keys["batch"] is None) == (planned.section in ("fusion", "walks"))
        if model == "kbgan" and planned.name == "adversarial":
            assert (keys["lr"], keys["batch"]) == ("kbgan.adversarial_lr", "kbgan.adversarial_batch")
        else:
            assert keys["lr"] in (None, f"{planned.section}.lr")
