"""Memory and disk of a training, counted from the sizes of what it holds at once; nothing is run for it.

What stays (tables, moments, graph, names) is summed; of what comes and goes with a step, the largest phase counts. The
1-N scores are bounded by the blocks of the loss, whatever batch and entities are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from upgan.config.phases import PlannedPhase, planned_phases
from upgan.config.sections import AdversarialConfig, InitialisationConfig, PretrainConfig, WalksConfig
from upgan.config.settings import Config
from upgan.config.systems.base import SystemSettings
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
FLOAT = 4
MB = 1e6


def footprint(models: Mapping[str, nn.Module], prepared: Prepared, config: Config) -> tuple[float, float]:
    """(memory, disk) in MB of a training of these freshly made ``models`` ("model", "generator")."""
    weights = {name: tensor_bytes(dict(model.state_dict())) for name, model in models.items()}
    data = prepared.dataset
    arrays = data.train.nbytes + data.valid.nbytes + data.test.nbytes + data.interactions.nbytes
    names = ENTITY_NAMES * data.num_entities + USER_NAMES * data.num_users
    read = arrays + tensor_bytes((prepared.graph, prepared.train, prepared.validation.index, prepared.facts))
    held = _held(weights, config)
    evaluated = 3.0 * FLOAT * max(EVALUATED_PER_BLOCK, data.num_entities)
    most = max(evaluated, *(_passing(planned, prepared, config) for planned in planned_phases(config)))
    memory = BASE_MB + (names + READ_TIMES * read + KEPT * (held + most)) / MB
    resume = 2 * (weights["model"] * 4 + weights.get("generator", 0) * 3)  # the old one and the one being written
    disk = (resume + sum(weights.values()) + weights["model"] + arrays // 2) / MB + 1
    return memory, disk


def _held(weights: Mapping[str, int], config: Config) -> int:
    """Tables held at once: vector, gradient, two moments of Adam; the best state of what is kept; Adagrad's squares.

    A start has been trained before D and G go on from it, and stays.
    """
    held = 5 * weights["model"]
    if config.system is None and config.model_name == "upgan":
        held += (4 + 3) * weights["generator"]  # a start's tables are as large as the generator's
    return held


def _passing(planned: PlannedPhase, prepared: Prepared, config: Config) -> float:
    """Bytes that come and go with a step of the phase, or with the fit of the evidence."""
    entities, both = prepared.dataset.num_entities, 2 * len(prepared.triples)
    table = TABLES * FLOAT * config.model.width * entities
    wide = table * (2 if config.reads == "co-interactions" else 1) + _propagated(prepared, config)
    match planned.settings:
        case InitialisationConfig() as first:
            return table + _one_to_n(prepared, min(first.batch, both), first)
        case PretrainConfig() as then:
            queries = min(then.batch * (2 if then.batch_by == "triples" else 1), both)
            return wide + _one_to_n(prepared, queries, then)
        case AdversarialConfig() as game:
            return wide + POOL_MATRICES * FLOAT * min(2 * game.batch, both) * min(game.n_c, entities)
        case SystemSettings() as settings:  # each has scores of its own, of all candidates at once
            return 4.0 * min(settings.batch, both) * entities * FLOAT
        case WalksConfig() as walks:
            together = max(1, config.threads)
            blocks = 8.0 * max(3 * CELLS, BLOCKED)  # scores of validation queries, or of triples, in float64
            return together * (BYTES_PER_WALK * walks.entries + blocks)
        case _:
            entries = min(MOST_ENTRIES, 2 * len(prepared.dataset.valid) * min(ENTRIES, entities))
            return GATHERED_MB * MB + BYTES_PER_ENTRY * entries


def _one_to_n(prepared: Prepared, queries: int, phase: InitialisationConfig | PretrainConfig) -> float:
    """A block of scores: one buffer, a narrow copy of it, and for the binary loss one for what it makes of them."""
    entities = prepared.dataset.num_entities
    candidates = min(phase.candidates or entities, entities)
    block = SCORES_PER_BLOCK_CUDA if prepared.device.type == "cuda" else SCORES_PER_BLOCK
    rows = min(queries, max(1, block // candidates))
    return FLOAT * rows * candidates * (1 + (phase.precision == "bfloat16") / 2 + (phase.loss == "bce"))


def _propagated(prepared: Prepared, config: Config) -> float:
    """States, messages and their gradients of both stages, a vector each of a node or a (relation, node) pair."""
    if config.reads == "co-interactions" or not config.model.use_users:
        return 0.0
    graph = prepared.graph
    parts = graph.edges if graph.whole is None else (graph.whole,)
    vectors = graph.num_reachable + graph.num_users + sum(len(part.pair_node) for part in parts)
    return 3.0 * vectors * config.model.width * FLOAT


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
