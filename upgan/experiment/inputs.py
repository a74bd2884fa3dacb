"""Everything training reads, made from a dataset and settings: seeds, graph, queries, evaluators."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import torch

from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.errors import ConfigError, DataError
from upgan.evaluation.evaluator import Evaluator
from upgan.experiment.pinned import PinnedQuery, pinned_query
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph, check_no_leak
from upgan.graph.observed import seen_facts, seen_graph, seen_interactions, seen_triples
from upgan.graph.queries import QueryIndex
from upgan.model.base import FullScorer, Model
from upgan.types import SPLITS, IntArray


@dataclass(frozen=True)
class Prepared:
    """Everything training reads, on the device it runs on."""

    dataset: KGDataset
    device: torch.device
    graph: LayeredGraph
    #: (T, 3) the training triples that are seen, and their queries.
    triples: IntArray
    train: QueryIndex
    #: The same triples as evidence reads them, where the score has some.
    facts: Facts | None
    validation: Evaluator
    test: Evaluator
    #: What of the test split is ranked between phases.
    test_between: Evaluator
    random: torch.Generator
    #: The query that is followed through training, where the settings name one.
    pinned: PinnedQuery | None = None
    #: How long it took.
    seconds: float = 0.0

    def scorer(self, model: Model) -> FullScorer:
        """All scores of the model as it is now."""
        return model.on(self.graph, self.facts)


def prepare_training(dataset: KGDataset, config: Config) -> Prepared:
    """Seed everything, build the graph from training triples only, index the queries.

    ``config.max_seconds`` count from here on. Raises TrainingError where they are over before the graph is built.
    """
    began = time.monotonic()
    triples = seen_triples(dataset, config)
    if not len(triples):
        remedy = (
            "prepare it with a larger first share (--split)" if not len(dataset.train) else "raise graph.triple_share"
        )
        raise DataError(f"{dataset.name}: no training triples; {remedy}")
    if config.threads:
        torch.set_num_threads(config.threads)
    device = resolve_device(config.device)
    torch.manual_seed(config.seed)
    held_out = np.concatenate([dataset.valid, dataset.test])
    check_no_leak(dataset.train, held_out, dataset.num_entities, dataset.num_relations)
    everything = np.concatenate([dataset.triples(split) for split in SPLITS])
    sizes = (dataset.num_entities, dataset.num_relations)
    known = QueryIndex.build(everything, *sizes).to(device)
    facts = seen_facts(dataset, config)
    graph = seen_graph(dataset, config, began + config.max_seconds if config.max_seconds else math.inf).to(device)
    pinned = pinned_query(config.pinned, dataset, graph, triples, seen_interactions(dataset, config), known)
    return Prepared(
        dataset=dataset,
        device=device,
        graph=graph,
        triples=triples,
        train=QueryIndex.build(triples, *sizes).to(device),
        facts=None if facts is None else facts.to(device),
        validation=Evaluator(drawn(dataset.valid, config), known),
        test=Evaluator(dataset.test, known),
        test_between=Evaluator(drawn(dataset.test, config), known),
        random=torch.Generator(device).manual_seed(config.seed + 1),
        pinned=pinned,
        seconds=time.monotonic() - began,
    )


def drawn(triples: IntArray, config: Config) -> IntArray:
    """``config.validation_triples`` of (T, 3) triples in their order, the same for a seed; all of them for 0."""
    if not 0 < config.validation_triples < len(triples):
        return triples
    order = np.random.default_rng([config.seed, 4]).permutation(len(triples))
    return triples[np.sort(order[: config.validation_triples])]


def resolve_device(name: str) -> torch.device:
    """ "auto" takes a CUDA device where there is one; ConfigError where cuda is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda': PyTorch finds no GPU on this machine; use --device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
