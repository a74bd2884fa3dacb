"""What of a dataset a model sees: shares and shuffles that depend on the seed alone, the same wherever it is asked."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.experiment.train import prepare_training, train
from upgan.graph.device import OnDevice
from upgan.graph.observed import (
    seen_data,
    seen_facts,
    seen_graph,
    seen_interactions,
    seen_marks,
    seen_triples,
    shuffled,
)
from upgan.predict.predictor import load

SIZES = [
    "model.dim=4", "initialisation.epochs=1", "pretrain.epochs=1", "pretrain.batch=20", "adversarial.epochs=1",
    "adversarial.batch=20", "adversarial.n_c=8", "adversarial.n_g=3", "device=cpu",
]  # fmt: skip


def config_of(*assignments):
    return make_config("paper", assignments=[*SIZES, *assignments])


def library(seed=0, items=40, users=30, makers=6, marked=False):
    """Items with a maker, a series and a neighbour; users who read some of them, some items more than others."""
    rng = np.random.default_rng(seed)
    rows = set()
    for item in range(items):
        rows.add((f"i{item:02d}", "by", f"m{rng.integers(makers)}"))
        rows.add((f"i{item:02d}", "part of", f"s{rng.integers(8)}"))
        rows.add((f"i{item:02d}", "like", f"i{rng.integers(items):02d}"))
    splits = rng.choice(["train", "train", "train", "valid", "test"], size=len(rows))
    frame = pd.DataFrame(
        [(*row, split) for row, split in zip(sorted(rows), splits, strict=True)],
        columns=["head", "relation", "tail", "split"],
    )
    weight = rng.dirichlet(np.full(items, 0.5))
    reads = {(f"u{user:02d}", f"i{item:02d}") for user in range(users) for item in rng.choice(items, 6, p=weight)}
    interactions = pd.DataFrame(sorted(reads), columns=["user", "item"])
    if marked:
        # Every row has its own, but for some without.
        places = np.arange(len(reads))
        interactions = interactions.assign(
            rating=np.where(places % 9 == 4, np.nan, places / 2),
            time=np.where(places % 7 == 3, np.nan, places),
        )
    return build_dataset(name="library", triples=frame, interactions=interactions)


@pytest.fixture(scope="module")
def dataset():
    return library()


def rows_of(array):
    return [tuple(row) for row in array.tolist()]


def same_graph(one, other):
    """Every tensor of two layered graphs, layer by layer."""
    assert (one.num_entities, one.num_users, one.num_triples) == (
        other.num_entities,
        other.num_users,
        other.num_triples,
    )
    assert torch.equal(one.distance, other.distance)
    assert len(one.edges) == len(other.edges)
    for left, right in zip(one.edges, other.edges, strict=True):
        for name in ("forward", "backward"):
            for part in ("row", "column"):
                assert torch.equal(getattr(getattr(left, name), part), getattr(getattr(right, name), part))
        for name in ("forward_triple", "backward_triple", "backward_type", "pair_node"):
            assert torch.equal(getattr(left, name), getattr(right, name))
        assert left.pair_types == right.pair_types
        assert left.backward_types == right.backward_types


# Everything ----------------------------------------------------------------------------------------------------------


def test_by_default_everything_is_seen_as_it_is(dataset):
    config = config_of()
    assert seen_triples(dataset, config) is dataset.train
    assert seen_interactions(dataset, config) is dataset.interactions


# Shares --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.999])
def test_a_share_has_its_size_and_holds_rows_of_the_whole_in_their_order(dataset, share):
    config = config_of(f"graph.triple_share={share}", f"graph.interaction_share={share}")
    for part, whole in (
        (seen_triples(dataset, config), dataset.train),
        (seen_interactions(dataset, config), dataset.interactions),
    ):
        assert len(part) == round(share * len(whole))
        rows, places = rows_of(part), {row: place for place, row in enumerate(rows_of(whole))}
        found = [places[row] for row in rows]
        assert found == sorted(set(found))


def test_a_share_depends_on_the_seed_and_on_nothing_else(dataset):
    def drawn(seed, *more):
        config = config_of("graph.triple_share=0.5", "graph.interaction_share=0.5", f"seed={seed}", *more)
        return rows_of(seen_triples(dataset, config)), rows_of(seen_interactions(dataset, config))

    first = drawn(3)
    np.random.seed(1)  # somebody else's draws
    torch.manual_seed(1)
    assert drawn(3) == first
    assert drawn(3, "model_name=complex", "model.dim=7", "pretrain.lr=0.5") == first
    assert drawn(4)[0] != first[0]
    assert drawn(4)[1] != first[1]


def test_the_draw_of_triples_does_not_depend_on_the_share_of_interactions(dataset):
    one = seen_triples(dataset, config_of("graph.triple_share=0.5"))
    other = seen_triples(dataset, config_of("graph.triple_share=0.5", "graph.interaction_share=0.2"))
    assert np.array_equal(one, other)


def test_a_smaller_share_is_part_of_a_larger_one(dataset):
    """So that a series of shares differs by what is added, not by chance."""
    parts = [set(rows_of(seen_triples(dataset, config_of(f"graph.triple_share={s}")))) for s in (0.2, 0.5, 0.8, 1.0)]
    assert all(small < large for small, large in pairwise(parts))


def test_a_share_of_triples_leaves_validation_and_test_as_they_are(dataset):
    whole, half = (prepare_training(dataset, config_of(f"graph.triple_share={share}")) for share in (1.0, 0.5))
    assert half.graph.num_triples == len(half.triples) == round(0.5 * len(dataset.train)) < whole.graph.num_triples
    for name in ("validation", "test"):
        one, other = getattr(whole, name), getattr(half, name)
        assert np.array_equal(one.triples, other.triples)
        assert torch.equal(one.index.key, other.index.key)
        assert torch.equal(one.index.answer, other.index.answer), "unseen facts are no wrong answers either"
    assert len(half.train.answer) == 2 * len(half.triples)


def test_no_share_of_the_interactions_leaves_a_graph_without_readers(dataset):
    graph = seen_graph(dataset, config_of("graph.interaction_share=0"))
    assert graph.num_users == dataset.num_users
    assert graph.num_reachable == 0
    assert graph.num_triples == len(dataset.train)


# Shuffled ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_shuffling_keeps_how_many_each_user_and_each_item_has_and_changes_who_chose_what(seed):
    interactions = library(seed).interactions
    before = interactions.copy()
    found = shuffled(interactions, seed)
    assert np.array_equal(interactions, before), "the dataset's own rows stay"
    assert Counter(found[:, 0].tolist()) == Counter(interactions[:, 0].tolist())
    assert Counter(found[:, 1].tolist()) == Counter(interactions[:, 1].tolist())
    assert len(set(rows_of(found))) == len(found), "nobody chose an item twice"
    assert kept_of(interactions, found) < 0.5 * len(found)


def kept_of(interactions, found):
    """How many pairs are the same."""
    return len(set(rows_of(interactions)) & set(rows_of(found)))


def swapped(interactions, rng, swaps=2000):
    """The slow way to the same end: two pairs at a time exchange their items where neither user has the other's."""
    pairs, there = rows_of(interactions), set(rows_of(interactions))
    for first, second in rng.integers(len(pairs), size=(swaps, 2)).tolist():
        (user, item), (other, its) = pairs[first], pairs[second]
        if (user, its) not in there and (other, item) not in there:
            there -= {pairs[first], pairs[second]}
            pairs[first], pairs[second] = (user, its), (other, item)
            there |= {pairs[first], pairs[second]}
    return np.array(pairs)


def test_a_shuffle_leaves_as_much_in_place_as_exchanging_pairs_for_long(dataset):
    """Popular items meet the same users again by chance, however well they are mixed."""
    interactions, rng = dataset.interactions, np.random.default_rng(0)
    kept = [kept_of(interactions, shuffled(interactions, seed)) for seed in range(20)]
    expected = [kept_of(interactions, swapped(interactions, rng)) for _ in range(20)]
    error = np.sqrt((np.var(kept) + np.var(expected)) / 20)
    assert abs(np.mean(kept) - np.mean(expected)) < 4 * error + 0.02 * len(interactions)


@settings(deadline=None, max_examples=40)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=30), st.integers(0, 99))
def test_shuffling_keeps_the_counts_whatever_the_data(pairs, seed):
    """Also where users have nearly everything and there is hardly another way to deal."""
    interactions = np.array(sorted(pairs), dtype=np.int64)
    found = shuffled(interactions, seed)
    for side in (0, 1):
        assert Counter(found[:, side].tolist()) == Counter(interactions[:, side].tolist())


def test_a_shuffle_depends_on_the_seed_alone(dataset):
    first = shuffled(dataset.interactions, 5)
    np.random.seed(0)
    assert np.array_equal(shuffled(dataset.interactions, 5), first)
    assert not np.array_equal(shuffled(dataset.interactions, 6), first)


def test_shuffled_interactions_are_the_share_shuffled(dataset):
    real = seen_interactions(dataset, config_of("graph.interaction_share=0.5"))
    found = seen_interactions(dataset, config_of("graph.interaction_share=0.5", "graph.interactions=shuffled"))
    assert np.array_equal(found, shuffled(real, 0))


def test_no_interactions_and_one_are_shuffled_into_themselves():
    for count in (0, 1):
        interactions = np.zeros((count, 2), dtype=np.int64)
        assert np.array_equal(shuffled(interactions, 0), interactions)


# Ratings and times ---------------------------------------------------------------------------------------------------


def texts(values):
    return [str(value) for value in values.tolist()]


@pytest.mark.parametrize("shuffle", ["real", "shuffled"])
@pytest.mark.parametrize("share", [1, 0.4, 0])
def test_ratings_and_times_stay_with_their_users_and_with_what_was_not_shuffled(share, shuffle):
    dataset = library(marked=True)
    config = config_of(f"graph.interaction_share={share}", f"graph.interactions={shuffle}", "seed=2")
    shown, (ratings, times) = seen_interactions(dataset, config), seen_marks(dataset, config)
    assert ratings is not None
    assert times is not None
    assert len(shown) == len(ratings) == len(times) == round(share * len(dataset.interactions))
    # As text, because NaN equals nothing.
    every = zip(dataset.interactions.tolist(), texts(dataset.ratings), texts(dataset.times), strict=True)
    rows = {(rating, time): (user, item) for (user, item), rating, time in every}
    assert len(rows) > 0.9 * len(dataset.interactions)
    for (user, item), rating, time in zip(shown.tolist(), texts(ratings), texts(times), strict=True):
        owner = rows[rating, time]
        if rating != "nan":
            assert (user, item) == owner if shuffle == "real" else user == owner[0]
    data = seen_data(dataset, config)
    assert np.array_equal(data.interactions.numpy(), shown)
    assert data.ratings is not None
    assert data.times is not None
    assert (texts(data.ratings.numpy()), texts(data.times.numpy())) == (texts(ratings), texts(times))
    assert (data.ratings.dtype, data.times.dtype) == (torch.float64, torch.int64)


def test_ratings_and_times_change_nothing_of_what_is_chosen(dataset):
    config = config_of("graph.interaction_share=0.5", "graph.interactions=shuffled")
    assert np.array_equal(seen_interactions(library(marked=True), config), seen_interactions(dataset, config))
    assert seen_marks(dataset, config) == (None, None)
    assert (seen_data(dataset, config).ratings, seen_data(dataset, config).times) == (None, None)


# The same for training and answering ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "assignments",
    [
        [],
        ["graph.interactions=shuffled"],
        ["graph.triple_share=0.5", "graph.interaction_share=0.3", "graph.interactions=shuffled", "seed=3"],
    ],
    ids=" ".join,
)
def test_a_run_answers_from_the_graph_it_was_trained_on(dataset, tmp_path, assignments):
    config = config_of(*assignments)
    prepared = prepare_training(dataset, config)
    metrics = train(prepared, config, tmp_path / "run")
    predictor = load(tmp_path / "run")
    same_graph(predictor.graph, prepared.graph)
    ranks = predictor.rank("test").metrics.to_dict()
    assert ranks == {key: metrics[key] for key in ranks}


def test_an_explanation_of_a_shuffled_run_names_readers_of_the_graph_it_saw(dataset, tmp_path):
    config = config_of("graph.interactions=shuffled", "graph.triple_share=0.7")
    train(prepare_training(dataset, config), config, tmp_path / "run")
    predictor = load(tmp_path / "run")
    facts = {(dataset.entities[h], dataset.relations[r], dataset.entities[t]) for h, r, t in seen(dataset, config)[0]}
    reads = {(dataset.users[user], dataset.entities[item]) for user, item in seen(dataset, config)[1]}
    shown = 0
    for item in range(12):
        found = predictor.explain(head=f"i{item:02d}", relation="by", answer="m1", top_users=3)
        for path in found.paths:
            assert (path.nodes[0].id, path.nodes[1].id) in reads
            shown += 1
        for edge in found.context:
            ends = edge.source.id, edge.target.id
            assert ends in reads if edge.source.role == "user" else (ends[0], edge.relation, ends[1]) in facts
    assert shown > 12


def seen(dataset, config):
    return seen_triples(dataset, config).tolist(), seen_interactions(dataset, config).tolist()


def tensors_of(part):
    """Every tensor in a graph's part, to any depth."""
    if isinstance(part, torch.Tensor):
        return [part]
    parts = part if isinstance(part, tuple) else vars(part).values() if isinstance(part, OnDevice) else ()
    return [tensor for inner in parts for tensor in tensors_of(inner)]


@pytest.mark.parametrize("settings", [["form=rgcn"], ["score=bilinear"]], ids=str)
def test_a_graph_moves_to_a_device_whole_and_leaves_the_first_where_it_was(dataset, settings):
    graph = seen_graph(dataset, config_of(*settings))
    moved = graph.to("meta")
    assert len(tensors_of(moved)) == len(tensors_of(graph)) > 20
    assert {tensor.device.type for tensor in tensors_of(moved)} == {"meta"}
    assert {tensor.device.type for tensor in tensors_of(graph)} == {"cpu"}
    assert moved.num_triples == graph.num_triples


@pytest.mark.parametrize(
    ("settings", "reads", "evidence"),
    [
        ([], "layers", False),
        (["form=rgcn"], "whole", False),
        (["score=bilinear"], "co-interactions", False),
        (["score=bilinear", "fusion.enabled=true"], "co-interactions", True),
        (["score=bilinear", "fusion.enabled=true", "use_users=false"], "co-interactions", False),
        (["model_name=complex", "score=bilinear", "fusion.enabled=true"], "layers", False),
        (["model_name=transe"], "layers", False),
    ],
)
def test_the_graph_has_what_the_score_reads_and_nothing_else(dataset, settings, reads, evidence):
    config = make_config("paper", assignments=["model.dim=4", *settings])
    graph = seen_graph(dataset, config)
    assert (config.reads, config.has_evidence) == (reads, evidence)
    assert (graph.whole is not None) == (reads == "whole")
    assert (graph.cointeraction is not None) == (reads == "co-interactions")
    assert (seen_facts(dataset, config) is not None) == evidence
