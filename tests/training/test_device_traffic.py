"""A training step asks the device for nothing: no operation in it would make the host wait for a GPU.

Seen on the CPU, where the same operations run: those whose result, or whose result's size, the host has to read.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from tests.conftest import toy_tables
from tests.training.small import no_scores
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.evaluation.metrics import Metrics
from upgan.experiment.inputs import prepare_training
from upgan.graph.queries import QueryIndex
from upgan.model.build import build_discriminator, build_factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import Batch, BatchSampler
from upgan.training import initialise, loop, pretrain
from upgan.training.adversarial import AdversarialTrainer
from upgan.training.initialise import initialisation
from upgan.training.loop import Context, run_phase
from upgan.training.pretrain import pretraining

#: A number is read, or the size of the result depends on the values.
WAITS = {
    *("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::bincount", "aten::equal"),
    *("aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::repeat_interleave.Tensor"),
    "aten::lift_fresh",  # a tensor of the host's numbers, which would have to be brought over
}
INDEXED = ("aten::index.Tensor", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class Traffic(TorchDispatchMode):
    """Counts the operations that a GPU would make the host wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        masked = name in INDEXED and any(index is not None and index.dtype == torch.bool for index in args[1])
        if name in WAITS or masked:
            self.waits[name] += 1
        return func(*args, **(kwargs or {}))


class Silently(loop.Reporter):
    """Ends the phase after its second step."""

    def step(self, phase, epoch, done, total):
        if done == 2:
            raise KeyboardInterrupt


def on_the_host(monkeypatch, owner, name):
    """What is done on the host, whatever the device is, is not counted."""
    real = getattr(owner, name)

    def uncounted(*arguments):
        with _disable_current_modes():
            return real(*arguments)

    monkeypatch.setattr(owner, name, uncounted)


@pytest.fixture(params=["paper", "quality", "demo", "paper drawn", "quality drawn", "quality proposed"])
def world(request, monkeypatch):
    settings = ["model.dim=4", "adversarial.n_c=5", "adversarial.n_g=3", "pretrain.batch=4", "initialisation.batch=4"]
    settings += ["device=cpu", "adversarial.batch=4", "initialisation.l2=0.01"]
    preset, _, drawn = request.param.partition(" ")
    if drawn:
        settings += ["initialisation.candidates=5", "pretrain.candidates=2"]
    if drawn == "proposed":
        settings += ["initialisation.candidates_by=popularity", "pretrain.candidates_by=generator"]
    config = make_config(preset, assignments=settings)
    tables: dict[str, Any] = {**toy_tables()}
    prepared = prepare_training(build_dataset(name="toy", **tables), config)
    for owner, name in ((BatchSampler, "batch"), (QueryIndex, "answers_of"), (loop, "_check_finite")):
        on_the_host(monkeypatch, owner, name)
    for phase in (initialise, pretrain):  # as on a GPU, where steps go through whole tables
        monkeypatch.setattr(phase, "excerpted", lambda *_: False)
    monkeypatch.setattr(loop, "_judge", lambda at, *_: setattr(at, "best", Metrics(1.0, 1.0, {}, 0)))
    return config, prepared


def test_the_counter_sees_what_waits():
    with Traffic() as traffic:
        values = torch.arange(4) + 1
        values[values > 2] = 0
        assert float(values.sum()) == 3
        values.unique()
    assert {"aten::_local_scalar_dense", "aten::_unique2", "aten::index_put_"} <= set(traffic.waits)


def test_no_step_waits_for_the_device(world):
    config, prepared = world
    data = prepared.dataset
    start = build_factorisation(config, data.num_entities, data.num_relations)
    model = build_discriminator(config, data.num_entities, data.num_relations, data.num_users)
    generator = Generator(data.num_entities, data.num_relations, 4, 2, 1.0, config.model.product)
    sampler = BatchSampler(prepared.triples, prepared.train, 4, prepared.random)
    trainer = AdversarialTrainer(model, generator, prepared.graph, config.adversarial, prepared.random)

    unasked: Any = _Unasked()
    with Traffic() as traffic:
        for phase in (
            initialisation(start, prepared.train, config.initialisation, prepared.random),
            pretraining(model, prepared.graph, sampler, config.pretrain, no_scores, generator=generator),
        ):
            with pytest.raises(KeyboardInterrupt):
                run_phase(phase, Context(validation=unasked, reporter=Silently()))
        for rows in sampler.order().split(4):
            batch = sampler.batch(rows)
            assert isinstance(batch, Batch)
            trainer.step(batch)
    assert not traffic.waits


class _Unasked:
    """An evaluator that is not what is counted."""

    def rank(self, *_):
        return self

    metrics = Metrics(1.0, 1.0, {}, 0)
