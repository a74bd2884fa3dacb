"""The R-GCN-like form against a loop over nodes, relations and single edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.func import functional_call

from tests.oracles import Facts, random_facts
from tests.oracles.cointeraction import rgcn
from upgan.config.sections import ModelConfig, PropagationConfig
from upgan.graph.layered import build_graph
from upgan.model.propagation import Propagation
from upgan.model.rgcn import MixedDiscriminator, rgcn_preference

DIM = 3
SIGMA = {
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "tanh": math.tanh,
    "none": lambda x: x,
}


def module_for(facts, seed=0, **settings):
    """A propagation in float64 whose parameters are far from their start, and entity vectors for it."""
    generator = torch.Generator().manual_seed(seed)
    config = PropagationConfig(form="rgcn", **settings)
    module = Propagation(2 * facts.relations + 2, facts.users, DIM, config).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        module.relation.mul_(0.5)
    return module, torch.randn(facts.entities, DIM, generator=generator, dtype=torch.float64)


def flags(count, numbers):
    mask = torch.zeros(count, dtype=torch.bool)
    mask[list(numbers)] = True
    return mask


def whole_graph(facts):
    return build_graph(*facts.arrays(), whole=True)


def assert_equal_to_the_loop(facts, module, entity, masked=None):
    """``masked`` numbers; None for a pass without a mask. Returns p."""
    mask = None if masked is None else flags(len(facts.triples), masked)
    with torch.no_grad():
        found = rgcn_preference(module, whole_graph(facts), entity, mask)
    users = module.user.tolist() if module.config.user_embedding else [[0.0] * DIM] * facts.users
    expected = rgcn(
        facts.triples,
        facts.reads,
        entity.tolist() + users,
        facts.entities,
        facts.relations,
        (module.own.tolist(), module.relation.tolist()),
        module.config.rgcn_layers,
        SIGMA[module.config.activation],
        masked or (),
    )
    np.testing.assert_allclose(found, np.array(expected)[: facts.entities], rtol=0, atol=1e-10)
    return found


@pytest.mark.parametrize("user_embedding", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("activation", sorted(SIGMA))
def test_p_equals_a_loop_over_single_edges_for_every_setting(activation, layers, user_embedding):
    facts = random_facts(np.random.default_rng(1))
    module, entity = module_for(facts, activation=activation, rgcn_layers=layers, user_embedding=user_embedding)
    assert_equal_to_the_loop(facts, module, entity)


@pytest.mark.parametrize("seed", range(4))
def test_p_equals_a_loop_over_single_edges_on_random_graphs(seed):
    """Parallel triples, self-loops, triples within a layer and nodes no user reaches: all are edges here."""
    rng = np.random.default_rng(seed)
    facts = random_facts(rng, layers=(4, 3, 2)[: 1 + seed % 3], users=2 + seed % 3, relations=1 + seed % 3)
    module, entity = module_for(facts, seed, activation="leaky_relu", user_embedding=seed % 2 == 1)
    assert_equal_to_the_loop(facts, module, entity)


@pytest.mark.parametrize("seed", range(4))
def test_masked_triples_are_no_edges_and_the_means_are_of_what_is_left(seed):
    rng = np.random.default_rng(seed)
    facts = random_facts(rng, extra=10)
    module, entity = module_for(facts, seed, user_embedding=seed % 2 == 0)
    masked = [number for number in range(len(facts.triples)) if rng.random() < [0.2, 0.5, 0.8, 1.0][seed]]
    found = assert_equal_to_the_loop(facts, module, entity, masked)
    left = Facts(
        tuple(triple for number, triple in enumerate(facts.triples) if number not in masked),
        facts.reads,
        facts.entities,
        facts.users,
        facts.relations,
    )
    with torch.no_grad():
        built_without = rgcn_preference(module, whole_graph(left), entity)
    torch.testing.assert_close(found, built_without, rtol=0, atol=1e-12)


def test_masking_nothing_changes_nothing():
    facts = random_facts(np.random.default_rng(0))
    module, entity = module_for(facts)
    plain, masked = assert_equal_to_the_loop(facts, module, entity), assert_equal_to_the_loop(facts, module, entity, [])
    torch.testing.assert_close(plain, masked, rtol=0, atol=0)


@pytest.mark.parametrize(
    "facts",
    [
        Facts((), ((0, 0), (1, 1), (1, 0)), 3, 2, 1),
        Facts(((0, 0, 1), (1, 0, 2)), (), 3, 2, 1),
        Facts(((0, 0, 1),), (), 2, 0, 1),
        Facts(((0, 0, 1), (0, 0, 1)), ((0, 0), (0, 0)), 2, 1, 1),
        Facts((), (), 2, 1, 1),
    ],
    ids=["no triples", "no interactions", "no users", "everything twice", "no edges"],
)
@pytest.mark.parametrize("user_embedding", [False, True])
def test_p_on_graphs_that_lack_something(facts, user_embedding):
    module, entity = module_for(facts, user_embedding=user_embedding)
    assert_equal_to_the_loop(facts, module, entity)
    assert_equal_to_the_loop(facts, module, entity, range(len(facts.triples)))


def test_a_neighbour_counts_once_among_its_relation_however_many_other_relations_there_are():
    """By hand: 0 has two tails by relation 0 and one by relation 1, so that x_0 is 1 + (2 + 4) / 2 + 8 with W = I."""
    facts = Facts(((0, 0, 1), (0, 0, 2), (0, 1, 3)), (), 4, 0, 2)
    module, _ = module_for(facts, rgcn_layers=1)
    with torch.no_grad():
        module.own.copy_(torch.eye(DIM))
        module.relation.copy_(torch.eye(DIM).expand_as(module.relation))
    entity = torch.tensor([1.0, 2.0, 4.0, 8.0], dtype=torch.float64).unsqueeze(1).expand(4, DIM).contiguous()
    assert assert_equal_to_the_loop(facts, module, entity)[:, 0].tolist() == [12.0, 3.0, 5.0, 9.0]


def test_the_last_layer_has_no_activation():
    facts = random_facts(np.random.default_rng(0))
    for layers in (1, 2):
        module, entity = module_for(facts, activation="relu", rgcn_layers=layers)
        assert (assert_equal_to_the_loop(facts, module, entity) < 0).any()


def test_the_discriminator_reads_p_of_the_heads_from_this_form():
    facts = random_facts(np.random.default_rng(0))
    config = ModelConfig(dim=DIM, propagation=PropagationConfig(form="rgcn"))
    model = MixedDiscriminator(facts.entities, facts.relations, facts.users, config).double()
    graph = whole_graph(facts)
    heads = torch.tensor([4, 0, 4, facts.entities - 1])
    masked = torch.arange(len(facts.triples)) % 2 == 0
    expected = rgcn_preference(model.propagation, graph, model.entity, masked)[heads]
    assert torch.equal(model.preference(graph, heads, masked), expected)


@pytest.mark.parametrize(
    ("activation", "user_embedding", "masked"), [("tanh", True, True), ("leaky_relu", False, False)]
)
def test_gradients_of_p_equal_finite_differences(activation, user_embedding, masked):
    facts = random_facts(np.random.default_rng(2), layers=(3, 2), users=3, extra=3)
    module, entity = module_for(facts, activation=activation, user_embedding=user_embedding)
    graph = whole_graph(facts)
    mask = torch.arange(len(facts.triples)) % 3 == 0 if masked else None
    names = ["own", "relation", *(["user"] if user_embedding else [])]
    reading = torch.randn(facts.entities, DIM, dtype=torch.float64)

    class Preference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.propagation = module

        def forward(self, vectors):
            return (rgcn_preference(self.propagation, graph, vectors, mask) * reading).sum()

    whole = Preference()

    def scalar(vectors, *values):
        given = {f"propagation.{name}": value for name, value in zip(names, values, strict=True)}
        return functional_call(whole, {**dict(whole.named_parameters()), **given}, (vectors,))

    inputs = [entity.clone().requires_grad_()]
    inputs += [module.get_parameter(name).detach().clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(scalar, tuple(inputs), eps=1e-6, atol=1e-7, rtol=1e-6)
