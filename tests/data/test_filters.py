"""k-core, minimum triples and hops against small brute-force versions with Python sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgan.data.prepare.filters import bfs_hops, entity_degrees, k_core, min_triples

PAIRS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=40).map(sorted)


def columns(pairs):
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def core_by_sets(pairs, minimum):
    left = set(pairs)
    while True:
        poor = {
            (user, item)
            for user, item in left
            if sum(u == user for u, _ in left) < minimum or sum(i == item for _, i in left) < minimum
        }
        if not poor:
            return left
        left -= poor


def rich_by_sets(edges, minimum):
    left = list(edges)
    while True:
        degree = {node: sum((h == node) + (t == node) for h, t in left) for node in range(10)}
        kept = [(h, t) for h, t in left if degree[h] >= minimum and degree[t] >= minimum]
        if len(kept) == len(left):
            return kept
        left = kept


def hops_by_sets(edges, seeds, count):
    hops = dict.fromkeys(seeds, 0)
    level, frontier = 0, set(seeds)
    while frontier:
        level += 1
        frontier = {b for h, t in edges for a, b in ((h, t), (t, h)) if a in frontier and b not in hops}
        hops |= dict.fromkeys(frontier, level)
    return [hops.get(node, -1) for node in range(count)]


@given(PAIRS, st.integers(1, 4))
def test_k_core_is_the_one_found_by_removing_users_and_items_one_round_at_a_time(pairs, minimum):
    users, items = columns(pairs)
    keep = k_core(users, items, minimum)
    assert {pair for pair, kept in zip(pairs, keep, strict=True) if kept} == core_by_sets(pairs, minimum)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.integers(1, 4))
def test_min_triples_leaves_only_entities_with_enough_of_them(edges, minimum):
    heads, tails = columns(edges)
    keep = min_triples(heads, tails, 10, minimum)
    assert [edge for edge, kept in zip(edges, keep, strict=True) if kept] == rich_by_sets(edges, minimum)
    degrees = entity_degrees(heads[keep], tails[keep], 10)
    assert set(degrees[degrees > 0] >= minimum) <= {True}


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20),
    st.sets(st.integers(0, 9), max_size=3),
)
def test_hops_are_shortest_paths_read_both_ways(edges, seeds):
    heads, tails = columns(edges)
    found = bfs_hops(heads, tails, 10, np.array(sorted(seeds), dtype=np.int64))
    assert found.tolist() == hops_by_sets(edges, seeds, 10)


def test_a_long_chain_is_walked_to_its_end():
    """One level per node: a search that looked at all triples on every level would not finish in the timeout."""
    chain = np.arange(30_000)
    assert bfs_hops(chain[:-1], chain[1:], 30_000, np.array([0]))[-1] == 29_999


def test_nothing_in_nothing_out():
    empty = np.zeros(0, dtype=np.int64)
    assert len(k_core(empty, empty, 2)) == 0
    assert len(min_triples(empty, empty, 3, 2)) == 0
    assert bfs_hops(empty, empty, 3, empty).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(("minimum", "kept"), [(1, 3), (2, 0)])
def test_k_core_of_a_chain_falls_apart(minimum, kept):
    """u0-i0-u1-i1: the two ends have one interaction each, and without them nobody has two."""
    assert k_core(np.array([0, 1, 1]), np.array([0, 0, 1]), minimum).sum() == kept
