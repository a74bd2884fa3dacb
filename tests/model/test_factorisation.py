"""DistMult and ComplEx, against PyKEEN's interaction functions and one query after the other."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from upgan.config.settings import make_config
from upgan.model.factorisation import Factorisation
from upgan.model.product import Product
from upgan.systems.build import build_model

PRODUCTS = get_args(Product)
ENTITIES, RELATIONS, DIM = 7, 3, 4


def model_of(product, **more):
    return Factorisation(ENTITIES, RELATIONS, DIM, 0.7, product, **more)


def every_query():
    """All heads with all relations and their inverses."""
    return torch.arange(ENTITIES).repeat_interleave(2 * RELATIONS), torch.arange(2 * RELATIONS).repeat(ENTITIES)


@pytest.mark.parametrize("product", PRODUCTS)
def test_scores_are_those_of_pykeen_on_the_same_weights(product):
    pykeen = pytest.importorskip("pykeen.nn.modules")
    model, (heads, relations) = model_of(product), every_query()
    entity, relation = model.entity.detach(), model.relation.detach()
    if product == "complex":
        entity, relation = (torch.complex(*part.chunk(2, dim=1)) for part in (entity, relation))
    interaction = pykeen.ComplExInteraction() if product == "complex" else pykeen.DistMultInteraction()
    theirs = interaction(entity[heads].unsqueeze(1), relation[relations].unsqueeze(1), entity.unsqueeze(0))
    torch.testing.assert_close(model.scores(heads, relations).detach(), theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("product", PRODUCTS)
def test_scores_are_query_vectors_times_entities_query_by_query(product):
    model, (heads, relations) = model_of(product).double(), every_query()
    found, entity, relation = (part.detach() for part in (model.scores(heads, relations), model.entity, model.relation))
    assert found.shape == (len(heads), ENTITIES)
    for row, (h, r) in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        for t in range(ENTITIES):
            if product == "distmult":
                expected = sum(float(entity[h, k] * relation[r, k] * entity[t, k]) for k in range(DIM))
            else:
                a, b, c = (
                    [complex(*part[[k, k + DIM]].tolist()) for k in range(DIM)]
                    for part in (entity[h], relation[r], entity[t])
                )
                expected = sum((a[k] * b[k] * c[k].conjugate()).real for k in range(DIM))
            assert float(found[row, t]) == pytest.approx(expected, abs=1e-13)


def test_an_inverse_relation_has_a_vector_of_its_own():
    """<t, r + R, ?> reads the vector r + R and not r; changing one leaves the other's scores alone."""
    model, heads = model_of("complex"), torch.arange(ENTITIES)
    asked, inverse = torch.full((ENTITIES,), 1), torch.full((ENTITIES,), 1 + RELATIONS)
    before = model.scores(heads, asked).detach().clone(), model.scores(heads, inverse).detach().clone()
    with torch.no_grad():
        model.relation[1 + RELATIONS] += 1.0
    assert torch.equal(model.scores(heads, asked), before[0])
    assert not torch.allclose(model.scores(heads, inverse), before[1])


@pytest.mark.parametrize("product", PRODUCTS)
def test_with_the_conjugate_as_inverse_a_triple_scores_the_same_in_both_directions(product):
    """s(h, r, t) = s(t, r + R, h): what a relation's inverse has to become for both queries to agree."""
    model = model_of(product).double()
    with torch.no_grad():
        model.relation[RELATIONS:] = model.relation[:RELATIONS]
        if product == "complex":
            model.relation[RELATIONS:, DIM:] *= -1.0
    heads = torch.arange(ENTITIES)
    for r in range(RELATIONS):
        forwards = model.scores(heads, torch.full((ENTITIES,), r))
        backwards = model.scores(heads, torch.full((ENTITIES,), r + RELATIONS))
        torch.testing.assert_close(forwards, backwards.T, rtol=0, atol=1e-13)


def test_distmult_is_symmetric_and_complex_is_not():
    for product, symmetric in (("distmult", True), ("complex", False)):
        model, heads = model_of(product).double(), torch.arange(ENTITIES)
        scores = model.scores(heads, torch.zeros(ENTITIES, dtype=torch.long)).detach()
        assert torch.allclose(scores, scores.T) == symmetric


def test_a_complex_model_whose_imaginary_parts_are_zero_is_distmult():
    distmult, model = model_of("distmult"), model_of("complex")
    with torch.no_grad():
        for part, real in ((model.entity, distmult.entity), (model.relation, distmult.relation)):
            part.copy_(torch.cat([real, torch.zeros_like(real)], dim=1))
    torch.testing.assert_close(model.scores(*every_query()), distmult.scores(*every_query()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_random_start_has_the_scale_and_the_width_asked_for(product):
    model = Factorisation(2000, 300, 10, 0.3, product)
    width = 20 if product == "complex" else 10
    assert (model.entity.shape, model.relation.shape) == ((2000, width), (600, width))
    for part in (model.entity, model.relation):
        assert float(part.detach().std()) == pytest.approx(0.3, rel=0.05)
        assert abs(float(part.detach().mean())) < 0.02
        assert part.requires_grad


@pytest.mark.parametrize("name", ["distmult", "complex"])
def test_build_model_makes_the_factorisation_that_the_settings_name(name, toy_dataset):
    config = make_config("paper", assignments=["dim=4", f"model_name={name}"])
    model = build_model(config, toy_dataset)
    assert isinstance(model, Factorisation)
    assert model.product == name
    assert model.entity.shape == (9, config.model.width) == (9, 8 if name == "complex" else 4)
    assert model.scale == config.initialisation.scale


def test_a_factorisation_is_scored_without_a_graph_and_has_no_users():
    from tests.oracles import Facts
    from upgan.graph.layered import build_graph

    graph = build_graph(*Facts(((0, 0, 1),), ((0, 0),), ENTITIES, 1, RELATIONS).arrays())
    model, query = model_of("complex"), every_query()
    scorer = model.on(graph)
    assert torch.equal(scorer.scores(*query), model.scores(*query).detach())
    assert torch.equal(scorer.scores(*query), scorer.scores(*query, users=False))
