"""The vectors everything starts from: one step by the book for every loss and product, the relaxation, and Adagrad's
squares, with which a training goes on as if it had never stopped."""

from __future__ import annotations

import itertools
import math
from typing import Any, get_args

import pytest
import torch
from safetensors.torch import load_file

from tests import oracles
from upgan.config import InitialisationConfig, ModelConfig, PretrainConfig, make_config
from upgan.evaluation.metrics import Metrics
from upgan.experiment import prepare_training, train
from upgan.losses import OneToN
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.model.product import Product
from upgan.queries import QueryIndex, QuerySampler
from upgan.training.initialise import make_optimizer, relaxed, train_factorisation
from upgan.training.loop import Silent
from upgan.training.pretrain import pretrain_discriminator

PRODUCTS, LOSSES = get_args(Product), get_args(OneToN)
ENTITIES, RELATIONS, DIM = 9, 3, 4
FAST = [
    "model.dim=4", "initialisation.optimizer=adagrad", "initialisation.lr=0.1", "initialisation.n3=0.1",
    "initialisation.epochs=3", "initialisation.batch=4", "initialisation.eval_every=1", "device=cpu",
]  # fmt: skip


def adagrad(**changes):
    given = {"optimizer": "adagrad", "lr": 0.1, "batch": 1000, "eval_every": 1, "l2": 0.0, **changes}
    return InitialisationConfig(**given)


class Scripted:
    """A validation whose MRRs are given; better every time where they are not."""

    def __init__(self, mrrs=None):
        self.mrrs = iter(mrrs) if mrrs is not None else (0.5 - 0.4 / step for step in itertools.count(1))

    @property
    def metrics(self):
        mrr = next(self.mrrs)
        return Metrics(1.0, mrr, {1: mrr, 3: mrr, 10: mrr}, 4)

    def rank(self, _score, _progress=None):
        return self


def validation_that_is_always_better():
    better = Scripted()
    return lambda: better.metrics


class Told(Silent):
    """Remembers the phases and each epoch's values."""

    def __init__(self):
        self.phases: list[str] = []
        self.losses: list[float] = []
        self.mrrs: list[tuple[str, float]] = []

    def start(self, phase, epochs):
        self.phases.append(phase)

    def epoch(self, phase, epoch, values, metrics):
        self.losses += values.values()
        if metrics is not None:
            self.mrrs.append((phase, metrics.mrr))


@pytest.fixture
def index(toy_dataset):
    return QueryIndex.build(toy_dataset.train, ENTITIES, RELATIONS)


def initialise(model, index, config, *, mrrs=None, random=None, reporter=None, **more):
    validation: Any = Scripted(mrrs)
    random = random or torch.Generator().manual_seed(0)
    return train_factorisation(model, index, validation, config, random, reporter or Silent(), **more)


def fresh(product="complex"):
    torch.manual_seed(0)
    return Factorisation(ENTITIES, RELATIONS, DIM, 0.3, product).double()


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


# One step ------------------------------------------------------------------------------------------------------------


def by_the_book(model, triples, loss, l2, n3):
    """Loss and penalty of all queries at once, with torch's own losses and complex numbers."""
    known = oracles.known_answers([tuple(row) for row in triples.tolist()], RELATIONS)
    numbers = torch.complex if model.product == "complex" else None

    def read(table):
        return numbers(*table.chunk(2, dim=1)) if numbers else table

    entity, relation = read(model.entity), read(model.relation)
    terms, cubes = [], []
    for (h, r), answers in known.items():
        row = (entity[h] * relation[r] @ entity.conj().T).real if numbers else entity[h] * relation[r] @ entity.T
        wrong = [e for e in range(ENTITIES) if e not in answers]
        for answer in answers:
            if loss == "bce":
                terms.append(torch.nn.functional.softplus(-row[answer]))
            else:
                members = list(range(ENTITIES)) if loss == "cross_entropy" else [answer, *wrong]
                target = torch.tensor(members.index(answer))
                terms.append(torch.nn.functional.cross_entropy(row[members], target))
            cubes += [(part.abs() ** 3).sum() for part in (entity[h], relation[r], entity[answer])]
        if loss == "bce":
            terms.append(torch.nn.functional.softplus(row[wrong]).sum())
    pairs = 2 * len(triples)
    used = torch.tensor(sorted({h for h, _ in known}))
    squares = model.entity[used].square().sum() + model.relation.square().sum()
    return torch.stack(terms).sum() / pairs, l2 * squares / 2 + n3 * torch.stack(cubes).sum() / pairs


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("product", PRODUCTS)
def test_one_step_is_adagrad_on_the_loss_and_the_penalties_that_the_settings_name(toy_dataset, index, product, loss):
    """The loss is told without the penalties; the squares handed back are those of the one gradient."""
    model, told = fresh(product), Told()
    value, penalty = by_the_book(model, toy_dataset.train, loss, 0.02, 0.3)
    grads = torch.autograd.grad(value + penalty, [model.entity, model.relation])
    start = [part.detach().clone() for part in (model.entity, model.relation)]
    config = adagrad(epochs=1, loss=loss, l2=0.02, n3=0.3)
    result, squares = initialise(model, index, config, reporter=told)
    assert told.losses == [pytest.approx(float(value.detach()), abs=1e-6)]
    assert result.best_epoch == 1
    for name, before, grad in zip(("entity", "relation"), start, grads, strict=True):
        after = model.get_parameter(name).detach()
        torch.testing.assert_close(after, before - 0.1 * grad / (grad.abs() + 1e-10), rtol=0, atol=1e-7)
        torch.testing.assert_close(squares[name], grad.square(), rtol=0, atol=1e-12)


# Squares -------------------------------------------------------------------------------------------------------------


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
    config = make_config(assignments=[*FAST, "product=complex"])
    settings = PretrainConfig(epochs=1, batch_by="queries", batch=4, optimizer=optimizer, lr=0.05, clip=1e9)

    def trained(squares):
        prepared = prepare_training(toy_dataset, config)
        model = Discriminator(ENTITIES, RELATIONS, 5, config.model)
        start = model.entity.detach().clone()
        sampler = QuerySampler(prepared.train, 4, prepared.random)
        arguments = model, prepared.graph, sampler, validation_that_is_always_better(), settings, Silent()
        pretrain_discriminator(*arguments, squares=squares)
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


# The relaxation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", [InitialisationConfig, PretrainConfig])
def test_relaxed_settings_halve_n3_and_change_nothing_else(section):
    config = section(n3=0.3, relax_epochs=7, epochs=40, lr=0.02)
    changed = relaxed(config)
    assert (changed.n3, changed.epochs) == (0.15, 7)
    assert changed.model_copy(update={"n3": 0.3, "epochs": 40}) == config


def test_with_squares_patience_counts_from_the_first_epoch(index):
    """A trained state is not at the level of chance any more: nothing has to be waited for."""
    config = adagrad(epochs=30, patience=2, batch=len(index), min_steps=20)
    waiting, squares = initialise(fresh(), index, config, mrrs=[0.5] * 40)
    assert (waiting.epochs, waiting.ended) == (22, "converged")
    going_on, _ = initialise(fresh(), index, config, mrrs=[0.5] * 40, squares=squares)
    assert (going_on.epochs, going_on.ended) == (2, "converged")


def run_complex(dataset, run, *more, told=None):
    config = make_config("paper", assignments=[*FAST, "model_name=complex", *more])
    return train(prepare_training(dataset, config), config, run, told)


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
            initialise(model, index, weaker, squares=squares, phase="relaxation")
        states.append(model)
    model = fresh()
    _, squares = initialise(model, index, adagrad(epochs=2, n3=0.4))
    weaker = relaxed(adagrad(relax_epochs=2, n3=0.4))
    result, _ = initialise(model, index, weaker, squares=squares, phase="relaxation", mrrs=mrrs)
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


def test_going_on_with_the_discriminators_squares_is_adagrad_that_never_stopped(toy_dataset):
    """All of its parameters, the propagation's too."""
    config = make_config(assignments=[*FAST, "product=complex"])
    prepared = prepare_training(toy_dataset, config)

    def trained(*parts):
        torch.manual_seed(0)
        model, squares, random = Discriminator(ENTITIES, RELATIONS, 5, config.model), None, torch.Generator()
        sampler = QuerySampler(prepared.train, 4, random.manual_seed(5))
        for epochs in parts:
            settings = PretrainConfig(epochs=epochs, optimizer="adagrad", lr=0.05, n3=0.1, eval_every=1)
            arguments = model, prepared.graph, sampler, validation_that_is_always_better(), settings, Silent()
            _, squares = pretrain_discriminator(*arguments, squares=squares)
        return model, squares

    (whole, expected), (parted, squares) = trained(4), trained(1, 2, 1)
    assert same(parted, whole)
    assert squares.keys() == expected.keys() == {name for name, _ in whole.named_parameters()}
    assert all(torch.equal(squares[name], expected[name]) for name in expected)


# The run folder ------------------------------------------------------------------------------------------------------


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
