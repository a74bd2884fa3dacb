"""Breakdowns of a ranking: each query is in exactly one group, and in the right one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from upgan.data.dataset import build_dataset
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.groups import GROUPINGS, by_sparsity, group_metrics, ranks_table
from upgan.graph.layered import build_graph


def world(seed=0, entities=20, triples=80):
    """A dataset with random triples and readers of every fourth entity, its graph, and a ranking of its test split."""
    rng = np.random.default_rng(seed)
    rows = np.unique(rng.integers([entities, 3, entities], size=(triples, 3)), axis=0)
    names = [f"e{number:02d}" for number in range(entities)]
    frame = pd.DataFrame(
        {
            "head": [names[h] for h in rows[:, 0]],
            "relation": [f"r{r}" for r in rows[:, 1]],
            "tail": [names[t] for t in rows[:, 2]],
            "split": rng.choice(["train", "valid", "test"], size=len(rows), p=[0.6, 0.1, 0.3]),
        }
    )
    reads = pd.DataFrame({"user": ["u", "v"], "item": names[:2]})
    dataset = build_dataset(name="w", triples=frame, interactions=reads, entities=pd.DataFrame({"id": names}))
    graph = build_graph(dataset.train, dataset.interactions, entities, 2, 3)
    ranks = rng.integers(2, 40, size=2 * len(dataset.test)) / 2
    return dataset, graph, Ranking(dataset.test, ranks)


@pytest.mark.parametrize("by", GROUPINGS)
def test_groups_partition_the_queries(by):
    dataset, graph, ranking = world()
    groups = group_metrics(ranking, dataset, graph, by)
    assert sum(metrics.queries for metrics in groups.values()) == len(ranking.ranks)
    pooled = ranking.metrics
    for key in ("mr", "mrr"):
        total = math.fsum(getattr(metrics, key) * metrics.queries for metrics in groups.values())
        assert total / len(ranking.ranks) == pytest.approx(getattr(pooled, key), abs=1e-12)
    assert list(groups) == sorted(groups)
    assert all(metrics.queries for metrics in groups.values())


@pytest.mark.parametrize("by", GROUPINGS)
def test_a_ranking_without_a_query_has_no_group(by):
    dataset, graph, _ = world()
    assert group_metrics(Ranking(dataset.test[:0], np.empty(0)), dataset, graph, by) == {}


@pytest.mark.parametrize("by", ["relation", "side", "hops"])
def test_each_query_is_in_the_group_that_its_triple_names(by):
    dataset, graph, ranking = world()
    asked = [(r, t, "tail") for _, r, t in ranking.triples.tolist()]
    asked += [(r, h, "head") for h, r, _ in ranking.triples.tolist()]

    def name(relation, answer, side):
        hops = int(graph.distance[answer])
        reached = "unreachable" if hops < 0 else ">=3" if hops >= 3 else str(hops)
        return {"relation": dataset.relations[relation], "side": side, "hops": reached}[by]

    expected = [name(*query) for query in asked]
    assert GROUPINGS[by](ranking, dataset, graph).tolist() == expected


def test_hops_name_unreachable_answers(toy_dataset):
    graph = build_graph(toy_dataset.train, toy_dataset.interactions, 9, 5, 3)
    ranking = Ranking(toy_dataset.test, np.ones(4))  # b3 by a1, x from c1: answers a1, c1, b3, x
    assert GROUPINGS["hops"](ranking, toy_dataset, graph).tolist() == ["2", ">=3", "1", "unreachable"]


@pytest.mark.parametrize("seed", range(3))
def test_sparsity_orders_answers_from_rarest_to_most_frequent(seed):
    dataset, graph, ranking = world(seed, entities=60, triples=400)
    counts = np.zeros(dataset.num_entities, dtype=int)
    for h, _, t in dataset.train.tolist():
        counts[h] += 1
        counts[t] += 1
    frequency, names = counts[ranking.answers], by_sparsity(ranking, dataset, graph)
    previous = -1
    for letter in "ABCDE":
        members = frequency[names == letter]
        if len(members):
            assert members.min() > previous, "equally frequent answers stay together"
            previous = members.max()
    shares = [float((names == letter).mean()) for letter in "ABCDE"]
    assert shares == pytest.approx([0.2] * 5, abs=0.12)


def test_the_table_of_ranks_names_every_query():
    dataset, _, ranking = world()
    table = ranks_table(ranking, dataset)
    assert list(table.columns) == ["head", "relation", "tail", "side", "rank"]
    count = len(ranking.triples)
    assert table["side"].tolist() == ["tail"] * count + ["head"] * count
    for place in range(2 * count):
        h, r, t = ranking.triples[place % count].tolist()
        row = table.iloc[place]
        assert (row["head"], row["relation"], row["tail"]) == (
            dataset.entities[h],
            dataset.relations[r],
            dataset.entities[t],
        )
        assert row["rank"] == ranking.ranks[place]
