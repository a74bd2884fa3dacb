"""Adagrad's squares, with which a training goes on as if it had never stopped."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import load_file

from tests.training.initialised import (
    DIM,
    ENTITIES,
    FAST,
    PRODUCTS,
    RELATIONS,
    adagrad,
    fresh,
    initialise,
    run_complex,
    same,
)
from tests.training.small import context, no_scores
from upgan.config.sections import ModelConfig, PretrainConfig
from upgan.config.settings import make_config
from upgan.experiment.train import prepare_training, train
from upgan.model.discriminator import Discriminator
from upgan.objectives.batches import QuerySampler
from upgan.objectives.optimizers import accumulated, make_optimizer
from upgan.training.loop import run_phase
from upgan.training.pretrain import pretraining


@pytest.mark.parametrize("product", PRODUCTS)
def test_going_on_with_the_squares_is_adagrad_that_never_stopped(index, product):
    """Step for step, whatever the number of parts; without the squares it is another training."""
    whole, random = fresh(product), torch.Generator().manual_seed(3)
    _, expected = initialise(whole, index, adagrad(epochs=5, batch=4, n3=0.1), random=random)

    def in_parts(*, handed_on):
        model, random, squares = fresh(product), torch.Generator().manual_seed(3), None
        for epochs in (2, 1, 2):
            given = squares if handed_on else None
            _, squares = initialise(model, index, adagrad(epochs=epochs, batch=4, n3=0.1), random=random, squares=given)
        return model, squares

    model, squares = in_parts(handed_on=True)
    assert same(model, whole)
    assert squares.keys() == expected.keys() == {"entity", "relation"}
    assert all(torch.equal(squares[name], expected[name]) for name in expected)
    assert not same(in_parts(handed_on=False)[0], whole)


def test_squares_that_are_handed_on_stay_as_they_were(index):
    _, squares = initialise(fresh(), index, adagrad(epochs=1))
    before = {name: value.clone() for name, value in squares.items()}
    initialise(fresh(), index, adagrad(epochs=3), squares=squares)
    assert all(torch.equal(squares[name], value) for name, value in before.items())


def test_adam_has_no_squares_to_hand_on(index):
    _, squares = initialise(fresh(), index, adagrad(epochs=2, optimizer="adam"))
    assert squares == {}
    assert isinstance(make_optimizer(fresh(), "adam", 0.1, {"entity": torch.ones(1)}), torch.optim.Adam)


def test_no_epoch_gives_squares_that_change_nothing(index):
    _, squares = initialise(fresh(), index, adagrad(epochs=0))
    one, other = fresh(), fresh()
    initialise(one, index, adagrad(epochs=2))
    initialise(other, index, adagrad(epochs=2), squares=squares)
    assert same(one, other)


def test_the_discriminator_goes_on_with_the_squares_of_what_it_shares():
    """Entity and relation vectors step as far as their history allows, all else as far as a first step goes."""
    model = Discriminator(ENTITIES, RELATIONS, 5, ModelConfig(dim=DIM, product="complex")).double()
    squares = {name: torch.rand(model.get_parameter(name).shape).double() for name in ("entity", "relation")}
    optimizer = make_optimizer(model, "adagrad", 0.1, squares)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    grads = {name: torch.randn(value.shape).double() for name, value in before.items()}
    for name, parameter in model.named_parameters():
        parameter.grad = grads[name].clone()
    optimizer.step()
    for name, parameter in model.named_parameters():
        total = squares.get(name, torch.zeros_like(grads[name])) + grads[name].square()
        expected = before[name] - 0.1 * grads[name] / (total.sqrt() + 1e-10)
        torch.testing.assert_close(parameter.detach(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_pre_training_reads_the_squares_where_it_is_adagrad_and_nowhere_else(toy_dataset, optimizer):
    config = make_config("paper", assignments=[*FAST, "product=complex"])
    settings = PretrainConfig(epochs=1, batch_by="queries", batch=4, optimizer=optimizer, lr=0.05, clip=1e9)

    def trained(squares):
        prepared = prepare_training(toy_dataset, config)
        model = Discriminator(ENTITIES, RELATIONS, 5, config.model)
        start = model.entity.detach().clone()
        sampler = QuerySampler(prepared.train, 4, prepared.random)
        run_phase(pretraining(model, prepared.graph, sampler, settings, no_scores, squares=squares), context())
        return float((model.entity.detach() - start).abs().mean())

    history = {
        "entity": torch.full((ENTITIES, 2 * DIM), 100.0),
        "relation": torch.full((2 * RELATIONS, 2 * DIM), 100.0),
    }
    without, with_history = trained(None), trained(history)
    if optimizer == "adagrad":
        assert with_history < 0.1 * without, "what has moved for long moves little"
    else:
        assert with_history == without


def test_with_squares_patience_counts_from_the_first_epoch(index):
    """A trained state is not at the level of chance any more: nothing has to be waited for."""
    config = adagrad(epochs=30, patience=2, batch=len(index), min_steps=20)
    waiting, squares = initialise(fresh(), index, config, mrrs=[0.5] * 40)
    assert (waiting.epochs, waiting.ended) == (22, "converged")
    going_on, _ = initialise(fresh(), index, config, mrrs=[0.5] * 40, squares=squares)
    assert (going_on.epochs, going_on.ended) == (2, "converged")


def test_going_on_with_the_discriminators_squares_is_adagrad_that_never_stopped(toy_dataset):
    """All of its parameters, the propagation's too."""
    config = make_config("paper", assignments=[*FAST, "product=complex"])
    prepared = prepare_training(toy_dataset, config)

    def trained(*parts):
        torch.manual_seed(0)
        model, squares, random = Discriminator(ENTITIES, RELATIONS, 5, config.model), None, torch.Generator()
        sampler = QuerySampler(prepared.train, 4, random.manual_seed(5))
        for epochs in parts:
            settings = PretrainConfig(epochs=epochs, optimizer="adagrad", lr=0.05, n3=0.1, eval_every=1)
            phase = pretraining(model, prepared.graph, sampler, settings, no_scores, squares=squares)
            run_phase(phase, context())
            squares = accumulated(model, phase.optimizers["discriminator"])
        return model, squares

    (whole, expected), (parted, squares) = trained(4), trained(1, 2, 1)
    assert same(parted, whole)
    assert squares.keys() == expected.keys() == {name for name, _ in whole.named_parameters()}
    assert all(torch.equal(squares[name], expected[name]) for name in expected)


def test_a_run_keeps_adagrads_squares_beside_its_vectors(toy_dataset, tmp_path):
    run = tmp_path / "run"
    run_complex(toy_dataset, run, "initialisation.relax_epochs=1")
    squares, weights = load_file(run / "squares.safetensors"), load_file(run / "model.safetensors")
    assert {name: value.shape for name, value in squares.items()} == {
        name: value.shape for name, value in weights.items()
    }
    assert all(bool((value >= 0).all()) and bool(value.any()) for value in squares.values())


@pytest.mark.parametrize("settings", [["model_name=upgan"], ["model_name=complex", "initialisation.optimizer=adam"]])
def test_a_run_without_a_history_of_its_own_vectors_keeps_no_squares(toy_dataset, tmp_path, settings):
    more = ["pretrain.epochs=1", "adversarial.epochs=0", *settings]
    config = make_config("paper", assignments=[*FAST, *more])
    metrics = train(prepare_training(toy_dataset, config), config, tmp_path / "run")
    assert not (tmp_path / "run" / "squares.safetensors").exists()
    assert math.isfinite(metrics["mrr"])


def test_a_run_in_the_folder_of_an_earlier_one_does_not_keep_that_ones_squares(toy_dataset, tmp_path):
    """They belong to other vectors; a further training would go on with a history that is not its own."""
    run = tmp_path / "run"
    run_complex(toy_dataset, run)
    run_complex(toy_dataset, run, "initialisation.optimizer=adam")
    assert not (run / "squares.safetensors").exists()
