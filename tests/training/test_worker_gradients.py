"""What two workers add up is the gradient of one process, in float64: every phase, queries with unequal answers."""

from __future__ import annotations

import copy
import itertools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tests.conftest import toy_tables
from tests.training.small import no_scores
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.experiment.train import prepare_training
from upgan.model.build import build_discriminator, build_factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler
from upgan.training.adversarial import AdversarialTrainer, adversarial
from upgan.training.initialise import initialisation
from upgan.training.pretrain import pretraining
from upgan.training.team import Team


def whole_gradient(parameter):
    """A copy; of a step that drew candidates it may hold some rows."""
    gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    return gradient.to_dense().clone()


class OneOf(Team):
    """A worker without a connection: its own gradients are kept instead of being sent."""

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self.kept: list[list[torch.Tensor]] = []

    def sum_gradients(self, optimizer, losses):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.kept.append([whole_gradient(p) for p in parameters])
        return dict(losses)


@pytest.fixture(params=itertools.product(["cross_entropy_filtered", "cross_entropy", "bce"], [0, 4]), ids=str)
def world(request):
    settings = ["model.dim=4", "device=cpu", "adversarial.n_c=5", "adversarial.n_g=3", "pretrain.l2=0.01"]
    settings += ["initialisation.l2=0.01", "initialisation.n3=0.1", "adversarial.l2=0.01", "adversarial.l2_g=0.01"]
    kind, candidates = request.param
    loss = [f"initialisation.loss={kind}", f"pretrain.loss={kind}", "pretrain.n3=0.1"]
    loss += [f"initialisation.candidates={candidates}", f"pretrain.candidates={candidates}"]
    config = make_config("paper", assignments=settings + loss)
    tables: dict[str, Any] = {**toy_tables()}
    data = build_dataset(name="toy", **tables)
    torch.set_default_dtype(torch.float64)
    try:
        prepared = prepare_training(data, config)
        sizes = data.num_entities, data.num_relations
        start = build_factorisation(config, *sizes)
        d = build_discriminator(config, *sizes, data.num_users)
        g = Generator(*sizes, 4, 2, 1.0)
        d.initialise_from(start)
        yield SimpleNamespace(config=config, prepared=prepared, start=start, d=d, g=g)
    finally:
        torch.set_default_dtype(torch.float32)


def one_step(world, phase, team: Team):
    """One step on a mini-batch with ``team``; models are copies."""
    random = torch.Generator().manual_seed(5)
    start, d, g = (copy.deepcopy(model) for model in (world.start, world.d, world.g))
    prepared, config = world.prepared, world.config
    sampler = BatchSampler(prepared.triples, prepared.train, 5, random)
    made = {
        "initialisation": lambda: initialisation(start, prepared.train, config.initialisation, random, team=team),
        "pretrain": lambda: pretraining(d, prepared.graph, sampler, config.pretrain, no_scores, team=team),
        "adversarial": lambda: adversarial(
            AdversarialTrainer(d, g, prepared.graph, config.adversarial, random, team), sampler, no_scores
        ),
    }
    made[phase]().step(torch.arange(5))


@pytest.mark.parametrize("phase", ["initialisation", "pretrain", "adversarial"])
@pytest.mark.parametrize("size", [2, 3])
def test_the_workers_gradients_add_up_to_one_process(world, phase, size):
    # The reference goes through the code of one process: its gradients are taken at the optimisers' steps.
    alone: list[list[torch.Tensor]] = []

    def before_step(optimizer, *_):
        alone.append([whole_gradient(p) for p in params(optimizer)])

    def params(optimizer):
        return [p for group in optimizer.param_groups for p in group["params"]]

    world.config.adversarial.__dict__["clip"] = world.config.pretrain.__dict__["clip"] = 1e9
    hook = register_optimizer_step_pre_hook(before_step)
    one_step(world, phase, Team())
    hook.remove()
    workers = [OneOf(rank, size) for rank in range(size)]
    for worker in workers:
        one_step(world, phase, worker)
    assert len(alone) == (2 if phase == "adversarial" else 1)
    for number, expected in enumerate(alone):
        assert max(float(gradient.abs().max()) for gradient in expected if gradient.numel()) > 1e-4
        for place, gradient in enumerate(expected):
            found = sum(worker.kept[number][place] for worker in workers)
            torch.testing.assert_close(found, gradient, rtol=0, atol=1e-10)
