"""Training of the 1-N systems with dropout and batch normalisation: single queries, and questions meanwhile."""

from __future__ import annotations

import pytest
import torch

from upgan.config.settings import make_config
from upgan.graph.observed import seen_data
from upgan.graph.queries import QueryIndex
from upgan.systems.base import System
from upgan.systems.build import build_system


def learner(dataset, model, *settings):
    config = make_config("paper", assignments=[f"model_name={model}", "model.dim=16", *settings])
    system = build_system(config, seen_data(dataset, config))
    index = QueryIndex.build(dataset.train, dataset.num_entities, dataset.num_relations)
    return system, system.phase("training", index, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_an_epoch_s_last_query_may_be_alone(toy_dataset, model):
    system, phase = learner(toy_dataset, model)
    before = system.entity.detach().clone()
    phase.step(torch.tensor([2]))
    assert system.training
    assert not torch.equal(system.entity, before)


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_a_question_during_training_changes_nothing(toy_dataset, model):
    system, phase = learner(toy_dataset, model)
    phase.step(torch.arange(6))
    before = {name: value.clone() for name, value in system.state_dict().items()}
    drawn = torch.get_rng_state()
    answer = phase.scores()
    first, second = (answer(torch.arange(4), torch.arange(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert system.training


@pytest.mark.parametrize("model", ["conve", "convtranse", "rotate", "transe"])
def test_training_ranks_the_training_answers_first(toy_dataset, model):
    system, phase = learner(toy_dataset, model, "lr=0.02")
    for _ in range(150):
        phase.step(phase.draw())
    system.eval()
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    rows, answers = index.answers_of(torch.arange(len(index)))
    with torch.no_grad():
        scores = phase.scores()(index.heads, index.relations)
    known = torch.zeros_like(scores, dtype=torch.bool)
    known[rows, answers] = True
    best_wrong = scores.masked_fill(known, -torch.inf).amax(1)
    assert float((scores[rows, answers] > best_wrong[rows]).float().mean()) > 0.8


def added(dataset, model, still, term, rows, monkeypatch):
    """A system, and what the term that ``term`` switches on adds to its objective of the rows."""
    monkeypatch.setattr(System, "phase_by_queries", lambda _, *parts: parts[-1])  # the objective itself
    system, objective = learner(dataset, model, *still, term)
    other, plain = learner(dataset, model, *still)
    other.load_state_dict(system.state_dict())
    (_, with_it), (_, without) = objective(rows), plain(rows)
    return system, float((with_it - without).detach())


@pytest.mark.parametrize("model", ["conve", "convtranse"])
def test_n3_is_the_mean_over_pairs_of_the_cubes_of_query_and_answer(toy_dataset, model, monkeypatch):
    still = [f"{model}.{name}_dropout=0" for name in ("input", "feature", "hidden")]
    rows, weight = torch.arange(5), 0.3
    system, found = added(toy_dataset, model, still, f"{model}.n3={weight}", rows, monkeypatch)
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    row, answer = index.answers_of(rows)
    encoded = system.encode(system.entity[index.heads[rows]], system.relation[index.relations[rows]])
    cubes = [
        sum(abs(value) ** 3 for value in [*encoded[query].tolist(), *system.entity[entity].tolist()])
        for query, entity in zip(row.tolist(), answer.tolist(), strict=True)
    ]
    assert found == pytest.approx(weight * sum(cubes) / len(cubes), rel=1e-4)


@pytest.mark.parametrize(("model", "relations_too"), [("conve", True), ("transe", False), ("cofm", False)])
def test_l2_counts_every_vector_that_a_step_uses_once(toy_dataset, model, relations_too, monkeypatch):
    still = [f"conve.{name}_dropout=0" for name in ("input", "feature", "hidden")] if model == "conve" else []
    rows, weight = torch.arange(5), 0.3
    system, found = added(toy_dataset, model, still, f"{model}.l2={weight}", rows, monkeypatch)
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    entities = {*index.heads[rows].tolist(), *index.answers_of(rows)[1].tolist()}
    squares = sum(float(system.entity[one].detach().square().sum()) for one in entities)
    if relations_too:
        squares += sum(
            float(system.relation[one].detach().square().sum()) for one in set(index.relations[rows].tolist())
        )
    assert found == pytest.approx(weight * squares / 2, rel=1e-3)
