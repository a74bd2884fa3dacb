"""Training: the same seed, the same weights; the best state kept; no answer leaks into p; small and odd datasets; and
a planted signal that only readers carry comes out."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests import oracles
from tests.oracles import Facts, random_facts
from upgan.checkpoint import load_run
from upgan.config import InitialisationConfig, ModelConfig, PropagationConfig, make_config, setting_keys
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError, DataError, TrainingError
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.experiment import prepare_training, resolve_device, train
from upgan.graph import build_graph
from upgan.model.build import FullScorer
from upgan.model.discriminator import Discriminator
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.queries import BatchSampler, QueryIndex, QuerySampler
from upgan.run_log import RunLog
from upgan.training.adversarial import AdversarialTrainer, train_adversarially
from upgan.training.initialise import train_factorisation
from upgan.training.loop import Silent, run_phase
from upgan.training.pretrain import pretrain_discriminator
from upgan.training.step import batch_mask, batch_queries, dropped_items, step_view

TINY = [
    "model.dim=4", "initialisation.epochs=2", "initialisation.batch=4", "pretrain.epochs=2", "pretrain.batch=3",
    "adversarial.epochs=2", "adversarial.batch=3", "adversarial.n_c=5", "adversarial.n_g=3", "device=cpu",
]  # fmt: skip


def tiny(*more):
    return make_config(assignments=[*TINY, *more])


def run_training(dataset, run, *more, reporter=None):
    config = tiny(*more)
    return train(prepare_training(dataset, config), config, run, reporter)


def weights_of(run):
    names = [path.name for path in sorted(run.glob("*.safetensors"))]
    return {(name, key): value for name in names for key, value in load_file(run / name).items()}


# Seeds ---------------------------------------------------------------------------------------------------------------


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

    class Loss(Silent):
        def epoch(self, phase, epoch, values, metrics):
            told.extend(values.values())

    improving = iter([0.1, 0.2])
    validation = prepared.validation
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "rank", lambda *_: SimpleNamespace(metrics=metrics_of(next(improving))))
        train_factorisation(model, prepared.train, validation, config, torch.Generator(), Loss())

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
    run_training(toy_dataset, tmp_path / "distmult", "model_name=distmult")
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
        improving = iter([0.1, 0.2, 0.3])
        pretrain_discriminator(
            d, prepared.graph, sampler, lambda: metrics_of(next(improving)), config.pretrain, Silent()
        )
    else:
        trainer = AdversarialTrainer(d, Generator(9, 3, 4, 2, 1.0), prepared.graph, config.adversarial, prepared.random)
        trainer.step(next(iter(sampler)))
    norms = d.entity.detach().norm(dim=1)
    assert bool((norms <= 1 + 1e-6 if norm == "at_most_one" else norms >= 1 - 1e-6).all())


# The shape of a phase ------------------------------------------------------------------------------------------------


class Counter(torch.nn.Module):
    """A model whose only parameter counts the epochs."""

    def __init__(self):
        super().__init__()
        self.value = torch.nn.Parameter(torch.zeros(1))


def metrics_of(mrr):
    return Metrics(1.0, mrr, {1: mrr, 3: mrr, 10: mrr}, 0 if math.isnan(mrr) else 4)


class Told(Silent):
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
    model, remaining = Counter(), iter(mrrs)

    def step(rows):
        assert sorted(rows.tolist()) == [0, 1]
        with torch.no_grad():
            model.value.add_(1)
        return {"loss": torch.tensor(losses(int(model.value)) if losses else 1.0)}

    result = run_phase(
        "pretrain",
        epochs=epochs,
        eval_every=eval_every,
        patience=patience,
        draw=lambda: torch.randperm(2),
        batch=2,
        step=step,
        validate=lambda: metrics_of(next(remaining)),
        kept=model,
        reporter=reporter or Silent(),
        deadline=deadline,
    )
    return result, int(model.value)


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


def test_without_validation_triples_the_last_state_is_kept():
    result, state = phase([math.nan] * 6, epochs=5)
    assert (result.ended, result.epochs, state) == ("completed", 5, 5)


def test_a_loss_that_is_no_number_stops_training():
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(TrainingError, match=r"pretrain, epoch 2, step 1 of 1: loss became") as caught:
            phase([0.1] * 9, patience=9, losses=lambda epoch, value=value: value if epoch == 2 else 1.0)
        assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ["initialisation", "relaxation", "pretrain", "pretrain relaxation", "adversarial"])
def test_the_advice_after_a_loss_that_is_no_number_names_settings_that_exist(name):
    with pytest.raises(TrainingError) as caught:
        run_phase(
            name,
            epochs=1,
            eval_every=1,
            patience=1,
            draw=lambda: torch.arange(1),
            batch=1,
            step=lambda _rows: {"loss": torch.tensor(math.nan)},
            validate=lambda: metrics_of(0.1),
            kept=Counter(),
            reporter=Silent(),
        )
    advised = re.findall(r"--set ([\w.]+)=", str(caught.value))
    section = {"relaxation": "initialisation", "pretrain relaxation": "pretrain"}.get(name, name)
    assert f"{section}.lr" in advised
    assert set(advised) <= set(setting_keys())


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_weights_that_are_no_numbers_stop_real_training(toy_dataset, stage):
    config = tiny()
    prepared = prepare_training(toy_dataset, config)
    d, g = Discriminator(9, 3, 5, config.model), Generator(9, 3, 4, 2, 1.0)
    with torch.no_grad():
        d.w2.fill_(math.nan)
    sampler = BatchSampler(toy_dataset.train, prepared.train, 3, prepared.random)
    trainer = AdversarialTrainer(d, g, prepared.graph, config.adversarial, prepared.random)

    def run_stage():
        if stage == "pretrain":
            arguments = (sampler, lambda: metrics_of(0.1), config.pretrain, Silent())
            return pretrain_discriminator(d, prepared.graph, *arguments)
        return train_adversarially(trainer, sampler, lambda: metrics_of(0.1), Silent())

    with pytest.raises(TrainingError, match=rf"--set {stage}\.lr="):
        run_stage()


# No leak -------------------------------------------------------------------------------------------------------------

EXACT = ModelConfig(dim=4, propagation=PropagationConfig(activation="none"))


def linear_model(facts):
    """In float64, without an activation that could hide a difference."""
    model = Discriminator(facts.entities, facts.relations, facts.users, EXACT).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.6 * torch.randn(parameter.shape, dtype=torch.float64))
    return model


def toy_batch(dataset, *triples):
    """The batch of some training triples given by ids."""
    index = QueryIndex.build(dataset.train, dataset.num_entities, dataset.num_relations)
    names = [
        (dataset.entity_index[h], dataset.relation_index[r], dataset.entity_index[t])
        for h, r, t in (triple.split() for triple in triples)
    ]
    rows = [dataset.train.tolist().index(list(name)) for name in names]
    return BatchSampler(dataset.train, index, 9, torch.Generator()).batch(torch.tensor(rows))


def facts_of(dataset):
    return Facts(
        tuple(map(tuple, dataset.train.tolist())),
        tuple(map(tuple, dataset.interactions.tolist())),
        dataset.num_entities,
        dataset.num_users,
        dataset.num_relations,
    )


@pytest.mark.parametrize("seed", range(4))
def test_p_of_a_batch_is_p_of_the_graph_without_its_edges_in_the_layers_of_the_whole(seed):
    facts = random_facts(np.random.default_rng(seed), extra=12)
    facts = dataclasses.replace(facts, triples=tuple(sorted(set(facts.triples))))
    triples, _, entities, _, relations = facts.arrays()
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    sampler = BatchSampler(
        triples, QueryIndex.build(triples, entities, relations), 6, torch.Generator().manual_seed(seed)
    )
    for batch in sampler:
        mask = batch_mask(graph, batch)
        assert mask.nonzero().flatten().tolist() == sorted(batch.triples.tolist())
        found = model.preference(graph, batch.heads, mask).detach().numpy()
        part = model.propagation
        weights = oracles.Weights(
            own=part.own.detach().numpy(),
            relation=part.relation.detach().numpy(),
            attention=part.attention.detach().numpy().reshape(-1),
            activation="none",
        )
        states = oracles.propagate(facts, model.entity.detach().numpy(), weights, batch.triples.tolist())
        expected = np.stack([states.preference[head] for head in batch.heads.tolist()])
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("head", "answer"), [("a2", "c2"), ("b3", "a2"), ("c2", "a2"), ("a2", "b3"), ("b2", "a1")])
def test_unmasked_the_answers_own_vector_reaches_p_of_the_query(toy_dataset, head, answer):
    """What the next test forbids would otherwise be true by itself."""
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    p = model.preference(graph, torch.tensor([toy_dataset.entity_index[head]]))
    (grad,) = torch.autograd.grad(p.sum(), model.entity)
    assert bool(grad[toy_dataset.entity_index[answer]].any())


@pytest.mark.parametrize(
    ("triple", "head", "answer"),
    [("a2 from c2", "a2", "c2"), ("b3 by a2", "b3", "a2"), ("a2 from c2", "c2", "a2"), ("b3 by a2", "a2", "b3")],
)
def test_with_its_edge_masked_the_answers_own_vector_is_nowhere_in_p(toy_dataset, triple, head, answer):
    """In both directions, where that edge is the only one between the answer and the head: p and its gradient."""
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    batch = toy_batch(toy_dataset, triple)
    mask, heads = batch_mask(graph, batch), torch.tensor([toy_dataset.entity_index[head]])
    number = toy_dataset.entity_index[answer]
    before = model.preference(graph, heads, mask)
    if before.requires_grad and before.any():
        (grad,) = torch.autograd.grad(before.sum(), model.entity, retain_graph=True)
        assert not grad[number].any()
    with torch.no_grad():
        model.entity[number] += 10.0
    assert torch.equal(model.preference(graph, heads, mask), before)


def test_a_head_whose_only_edge_is_asked_for_has_no_preference_left(toy_dataset):
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    mask = batch_mask(graph, toy_batch(toy_dataset, "a2 from c2"))
    c2 = torch.tensor([toy_dataset.entity_index["c2"]])
    assert not model.preference(graph, c2, mask).any()
    assert model.preference(graph, c2).any()


def test_a_step_by_queries_masks_every_triple_that_its_queries_ask_for(toy_dataset):
    """Also those that another query of the epoch asks for from their other end: p of a query without its answers."""
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    index = QueryIndex.build(toy_dataset.train, 9, 3)
    for batch in QuerySampler(index, 2, torch.Generator().manual_seed(0)):
        asked = set(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True))
        expected = [
            number
            for number, (h, r, t) in enumerate(toy_dataset.train.tolist())
            if (h, r) in asked or (t, r + 3) in asked
        ]
        mask = batch_mask(graph, batch)
        assert mask.nonzero().flatten().tolist() == expected
        found = step_view(model, graph, batch, torch.Generator())
        p = model.preference(graph, batch.heads, mask)
        assert torch.equal(found.queries.vector, model.queries(batch.heads, batch.relations, p).vector)
        assert found.table is model.entity


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_every_training_step_masks_exactly_its_own_triples(toy_dataset, monkeypatch, stage):
    config = tiny()
    prepared = prepare_training(toy_dataset, config)
    d = Discriminator(9, 3, 5, config.model)
    masks: list[list[int]] = []
    original = Discriminator.propagate

    def watch(self, graph, masked=None, *more):
        masks.append([] if masked is None else masked.nonzero().flatten().tolist())
        return original(self, graph, masked, *more)

    monkeypatch.setattr(Discriminator, "propagate", watch)
    batches: list[list[int]] = []

    class Watched(BatchSampler):
        def batch(self, part):
            batches.append(sorted(part.tolist()))
            return super().batch(part)

    sampler = Watched(toy_dataset.train, prepared.train, 4, prepared.random)
    if stage == "pretrain":
        changed = config.pretrain.model_copy(update={"epochs": 1})
        pretrain_discriminator(d, prepared.graph, sampler, lambda: metrics_of(0.1), changed, Silent())
    else:
        trainer = AdversarialTrainer(d, Generator(9, 3, 4, 2, 1.0), prepared.graph, config.adversarial, prepared.random)
        for batch in sampler:
            trainer.step(batch)
    assert masks == batches
    assert sorted(number for batch in batches for number in batch) == list(range(9))


def test_evaluation_filters_by_all_splits_while_training_knows_its_own_alone(toy_dataset):
    prepared = prepare_training(toy_dataset, tiny())
    everything = [tuple(row) for split in ("train", "valid", "test") for row in toy_dataset.triples(split).tolist()]
    train_only = [tuple(row) for row in toy_dataset.train.tolist()]
    for index, triples in (
        (prepared.validation.index, everything),
        (prepared.test.index, everything),
        (prepared.train, train_only),
    ):
        position, answer = index.answers_of(torch.arange(len(index)))
        queries = list(zip(index.heads.tolist(), index.relations.tolist(), strict=True))
        found: dict[tuple[int, int], set[int]] = {}
        for row, entity in zip(position.tolist(), answer.tolist(), strict=True):
            found.setdefault(queries[row], set()).add(entity)
        assert found == oracles.known_answers(triples, 3)
    assert prepared.graph.num_triples == len(toy_dataset.train)
    assert prepared.validation.triples.tolist() == toy_dataset.valid.tolist()
    assert prepared.test.triples.tolist() == toy_dataset.test.tolist()


def test_a_held_out_triple_among_the_training_triples_stops_preparation(toy_dataset):
    leaky = dataclasses.replace(toy_dataset, train=np.concatenate([toy_dataset.train, toy_dataset.test[:1]]))
    with pytest.raises(DataError, match="the graph would hold the answer"):
        prepare_training(leaky, tiny())


# Items that a step treats as unknown ---------------------------------------------------------------------------------


def test_dropped_items_are_a_random_share_of_the_items_and_of_nothing_else():
    reads = tuple((0, item) for item in range(400))
    facts = Facts(tuple((item, 0, 400) for item in range(400)), reads, 402, 1, 1)
    graph = build_graph(*facts.arrays())
    config = ModelConfig(dim=2, item_dropout=0.3)
    model = Discriminator(402, 1, 1, config)
    first = dropped_items(model, graph, torch.Generator().manual_seed(0))
    again = dropped_items(model, graph, torch.Generator().manual_seed(0))
    other = dropped_items(model, graph, torch.Generator().manual_seed(1))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not first[400:].any(), "neither what items are joined to nor what no user reaches"
    assert 80 < int(first.sum()) < 160
    for changes in ({"item_dropout": 0.0}, {"use_users": False}):
        model.config = config.model_copy(update=changes)
        assert dropped_items(model, graph, torch.Generator()) is None


def test_a_query_about_a_dropped_item_is_answered_by_its_readers_alone(toy_dataset, monkeypatch):
    """Its own vector is in neither half: its score is that of [0 ; p_h * v_r], p_h without its readers' reading it."""
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    model.config = EXACT.model_copy(update={"item_dropout": 0.5})
    batch = toy_batch(toy_dataset, "b3 by a2", "a1 from c1", "b1 by a1")
    for seed in range(6):
        unread = dropped_items(model, graph, torch.Generator().manual_seed(seed))
        assert unread is not None
        found = batch_queries(model, graph, batch, torch.Generator().manual_seed(seed))
        p = model.preference(graph, batch.heads, batch_mask(graph, batch), unread)
        for row, (h, r) in enumerate(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True)):
            v_h = torch.zeros(4, dtype=torch.float64) if unread[h] else model.entity[h]
            x = torch.cat([v_h * model.relation[r], p[row] * model.relation[r]])
            y = torch.tanh(model.w1 @ x + model.b1)
            torch.testing.assert_close(found.vector[row], model.w2.T @ y, rtol=0, atol=1e-12)
            torch.testing.assert_close(found.offset[row], model.b2 @ y, rtol=0, atol=1e-12)


# Odd datasets --------------------------------------------------------------------------------------------------------


def finite(run):
    return all(bool(torch.isfinite(value).all()) for value in weights_of(run).values())


def test_training_without_interactions_works_and_has_no_users(toy_frames, tmp_path):
    del toy_frames["interactions"]
    metrics = run_training(build_dataset(name="toy", **toy_frames), tmp_path / "run")
    assert metrics["queries"] == 4
    assert finite(tmp_path / "run")


@pytest.mark.parametrize("missing", [["valid"], ["test"], ["valid", "test"]], ids="+".join)
def test_training_without_held_out_triples_works(toy_frames, tmp_path, missing):
    toy_frames["triples"] = toy_frames["triples"].query("split not in @missing")
    run = tmp_path / "run"
    metrics = run_training(build_dataset(name="toy", **toy_frames), run, reporter=RunLog(run))
    assert finite(run)
    assert (metrics["mrr"] is None) == ("test" in missing)
    assert (metrics["valid"]["mrr"] is None) == ("valid" in missing)
    json.loads((run / "metrics.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    for line in (run / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    load_run(run)


@pytest.mark.parametrize("use_generator", ["true", "false"])
def test_pools_larger_than_the_catalogue_work(tmp_path, use_generator):
    """E = 3; one query is answered by every entity."""
    triples = [("a", "r", "a"), ("a", "r", "b"), ("a", "r", "c"), ("b", "s", "c")]
    frame = pd.DataFrame([(*t, "train") for t in triples], columns=["head", "relation", "tail", "split"])
    reads = pd.DataFrame({"user": ["u"], "item": ["a"]})
    dataset = build_dataset(name="small", triples=frame, interactions=reads)
    run_training(
        dataset,
        tmp_path / "run",
        "adversarial.n_c=1024",
        "adversarial.n_g=200",
        f"adversarial.use_generator={use_generator}",
    )
    assert finite(tmp_path / "run")


def test_one_triple_and_one_reader_are_enough(tmp_path):
    frame = pd.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b"], "split": ["train"]})
    dataset = build_dataset(name="one", triples=frame, interactions=pd.DataFrame({"user": ["u"], "item": ["a"]}))
    run_training(dataset, tmp_path / "run")
    assert finite(tmp_path / "run")


def test_two_entities_joined_by_several_relations_are_enough(tmp_path):
    """More edges between two layers than pairs of their nodes."""
    frame = pd.DataFrame(
        [("a", "r", "b", "train"), ("a", "s", "b", "train"), ("b", "r", "a", "train")],
        columns=["head", "relation", "tail", "split"],
    )
    dataset = build_dataset(name="two", triples=frame, interactions=pd.DataFrame({"user": ["u"], "item": ["a"]}))
    run_training(dataset, tmp_path / "run", "pretrain.batch=1", "adversarial.batch=1")
    assert finite(tmp_path / "run")


@pytest.mark.parametrize(
    "settings",
    [
        ["model.use_users=false"],
        ["model.propagation.user_embedding=true"],
        ["adversarial.use_generator=false"],
        ["adversarial.sigma=0", "adversarial.hidden_layers=1"],
        ["model.entity_norm=at_most_one"],
        ["model.entity_norm=at_least_one"],
        ["model.item_dropout=0.5"],
        ["pretrain.n3=0.1"],
        ["initialisation.optimizer=adagrad", "initialisation.n3=0.1", "initialisation.lr=0.1"],
        ["model.item_dropout=0.9", "model.use_users=false"],
        ["model.product=complex"],
        ["model.product=complex", "initialisation.optimizer=adagrad", "initialisation.n3=0.1", "pretrain.n3=0.1"],
        ["model.product=complex", "model.item_dropout=0.5", "model.entity_norm=at_most_one"],
        ["initialisation.loss=bce"],
        ["initialisation.loss=cross_entropy"],
        ["initialisation.relax_epochs=2"],
        ["pretrain.relax_epochs=2", "pretrain.n3=0.1"],
        ["pretrain.relax_epochs=2", "pretrain.n3=0.1", "pretrain.optimizer=adagrad", "pretrain.batch_by=queries"],
        ["pretrain.loss=bce"],
        ["pretrain.loss=cross_entropy"],
        ["pretrain.batch_by=queries"],
        ["pretrain.optimizer=adagrad"],
        ["pretrain.optimizer=adagrad", "initialisation.optimizer=adam"],
        ["model.propagation.form=rgcn"],
        ["model.propagation.form=rgcn", "model.propagation.user_embedding=true", "model.product=complex"],
        ["graph.interactions=shuffled"],
        ["graph.triple_share=0.5"],
        ["graph.triple_share=0.5", "pretrain.batch_by=queries", "model.propagation.form=rgcn"],
        ["graph.interaction_share=0.5"],
        ["graph.interaction_share=0"],
        ["initialisation.epochs=0", "pretrain.epochs=0", "adversarial.epochs=0"],
    ],
    ids=" ".join,
)
def test_training_works_with_each_setting(toy_dataset, tmp_path, settings):
    metrics = run_training(toy_dataset, tmp_path / "run", *settings)
    assert metrics["queries"] == 4
    assert finite(tmp_path / "run")


def test_distmult_alone_trains_and_leaves_a_run(toy_dataset, tmp_path):
    metrics = run_training(toy_dataset, tmp_path / "run", "model_name=distmult")
    assert list(metrics["stages"]) == ["initialisation"]
    assert load_run(tmp_path / "run").config.model_name == "distmult"
    assert not (tmp_path / "run" / "generator.safetensors").exists()


# The run folder ------------------------------------------------------------------------------------------------------


def test_a_finished_run_holds_what_it_promises(toy_dataset, tmp_path):
    run = tmp_path / "run"
    metrics = run_training(toy_dataset, run, reporter=RunLog(run))
    for name in (
        "config.toml",
        "model.safetensors",
        "metrics.json",
        "metrics.jsonl",
        "status.json",
        "log.txt",
        "card.md",
    ):
        assert (run / name).stat().st_size, name
    assert {"mr", "mrr", "hits@1", "hits@3", "hits@10", "queries", "stages", "seed"} <= set(metrics)
    assert json.loads((run / "metrics.json").read_text()) == metrics
    loaded = load_run(run)
    assert loaded.metrics == metrics
    phases = [json.loads(line)["phase"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert list(dict.fromkeys(phases)) == ["initialisation", "pretrain", "adversarial"] == list(metrics["stages"])


def test_the_metrics_are_those_of_the_saved_weights(toy_dataset, tmp_path):
    """Of the state that was kept, not of the last epoch's."""
    from upgan.predictor import Predictor

    metrics = run_training(toy_dataset, tmp_path / "run", "adversarial.lr=0.05", "adversarial.epochs=4")
    predictor = Predictor(load_run(tmp_path / "run"))
    assert predictor.rank("test").metrics.to_dict() == {
        key: metrics[key] for key in predictor.rank("test").metrics.to_dict()
    }
    assert predictor.rank("valid").metrics.to_dict() == metrics["valid"]


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="--device cpu"):
        resolve_device("cuda")
    assert resolve_device("auto") == resolve_device("cpu") == torch.device("cpu")


# A planted signal ----------------------------------------------------------------------------------------------------

MAKERS = 12
#: Mean reciprocal rank of drawing the maker at random once it is known to be a maker.
CHANCE = sum(1 / rank for rank in range(1, MAKERS + 1)) / MAKERS


def catalogue(seed, *, permuted=False, items=240, users=240, reads=10):
    """Items have a maker, a series and a publisher. The publisher follows from the series, the maker from nothing in
    the graph; but nine in ten items that a user reads are of one maker. A third of the makers is held out.

    ``permuted``: the same lists with the items renamed at random, so that they tell nothing.
    """
    rng = np.random.default_rng(seed)
    maker, series = np.arange(items) % MAKERS, rng.integers(items // 8, size=items)
    publisher = rng.integers(6, size=items // 8)
    rows = []
    for place, item in enumerate(rng.permutation(items).tolist()):
        split = "train" if place >= items // 3 else "valid" if place % 3 == 0 else "test"
        other = str(rng.choice(["train", "valid", "test"], p=[0.8, 0.1, 0.1]))
        rows += [(f"i{item:03d}", "made by", f"m{maker[item]:02d}", split)]
        rows += [(f"i{item:03d}", "series", f"s{series[item]:02d}", "train")]
        rows += [(f"i{item:03d}", "publisher", f"p{publisher[series[item]]}", other)]
    pairs = set()
    for user in range(users):
        liked = np.flatnonzero(maker == user % MAKERS)
        drawn = np.where(rng.random(reads) < 0.1, rng.integers(items, size=reads), rng.choice(liked, size=reads))
        pairs |= {(user, int(item)) for item in drawn}
    renamed = rng.permutation(items) if permuted else np.arange(items)
    return build_dataset(
        name="planted",
        triples=pd.DataFrame(rows, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame(
            [(f"u{u:03d}", f"i{renamed[i]:03d}") for u, i in sorted(pairs)], columns=["user", "item"]
        ),
    )


def reciprocal_ranks(dataset, run, *settings):
    """1/rank of the held-out makers by <item, made by, ?>, with the users and with p = 0; same order every time.

    An epoch of the initialisation is two steps here: with the preset's patience of two evaluations it may end before it
    has begun to learn.
    """
    config = make_config(
        "demo",
        assignments=[
            "model.dim=32",
            "initialisation.patience=6",
            "pretrain.batch=64",
            "pretrain.epochs=12",
            "adversarial.epochs=1",
            "device=cpu",
            *settings,
        ],
    )
    prepared = prepare_training(dataset, config)
    train(prepared, config, run)
    asked = dataset.test[dataset.test[:, 1] == dataset.relation_index["made by"]]
    scorer = FullScorer(load_run(run).model, prepared.graph)
    evaluator = Evaluator(asked, prepared.test.index)
    with_users = evaluator.rank(scorer.scores).ranks[: len(asked)]
    without = evaluator.rank(partial(scorer.scores, users=False)).ranks[: len(asked)]
    return 1 / with_users, 1 / without


@pytest.mark.parametrize("seed", [0, 1])
def test_readers_reveal_what_the_graph_does_not(tmp_path, seed):
    """Real users beat the same model with p_h = 0, a model trained without users, and one trained on shuffled users;
    the controls are no better than chance, or something leaks."""
    catalogues, number = (catalogue(seed), catalogue(seed, permuted=True)), f"seed={seed}"
    real, silenced = reciprocal_ranks(catalogues[0], tmp_path / "real", number)
    shuffled, _ = reciprocal_ranks(catalogues[1], tmp_path / "shuffled", number)
    nobody, _ = reciprocal_ranks(catalogues[0], tmp_path / "nobody", number, "model.use_users=false")
    assert len(real) > 40
    told = {
        name: round(float(ranks.mean()), 3)
        for name, ranks in {"real": real, "p = 0": silenced, "shuffled": shuffled, "no users": nobody}.items()
    }
    assert real.mean() > 2 * CHANCE, told
    for control in (silenced, shuffled, nobody):
        assert control.mean() < CHANCE + 4 * control.std() / len(control) ** 0.5, told
        difference = real - control
        assert difference.mean() > 6 * difference.std() / len(difference) ** 0.5, told
