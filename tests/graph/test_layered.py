"""The layers and their edges, against a breadth-first search and an edge-by-edge reading of the definition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.oracles import Facts, hops, layered_edges, random_facts
from upgan.errors import DataError
from upgan.graph.layered import UNREACHABLE, build_graph, check_no_leak


@st.composite
def small_worlds(draw):
    """Up to 7 entities, 3 users, 2 relations; triples may repeat, run within a layer, or end where they begin."""
    entities, users, relations = draw(st.integers(1, 7)), draw(st.integers(0, 3)), draw(st.integers(1, 2))
    triple = st.tuples(st.integers(0, entities - 1), st.integers(0, relations - 1), st.integers(0, entities - 1))
    reads: list[tuple[int, int]] = []
    if users:
        reads = draw(st.lists(st.tuples(st.integers(0, users - 1), st.integers(0, entities - 1)), max_size=6))
    return Facts(tuple(draw(st.lists(triple, max_size=14))), tuple(reads), entities, users, relations)


CHAIN = Facts(((0, 0, 1), (2, 0, 1), (2, 1, 3)), ((0, 0),), 4, 1, 2)
NO_TRIPLES = Facts((), ((0, 0), (1, 0), (1, 2)), 3, 2, 1)
NO_INTERACTIONS = Facts(((0, 0, 1), (1, 0, 2)), (), 3, 2, 1)
NO_USERS = Facts(((0, 0, 1), (1, 0, 2)), (), 3, 0, 1)
ODD = Facts(((0, 0, 0), (0, 0, 1), (0, 0, 1), (0, 1, 1), (1, 0, 0), (3, 0, 4)), ((0, 0), (2, 0)), 5, 3, 2)
WORLDS = [CHAIN, NO_TRIPLES, NO_INTERACTIONS, NO_USERS, ODD]


def graph_of(facts):
    return build_graph(*facts.arrays())


def forward_edges(graph):
    """Every forward entry as (near node, far node, type seen from the near end, triple)."""
    found = []
    for level, edges in enumerate(graph.edges):
        starts = list(zip(edges.pair_types, edges.pair_starts, edges.pair_starts[1:], strict=False))
        for row, pair, triple in zip(
            edges.forward.row.tolist(), edges.forward.column.tolist(), edges.forward_triple.tolist(), strict=True
        ):
            (kind,) = [kind for kind, start, stop in starts if start <= pair < stop]
            far = graph.layers[level + 1][edges.pair_node[pair]]
            found.append((int(graph.layers[level][row]), int(far), kind, triple))
    return Counter(found)


def backward_edges(graph):
    """Every backward entry as (near node, far node, type seen from the far end, triple)."""
    found = []
    for level, edges in enumerate(graph.edges):
        for row, column, kind, triple in zip(
            edges.backward.row.tolist(),
            edges.backward.column.tolist(),
            edges.backward_type.tolist(),
            edges.backward_triple.tolist(),
            strict=True,
        ):
            near, far = graph.layers[level][column], graph.layers[level + 1][row]
            found.append((int(near), int(far), edges.backward_types[kind], triple))
    return Counter(found)


def check_against_definition(facts):
    graph, distance = graph_of(facts), hops(facts)
    assert graph.distance.tolist() == distance
    depth = max(distance, default=0)
    expected_layers = [[n for n, d in enumerate(distance) if d == level] for level in range(max(depth, 0) + 1)]
    assert [layer.tolist() for layer in graph.layers] == expected_layers
    assert len(graph.edges) == len(graph.layers) - 1
    expected = layered_edges(facts)
    assert forward_edges(graph) == Counter((e.near, e.far, e.seen_near, e.triple) for e in expected)
    assert backward_edges(graph) == Counter((e.near, e.far, e.seen_far, e.triple) for e in expected)
    return graph, distance


@settings(deadline=None, max_examples=100)
@given(small_worlds())
@example(CHAIN)
@example(NO_TRIPLES)
@example(NO_INTERACTIONS)
@example(NO_USERS)
@example(ODD)
def test_layers_and_edges_are_those_of_the_definition(facts):
    graph, distance = check_against_definition(facts)
    reachable = [n for n, d in enumerate(distance[: facts.entities]) if d > 0]
    assert graph.num_reachable == len(reachable)
    stacked = torch.cat([*graph.layers[1:], torch.empty(0, dtype=torch.long)])
    for node in range(facts.entities):
        row = int(graph.state_row[node])
        if distance[node] == UNREACHABLE:
            assert row == len(stacked)
        else:
            assert int(stacked[row]) == node


@settings(deadline=None, max_examples=40)
@given(small_worlds())
def test_rows_and_columns_are_indexed_within_their_layers(facts):
    graph = graph_of(facts)
    for level, edges in enumerate(graph.edges):
        near, far = len(graph.layers[level]), len(graph.layers[level + 1])
        assert (edges.forward.rows, edges.backward.rows, edges.backward.columns) == (near, far, near)
        assert edges.forward.columns == len(edges.pair_node) == edges.pair_starts[-1]
        assert edges.pair_starts[0] == 0
        assert list(edges.pair_types) == sorted(set(edges.pair_types))
        pairs = [
            (kind, int(node))
            for kind, start, stop in zip(edges.pair_types, edges.pair_starts, edges.pair_starts[1:], strict=False)
            for node in edges.pair_node[start:stop]
        ]
        assert len(set(pairs)) == len(pairs), "each (relation, far node) pair stands once"
        assert edges.backward.row_start.diff().min() >= 1, "every node of a layer has an edge towards the users"


@pytest.mark.parametrize("seed", range(5))
def test_deeper_random_graphs_are_those_of_the_definition(seed):
    graph, _ = check_against_definition(random_facts(np.random.default_rng(seed), layers=(5, 4, 4, 2), extra=15))
    assert len(graph.layers) == 5


def test_the_toy_catalogue_has_the_edges_of_its_drawing(toy_dataset):
    triples = tuple(tuple(row) for row in toy_dataset.train.tolist())
    reads = tuple(tuple(row) for row in toy_dataset.interactions.tolist())
    graph, _ = check_against_definition(Facts(triples, reads, 9, 5, 3))
    names = [*toy_dataset.entities, *toy_dataset.users]
    found = {(names[near], names[far], kind) for near, far, kind, triple in backward_edges(graph) if triple >= 0}
    by, from_, linked = 0, 1, 2
    assert found == {
        ("b1", "a1", by + 3),
        ("b2", "a1", by + 3),
        ("b3", "a2", by + 3),
        ("b1", "s", linked + 3),
        ("b3", "s", linked),  # s -linked-> b3: the far end is the head
        ("a1", "c1", from_ + 3),
        ("a2", "c1", from_ + 3),
        ("a2", "c2", from_ + 3),
    }


def test_relation_types_as_seen_from_each_end():
    """u -reads-> i, i -0-> a, b -1-> i: types r from a head, r + R from a tail, 2R from a user, 2R + 1 from an item."""
    graph = graph_of(Facts(((0, 0, 1), (2, 1, 0)), ((0, 0),), 3, 1, 2))
    user, item, a, b = 3, 0, 1, 2
    assert forward_edges(graph) == Counter([(user, item, 4, -1), (item, a, 0, 0), (item, b, 3, 1)])
    assert backward_edges(graph) == Counter([(user, item, 5, -1), (item, a, 2, 0), (item, b, 1, 1)])


def test_edges_within_a_layer_and_beyond_reach_are_nowhere():
    facts = Facts(((0, 0, 1), (1, 0, 0), (0, 0, 0), (2, 0, 3)), ((0, 0), (0, 1)), 4, 1, 1)
    graph = graph_of(facts)
    assert len(graph.edges) == 1
    assert all(triple == -1 for _, _, _, triple in forward_edges(graph))
    assert graph.distance.tolist() == [1, 1, UNREACHABLE, UNREACHABLE, 0]


def test_moving_a_graph_keeps_it_whole():
    graph = graph_of(ODD)
    moved = graph.to("cpu")
    assert forward_edges(moved) == forward_edges(graph)
    assert backward_edges(moved) == backward_edges(graph)
    assert torch.equal(moved.state_row, graph.state_row)
    assert (moved.num_triples, moved.num_reachable) == (graph.num_triples, graph.num_reachable)


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 2)])
def test_a_planted_test_triple_in_training_is_found_and_named(toy_dataset, place):
    train = toy_dataset.train.copy()
    held_out = np.concatenate([toy_dataset.valid, toy_dataset.test])
    check_no_leak(train, held_out, 9, 3)
    row, planted = place
    train[row] = held_out[planted]
    head, relation, tail = held_out[planted]
    with pytest.raises(DataError, match=rf"1 validation or test .*head {head}, relation {relation}, tail {tail}"):
        check_no_leak(train, held_out, 9, 3)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_leaks_are_exactly_the_common_triples(data):
    """No two different triples share a key, not even those with the largest numbers."""
    entities, relations = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    numbers = st.tuples(st.integers(0, entities - 1), st.integers(0, relations - 1), st.integers(0, entities - 1))
    train, held_out = data.draw(st.sets(numbers, max_size=5)), data.draw(st.sets(numbers, max_size=5))
    arrays = [np.array(sorted(rows), dtype=np.int64).reshape(-1, 3) for rows in (train, held_out)]
    if train & held_out:
        with pytest.raises(DataError, match=rf"^{len(train & held_out)} validation or test"):
            check_no_leak(arrays[0], arrays[1], entities, relations)
    else:
        check_no_leak(arrays[0], arrays[1], entities, relations)


@pytest.mark.parametrize(
    ("triples", "reads", "message"),
    [
        ([(0, 0, 3)], [], "entity number"),
        ([(-1, 0, 0)], [], "entity number"),
        ([(0, 2, 1)], [], "relation number"),
        ([(0, -1, 1)], [], "relation number"),
        ([], [(2, 0)], "user number"),
        ([], [(-1, 0)], "user number"),
        ([], [(0, 3)], "entity of an interaction number"),
        ([], [(0, -2)], "entity of an interaction number"),
    ],
)
def test_numbers_out_of_range_are_refused_and_named(triples, reads, message):
    with pytest.raises(DataError, match=f"{message} .*outside 0 .. "):
        graph_of(Facts(tuple(triples), tuple(reads), 3, 2, 2))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12), st.data())
def test_likely_distances_are_taken_only_where_they_are_right(facts, data):
    """Whatever is guessed, one step off included, the layers are those of a search; edges are left out where asked."""
    reads = np.array(data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), max_size=3)), dtype=np.int64)
    triples = np.array([(h, 0, t) for h, t in facts], dtype=np.int64).reshape(-1, 3)
    searched = build_graph(triples, reads.reshape(-1, 2), 7, 2, 1)
    likely = searched.distance.numpy().copy()
    for place in data.draw(st.lists(st.integers(0, 6), max_size=2)):
        likely[place] = data.draw(st.sampled_from([-1, 1, 2, 3]))
    guessed = build_graph(triples, reads.reshape(-1, 2), 7, 2, 1, walked=False, likely=likely)
    assert torch.equal(guessed.distance, searched.distance)
    assert guessed.edges == ()
