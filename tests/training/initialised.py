"""Factorisations of the toy catalogue, trained for a few epochs on validations whose MRRs are given."""

from __future__ import annotations

from typing import get_args

import torch

from tests.training.small import context
from upgan.config.section import OneToN
from upgan.config.sections import InitialisationConfig
from upgan.config.settings import make_config
from upgan.experiment.train import prepare_training, train
from upgan.model.factorisation import Factorisation
from upgan.model.product import Product
from upgan.objectives.optimizers import accumulated
from upgan.training.initialise import initialisation
from upgan.training.loop import Reporter, run_phase

PRODUCTS, LOSSES = get_args(Product), get_args(OneToN)
ENTITIES, RELATIONS, DIM = 9, 3, 4
FAST = [
    "model.dim=4", "initialisation.optimizer=adagrad", "initialisation.lr=0.1", "initialisation.n3=0.1",
    "initialisation.epochs=3", "initialisation.batch=4", "initialisation.eval_every=1", "device=cpu",
]  # fmt: skip


def adagrad(**changes):
    given = {"optimizer": "adagrad", "lr": 0.1, "batch": 1000, "eval_every": 1, "l2": 0.0, **changes}
    return InitialisationConfig(**given)


class Told(Reporter):
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


def initialise(model, index, config, *, mrrs=None, random=None, reporter=None, **more):
    """How the phase ended, and what Adagrad has accumulated."""
    phase = initialisation(model, index, config, random or torch.Generator().manual_seed(0), **more)
    return run_phase(phase, context(mrrs, reporter)), accumulated(model, phase.optimizers["model"])


def fresh(product="complex"):
    torch.manual_seed(0)
    return Factorisation(ENTITIES, RELATIONS, DIM, 0.3, product).double()


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def run_complex(dataset, run, *more, told=None):
    config = make_config("paper", assignments=[*FAST, "model_name=complex", *more])
    return train(prepare_training(dataset, config), config, run, told)
