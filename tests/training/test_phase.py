"""A phase keeps the best state by validation, stops when it should, and refuses losses that are no numbers."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.training.small import Scripted, context, no_scores, tiny
from upgan.config.phases import ON_VALIDATION, planned_phases
from upgan.config.settings import flat_settings, make_config
from upgan.config.systems import SYSTEMS
from upgan.config.systems.base import SystemSettings
from upgan.errors import TrainingError
from upgan.experiment.train import prepare_training
from upgan.model.discriminator import Discriminator
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler
from upgan.objectives.phase import Phase
from upgan.training.adversarial import AdversarialTrainer, adversarial
from upgan.training.loop import Context, Reporter, run_phase
from upgan.training.pretrain import pretraining


class Counter(torch.nn.Module):
    """A model whose only parameter counts the epochs."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(1))


class Told(Reporter):
    """Remembers what it is told."""

    def __init__(self):
        self.epochs: list[tuple[int, float | None]] = []
        self.started: list[tuple[str, int]] = []
        self.steps: list[tuple[int, int, int]] = []

    def start(self, phase, epochs):
        self.started.append((phase, epochs))

    def step(self, phase, epoch, done, total):
        self.steps.append((epoch, done, total))

    def epoch(self, phase, epoch, values, metrics):
        self.epochs.append((epoch, None if metrics is None else metrics.mrr))


def phase(mrrs, *, epochs=100, eval_every=1, patience=2, reporter=None, deadline=math.inf, losses=None):
    """Run a phase whose validation MRR is given, evaluation by evaluation; the model ends where its best one was.

    An epoch is one step over two rows; ``losses``: epoch -> its loss.
    """
    model = Counter()

    def step(rows):
        assert sorted(rows.tolist()) == [0, 1]
        with torch.no_grad():
            model.value.add_(1)
        return {"loss": torch.tensor(losses(int(model.value)) if losses else 1.0)}

    ran = small_phase(model, step, range(2), epochs=epochs, eval_every=eval_every, patience=patience)
    result = run_phase(ran, context(mrrs, reporter, deadline=deadline))
    return result, int(model.value)


def small_phase(model, step, rows, *, name="pretrain", epochs=1, eval_every=1, patience=2):
    """A phase of steps over two rows at a time."""
    return Phase(
        name=name,
        settings=SystemSettings(epochs=epochs, eval_every=eval_every, patience=patience),
        draw=lambda: torch.tensor(rows),
        batch=2,
        steps=-(-len(rows) // 2),
        step=step,
        optimizers={},
        kept=model,
        scores=no_scores,
    )


def test_a_phase_keeps_the_state_of_the_best_validation():
    result, state = phase([0.1, 0.2, 0.5, 0.4, 0.3])
    assert (result.best.mrr, result.best_epoch, result.epochs, result.ended, state) == (0.5, 2, 4, "converged", 2)


def test_a_phase_that_only_makes_things_worse_keeps_its_starting_point():
    result, state = phase([0.5, 0.4, 0.3])
    assert (result.best.mrr, result.best_epoch, result.epochs, result.ended, state) == (0.5, 0, 2, "converged", 0)


def test_an_equal_result_is_no_better():
    result, state = phase([0.5, 0.5, 0.5])
    assert (result.best_epoch, result.ended, state) == (0, "converged", 0)


def test_patience_counts_evaluations_since_the_best_one():
    result, state = phase([0.1, 0.05, 0.2, 0.15, 0.12, 0.3, 0.2, 0.2, 0.2], patience=3)
    assert (result.best_epoch, result.epochs, state) == (5, 8, 5)


def test_validation_happens_every_so_many_epochs_and_after_the_last():
    told = Told()
    result, state = phase([0.1, 0.2, 0.3, 0.4], epochs=7, eval_every=3, reporter=told)
    assert told.epochs == [(0, 0.1), (1, None), (2, None), (3, 0.2), (4, None), (5, None), (6, 0.3), (7, 0.4)]
    assert (result.best_epoch, result.ended, state) == (7, "completed", 7)
    assert told.started == [("pretrain", 7)]
    assert told.steps == [(epoch, 1, 1) for epoch in range(1, 8)]


def test_no_epochs_leave_the_starting_point():
    result, state = phase([0.3], epochs=0)
    assert (result.best.mrr, result.epochs, result.ended, state) == (0.3, 0, "completed", 0)


def test_a_phase_starts_no_epoch_after_its_deadline():
    result, state = phase([0.1], deadline=-1.0)
    assert (result.ended, result.epochs, state) == ("stopped", 0, 0)


def test_a_phase_takes_no_step_after_its_deadline_and_judges_what_it_has(monkeypatch):
    """Six steps an epoch, an hour each by the clock; time is over in the second epoch's third step."""
    clock, model, told = iter(range(0, 10**6)), Counter(), Told()
    steps, asked = [], []

    def step(rows):
        steps.append(rows)
        with torch.no_grad():
            model.value.add_(1)
        return {"loss": torch.tensor(float(len(steps)))}

    class Asked(Scripted):
        def rank(self, *arguments):
            asked.append(int(model.value))
            return super().rank(*arguments)

    monkeypatch.setattr("upgan.training.loop.time", SimpleNamespace(monotonic=lambda: next(clock)))
    ran = small_phase(model, step, range(12), epochs=9, eval_every=5)
    validation: Any = Asked([0.1, 0.2])
    result = run_phase(ran, Context(validation=validation, reporter=told, deadline=9.5))
    # The clock is asked once before each epoch and once after each step: 0, 1 ... 6, 7, 8, 9, 10.
    assert (len(steps), asked, int(model.value)) == (9, [0, 9], 9)
    assert (result.ended, result.epochs, result.best_epoch) == ("stopped", 2, 2)
    assert told.epochs == [(0, 0.1), (1, None), (2, 0.2)]


@pytest.mark.parametrize(("epochs", "ended"), [(2, "completed"), (3, "stopped")])
def test_time_that_is_over_with_the_very_last_step_cut_nothing_off(monkeypatch, epochs, ended):
    """Six steps an epoch, an hour each: the clock passes the deadline with the twelfth."""
    clock = iter(range(0, 10**6))
    monkeypatch.setattr("upgan.training.loop.time", SimpleNamespace(monotonic=lambda: next(clock)))
    ran = small_phase(Counter(), lambda rows: {"loss": torch.tensor(0.0)}, range(12), epochs=epochs, patience=9)
    result = run_phase(ran, context([0.1] * 9, deadline=12.5))
    assert (result.ended, result.epochs) == (ended, 2)


def test_without_validation_triples_the_last_state_is_kept():
    result, state = phase([math.nan] * 6, epochs=5)
    assert (result.ended, result.epochs, state) == ("completed", 5, 5)


def test_a_loss_that_is_no_number_stops_training():
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(TrainingError, match=r"pretrain, epoch 2, step 1 of 1: loss became") as caught:
            phase([0.1] * 9, patience=9, losses=lambda epoch, value=value: value if epoch == 2 else 1.0)
        assert caught.value.exit_code == 1


def plans():
    """Every phase that some training has, as (settings, its name)."""
    relaxed = ["initialisation.relax_epochs=1", "pretrain.relax_epochs=1", "initialisation.n3=0.1", "pretrain.n3=0.1"]
    yield from (([*relaxed], planned.name) for planned in planned_phases(make_config("quality", assignments=relaxed)))
    for model in SYSTEMS:
        chosen = [f"model_name={model}"]
        yield from ((chosen, planned.name) for planned in planned_phases(make_config("paper", assignments=chosen)))


@pytest.mark.parametrize(("settings", "name"), [case for case in plans() if case[1] not in ON_VALIDATION])
def test_the_advice_after_a_loss_that_is_no_number_names_settings_that_exist(settings, name):
    """They are settings of the run's model, and those of the phase where it has some of its own."""
    config = make_config("quality" if len(settings) > 1 else None, assignments=settings)
    planned = next(planned for planned in planned_phases(config) if planned.name == name)
    ran = small_phase(Counter(), lambda _rows: {"loss": torch.tensor(math.nan)}, range(1), name=name)
    with pytest.raises(TrainingError) as caught:
        run_phase(ran, context([0.1] * 9, planned=planned))
    advised = re.findall(r"--set ([\w.]+)=", str(caught.value))
    others = {"relaxation": "initialisation", "held-out start": "initialisation", "pretrain relaxation": "pretrain"}
    section = others.get(name, name)
    own = {"adversarial": "kbgan.adversarial_lr"}.get(name, f"{config.model_name}.lr")
    assert advised[0] == (f"{section}.lr" if config.model_name == "upgan" else own)
    assert set(advised) <= flat_settings(config).keys()


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_weights_that_are_no_numbers_stop_real_training(toy_dataset, stage):
    config = tiny()
    prepared = prepare_training(toy_dataset, config)
    d, g = Discriminator(9, 3, 5, config.model), Generator(9, 3, 4, 2, 1.0)
    with torch.no_grad():
        d.w2.fill_(math.nan)
    sampler = BatchSampler(toy_dataset.train, prepared.train, 3, prepared.random)
    trainer = AdversarialTrainer(d, g, prepared.graph, config.adversarial, prepared.random)

    ran = (
        pretraining(d, prepared.graph, sampler, config.pretrain, no_scores)
        if stage == "pretrain"
        else adversarial(trainer, sampler, no_scores)
    )
    planned = next(planned for planned in planned_phases(config) if planned.name == stage)
    with pytest.raises(TrainingError, match=rf"--set {stage}\.lr="):
        run_phase(ran, context(planned=planned))
