"""Worlds to attribute: random facts, a model with random weights on them, and the same once more by loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from tests import oracles
from tests.oracles import Facts, facts_of, random_facts
from upgan.config.sections import ModelConfig, PropagationConfig
from upgan.data.dataset import KGDataset, build_dataset
from upgan.explain.base import SeenGraph
from upgan.explain.layered import LayeredExplainer
from upgan.graph.layered import build_graph
from upgan.model.discriminator import Discriminator

DIM = 3


def model_for(facts, seed=0, scale=1.0, **settings_of_model):
    config = ModelConfig(dim=DIM, propagation=PropagationConfig(activation="tanh"), **settings_of_model)
    model = Discriminator(facts.entities, facts.relations, facts.users, config).double()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=random, dtype=torch.float64))
    return model.requires_grad_(False)


def oracle_weights(model):
    part = model.propagation
    return oracles.Weights(
        own=part.own.numpy(),
        relation=part.relation.numpy(),
        attention=part.attention.numpy().reshape(-1),
        activation="tanh",
    )


def world(seed, layers=(4, 4, 3, 2)):
    """Facts, graph, model, its propagation, and the same by loops."""
    facts = random_facts(np.random.default_rng(seed), layers=layers, extra=10)
    graph, model = build_graph(*facts.arrays()), model_for(facts, seed)
    states = oracles.propagate(facts, model.entity.numpy(), oracle_weights(model))
    return facts, graph, model, model.propagate(graph), states


def place_of(graph, node):
    """(layer, position) of a reachable node."""
    layer = int(graph.distance[node])
    return layer, graph.layers[layer].tolist().index(node)


def multiplied(left, right):
    """Vectors of real parts, then imaginary parts, as complex numbers multiplied one by one."""
    found = torch.complex(*left.chunk(2)) * torch.complex(*right.chunk(2))
    return torch.cat([found.real, found.imag])


def score_at(model, query, preference):
    """Eq. 7 with W2 and b2 on the candidate's side; ``query`` is (head, relation, answer)."""
    head, relation, answer = query
    v_h, v_r, v_t = model.entity[head], model.relation[relation], model.entity[answer]
    times = multiplied if model.config.product == "complex" else torch.mul
    hidden = model.w1 @ torch.cat([times(v_h, v_r), times(preference, v_r)]) + model.b1
    return (model.w2 @ v_t + model.b2) @ torch.tanh(hidden)


def integrated_gradients(model, query, weights, preferences, pieces=400):
    """Simpson's rule over the straight line from p = 0 to p_h, the gradient by autograd at every knot."""
    total = (weights.unsqueeze(1) * preferences).sum(0)
    mean = torch.zeros_like(total)
    for knot in range(2 * pieces + 1):
        p = (total * (knot / (2 * pieces))).requires_grad_()
        (grad,) = torch.autograd.grad(score_at(model, query, p), p)
        mean += grad * (1 if knot in (0, 2 * pieces) else 4 if knot % 2 else 2) / (6 * pieces)
    return weights * (preferences @ mean)


def dataset_of(facts: Facts) -> KGDataset:
    """Ids "e00" .. and "u0" .., so that numbers are those of the facts; repeated triples and reads once."""
    triples = sorted(set(facts.triples))
    frame = pd.DataFrame(
        [(f"e{h:02d}", f"r{r}", f"e{t:02d}", "train") for h, r, t in triples],
        columns=["head", "relation", "tail", "split"],
    )
    reads = pd.DataFrame([(f"u{u}", f"e{i:02d}") for u, i in sorted(set(facts.reads))], columns=["user", "item"])
    return build_dataset(
        name="facts",
        triples=frame,
        interactions=reads,
        entities=pd.DataFrame({"id": [f"e{number:02d}" for number in range(facts.entities)]}),
        relations=pd.DataFrame({"id": [f"r{number}" for number in range(facts.relations)]}),
    )


def explainer_of(dataset, facts, model):
    """The explainer of a model that has seen all of the facts."""
    return LayeredExplainer(
        SeenGraph(dataset, build_graph(*facts.arrays()), dataset.train, dataset.interactions), model
    )


def explained_world(seed, **settings_of_model):
    dataset = dataset_of(random_facts(np.random.default_rng(seed), layers=(4, 3, 3)))
    facts = facts_of(dataset)
    model = model_for(facts, seed, **settings_of_model)
    return facts, dataset, model, explainer_of(dataset, facts, model)
