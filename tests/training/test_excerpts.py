"""Steps that read an excerpt of the entities, against the same steps over the whole tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.training.small import no_scores
from upgan.config.settings import make_config
from upgan.experiment.inputs import prepare_training
from upgan.model.build import build_discriminator, build_factorisation
from upgan.model.excerpt import Excerpt
from upgan.objectives.batches import BatchSampler, QuerySampler
from upgan.training import initialise, pretrain
from upgan.training.initialise import initialisation
from upgan.training.pretrain import pretraining
from upgan.training.team import clip_gradients


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Numbers whose rounding hides nothing."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def test_an_excerpt_numbers_what_is_read_once() -> None:
    excerpt = Excerpt.of(9, torch.tensor([7, 2, 7]), torch.tensor([4]))
    assert excerpt.entities.tolist() == [2, 4, 7]
    more = excerpt.with_more(torch.tensor([0, 4, 8, 0]))
    assert more.entities.tolist() == [2, 4, 7, 0, 8]
    assert more.place(torch.tensor([8, 7, 0])).tolist() == [4, 2, 3]
    table = torch.arange(18.0).reshape(9, 2).requires_grad_()
    more.vectors(table, by_rows=True).sum().backward()
    assert table.grad is not None
    assert table.grad.is_sparse
    assert table.grad.to_dense()[:, 0].tolist() == [1, 0, 1, 0, 1, 0, 0, 1, 1]


def steps_of(data, config, whole, monkeypatch):
    """Losses, parameters and optimisers' states after an epoch of each phase."""
    if whole:
        for module in (initialise, pretrain):
            monkeypatch.setattr(module, "excerpted", lambda *_: False)
    prepared = prepare_training(data, config)
    sizes = data.num_entities, data.num_relations
    start = build_factorisation(config, *sizes)
    model = build_discriminator(config, *sizes, data.num_users)
    size, random = config.pretrain.batch, prepared.random
    sampler = (
        QuerySampler(prepared.train, size, random)
        if config.pretrain.batch_by == "queries"
        else BatchSampler(prepared.triples, prepared.train, size, random)
    )
    told = []
    for phase in (
        initialisation(start, prepared.train, config.initialisation, prepared.random),
        pretraining(model, prepared.graph, sampler, config.pretrain, no_scores),
    ):
        told += [phase.step(rows)["loss"] for rows in phase.draw().split(phase.batch)]
        told += [value.detach() for value in phase.kept.parameters()]
        (optimizer,) = phase.optimizers.values()
        told += [state[key] for state in optimizer.state.values() for key in ("sum", "exp_avg") if key in state]
    monkeypatch.undo()
    return told


@pytest.mark.parametrize(
    "settings",
    [
        "pretrain.clip=0.01",
        "initialisation.candidates_by=popularity pretrain.candidates_by=popularity",
        "pretrain.l2=0.1 initialisation.l2=0.1 pretrain.optimizer=adam initialisation.optimizer=adam",
        "pretrain.batch_by=triples pretrain.loss=bce initialisation.loss=bce",
        "model.use_users=false pretrain.loss=cross_entropy_filtered initialisation.loss=cross_entropy_filtered",
    ],
)
def test_steps_over_an_excerpt_are_those_over_everything(toy_dataset, settings, monkeypatch):
    chosen = ["model.dim=3", "device=cpu", "initialisation.batch=4", "pretrain.batch=4"]
    chosen += ["initialisation.candidates=3", "pretrain.candidates=3", "model.co_interaction.neighbours=2"]
    config = make_config("quality", assignments=[*chosen, *settings.split()])
    found, expected = (steps_of(toy_dataset, config, whole, monkeypatch) for whole in (False, True))
    assert len(found) > 10
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_gradients_of_rows_are_clipped_with_all_others() -> None:
    plain, rows = (torch.nn.Parameter(torch.zeros(3, 2)) for _ in range(2))
    plain.grad = torch.full((3, 2), 2.0)
    rows.grad = torch.sparse_coo_tensor(torch.tensor([[1]]), torch.tensor([[3.0, 4.0]]), (3, 2))
    clip_gradients([plain, rows, torch.nn.Parameter(torch.zeros(1))], 0.7)
    whole = torch.cat([plain.grad.flatten(), rows.grad.to_dense().flatten()])
    assert float(whole.norm()) == pytest.approx(0.7, rel=1e-6)
    torch.testing.assert_close(rows.grad.to_dense()[1], torch.tensor([3.0, 4.0]) * 0.7 / 7.0, rtol=1e-6, atol=0)
