"""TransH, KTUP and CoFM against PyKEEN and sums written out; what users change, and what they do not."""

from __future__ import annotations

import math

import pytest
import torch

from upgan.config.settings import make_config
from upgan.graph.observed import seen_data
from upgan.graph.queries import QueryIndex
from upgan.systems.build import build_system
from upgan.systems.joint import Interactions, Pairs
from upgan.systems.negatives import draw_sample

F64 = torch.float64
#: What a toy training is run with.
SMALL = ("model.dim=6", "batch=4", "negatives=5")


def make(dataset, model, *assignments, shuffle=False):
    """A system in float64 on the toy catalogue, what it saw, and its training queries."""
    more = ["graph.interactions=shuffled"] if shuffle else []
    config = make_config("paper", assignments=[f"model_name={model}", *SMALL, *assignments, *more])
    seen = seen_data(dataset, config)
    torch.manual_seed(3)
    index = QueryIndex.build(seen.triples.numpy(), seen.num_entities, seen.num_relations)
    return build_system(config, seen).double(), seen, index


def trained(dataset, model, *assignments, steps=6, shuffle=False):
    """The weights after some steps."""
    system, _, index = make(dataset, model, *assignments, shuffle=shuffle)
    random = torch.Generator().manual_seed(7)
    phase = system.phase("training", index, random)
    for _ in range(steps):
        phase.step(phase.draw()[:4])
    return {name: value.detach().clone() for name, value in system.state_dict().items()}


@pytest.mark.parametrize("model", ["transh", "ktup"])
def test_transh_scores_as_pykeen_s(toy_dataset, model):
    modules = pytest.importorskip("pykeen.nn.modules")
    theirs = modules.TransHInteraction(p=2, power_norm=False)
    system, _, _ = make(toy_dataset, model)
    system = system.float()
    entity, heads = system.entity.detach(), torch.arange(9).repeat_interleave(3)
    relations = torch.arange(3).repeat(9)
    r = (system.vectors()[2].detach()[relations].unsqueeze(1), system.relation.detach()[relations].unsqueeze(1))
    answerer = system.answerer()
    forward = theirs(entity[heads].unsqueeze(1), r, entity.unsqueeze(0))
    torch.testing.assert_close(answerer(heads, relations).detach(), forward, rtol=0, atol=1e-5)
    backward = theirs(entity.unsqueeze(0), r, entity[heads].unsqueeze(1))
    torch.testing.assert_close(answerer(heads, relations + 3).detach(), backward, rtol=0, atol=1e-5)


def test_near_candidates_are_told_apart_far_from_the_origin(toy_dataset):
    """In single precision the expanded square loses them: 30 away from 0 a difference of 1e-3 is rounded away."""
    system, _, _ = make(toy_dataset, "transh")
    system = system.float()
    with torch.no_grad():
        system.entity.copy_(30 + 1e-3 * torch.randn(9, 6))
        system.relation.zero_()
    heads, relations = torch.arange(9), torch.arange(9) % 6
    found = system.answerer()(heads, relations)
    normal = torch.nn.functional.normalize(system.normal.double(), dim=1)[relations % 3]
    apart = (system.entity[heads].unsqueeze(1) - system.entity).double()
    apart = apart - (apart @ normal.unsqueeze(2)) * normal.unsqueeze(1)
    expected = -apart.square().sum(2).clamp_min(1e-12).sqrt()
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=2e-5)


def test_the_pool_is_scored_as_all_entities_are(toy_dataset):
    for model in ("transh", "cofm"):
        system, _, index = make(toy_dataset, model)
        sample = draw_sample(torch.arange(len(index)), index, 5, torch.Generator().manual_seed(0))
        scores = system.answerer()(sample.heads, sample.relations)
        positive, negative = system.scored(sample)
        torch.testing.assert_close(negative, scores[:, sample.pool], rtol=0, atol=1e-8)
        torch.testing.assert_close(positive, scores[sample.row, sample.answer], rtol=0, atol=1e-8)


def unit(vector):
    return vector / vector.norm()


def dense_distance(system, user, item, chosen=None):
    """g(u, i) one number at a time; ``chosen``: the only preference, else attention over all."""
    u, entity = system.user[user], system.interactions.entity[item]
    i = system.item[item] + system.entity[entity]
    p = [system.preference[r] + system.relation[r] for r in range(3)]
    w = [system.preference_normal[r] + unit(system.normal[r]) for r in range(3)]
    phi = [float((u + i) @ one) for one in p]
    total = sum(math.exp(one) for one in phi)
    share = [math.exp(one) / total if chosen is None else float(r == chosen) for r, one in enumerate(phi)]
    preference = sum(a * one for a, one in zip(share, p, strict=True))
    normal = unit(sum(a * one for a, one in zip(share, w, strict=True)))
    return float(((u - (normal @ u) * normal) + preference - (i - (normal @ i) * normal)).norm())


def test_ktup_s_distance_and_loss_are_written_out(toy_dataset):
    system, _, _ = make(toy_dataset, "ktup")
    random = torch.Generator()
    users, items = torch.arange(5).repeat_interleave(3), torch.arange(3).repeat(5)
    with torch.no_grad():
        expected = torch.tensor([dense_distance(system, u, i) for u, i in zip(users, items, strict=True)], dtype=F64)
        torch.testing.assert_close(system.distance(users, items, random), expected, rtol=0, atol=1e-9)
        pairs = Pairs(torch.tensor([0, 3]), torch.tensor([1, 2]), torch.tensor([2, 0]))
        grid = expected.view(5, 3)
        gaps = [float(grid[0, 2] - grid[0, 1]), float(grid[3, 0] - grid[3, 2])]
        loss = sum(math.log(1 + math.exp(-gap)) for gap in gaps) / 2
        assert float(system.recommendation_loss(pairs, random)) == pytest.approx(loss, abs=1e-9)


def test_hard_induction_takes_one_preference_as_often_as_its_softmax_says(toy_dataset):
    system, _, _ = make(toy_dataset, "ktup", "induction=hard")
    random = torch.Generator().manual_seed(1)
    similarity = torch.tensor([[0.0, 1.0, -1.0]], dtype=F64, requires_grad=True)
    share = system.induced(similarity.expand(20000, 3), random)
    assert set(share.detach().round(decimals=9).unique().tolist()) == {0.0, 1.0}
    often = share.detach().mean(0)
    torch.testing.assert_close(often, torch.softmax(similarity.detach(), 1)[0], rtol=0, atol=0.015)
    (gradient,) = torch.autograd.grad(share[:, 1].sum(), similarity)
    assert float(gradient[0, 1]) > 0 > float(gradient[0, 0])  # straight through: the soft choice's
    with torch.no_grad():
        found = {round(float(system.distance(torch.tensor([1]), torch.tensor([2]), random)), 9) for _ in range(60)}
        assert found <= {round(dense_distance(system, 1, 2, one), 9) for one in range(3)}


def test_cofm_likes_as_a_factorisation_machine(toy_dataset):
    """Rendle's general form over one-hot features, differences of which BPR reads."""
    for transfer in ("shared", "regularised"):
        system, _, _ = make(toy_dataset, "cofm", f"transfer={transfer}")
        with torch.no_grad():
            system.item_weight.normal_()
            if transfer == "regularised":
                system.item.normal_()
            own = system.item if transfer == "regularised" else system.entity[system.interactions.entity]
            factors, weights = torch.cat([system.user, own]), torch.cat([torch.randn(5, dtype=F64), system.item_weight])

            def machine(user, item, factors=factors, weights=weights):
                x = torch.zeros(8, dtype=F64)
                x[user] = x[5 + item] = 1.0
                pairwise = ((x @ factors).square() - x.square() @ factors.square()).sum() / 2
                return 0.3 + weights @ x + pairwise

            pairs = Pairs(torch.tensor([0, 3, 4]), torch.tensor([1, 2, 0]), torch.tensor([2, 0, 1]))
            gaps = [float(machine(u, i) - machine(u, j)) for u, i, j in zip(*pairs, strict=True)]
            expected = sum(math.log(1 + math.exp(-gap)) for gap in gaps) / 3
            assert float(system.recommendation_loss(pairs)) == pytest.approx(expected, abs=1e-9)
            apart = sum(float((own[i] - system.entity[system.interactions.entity[i]]).square().sum()) for i in (0, 2))
            assert float(system.transfer_loss(torch.tensor([2, 0, 2]))) == pytest.approx(apart / 2, abs=1e-9)


def test_a_user_s_own_items_are_never_drawn_against(toy_dataset):
    _, seen, _ = make(toy_dataset, "cofm")
    interactions = Interactions(seen)
    pairs = interactions.draw(5000, torch.Generator().manual_seed(0))
    has = set(map(tuple, seen.interactions.tolist()))
    entity = interactions.entity
    drawn = set(zip(pairs.user.tolist(), entity[pairs.other].tolist(), strict=True))
    assert drawn == {(u, i) for u in (0, 1, 3, 4) for i in entity.tolist()} - has  # u3 has every item
    assert set(zip(pairs.user.tolist(), entity[pairs.item].tolist(), strict=True)) == {
        one for one in has if one[0] != 2
    }


@pytest.mark.parametrize(
    ("model", "alone", "options"),
    [("cofm", "transe", []), ("cofm", "transe", ["transfer=regularised"]), ("ktup", "transh", [])],
)
def test_without_interactions_completion_learns_what_it_learns_alone(toy_dataset, model, alone, options):
    expected = trained(toy_dataset, alone)
    joint, heard = (trained(toy_dataset, model, *options, f"weight={weight}") for weight in ("0", "0.5"))
    for name, value in expected.items():
        assert torch.equal(joint[name], value), name
    # Shared vectors learn from both tasks.
    assert not torch.allclose(heard["entity"], expected["entity"])


@pytest.mark.parametrize(
    "options", [("cofm",), ("cofm", "transfer=regularised"), ("ktup",), ("ktup", "induction=hard")]
)
def test_the_same_seed_learns_the_same_and_other_interactions_something_else(toy_dataset, options):
    first, second = trained(toy_dataset, *options), trained(toy_dataset, *options)
    assert all(torch.equal(first[name], second[name]) for name in first)
    shuffled = trained(toy_dataset, *options, shuffle=True)
    assert not torch.allclose(first["entity"], shuffled["entity"])


def test_a_translation_is_kept_in_its_hyperplane(toy_dataset):
    system, _, _ = make(toy_dataset, "transh", "orthogonal=2")
    normal, relation = system.normal.detach(), system.relation.detach()
    expected = sum(float(unit(normal[r]) @ unit(relation[r])) ** 2 for r in range(3)) * 2 / 3
    assert float(system.others(torch.Generator())["orthogonal"].detach()) == pytest.approx(expected, abs=1e-9)
