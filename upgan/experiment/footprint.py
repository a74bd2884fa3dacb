"""Memory and disk of a training, counted from the sizes of what it holds at once; nothing is run for it.

What stays (tables, moments, graph, names) is summed; of what comes and goes with a step, the largest phase counts. The
1-N scores are bounded by the blocks of the loss, whatever batch and entities are. ``footprint`` reads the sizes off
what was made, ``expected`` from the counts of a dataset before anything is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from upgan.config.phases import PlannedPhase, planned_phases
from upgan.config.sections import (
    AdversarialConfig,
    FusionConfig,
    InitialisationConfig,
    PretrainConfig,
    WalksConfig,
)
from upgan.config.settings import Config
from upgan.config.systems.base import SystemSettings
from upgan.data.dataset import KGDataset
from upgan.evaluation.evaluator import SCORES_PER_BLOCK as EVALUATED_PER_BLOCK
from upgan.experiment.inputs import Prepared
from upgan.objectives.losses import SCORES_PER_BLOCK, SCORES_PER_BLOCK_CUDA
from upgan.training.fuse import MOST_ENTRIES
from upgan.training.walk_fit import CELLS as BLOCKED
from upgan.training.walk_fuse import CELLS

#: Measured: the process with its libraries (MB), bytes of the names of an entity and of a user, how often what is read
#: is held while it is indexed, and what the allocator keeps for every byte of vectors and scores.
BASE_MB, ENTITY_NAMES, USER_NAMES, READ_TIMES, KEPT = 430.0, 650, 100, 2, 1.25
#: Of the paths that evidence is gathered from (MB), and of each entity with evidence for a query (bytes). A query has
#: about so many of them.
GATHERED_MB, BYTES_PER_ENTRY, ENTRIES = 100.0, 130, 2000
#: Of each entity that a walk reaches in a fit: its place, what is said, and the copies while it is gathered.
BYTES_PER_WALK = 60
#: Tables of candidates that a step makes and lets go: gradients of the loss and of what is gathered from the table.
TABLES = 3
#: (B, C) matrices of the adversarial step: both players' scores, their softmax, what is drawn from, their gradients.
POOL_MATRICES = 6
#: Bytes of one of its draws: its place, score, log-probability and reward, and what the losses and gradients make of
#: them. They are drawn with replacement: there may be more of them than entities.
BYTES_PER_DRAW = 48
FLOAT = 4
MB = 1e6
#: Bytes of what is read, measured on four datasets: of a training triple in the index of queries and as evidence reads
#: it, of a known triple, of an edge in the layers, of a pair of items in S and c.
PER_TRIPLE, PER_FACT, PER_KNOWN, PER_EDGE, PER_PAIR = 82, 198, 82, 98, 38


class Footprint(NamedTuple):
    """Megabytes at most, and those of each phase while it runs."""

    memory: float
    disk: float
    phases: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Load:
    """What memory and disk depend on; bytes, or counts."""

    #: Of the model that answers and of the generator; a start's tables are as large as the generator's.
    weights: Mapping[str, int]
    #: The dataset's arrays, what is made of them, and nodes with (relation, node) pairs that states are sent along.
    arrays: int
    read: int
    states: int
    entities: int
    users: int
    triples: int
    #: Validation triples that phases are fitted on.
    valid: int
    cuda: bool


def footprint(models: Mapping[str, nn.Module], prepared: Prepared, config: Config) -> Footprint:
    """Of a training of these freshly made ``models`` ("model", "generator")."""
    graph, arrays = prepared.graph, _arrays(prepared.dataset)
    parts = graph.edges if graph.whole is None else (graph.whole,)
    load = Load(
        {name: tensor_bytes(dict(model.state_dict())) for name, model in models.items()},
        arrays,
        arrays + tensor_bytes((graph, prepared.train, prepared.validation.index, prepared.facts)),
        graph.num_reachable + graph.num_users + sum(len(part.pair_node) for part in parts),
        prepared.dataset.num_entities,
        prepared.dataset.num_users,
        len(prepared.triples),
        len(prepared.validation.triples),
        prepared.device.type == "cuda",
    )
    return _of(load, config)


def expected(data: KGDataset, config: Config, *, cuda: bool = False) -> Footprint:
    """The same before anything is made; a third more or less."""
    arrays, graph = _arrays(data), config.graph
    triples, chosen = (
        round(graph.triple_share * len(data.train)),
        round(graph.interaction_share * len(data.interactions)),
    )
    edges, width = triples + chosen, config.model.width
    read = (
        arrays
        + PER_TRIPLE * triples
        + PER_KNOWN * sum(len(data.triples(split)) for split in ("train", "valid", "test"))
    )
    read += PER_EDGE * edges + 8 * (data.num_entities + data.num_users)
    read += PER_FACT * triples if config.reads_facts else 0
    if config.reads == "co-interactions":
        co, items = config.model.co_interaction, len(np.unique(data.interactions[:, 1]))
        read += PER_PAIR * items * min(co.neighbours + co.counted, 2 * items)
    tables = {"model": FLOAT * width * (data.num_entities + 6 * data.num_relations)}
    if config.model_name == "upgan":
        tables["generator"] = FLOAT * width * (data.num_entities + 2 * data.num_relations)
    elif config.system is not None:
        tables["model"] = FLOAT * config.model.dim * (2 * data.num_entities + data.num_users)
    valid = min(config.validation_triples or len(data.valid), len(data.valid))
    counts = data.num_entities, data.num_users, triples, valid, cuda
    return _of(Load(tables, arrays, read, data.num_entities + data.num_users + edges // 2, *counts), config)


def _arrays(data: KGDataset) -> int:
    return data.train.nbytes + data.valid.nbytes + data.test.nbytes + data.interactions.nbytes


def _of(load: Load, config: Config) -> Footprint:
    names = ENTITY_NAMES * load.entities + USER_NAMES * load.users
    always = BASE_MB + (names + READ_TIMES * load.read) / MB
    evaluated = 3.0 * FLOAT * max(EVALUATED_PER_BLOCK, load.entities)
    answering, phases = load.weights["model"], {}
    for planned in planned_phases(config):
        held = _held(planned, load, config)
        memory = always + KEPT * (held + max(evaluated, _passing(planned, load, config))) / MB
        # The checkpoint that is there and the one being written, the weights that answer, and the data.
        disk = (2 * held * 4 / 5 + answering + load.arrays // 2) / MB + 1
        phases[planned.name] = memory, disk
    memory, disk = (max(phase[at] for phase in phases.values()) for at in (0, 1))
    return Footprint(memory, disk + load.weights.get("generator", 0) / MB, phases)


def _held(planned: PlannedPhase, load: Load, config: Config) -> int:
    """Tables held in a phase: vectors, gradient, two moments of Adam or Adagrad's squares, the best state of what is
    kept; and a start, which stays from its training until G has gone on from it.
    """
    model, start = load.weights["model"], load.weights.get("generator", load.weights["model"])
    if config.model_name != "upgan":
        return 5 * model
    match planned.settings:
        case InitialisationConfig():
            return 4 * start + (model if planned.holds_out else 0)
        case PretrainConfig():
            return 5 * model + 2 * start
        case AdversarialConfig():
            return 5 * model + (4 + 3) * start
        case _:
            return model + start


def _passing(planned: PlannedPhase, load: Load, config: Config) -> float:
    """Bytes that come and go with a step of the phase, or with the fit of the evidence."""
    both = 2 * load.triples
    table = TABLES * FLOAT * config.model.width * load.entities
    wide = table * (2 if config.reads == "co-interactions" else 1) + _propagated(load, config)
    match planned.settings:
        case InitialisationConfig() as first:
            return table + _one_to_n(load, min(first.batch, both), first)
        case PretrainConfig() as then:
            queries = min(then.batch * (2 if then.batch_by == "triples" else 1), both)
            return wide + _one_to_n(load, queries, then)
        case AdversarialConfig() as game:
            pool = POOL_MATRICES * FLOAT * min(game.n_c, load.entities)
            return wide + min(2 * game.batch, both) * (pool + BYTES_PER_DRAW * game.n_g)
        case SystemSettings() as settings:  # each has scores of its own, of all candidates at once
            drawn = getattr(settings, "candidates", 0)  # of each triple, with replacement (KBGAN)
            return 4.0 * min(settings.batch, both) * max(load.entities, drawn) * FLOAT
        case WalksConfig() as walks:
            together = max(1, config.threads)
            blocks = 8.0 * max(3 * CELLS, BLOCKED)  # scores of validation queries, or of triples, in float64
            return together * (BYTES_PER_WALK * walks.entries + blocks)
        case FusionConfig():
            entries = min(MOST_ENTRIES, 2 * load.valid * min(ENTRIES, load.entities))
            return GATHERED_MB * MB + BYTES_PER_ENTRY * entries
        case _:
            return 0.0


def _one_to_n(load: Load, queries: int, phase: InitialisationConfig | PretrainConfig) -> float:
    """A block of scores: one buffer, a narrow copy of it, and for the binary loss one for what it makes of them."""
    candidates = min(phase.candidates or load.entities, load.entities)
    block = SCORES_PER_BLOCK_CUDA if load.cuda else SCORES_PER_BLOCK
    rows = min(queries, max(1, block // candidates))
    return FLOAT * rows * candidates * (1 + (phase.precision == "bfloat16") / 2 + (phase.loss == "bce"))


def _propagated(load: Load, config: Config) -> float:
    """States, messages and their gradients of both stages, a vector each of a node or a (relation, node) pair."""
    if config.reads == "co-interactions" or not config.model.use_users:
        return 0.0
    return 3.0 * load.states * config.model.width * FLOAT


def tensor_bytes(value: Any) -> int:
    """Bytes of all tensors in a structure of dataclasses, tuples and dictionaries."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        return sum(map(tensor_bytes, value.values()))
    if isinstance(value, (tuple, list)):
        return sum(map(tensor_bytes, value))
    if dataclasses.is_dataclass(value):
        return sum(tensor_bytes(getattr(value, field.name)) for field in dataclasses.fields(value))
    return 0
