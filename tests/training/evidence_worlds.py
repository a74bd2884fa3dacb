"""Worlds whose facts the users' choices tell, say nothing about, or contradict; the models have random vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

import upgan.training.fuse as fuse
from upgan.config.sections import FusionConfig, ModelConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph, build_graph
from upgan.graph.queries import QueryIndex
from upgan.model.bilinear import BilinearDiscriminator
from upgan.training.loop import Context, Reporter
from upgan.training.state import TrainingState

Triples = list[tuple[int, int, int]]


@dataclass
class World:
    """A model whose vectors are random, and facts to answer with what users chose."""

    model: BilinearDiscriminator
    graph: LayeredGraph
    train: Triples
    facts: Facts
    validation: Evaluator
    test: Evaluator
    config: FusionConfig

    def fuse(self, reporter=None, deadline=math.inf):
        random = torch.Generator().manual_seed(0)
        context = Context(
            validation=self.validation,
            state=TrainingState(random),
            reporter=reporter or Reporter(),
            deadline=deadline,
        )
        return fuse.fuse_evidence(self.model, self.graph, self.facts, self.config, context)

    def collect(self):
        order = torch.randperm(len(self.validation.queries[0]), generator=torch.Generator().manual_seed(0))
        return fuse.collect(self.model, self.graph, self.facts, self.validation, order)

    def ranks(self, evaluator=None):
        scorer = self.model.on(self.graph, self.facts)
        return (evaluator or self.validation).rank(scorer.scores).ranks

    @property
    def dense_common(self):
        co = self.graph.cointeraction
        assert co is not None
        dense = np.zeros((self.graph.num_entities,) * 2)
        for item in range(len(dense)):
            others, weight = co.common.of(item)
            dense[item, others] = weight
        return dense


def world_of(splits, reads, sizes, seed=0, scale=0.7, **config):
    """``splits``: train, valid and test facts; ``sizes``: entities, users, relations."""
    entities, users, relations = sizes
    train, valid, test = (np.array(facts, dtype=np.int64).reshape(-1, 3) for facts in splits)
    pairs = np.array(reads, dtype=np.int64).reshape(-1, 2)
    co = build_cointeraction(pairs, entities, users, power=3.0, neighbours=30, counted=200)
    graph = build_graph(train, pairs, entities, users, relations, cointeraction=co)
    settings = FusionConfig(enabled=True, **config)
    model = BilinearDiscriminator(entities, relations, ModelConfig(dim=4, score="bilinear"), settings).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for table, size in (
            (model.entity, scale),
            (model.relation, scale),
            (model.target_relation, 0.01),
            (model.answer_relation, 0.01),
        ):
            table.copy_(torch.randn(table.shape, generator=generator, dtype=torch.float64) * size)
    known = QueryIndex.build(np.concatenate([train, valid, test]), entities, relations)
    facts = Facts.build(train, entities, relations)
    return World(model, graph, list(splits[0]), facts, Evaluator(valid, known), Evaluator(test, known), settings)


def planted(seed=0, clusters=5, per_split=3, signal=0.0, **config):
    """Users choose items of one cluster, and all items of a cluster have its attribute by relation 0.

    Relation 1 joins items to others at random: users say nothing about it. ``signal``: how much the vectors know of
    the clusters, too.
    """
    rng = np.random.default_rng(seed)
    each = 3 * per_split
    items = clusters * each
    order = rng.permutation(items)
    cluster = {int(item): place // each for place, item in enumerate(order)}
    splits: list[Triples] = [[], [], []]
    for place, item in enumerate(order.tolist()):
        splits[place % each // per_split].append((item, 0, items + cluster[item]))
    noise = {(int(rng.integers(items)), 1, int(rng.integers(items))) for _ in range(items)}
    for place, fact in enumerate(sorted(noise)):
        splits[place % 3].append(fact)
    reads = []
    for user in range(4 * clusters):
        mine = [item for item, at in cluster.items() if at == user % clusters]
        reads += [(user, int(item)) for item in rng.choice(mine, size=max(3, len(mine) // 2), replace=False)]
    made = world_of(splits, reads, (items + clusters, 4 * clusters, 2), seed, **config)
    with torch.no_grad():
        centres = torch.from_numpy(rng.standard_normal((clusters, 4)))
        made.model.entity += signal * centres[[cluster.get(e, e - items) for e in range(items + clusters)]]
        made.model.relation += signal
    return made


def meaningless(seed, **config):
    """Facts and choices are drawn at random: neither says anything about the other."""
    rng = np.random.default_rng(seed)
    drawn = {(int(rng.integers(30)), int(rng.integers(2)), int(rng.integers(30))) for _ in range(260)}
    facts = [sorted(drawn)[place] for place in rng.permutation(len(drawn))]
    reads = [(int(rng.integers(12)), int(rng.integers(30))) for _ in range(80)]
    splits = (facts[:100], facts[100:170], facts[170:])
    return world_of(splits, reads, (30, 12, 2), seed, **config)


def contradictory(**config):
    """Every second validation triple says what the users' items say, the others the opposite.

    The halves of the cross-validation are the even and the odd triples: what is learned from one is wrong for the
    other.
    """
    clusters, each = 4, 8
    items = clusters * each
    attribute = [items + item // each for item in range(items)]
    train = [(item, 0, attribute[item]) for item in range(items) if item % each < 4]
    held = [item for item in range(items) if item % each >= 4]
    valid = [
        (item, 0, attribute[item] if place % 2 == 0 else items + clusters + place) for place, item in enumerate(held)
    ]
    reads = [
        (user, cluster * each + item) for cluster in range(clusters) for user in (cluster,) for item in range(each)
    ]
    return world_of((train, valid, train[:2]), reads, (items + clusters + len(held), clusters, 1), **config)
