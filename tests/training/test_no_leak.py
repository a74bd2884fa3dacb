"""No answer that a step asks for leaks into p, and training knows no held-out triple."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests import oracles
from tests.oracles import Facts, facts_of, random_facts
from tests.training.small import context, no_scores, tiny
from upgan.config.sections import ModelConfig, PropagationConfig
from upgan.errors import DataError
from upgan.experiment.train import prepare_training
from upgan.graph.layered import build_graph
from upgan.graph.queries import QueryIndex
from upgan.model.discriminator import Discriminator, batch_mask
from upgan.model.generator import Generator
from upgan.objectives.batches import BatchSampler, QuerySampler
from upgan.training.adversarial import AdversarialTrainer
from upgan.training.loop import run_phase
from upgan.training.pretrain import pretraining

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
        found = model.view(graph, batch, torch.Generator())
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
        run_phase(pretraining(d, prepared.graph, sampler, changed, no_scores), context())
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


# Items that a step treats as unknown --------------------------------------------------------------------------------


def test_dropped_items_are_a_random_share_of_the_items_and_of_nothing_else():
    reads = tuple((0, item) for item in range(400))
    facts = Facts(tuple((item, 0, 400) for item in range(400)), reads, 402, 1, 1)
    graph = build_graph(*facts.arrays())
    config = ModelConfig(dim=2, item_dropout=0.3)
    model = Discriminator(402, 1, 1, config)
    first = model.dropped_items(graph, torch.Generator().manual_seed(0))
    again = model.dropped_items(graph, torch.Generator().manual_seed(0))
    other = model.dropped_items(graph, torch.Generator().manual_seed(1))
    assert first is not None
    assert again is not None
    assert other is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not first[400:].any(), "neither what items are joined to nor what no user reaches"
    assert 80 < int(first.sum()) < 160
    for changes in ({"item_dropout": 0.0}, {"use_users": False}):
        model.config = config.model_copy(update=changes)
        assert model.dropped_items(graph, torch.Generator()) is None


def test_a_query_about_a_dropped_item_is_answered_by_its_readers_alone(toy_dataset, monkeypatch):
    """Its own vector is in neither half: its score is that of [0 ; p_h * v_r], p_h without its readers' reading it."""
    facts = facts_of(toy_dataset)
    graph, model = build_graph(*facts.arrays()), linear_model(facts)
    model.config = EXACT.model_copy(update={"item_dropout": 0.5})
    batch = toy_batch(toy_dataset, "b3 by a2", "a1 from c1", "b1 by a1")
    for seed in range(6):
        unread = model.dropped_items(graph, torch.Generator().manual_seed(seed))
        assert unread is not None
        found = model.batch_queries(graph, batch, torch.Generator().manual_seed(seed))
        p = model.preference(graph, batch.heads, batch_mask(graph, batch), unread)
        for row, (h, r) in enumerate(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True)):
            v_h = torch.zeros(4, dtype=torch.float64) if unread[h] else model.entity[h]
            x = torch.cat([v_h * model.relation[r], p[row] * model.relation[r]])
            y = torch.tanh(model.w1 @ x + model.b1)
            torch.testing.assert_close(found.vector[row], model.w2.T @ y, rtol=0, atol=1e-12)
            torch.testing.assert_close(found.offset[row], model.b2 @ y, rtol=0, atol=1e-12)
