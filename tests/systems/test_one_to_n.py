"""Training of the 1-N systems with dropout and batch normalisation: single queries, and questions meanwhile."""

from __future__ import annotations

import pytest
import torch

from upgan.config import make_config
from upgan.queries import QueryIndex
from upgan.seen import seen_data
from upgan.systems.build import build_system


def learner(dataset, model, *settings):
    config = make_config(assignments=[f"model_name={model}", "model.dim=16", *settings])
    system = build_system(config, seen_data(dataset, config))
    index = QueryIndex.build(dataset.train, dataset.num_entities, dataset.num_relations)
    return system, system.learning("training", index, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_an_epoch_s_last_query_may_be_alone(toy_dataset, model):
    system, learning = learner(toy_dataset, model)
    before = system.entity.detach().clone()
    learning.step(torch.tensor([2]))
    assert system.training
    assert not torch.equal(system.entity, before)


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_a_question_during_training_changes_nothing(toy_dataset, model):
    system, learning = learner(toy_dataset, model)
    learning.step(torch.arange(6))
    before = {name: value.clone() for name, value in system.state_dict().items()}
    drawn = torch.get_rng_state()
    answer = learning.answerer()
    first, second = (answer(torch.arange(4), torch.arange(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert system.training


@pytest.mark.parametrize("model", ["conve", "convtranse", "rotate", "transe"])
def test_training_ranks_the_training_answers_first(toy_dataset, model):
    system, learning = learner(toy_dataset, model, "lr=0.02")
    for _ in range(150):
        learning.step(learning.draw())
    system.eval()
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    rows, answers = index.answers_of(torch.arange(len(index)))
    with torch.no_grad():
        scores = learning.answerer()(index.heads, index.relations)
    known = torch.zeros_like(scores, dtype=torch.bool)
    known[rows, answers] = True
    best_wrong = scores.masked_fill(known, -torch.inf).amax(1)
    assert float((scores[rows, answers] > best_wrong[rows]).float().mean()) > 0.8
