"""Stage 1 (Eq. 2) and stage 2 (Eq. 3 - 5) against loops over single edges with the full K x K products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.func import functional_call

from tests.oracles import Facts, States, Weights, hops, propagate, random_facts, user_weights
from upgan.config.sections import PropagationConfig
from upgan.graph.layered import build_graph
from upgan.model.propagation import ACTIVATIONS, Propagation

DIM = 4
TIGHT: dict[str, Any] = {"rtol": 0.0, "atol": 1e-12}


def module_for(facts, seed=0, **settings):
    """A propagation in float64 whose parameters are far from their start, and entity vectors for it."""
    generator = torch.Generator().manual_seed(seed)
    module = Propagation(2 * facts.relations + 2, facts.users, DIM, PropagationConfig(**settings)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        module.relation.mul_(0.7)
    entity = torch.randn(facts.entities, DIM, generator=generator, dtype=torch.float64)
    return module, entity


def weights_of(module):
    config = module.config
    return Weights(
        own=module.own.detach().numpy(),
        relation=module.relation.detach().numpy(),
        attention=module.attention.detach().numpy().reshape(-1),
        user=module.user.detach().numpy() if config.user_embedding else None,
        activation=config.activation,
        user_activation=config.user_activation,
        slope=config.attention_slope,
    )


def flags(count, numbers):
    """(count,) bool, True at ``numbers``; None for none."""
    if not numbers:
        return None
    mask = torch.zeros(count, dtype=torch.bool)
    mask[list(numbers)] = True
    return mask


def assert_equal_to_the_loop(facts, module, entity, masked=(), unread=()):
    """Every state, coefficient and alpha of the module equals the oracle's; returns both."""
    graph = build_graph(*facts.arrays())
    with torch.no_grad():
        found = module(graph, entity, flags(len(facts.triples), masked), flags(facts.entities, unread))
    expected = propagate(facts, entity.numpy(), weights_of(module), masked, unread)
    for level, layer in enumerate(graph.layers):
        for row, node in enumerate(layer.tolist()):
            np.testing.assert_allclose(found.semantic[level][row].detach(), expected.semantic[node], **TIGHT)
            np.testing.assert_allclose(found.preference[level][row].detach(), expected.preference[node], **TIGHT)
    everyone = found.entity_preference(graph, torch.arange(facts.entities)).numpy()
    np.testing.assert_allclose(everyone, np.stack([expected.preference[n] for n in range(facts.entities)]), **TIGHT)
    assert_equal_edges(graph, found, expected)
    return graph, found, expected


def assert_equal_edges(graph, found, expected: States):
    """alpha and 1/|F_n|, edge by edge (parallel interactions or triples are told apart by their triple and type)."""
    alpha = {(e.near, e.far, e.seen_far, e.triple): a for e, a in zip(expected.edges, expected.alpha, strict=True)}
    share = {
        (e.near, e.far, e.seen_near, e.triple): c for e, c in zip(expected.edges, expected.coefficient, strict=True)
    }
    seen = 0
    for level, edges in enumerate(graph.edges):
        near, far = graph.layers[level].tolist(), graph.layers[level + 1].tolist()
        for place in range(len(edges.backward.row)):
            row, column = int(edges.backward.row[place]), int(edges.backward.column[place])
            kind = edges.backward_types[int(edges.backward_type[place])]
            key = (near[column], far[row], kind, int(edges.backward_triple[place]))
            assert abs(float(found.alphas[level][place]) - alpha[key]) < 1e-12
        for place in range(len(edges.forward.row)):
            row, pair = int(edges.forward.row[place]), int(edges.forward.column[place])
            kind = edges.pair_types[int(np.searchsorted(edges.pair_starts, pair, side="right")) - 1]
            key = (near[row], far[int(edges.pair_node[pair])], kind, int(edges.forward_triple[place]))
            assert abs(float(found.coefficients[level][place]) - share[key]) < 1e-12
            seen += 1
    assert seen == len(expected.edges)


# Both stages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_embedding", [False, True])
@pytest.mark.parametrize("user_activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_both_stages_equal_a_loop_over_edges_for_every_setting(activation, user_activation, user_embedding):
    facts = random_facts(np.random.default_rng(1), layers=(4, 4, 3))
    assert max(hops(facts)) == 3, "four layers, the users' included"
    module, entity = module_for(
        facts, activation=activation, user_activation=user_activation, user_embedding=user_embedding
    )
    assert_equal_to_the_loop(facts, module, entity)


@pytest.mark.parametrize("seed", range(8))
def test_both_stages_equal_a_loop_over_edges_on_random_graphs(seed):
    rng = np.random.default_rng(100 + seed)
    facts = random_facts(rng, layers=(5, 4, 3, 2)[: 1 + seed % 4], users=2 + seed % 3, extra=10)
    module, entity = module_for(facts, seed, attention_slope=[0.2, 0.0, 1.0][seed % 3], activation="leaky_relu")
    assert_equal_to_the_loop(facts, module, entity)


@pytest.mark.parametrize(
    "facts",
    [
        Facts((), ((0, 0), (1, 1), (1, 0)), 3, 2, 1),
        Facts(((0, 0, 1),), (), 2, 2, 1),
        Facts(((0, 0, 1),), (), 2, 0, 1),
        Facts(((0, 0, 1), (0, 0, 1)), ((0, 0), (0, 0)), 2, 1, 1),
    ],
    ids=["no triples", "no interactions", "no users", "everything twice"],
)
@pytest.mark.parametrize("user_embedding", [False, True])
def test_both_stages_on_graphs_that_lack_something(facts, user_embedding):
    module, entity = module_for(facts, user_embedding=user_embedding)
    assert_equal_to_the_loop(facts, module, entity)


def test_users_without_a_vector_and_without_items_have_no_preference():
    facts = Facts(((0, 0, 1),), ((0, 0),), 2, 2, 1)
    module, entity = module_for(facts)
    _, found, _ = assert_equal_to_the_loop(facts, module, entity)
    assert found.semantic[0][1].tolist() == [0.0] * DIM


@pytest.mark.parametrize("seed", range(4))
def test_p_is_the_weighted_sum_over_users_of_all_layered_paths(seed):
    """Eq. 5: p_h = sum_u w_{h,u} v~_u, w by enumeration of paths, sum_u w = 1; every row of alpha sums to 1."""
    facts = random_facts(np.random.default_rng(seed), layers=(4, 4, 3, 2), extra=12)
    module, entity = module_for(facts, seed)
    graph, found, expected = assert_equal_to_the_loop(facts, module, entity)
    distance = hops(facts)
    for node in range(facts.entities):
        weights = user_weights(facts, expected, node)
        total = sum(weights.values())
        assert abs(total - (1.0 if distance[node] > 0 else 0.0)) < 1e-12
        users = found.semantic[0].numpy()
        summed = sum((weight * users[user] for user, weight in weights.items()), np.zeros(DIM))
        p = found.entity_preference(graph, torch.tensor([node]))[0].numpy()
        np.testing.assert_allclose(p, summed, **TIGHT)
    for level, edges in enumerate(graph.edges):
        sums = torch.zeros(edges.backward.rows, dtype=torch.float64).index_add_(
            0, edges.backward.row, found.alphas[level]
        )
        torch.testing.assert_close(sums, torch.ones_like(sums), rtol=0, atol=1e-13)


def test_p_of_an_unreachable_entity_is_zero():
    facts = random_facts(np.random.default_rng(3))
    module, entity = module_for(facts)
    graph, found, _ = assert_equal_to_the_loop(facts, module, entity)
    lost = [node for node, distance in enumerate(hops(facts)[: facts.entities]) if distance < 0]
    assert len(lost) == 2
    assert found.entity_preference(graph, torch.tensor(lost)).tolist() == [[0.0] * DIM] * 2


def test_a_single_backward_edge_passes_the_preference_on_unchanged():
    facts = Facts(((0, 0, 1), (2, 0, 1)), ((0, 0),), 3, 1, 1)
    module, entity = module_for(facts)
    graph, found, _ = assert_equal_to_the_loop(facts, module, entity)
    assert [alpha.tolist() for alpha in found.alphas] == [[1.0], [1.0], [1.0]]
    p = found.entity_preference(graph, torch.arange(3))
    assert torch.equal(p, found.semantic[0].expand(3, DIM))


# Masking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_masked_triples_are_no_edges_while_the_layers_stay(seed):
    rng = np.random.default_rng(seed)
    facts = random_facts(rng, layers=(4, 4, 3), extra=12)
    module, entity = module_for(facts, seed)
    share = [0.2, 0.5, 1.0][seed % 3]
    masked = [number for number in range(len(facts.triples)) if rng.random() < share]
    assert masked
    assert_equal_to_the_loop(facts, module, entity, masked)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_unread_items_are_in_no_readers_profile_but_hear_of_their_readers(seed, masked):
    """Together with masked triples, too; a reader of nothing but unread items is as one who read nothing."""
    rng = np.random.default_rng(seed)
    facts = random_facts(rng, layers=(5, 4, 3), users=4, extra=10)
    module, entity = module_for(facts, seed, activation="leaky_relu", user_embedding=seed % 2 == 1)
    unread = [0, 3, 4] if seed < 3 else range(5)
    gone = [number for number in range(len(facts.triples)) if masked and rng.random() < 0.3]
    _, found, expected = assert_equal_to_the_loop(facts, module, entity, gone, unread)
    if seed == 2:
        assert not np.allclose(expected.preference[0], 0), "an unread item has readers still"
    if seed == 3:
        own = torch.zeros(facts.users, DIM, dtype=torch.float64)
        if module.config.user_embedding:
            own = module.user.detach() @ module.own.detach().T
        torch.testing.assert_close(found.semantic[0], own)


def test_only_items_can_be_unread():
    """An entity further out is in no reader's own list: flagging it changes nothing."""
    facts = random_facts(np.random.default_rng(0), layers=(4, 4, 3))
    module, entity = module_for(facts)
    graph = build_graph(*facts.arrays())
    further = flags(facts.entities, range(4, facts.entities))
    with torch.no_grad():
        one, other = module(graph, entity, None, further), module(graph, entity)
    assert all(torch.equal(a, b) for a, b in zip(one.preference, other.preference, strict=True))


def test_masking_nothing_changes_nothing():
    facts = random_facts(np.random.default_rng(0))
    module, entity = module_for(facts)
    graph = build_graph(*facts.arrays())
    with torch.no_grad():
        plain = module(graph, entity)
        masked = module(graph, entity, torch.zeros(len(facts.triples), dtype=torch.bool))
    for one, other in zip(plain.preference, masked.preference, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-15)


def test_interactions_are_never_masked():
    facts = random_facts(np.random.default_rng(0))
    module, entity = module_for(facts)
    graph = build_graph(*facts.arrays())
    with torch.no_grad():
        found = module(graph, entity, torch.ones(len(facts.triples), dtype=torch.bool))
    sums = torch.zeros(graph.edges[0].backward.rows, dtype=torch.float64)
    sums.index_add_(0, graph.edges[0].backward.row, found.alphas[0])
    torch.testing.assert_close(sums, torch.ones_like(sums))
    for alpha in found.alphas[1:]:
        assert not alpha.any()


# Gradients -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activation", "user_activation", "user_embedding", "masked"),
    [
        ("tanh", "none", False, True),
        ("tanh", "none", False, False),
        ("leaky_relu", "tanh", True, False),
        ("none", "none", True, False),
    ],
)
def test_gradients_of_p_equal_finite_differences(activation, user_activation, user_embedding, masked):
    """Of a scalar of p, in the entities, W_0, W_r, w and the users' vectors."""
    facts = random_facts(np.random.default_rng(2), layers=(3, 3, 2), users=3, extra=4)
    module, entity = module_for(
        facts, activation=activation, user_activation=user_activation, user_embedding=user_embedding
    )
    graph = build_graph(*facts.arrays())
    mask = torch.arange(len(facts.triples)) % 3 == 0 if masked else None
    names = ["own", "relation", "attention", *(["user"] if user_embedding else [])]
    reading = torch.randn(facts.entities, DIM, dtype=torch.float64)

    def scalar(entity, *values):
        parameters = {**dict(module.named_parameters()), **dict(zip(names, values, strict=True))}
        propagated = functional_call(module, parameters, (graph, entity, mask))
        return (propagated.entity_preference(graph, torch.arange(facts.entities)) * reading).sum()

    inputs = [entity.clone().requires_grad_()]
    inputs += [module.get_parameter(name).detach().clone().requires_grad_() for name in names]
    # The fast mode compares random projections of the Jacobian: a dozen forward passes instead of hundreds.
    fast = not masked
    assert torch.autograd.gradcheck(scalar, tuple(inputs), eps=1e-6, atol=1e-7, rtol=1e-6, fast_mode=fast)


def test_the_scalar_trick_carries_the_gradient_of_the_full_products():
    """The gradient of the logits w^T [W_r v~_n; W_r p_m] in w and W_r, by autograd through the full products."""
    facts = Facts(((0, 0, 2), (1, 1, 2)), ((0, 0), (1, 1)), 3, 2, 2)
    module, entity = module_for(facts, activation="none")
    graph = build_graph(*facts.arrays())
    reading = torch.randn(DIM, dtype=torch.float64)
    (module(graph, entity).entity_preference(graph, torch.tensor([2]))[0] @ reading).backward()
    found = {
        name: parameter.grad.clone() for name, parameter in module.named_parameters() if parameter.grad is not None
    }
    module.zero_grad()
    own, relation = module.own, module.relation
    far = own @ entity[2]
    items = [own @ entity[0] + relation[0] @ far, own @ entity[1] + relation[1] @ far]
    users = [relation[4] @ item for item in items]  # each user read one item; its p is the user's v~
    w = module.attention.reshape(-1)
    logits = torch.stack([w @ torch.cat([relation[2 + n] @ far, relation[2 + n] @ users[n]]) for n in range(2)])
    alpha = torch.softmax(torch.nn.functional.leaky_relu(logits, 0.2), 0)
    ((alpha[0] * users[0] + alpha[1] * users[1]) @ reading).backward()
    for name, grad in found.items():
        torch.testing.assert_close(grad, module.get_parameter(name).grad, rtol=0, atol=1e-11)


def test_parameters_start_at_pass_the_vector_on():
    """W_0 = I, W_r near I: the start keeps the meaning of initialised entities."""
    module = Propagation(6, 3, 50, PropagationConfig())
    assert torch.equal(module.own, torch.eye(50))
    assert (module.relation - torch.eye(50)).abs().max() < 0.1
    assert module.user.shape == (0, 50)
    assert Propagation(6, 3, 50, PropagationConfig(user_embedding=True)).user.shape == (3, 50)
