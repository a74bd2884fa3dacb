"""KBGAN: its losses against enumeration, its negatives, and what its game changes."""

from __future__ import annotations

import itertools

import pytest
import torch

from upgan.config.settings import make_config
from upgan.graph.observed import seen_data
from upgan.graph.queries import QueryIndex
from upgan.systems.build import build_system
from upgan.systems.distmult import DistMult
from upgan.systems.kbgan import draw_pool, marginal_loss, pick, scores_of

F64 = torch.float64


def make(dataset, *assignments):
    config = make_config("paper", assignments=["model_name=kbgan", "model.dim=6", *assignments])
    seen = seen_data(dataset, config)
    torch.manual_seed(3)
    index = QueryIndex.build(seen.triples.numpy(), seen.num_entities, seen.num_relations)
    return build_system(config, seen).double(), index


def test_reinforce_has_the_gradient_of_the_expected_reward(toy_dataset):
    """One query, a pool of four: the mean over the picks, weighted by their probability, is the exact gradient."""
    system, _ = make(toy_dataset)
    heads, relations, pool = torch.tensor([2]), torch.tensor([0]), torch.tensor([[1, 4, 5, 8]])
    reward = scores_of(system.target, heads, relations, pool).detach()[0]
    parameters = list(system.generator.parameters())

    def log_probability():
        return torch.log_softmax(scores_of(system.generator, heads, relations, pool), dim=1)[0]

    exact = torch.autograd.grad(-(log_probability().exp() * reward).sum(), parameters)
    found = [torch.zeros_like(part) for part in parameters]
    for picked in range(4):
        system.baseline.fill_(-1.7)
        system.rewarded.fill_(5)
        loss = system.reinforced(log_probability()[picked].unsqueeze(0), reward[picked].unsqueeze(0))
        chance = float(log_probability()[picked].exp())
        for total, part in zip(found, torch.autograd.grad(loss, parameters), strict=True):
            total += chance * part
    for total, part in zip(found, exact, strict=True):
        torch.testing.assert_close(total, part, rtol=0, atol=1e-10)
    assert any(float(part.abs().max()) > 1e-3 for part in exact)


def test_the_baseline_is_the_moving_average_reward(toy_dataset):
    system, _ = make(toy_dataset, "baseline_decay=0.75")
    log_probability = torch.log(torch.tensor([0.5, 0.25], dtype=F64))
    expected = -3.0  # the first step's mean
    for rewards in ([-2.0, -4.0], [-1.0, 0.0], [5.0, 1.0]):
        loss = system.reinforced(log_probability, torch.tensor(rewards, dtype=F64))
        by_hand = [-(reward - expected) * float(log) for reward, log in zip(rewards, log_probability, strict=True)]
        assert float(loss) == pytest.approx(sum(by_hand) / 2, abs=1e-12)
        expected = 0.75 * expected + 0.25 * sum(rewards) / 2
        assert float(system.baseline) == pytest.approx(expected, abs=1e-12)


def test_the_marginal_loss_is_summed_by_hand():
    positive, negative = torch.tensor([-1.0, -5.0, -2.0], dtype=F64), torch.tensor([-4.5, -6.0, 1.0], dtype=F64)
    by_hand = [max(0.0, 3.0 - s + a) for s, a in zip(positive.tolist(), negative.tolist(), strict=True)]
    assert by_hand[0] == 0.0
    assert float(marginal_loss(positive, negative, 3.0)) == pytest.approx(sum(by_hand) / 3, abs=1e-12)


def known_keys(index):
    """Query by query: row * E + answer."""
    return torch.tensor([
        row * index.num_entities + answer
        for row in range(len(index))
        for answer in index.answers_of(torch.tensor([row]))[1].tolist()
    ])  # fmt: skip


@pytest.mark.parametrize("target", ["transe", "distmult"])
def test_candidates_are_scored_as_all_entities_are(toy_dataset, target):
    system, index = make(toy_dataset, f"target={target}")
    pool = draw_pool(torch.arange(len(index)), known_keys(index), 9, 4, torch.Generator().manual_seed(0)).entity
    scores = system.answerer()(index.heads, index.relations)
    expected = scores.gather(1, pool)
    found = scores_of(system.target, index.heads, index.relations, pool)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_candidates_are_drawn_evenly_and_known_answers_are_seen(toy_dataset):
    _, index = make(toy_dataset)
    queries = torch.arange(len(index)).repeat(300)
    pool = draw_pool(queries, known_keys(index), 9, 6, torch.Generator().manual_seed(0))
    counts = torch.bincount(pool.entity.flatten(), minlength=9).to(F64)
    assert float((counts / counts.sum() - 1 / 9).abs().max()) < 0.006
    answers = [set(index.answers_of(torch.tensor([row]))[1].tolist()) for row in range(len(index))]
    for query, entities, known in zip(queries.tolist(), pool.entity.tolist(), pool.known.tolist(), strict=True):
        assert [entity in answers[query] for entity in entities] == known


def test_picks_follow_the_softmax_and_never_a_masked_one():
    logits = torch.tensor([[1.0, -torch.inf, 0.0, 2.0]], dtype=F64)
    often = torch.bincount(pick(logits.expand(40000, 4), torch.Generator().manual_seed(0)), minlength=4) / 40000
    torch.testing.assert_close(often.to(F64), torch.softmax(logits, 1)[0], rtol=0, atol=0.01)
    assert often[1] == 0


def test_the_game_never_takes_a_known_answer_for_false(toy_dataset, monkeypatch):
    import upgan.systems.kbgan as module

    system, index = make(toy_dataset)
    asked: list[tuple[int, ...]] = []
    inner = module.scores_of

    def scores_of(model, heads, relations, candidates):
        if model is system.target:
            asked.extend(zip(heads.tolist(), relations.tolist(), *candidates.T.tolist(), strict=True))
        return inner(model, heads, relations, candidates)

    monkeypatch.setattr(module, "scores_of", scores_of)
    phase = system.phase("adversarial", index, torch.Generator().manual_seed(0))
    for _ in range(40):
        phase.step(phase.draw())
    for (head, relation), triples in itertools.groupby(sorted(asked), key=lambda one: one[:2]):
        answers = index.answers_of(index.rows(torch.tensor([head]), torch.tensor([relation])))[1].tolist()
        for _, _, true, false in triples:
            assert true in answers
            assert false not in answers
    assert len(asked) > 500


def test_the_game_changes_both_and_learns(toy_dataset):
    """The generator comes to pick what the target scores high; the target's loss on its picks falls."""
    system, index = make(toy_dataset, "adversarial_lr=0.02", "norm=l1")
    everything = index.heads, index.relations, torch.arange(9).expand(len(index), 9)

    def preferred():
        """By how much the target scores what the generator picks higher than what chance would."""
        with torch.no_grad():
            share = torch.softmax(scores_of(system.generator, *everything), dim=1)
            score = scores_of(system.target, *everything)
        return float(((share * score).sum(1) - score.mean(1)).mean())

    assert abs(preferred()) < 0.01
    phase = system.phase("adversarial", index, torch.Generator().manual_seed(0))
    losses = [phase.step(phase.draw()) for _ in range(150)]
    first, last = (sum(float(one["target"]) for one in part) for part in (losses[:20], losses[-20:]))
    assert last < first / 2
    assert preferred() > 0.3


def test_interactions_change_nothing(toy_dataset):
    weights = []
    for interactions in ("real", "shuffled"):
        system, index = make(toy_dataset, f"graph.interactions={interactions}")
        random = torch.Generator().manual_seed(0)
        for name in ("generator", "target", "adversarial"):
            phase = system.phase(name, index, random)
            for _ in range(3):
                phase.step(phase.draw())
        weights.append(system.state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_squared_norm_counts_every_vector_that_a_step_uses_once(toy_dataset, monkeypatch):
    monkeypatch.setattr(DistMult, "phase_by_queries", lambda _, *parts: parts[-1])  # the objective itself
    rows, weight = torch.tensor([0, 1, 3]), 0.7
    system, index = make(toy_dataset, f"l2={weight}")
    other, _ = make(toy_dataset, "l2=0")
    other.load_state_dict(system.state_dict())
    (_, with_it), (_, without) = (of.phase("generator", index, torch.Generator())(rows) for of in (system, other))
    answers = index.answers_of(rows)[1].tolist()
    entities, relations = {*index.heads[rows].tolist(), *answers}, set(index.relations[rows].tolist())
    model = system.generator
    squares = sum(float(model.entity[one].square().sum()) for one in entities)
    squares += sum(float(model.relation[one].square().sum()) for one in relations)
    assert float((with_it - without).detach()) == pytest.approx(weight * squares / 2, rel=1e-9)
