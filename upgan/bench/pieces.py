"""What is measured at each size: a made-up dataset or table, and the CPU seconds of one piece of work on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch

from upgan.bench.measure import SHORTEST, Piece, Work, repeated
from upgan.bench.random_data import RELATIONS, random_dataset
from upgan.bench.search import top_k
from upgan.bench.workload import EnoughError, Workload
from upgan.config.sections import CoInteractionConfig, PropagationConfig, WalksConfig
from upgan.data.dataset import KGDataset
from upgan.evaluation.evaluator import Evaluator
from upgan.experiment.inputs import prepare_training
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.layered import build_graph
from upgan.graph.queries import QueryIndex
from upgan.graph.said import chosen_together
from upgan.graph.walks import WalkEdges
from upgan.model.propagation import Propagation
from upgan.model.walks import walked
from upgan.training.loop import Reporter
from upgan.training.walk import Listening

Size = Mapping[str, int]
#: Calls or steps of a piece within a round, at most.
MOST_CALLS = 200
#: Candidates of the pool: the paper's 5,000 would hide the growth of everything else.
POOL = 1_000
#: Queries and answers of a search in a large table.
SEARCHES, BEST = 16, 10
#: Triples that a relation's walks are chosen and weighed on, and kinds of paths of a question.
WALKED, WALKED_PATHS = 64, 24


@dataclass
class Maker:
    """Makes pieces of work; ``folder`` is there as long as they are used."""

    seed: int
    folder: Path
    _made: int = field(default=0, init=False)

    def make(self, what: str, size: Size) -> Piece:
        """The piece ``what``, by the name that `upgan bench --only` has for it, at these sizes."""
        if what in PLAIN:
            return repeated(PLAIN[what](size, self.seed), MOST_CALLS)
        if what == "preparation":
            dataset, config = random_dataset(size, self.seed), self._workload(size).config
            return repeated(lambda: prepare_training(dataset, config), MOST_CALLS)
        if what in ("query", "explanation"):
            self._made += 1
            folder = self.folder / str(self._made)
            return repeated(self._workload(size).questions(folder, explain=what == "explanation"), MOST_CALLS)
        return partial(step_seconds, self._workload(size), what)

    def _workload(self, size: Size) -> Workload:
        batch = [f"{section}.batch={size['batch']}" for section in ("initialisation", "pretrain", "adversarial")]
        sizes = [f"model.dim={size['K']}", f"adversarial.n_c={POOL}", *batch]
        return Workload.of(random_dataset(size, self.seed), "paper", torch.get_num_threads(), self.seed, sizes)


class StepClock(Reporter):
    """A reporter that ends a phase after its first steps and knows what one took, the first left out."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        self.at.append(time.process_time())
        if len(self.at) > 1 and (self.at[-1] - self.at[0] > SHORTEST or len(self.at) > MOST_CALLS):
            raise EnoughError

    @property
    def seconds(self) -> float:
        """CPU seconds of a step: everything from the end of one to the end of the next."""
        return (self.at[-1] - self.at[0]) / (len(self.at) - 1)


def step_seconds(work: Workload, phase: str) -> float:
    """CPU seconds of a training step by the phase's own code."""
    clock = StepClock()
    work.run_steps(phase, clock)
    return clock.seconds


def propagation_of(size: Size, seed: int) -> Work:
    """Both stages, no gradient, over a random graph of these sizes."""
    data = random_dataset(size, seed)
    graph = build_graph(data.train, data.interactions, data.num_entities, data.num_users, data.num_relations)
    model = Propagation(2 * RELATIONS + 2, data.num_users, size["K"], PropagationConfig())
    vectors = torch.randn(data.num_entities, size["K"])

    @torch.no_grad()
    def once() -> None:
        model(graph, vectors)

    return once


def evaluation_of(size: Size, seed: int) -> Work:
    """Filtered ranks of ``batch`` queries among all entities."""
    random = np.random.default_rng(seed)
    entities = size["entities"]
    triples = np.stack(
        [random.integers(0, high, size["batch"] // 2 + 1) for high in (entities, RELATIONS, entities)], axis=1
    )
    evaluator = Evaluator(triples, QueryIndex.build(triples, entities, RELATIONS))
    table = torch.randn(entities, size["K"])
    return lambda: evaluator.rank(lambda heads, _: table.index_select(0, heads) @ table.T)


def serving_of(size: Size, seed: int) -> Work:
    """The ten best of all entities for sixteen queries, block by block."""
    random = torch.Generator().manual_seed(seed)
    table = torch.randn(size["entities"], size["K"], generator=random)
    vectors = torch.randn(SEARCHES, size["K"], generator=random)
    return lambda: top_k(vectors, table, BEST)


def walks_of(size: Size, seed: int) -> Work:
    """Choosing, weighing and judging the walks of one relation, ``WALKED`` triples each."""
    data, edges = _walk_edges(size, seed)
    index = QueryIndex.build(data.train, data.num_entities, data.num_relations)
    every = QueryIndex.build(np.concatenate([data.train, data.valid]), data.num_entities, data.num_relations)
    table = torch.randn(data.num_entities, size["K"], generator=torch.Generator().manual_seed(seed))
    config = WalksConfig(triples=WALKED, triples_to_choose=WALKED)
    phase = Listening(
        edges, index, Evaluator(data.valid, every), lambda heads, _: table[heads] @ table.T, config, seed=seed
    )
    return lambda: phase.direction(0)


def walked_question_of(size: Size, seed: int) -> Work:
    """What ``WALKED_PATHS`` kinds of paths of two steps add to the scores of all entities, for one question."""
    data, edges = _walk_edges(size, seed)
    paths = sorted(product(range(edges.num_kinds), repeat=2))[:: edges.num_kinds**2 // WALKED_PATHS][:WALKED_PATHS]
    weights = np.ones(len(paths))
    heads = data.train[:1, 0]
    return lambda: walked(edges, paths, weights, weights, heads, np.zeros((1, data.num_entities)))


def _walk_edges(size: Size, seed: int) -> tuple[KGDataset, WalkEdges]:
    """The edges that walks go along in a random dataset, users' among them."""
    data = random_dataset(size, seed)
    sizes = data.num_entities, data.num_relations
    settings = CoInteractionConfig().model_dump()
    co = build_cointeraction(data.interactions, data.num_entities, data.num_users, **settings)
    return data, WalkEdges.build(data.train, sizes, (chosen_together(co),))


#: What needs no training set up for it.
PLAIN: dict[str, Callable[[Size, int], Work]] = {
    "propagation": propagation_of,
    "evaluation": evaluation_of,
    "serving": serving_of,
    "walks": walks_of,
    "walked question": walked_question_of,
}
