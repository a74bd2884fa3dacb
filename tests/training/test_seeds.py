"""The same seed, the same weights; every parameter learns; what a step does is what its equation says."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from tests import oracles
from tests.training.small import TINY, context, no_scores, run_training, tiny, weights_of
from upgan.config.sections import InitialisationConfig
from upgan.config.settings import make_config
from upgan.experiment.train import prepare_training, train
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler
from upgan.training.adversarial import AdversarialTrainer
from upgan.training.initialise import initialisation
from upgan.training.loop import Reporter, run_phase
from upgan.training.pretrain import pretraining


@pytest.mark.parametrize("preset", ["paper", "quality"])
def test_the_same_seed_gives_bit_identical_weights_and_metrics(toy_dataset, tmp_path, preset):
    """Whatever was drawn before in the process; another seed gives others."""
    found = []
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        torch.randn(len(name))  # somebody else's draws
        config = make_config(preset, assignments=[*TINY, f"seed={seed}"])
        metrics = train(prepare_training(toy_dataset, config), config, tmp_path / name)
        found.append((weights_of(tmp_path / name), {key: metrics[key] for key in ("mr", "mrr", "hits@10")}))
    (one, first), (two, second), (three, _) = found
    assert {name for name, _ in one} == {"model.safetensors", "generator.safetensors"}
    assert one.keys() == two.keys()
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    assert first == second
    assert any(not torch.equal(value, three[key]) for key, value in one.items())


def test_training_changes_every_parameter(toy_dataset, tmp_path, monkeypatch):
    """Of D (without the users' own vectors, which are off) and of G; the last state is looked at, not the best."""
    config = tiny("adversarial.lr=0.01", "adversarial.lr_g=0.01", "model.propagation.activation=leaky_relu")
    prepared = prepare_training(toy_dataset, config)
    index = prepared.train
    d, g = Discriminator(9, 3, 5, config.model), Generator(9, 3, 4, 2, 1.0)
    before = {
        name: value.clone() for module in (d, g) for name, value in module.state_dict(prefix=str(id(module))).items()
    }
    trainer = AdversarialTrainer(d, g, prepared.graph, config.adversarial, prepared.random)
    for batch in BatchSampler(toy_dataset.train, index, 9, prepared.random):
        trainer.step(batch)
    after = {name: value for module in (d, g) for name, value in module.state_dict(prefix=str(id(module))).items()}
    same = [name for name, value in before.items() if value.numel() and torch.equal(value, after[name])]
    assert same == []


@pytest.mark.parametrize("n3", [0.0, 0.3])
def test_one_step_of_initialisation_is_adagrad_on_the_loss_of_all_queries(toy_dataset, n3):
    """All answers of every distinct query at once; l2 and N3 by the book, the loss told without them."""
    config = InitialisationConfig(epochs=1, batch=1000, optimizer="adagrad", lr=0.1, l2=0.02, n3=n3)
    prepared = prepare_training(toy_dataset, tiny())
    model = Factorisation(9, 3, 4).double()
    entity, relation = (part.detach().clone().requires_grad_() for part in (model.entity, model.relation))
    told: list[float] = []

    class Loss(Reporter):
        def epoch(self, phase, epoch, values, metrics):
            told.extend(values.values())

    run_phase(initialisation(model, prepared.train, config, torch.Generator()), context([0.1, 0.2], Loss()))

    known = oracles.known_answers([tuple(row) for row in toy_dataset.train.tolist()], 3)
    scores = [(entity[h] * relation[r]) @ entity.T for h, r in known]
    terms, cubes = [], []
    for (h, r), row in zip(known, scores, strict=True):
        for answer in known[h, r]:
            members = [e for e in range(9) if e == answer or e not in known[h, r]]
            terms.append(torch.logsumexp(row[members], 0) - row[answer])
            cubes += [(part.abs() ** 3).sum() for part in (entity[h], relation[r], entity[answer])]
    loss = torch.stack(terms).mean()
    used = torch.tensor(sorted({h for h, _ in known}))  # every entity of training is asked about
    penalty = 0.02 * (entity[used].square().sum() + relation.square().sum()) / 2
    penalty = penalty + n3 * torch.stack(cubes).sum() / len(terms)
    (loss + penalty).backward()
    assert told == [pytest.approx(float(loss.detach()), abs=1e-6)]
    for start, after in ((entity, model.entity), (relation, model.relation)):
        assert start.grad is not None
        expected = start.detach() - 0.1 * start.grad / (start.grad.abs() + 1e-10)
        torch.testing.assert_close(after.detach(), expected, rtol=0, atol=1e-9)


def test_both_players_start_from_the_initialisation(toy_dataset, tmp_path):
    run_training(toy_dataset, tmp_path / "distmult", "model_name=distmult", preset="paper")
    run_training(toy_dataset, tmp_path / "upgan", "pretrain.epochs=0", "adversarial.epochs=0")
    start, d, g = (
        load_file(tmp_path / run / f"{name}.safetensors")
        for run, name in (("distmult", "model"), ("upgan", "model"), ("upgan", "generator"))
    )
    for name in ("entity", "relation"):
        assert torch.equal(start[name], d[name])
        assert torch.equal(start[name], g[name])


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
@pytest.mark.parametrize(("norm", "scale"), [("at_most_one", 5.0), ("at_least_one", 0.01)])
def test_every_step_keeps_entities_within_their_bound(toy_dataset, stage, norm, scale):
    config = tiny(f"model.entity_norm={norm}")
    prepared = prepare_training(toy_dataset, config)
    d = Discriminator(9, 3, 5, config.model)
    with torch.no_grad():
        d.entity.mul_(scale / 0.1)
    sampler = BatchSampler(toy_dataset.train, prepared.train, 9, prepared.random)
    if stage == "pretrain":
        run_phase(pretraining(d, prepared.graph, sampler, config.pretrain, no_scores), context([0.1, 0.2, 0.3]))
    else:
        trainer = AdversarialTrainer(d, Generator(9, 3, 4, 2, 1.0), prepared.graph, config.adversarial, prepared.random)
        trainer.step(next(iter(sampler)))
    norms = d.entity.detach().norm(dim=1)
    assert bool((norms <= 1 + 1e-6 if norm == "at_most_one" else norms >= 1 - 1e-6).all())
