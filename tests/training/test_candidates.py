"""Candidates that are not drawn evenly: their chances, and the estimates that stay those of all entities."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from tests.conftest import toy_tables
from tests.objectives.test_sampled import E, assert_unbiased, inputs, loss_of
from upgan.config.phases import planned_phases
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.experiment.inputs import prepare_training
from upgan.experiment.players import Players
from upgan.graph.queries import QueryIndex
from upgan.model.generator import Generator
from upgan.objectives.batches import Batch, Drawn, QuerySampler, chances, draw_by_chance
from upgan.objectives.losses import BLOCKS
from upgan.training.candidates import EVENLY, Candidates
from upgan.training.state import TrainingState

CPU = torch.device("cpu")
#: Very uneven: entity 0 is drawn always, entity 5 hardly ever.
WEIGHT = torch.tensor([9.0, 1.0, 0.7, 0.5, 0.4, 0.01])


def draws_of(chance: torch.Tensor, count: int) -> list[tuple[float, Drawn]]:
    """Every draw in this order, with how likely it is: between two ends of the summed chances nothing changes."""
    ends = sorted({0.0, 1.0, *(float(end) % 1.0 for end in chance.cumsum(0))})
    found = []
    for first, last in itertools.pairwise(ends):
        at = (first + last) / 2 + torch.arange(count, dtype=torch.float64)
        place = torch.searchsorted(chance.cumsum(0), at, right=True).clamp_max_(len(chance) - 1)
        found.append((last - first, Drawn(place, chance[place])))
    return found


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_chances_sum_to_the_number_drawn_and_are_proportional_where_they_can_be(count: int) -> None:
    chance = chances(WEIGHT, count)
    assert float(chance.sum()) == pytest.approx(count, abs=1e-12)
    assert float(chance.max()) <= 1.0
    rest = chance < 1
    ratio = chance[rest] / WEIGHT[rest].double()
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-6, atol=0)
    assert bool((WEIGHT[~rest].double() * ratio[0] >= 1 - 1e-12).all()), "one that is certain would be drawn more often"


def test_each_is_drawn_once_and_as_often_as_its_chance_says() -> None:
    random, count, rounds = torch.Generator().manual_seed(0), 3, 4000
    chance, seen = chances(WEIGHT, count), torch.zeros(E)
    for _ in range(rounds):
        order = torch.randperm(E, generator=random)
        drawn = draw_by_chance(order, chance[order], count, random)
        assert drawn.chance is not None
        assert len(set(drawn.entities.tolist())) == count
        torch.testing.assert_close(drawn.chance, chance[drawn.entities], rtol=0, atol=0)
        seen[drawn.entities] += 1
    spread = (rounds * chance * (1 - chance)).sqrt()
    assert bool(((seen - rounds * chance).abs() <= 5 * spread + 1e-6).all())


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_gradient_by_finite_differences(kind) -> None:
    drawn = Drawn(torch.tensor([4, 0, 3]), torch.tensor([0.2, 1.0, 0.7], dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda *parts: loss_of(kind, drawn, *parts), inputs())


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_equal_chances_without_known_answers_among_them_are_an_even_draw(kind) -> None:
    """One query whose only known answer is not drawn: both stand for as many, up to that answer."""
    vector, table = inputs()
    pairs, pool = [(0, 1)], torch.tensor([4, 0, 3])
    even = loss_of(kind, pool, vector[:1], table, pairs, pairs)
    alike = Drawn(pool, torch.full((3,), 3 / (E - 1), dtype=torch.float64))
    torch.testing.assert_close(loss_of(kind, alike, vector[:1], table, pairs, pairs), even, rtol=0, atol=1e-12)


def test_over_all_draws_the_estimated_sum_is_the_full_sum() -> None:
    """Each draw as often as it comes."""
    assert_unbiased(draws_of(chances(WEIGHT, 3), 3))


def proposing(count: int = 2, by: str = "generator") -> tuple[Candidates, QueryIndex]:
    tables: dict[str, Any] = {**toy_tables()}
    data = build_dataset(name="toy", **tables)
    index = QueryIndex.build(data.train, data.num_entities, data.num_relations)
    config = make_config(
        "quality", assignments=["model.dim=4", f"pretrain.candidates={count}", f"pretrain.candidates_by={by}"]
    )
    torch.manual_seed(0)
    generator = Generator(data.num_entities, data.num_relations, 4, 1, 0.0, "complex")
    random = torch.Generator().manual_seed(0)
    return Candidates(config.pretrain, index, random, CPU, generator), index


def asking(index: QueryIndex, count: int) -> Batch:
    """The first queries as a mini-batch."""
    return QuerySampler(index, count, torch.Generator()).batch(torch.arange(count))


@pytest.mark.parametrize("by", ["popularity", "generator"])
def test_a_draw_stands_for_all_entities_whoever_proposes(by: str) -> None:
    """The mean over draws of the number that is stood for is the number of entities, and of one entity's share is 1."""
    candidates, index = proposing(by=by)
    counts, rounds = torch.zeros(index.num_entities, dtype=torch.float64), 4000
    for _ in range(rounds):
        drawn = candidates.draw(asking(index, 3))
        assert drawn is not None
        assert drawn.chance is not None
        assert len(set(drawn.entities.tolist())) == 2
        assert float(drawn.chance.min()) >= 2 * EVENLY / index.num_entities - 1e-12, "at most twice as many as evenly"
        counts[drawn.entities] += 1 / drawn.chance / rounds
    assert float((counts - 1).abs().max()) < 0.15
    assert float(counts.mean()) == pytest.approx(1.0, abs=0.02)


def test_the_generator_proposes_what_it_holds_for_likely_and_popularity_what_is_frequent() -> None:
    candidates, index = proposing()
    generator = candidates.generator
    assert generator is not None
    asked = asking(index, 1)
    head, relation = asked.heads, asked.relations
    other = next(e for e in range(index.num_entities) if e not in [*asked.known.tolist(), *head.tolist()])
    with torch.no_grad():
        generator.entity[other] = (
            20 * generator.composed(head, relation)[0] / generator.composed(head, relation).norm() ** 2
        )
    often = sum(other in candidates.draw(asked).entities.tolist() for _ in range(200))  # type: ignore[union-attr]
    assert often > 150
    popular, index = proposing(by="popularity")
    assert popular.fixed is not None
    degree = torch.bincount(index.answer, minlength=index.num_entities)
    assert bool((popular.fixed.argsort(stable=True) == degree.argsort(stable=True)).all())


@pytest.mark.parametrize("by", ["uniform", "popularity", "generator"])
def test_nothing_is_drawn_where_all_are_candidates(by: str) -> None:
    candidates, index = proposing(0, by)
    before = candidates.random.get_state()
    assert candidates.draw(asking(index, len(index))) is None
    assert torch.equal(before, candidates.random.get_state())


@pytest.mark.parametrize("score", ["mlp", "bilinear"])
def test_steps_learn_from_proposed_candidates_with_excerpts_and_without(score: str) -> None:
    tables: dict[str, Any] = {**toy_tables()}
    data = build_dataset(name="toy", **tables)
    settings = ["pretrain.candidates=3", "pretrain.candidates_by=generator", "model.dim=4", f"model.score={score}"]
    config = make_config(
        "quality", assignments=[*settings, "fusion.enabled=false", "walks.enabled=false", "device=cpu"]
    )
    prepared = prepare_training(data, config)
    players = Players(prepared, config, TrainingState(prepared.random))
    model = players.discriminator
    phase = players.phase(next(planned for planned in planned_phases(config) if planned.name == "pretrain"))
    before = model.entity.detach().clone()
    losses = phase.step(phase.draw()[: phase.batch])
    assert math.isfinite(float(losses["loss"]))
    assert not torch.equal(before, model.entity)
    assert torch.equal(players.generator.entity, players.start.entity), "G proposes, and learns in the game"
