"""The score with users on both sides against the printed formula, number by number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import functional_call

from tests.oracles.cointeraction import bilinear_score, similar_row
from upgan.config.sections import FusionConfig, ModelConfig
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.layered import build_graph
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.factorisation import Factorisation

ENTITIES, RELATIONS, USERS, DIM = 8, 2, 4, 3
READS = [(0, 0), (0, 1), (1, 1), (1, 2), (1, 3), (2, 0), (2, 2), (2, 3), (3, 3)]
TRIPLES = [(0, 0, 5), (1, 0, 5), (2, 0, 6), (3, 1, 7), (5, 1, 4), (1, 1, 3), (2, 1, 3)]
PRODUCTS = pytest.mark.parametrize("product", ["distmult", "complex"])


def graph_of(reads=READS, triples=TRIPLES, layered_reads=None):
    """The graph with co-interactions of ``reads``; its layers may be those of other interactions."""
    pairs = np.array(reads, dtype=np.int64).reshape(-1, 2)
    layered = pairs if layered_reads is None else np.array(layered_reads, dtype=np.int64)
    co = build_cointeraction(pairs, ENTITIES, USERS, power=3.0, neighbours=30, counted=200)
    return build_graph(np.array(triples), layered, ENTITIES, USERS, RELATIONS, cointeraction=co)


def model_of(product="complex", **settings):
    """Float64, with users' relation vectors far from their start."""
    config = ModelConfig(dim=DIM, product=product, score="bilinear", **settings)
    model = BilinearDiscriminator(ENTITIES, RELATIONS, config, FusionConfig(smoothing=0.5)).double()
    with torch.no_grad():
        for parameter in (model.entity, model.relation, model.target_relation, model.answer_relation):
            parameter.normal_()
    return model


def started_from(product):
    config = ModelConfig(dim=DIM, product=product, score="bilinear")
    model = BilinearDiscriminator(ENTITIES, RELATIONS, config, FusionConfig())
    start = Factorisation(ENTITIES, RELATIONS, DIM, 1.0, product)
    model.initialise_from(start)
    return model, start


def all_queries():
    return torch.arange(ENTITIES).repeat_interleave(2 * RELATIONS), torch.arange(2 * RELATIONS).repeat(ENTITIES)


def facts_of(triples=TRIPLES):
    return Facts.build(np.array(triples), ENTITIES, RELATIONS)


# The formula ---------------------------------------------------------------------------------------------------------


@PRODUCTS
def test_the_score_equals_the_printed_formula(product):
    model, graph = model_of(product), graph_of()
    heads, relations = all_queries()
    found = model.on(graph).scores(heads, relations)
    vectors = model.entity.tolist()
    p = [
        [sum(weight * vectors[j][k] for j, weight in row.items()) for k in range(len(vectors[0]))]
        for row in (similar_row(READS, ENTITIES, item, 3.0, 30) for item in range(ENTITIES))
    ]
    tables = [table.tolist() for table in (model.relation, model.target_relation, model.answer_relation)]
    for query, (head, relation) in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        rows = (tables[0][relation], tables[1][relation], tables[2][relation])
        for tail in range(ENTITIES):
            # S is stored in float32.
            expected = bilinear_score(product, vectors, p, rows, head, tail)
            assert float(found[query, tail]) == pytest.approx(expected, abs=1e-5)


@PRODUCTS
def test_the_score_is_exact_for_given_preferences(product):
    """The same in float64, with any p."""
    model = model_of(product)
    p = torch.randn_like(model.entity)
    heads, relations = all_queries()
    found = model.queries(heads, relations, p).against(model.table(p)).detach()
    vectors, given = model.entity.tolist(), p.tolist()
    tables = [table.tolist() for table in (model.relation, model.target_relation, model.answer_relation)]
    for query, (head, relation) in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        rows = (tables[0][relation], tables[1][relation], tables[2][relation])
        for tail in range(ENTITIES):
            expected = bilinear_score(product, vectors, given, rows, head, tail)
            assert float(found[query, tail]) == pytest.approx(expected, abs=1e-12)


@PRODUCTS
def test_scores_of_pairs_are_those_of_the_table(product):
    model, graph = model_of(product), graph_of()
    p = model.preferences(graph)
    heads, relations = all_queries()
    row, answer = torch.randint(len(heads), (20,)), torch.randint(ENTITIES, (20,))
    queries, table = model.queries(heads, relations, p), model.table(p)
    torch.testing.assert_close(queries.of_pairs(row, table, answer), queries.against(table)[row, answer])


# Users ---------------------------------------------------------------------------------------------------------------


@PRODUCTS
@pytest.mark.parametrize("why", ["no users", "no interactions", "no co-interactions", "switched off"])
def test_without_users_the_scores_are_those_of_the_factorisation(product, why):
    model, start = started_from(product)
    graph = graph_of()
    if why == "no users":
        switched = model.config.model_copy(update={"use_users": False})
        silent = BilinearDiscriminator(ENTITIES, RELATIONS, switched, FusionConfig())
        silent.load_state_dict(model.state_dict())
        model = silent
    elif why == "no interactions":
        graph = graph_of([])
    elif why == "no co-interactions":
        graph = build_graph(np.array(TRIPLES), np.array(READS), ENTITIES, USERS, RELATIONS)
    with torch.no_grad():
        model.target_relation.normal_()
        model.answer_relation.normal_()
        model.fusion.gamma.fill_(0.3 if why in ("no users", "switched off") else 0.0)
    heads, relations = all_queries()
    scorer = model.on(graph, facts_of())
    found = scorer.scores(heads, relations, users=why != "switched off")
    torch.testing.assert_close(found, start.scores(heads, relations).detach(), rtol=1e-5, atol=1e-5)


@PRODUCTS
def test_at_the_start_scores_are_those_of_the_initialisation(product):
    model, start = started_from(product)
    heads, relations = all_queries()
    scores, expected = model.on(graph_of()).scores(heads, relations), start.scores(heads, relations)
    difference = (scores - expected).abs().max()
    assert 0 < difference < 1e-2 * expected.abs().max(), "users are heard a little"


def test_users_enter_through_p_alone():
    """With the same p, neither layers nor distances nor users' numbers change a score."""
    model = model_of()
    other = graph_of(layered_reads=[(0, 7), (1, 4), (3, 6)])
    renamed = graph_of([(USERS - 1 - user, item) for user, item in READS])
    heads, relations = all_queries()
    expected = model.on(graph_of(), facts_of()).scores(heads, relations)
    assert torch.equal(model.on(other, facts_of()).scores(heads, relations), expected)
    # The same sums in another order of users.
    torch.testing.assert_close(model.on(renamed, facts_of()).scores(heads, relations), expected, rtol=1e-5, atol=1e-6)


def test_no_triple_reaches_p():
    model = model_of()
    p = model.preferences(graph_of())
    assert p[:4].any(1).all()
    assert not p[4:].any(), "entities nobody chose"
    for triples in (TRIPLES[:1], [(t, 1 - r, h) for h, r, t in TRIPLES], [*TRIPLES, (0, 1, 2), (0, 0, 0), (4, 1, 7)]):
        assert torch.equal(model.preferences(graph_of(triples=triples)), p)


def test_users_of_the_candidate_speak_as_those_of_the_target_do():
    """A candidate with users gets another score than without, though the query's entity has none."""
    model, graph = model_of(), graph_of()
    scorer = model.on(graph)
    heads, relations = torch.tensor([4]), torch.tensor([1])
    assert not model.preferences(graph)[4].any()
    changed = scorer.scores(heads, relations)[0] != scorer.scores(heads, relations, users=False)[0]
    assert changed.tolist() == [True] * 4 + [False] * 4


def test_switching_users_off_takes_p_from_both_sides_and_the_evidence():
    model, graph, facts = model_of(), graph_of(), facts_of()
    model.fusion.gamma.normal_()
    heads, relations = all_queries()
    scorer = model.on(graph, facts)
    off = scorer.scores(heads, relations, users=False)
    zero = torch.zeros_like(model.entity)
    expected = model.queries(heads, relations, zero).against(model.table(zero)).detach()
    torch.testing.assert_close(off, expected, rtol=0, atol=1e-12)
    p = model.preferences(graph)
    spoken = model.queries(heads, relations, p).against(model.table(p)).detach()
    on = scorer.scores(heads, relations)
    evidence = model.fusion.add(torch.zeros_like(spoken), graph.cointeraction.common, facts, heads, relations)
    assert evidence.any()
    torch.testing.assert_close(on, spoken + evidence, rtol=0, atol=1e-12)
    # Asking without users leaves nothing behind.
    torch.testing.assert_close(scorer.scores(heads, relations), on, rtol=0, atol=0)


def test_without_facts_there_is_no_evidence():
    model, graph = model_of(), graph_of()
    silent = model.on(graph, facts_of()).scores(*all_queries())
    model.fusion.gamma.fill_(1.0)
    assert torch.equal(model.on(graph).scores(*all_queries()), silent)
    assert not torch.equal(model.on(graph, facts_of()).scores(*all_queries()), silent)


# Gradients -----------------------------------------------------------------------------------------------------------


@PRODUCTS
def test_gradients_of_a_loss_equal_finite_differences(product):
    """Through p, the queries, the table and a 1-N loss, in the vectors of entities and relations."""
    model, graph = model_of(product), graph_of()
    names = ["entity", "relation", "target_relation", "answer_relation"]
    heads, relations = torch.tensor([0, 3, 5, 1]), torch.tensor([0, 1, 3, 2])
    row, answer = torch.tensor([0, 1, 1, 2, 3]), torch.tensor([5, 7, 2, 1, 4])

    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self):
            p = self.model.preferences(graph)
            scores = self.model.queries(heads, relations, p).against(self.model.table(p))
            return torch.nn.functional.cross_entropy(scores[row], answer)

    module = Loss()

    def loss(*values):
        given = {f"model.{name}": value for name, value in zip(names, values, strict=True)}
        return functional_call(module, {**dict(module.named_parameters()), **given}, ())

    inputs = tuple(model.get_parameter(name).detach().clone().requires_grad_() for name in names)
    assert all(grad.any() for grad in torch.autograd.grad(loss(*inputs), inputs))
    assert torch.autograd.gradcheck(loss, inputs, eps=1e-6, atol=1e-7, rtol=1e-6)
