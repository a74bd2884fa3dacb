"""Break a ranking down: by relation, by direction, by how rare the answer is (Table 4), by its hops (Table 5)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from upgan.data.dataset import KGDataset
from upgan.data.sparsity import GROUPS, answer_frequencies, frequency_groups
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.metrics import Metrics
from upgan.graph.layered import LayeredGraph

#: (Q,) group name of each query.
Grouping = Callable[[Ranking, KGDataset, LayeredGraph], np.ndarray]


def by_relation(ranking: Ranking, dataset: KGDataset, _graph: LayeredGraph) -> np.ndarray:
    """Relation id; both directions of a relation together."""
    names = np.asarray(dataset.relations, dtype=object)
    return np.tile(names[ranking.triples[:, 1]], 2)


def by_side(ranking: Ranking, _dataset: KGDataset, _graph: LayeredGraph) -> np.ndarray:
    """Which end is asked for: "tail" for <h, r, ?>, "head" for <?, r, t>."""
    return np.repeat(np.array(["tail", "head"], dtype=object), len(ranking.triples))


def by_sparsity(ranking: Ranking, dataset: KGDataset, _graph: LayeredGraph) -> np.ndarray:
    """A (rarest) to E: five equal groups of the queries by how many training triples hold their answer.

    Queries whose answers are equally frequent stay together, so groups differ in size where frequencies tie.
    """
    frequencies = answer_frequencies(dataset.train, ranking.answers, dataset.num_entities)
    groups: np.ndarray = np.array(GROUPS, dtype=object)[frequency_groups(frequencies)]
    return groups


def by_hops(ranking: Ranking, _dataset: KGDataset, graph: LayeredGraph) -> np.ndarray:
    """The answer's hops to the nearest user: 1 (items), 2, >=3, or unreachable."""
    hops = graph.distance.cpu().numpy()[ranking.answers]
    names = np.array(["unreachable", "1", "2", ">=3"], dtype=object)
    return names[np.where(hops < 0, 0, np.minimum(hops, 3))]


GROUPINGS: dict[str, Grouping] = {
    "relation": by_relation,
    "sparsity": by_sparsity,
    "hops": by_hops,
    "side": by_side,
}


def group_metrics(ranking: Ranking, dataset: KGDataset, graph: LayeredGraph, by: str) -> dict[str, Metrics]:
    """Metrics of each group that has a query, by name; ``by`` is a key of GROUPINGS."""
    names = GROUPINGS[by](ranking, dataset, graph)
    return {name: Metrics.of(ranking.ranks[names == name]) for name in sorted(set(names.tolist()))}


def ranks_table(ranking: Ranking, dataset: KGDataset) -> pd.DataFrame:
    """One row per query: head, relation, tail (ids), side asked for, rank."""
    entities, relations = np.asarray(dataset.entities, dtype=object), np.asarray(dataset.relations, dtype=object)
    triples = np.tile(ranking.triples, (2, 1))
    return pd.DataFrame(
        {
            "head": entities[triples[:, 0]],
            "relation": relations[triples[:, 1]],
            "tail": entities[triples[:, 2]],
            "side": np.repeat(["tail", "head"], len(ranking.triples)),
            "rank": ranking.ranks,
        }
    )
