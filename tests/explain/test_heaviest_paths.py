"""The heaviest paths, for each user and overall, against enumeration of every path."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attributed import place_of, world
from tests.oracles import paths_down
from upgan.explain.attribution import LayerSteps, backward_steps, heaviest_overall, heaviest_paths, trace


@st.composite
def layered_steps(draw):
    """Random layers 0 .. 3 with random edges whose values are few, so that products tie."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    steps = []
    for near, far in pairwise(sizes):
        edge = st.tuples(st.integers(0, far - 1), st.integers(0, near - 1), st.sampled_from([0.0, 0.25, 0.5, 1.0, 0.3]))
        edges = sorted(draw(st.lists(edge, max_size=9)), key=lambda e: e[0])
        start = np.searchsorted([e[0] for e in edges], np.arange(far + 1))
        values = np.array([e[2] for e in edges], dtype=np.float64)
        ends = np.array([e[1] for e in edges], dtype=np.int64)
        steps.append(LayerSteps(start.astype(np.int64), ends, np.zeros(len(edges), dtype=np.int64), values))
    return steps, sizes


def every_path(steps, layer, position):
    """(user, edges, weight) of each layered path down from a node."""
    if layer == 0:
        return [(position, (), 1.0)]
    step, found = steps[layer - 1], []
    for edge in range(int(step.start[position]), int(step.start[position + 1])):
        for user, edges, weight in every_path(steps, layer - 1, int(step.near[edge])):
            found.append((user, (edge, *edges), float(step.value[edge]) * weight))
    return found


def assert_different_walks(found, steps, position):
    """Every path found goes along edges from the start to the user it names, with its weight, and no path is twice."""
    layer, walked = len(steps), set()
    for index, (end, weight) in enumerate(zip(found[-1].node.tolist(), found[-1].weight.tolist(), strict=True)):
        nodes, edges = trace(found, index)
        assert (nodes[0], nodes[-1]) == (position, end)
        assert len(edges) == layer
        for depth, edge in enumerate(edges):
            step = steps[layer - 1 - depth]
            assert step.start[nodes[depth]] <= edge < step.start[nodes[depth] + 1]
            assert step.near[edge] == nodes[depth + 1]
        product = np.prod([steps[layer - 1 - depth].value[edge] for depth, edge in enumerate(edges)])
        assert weight == pytest.approx(product, abs=1e-15)
        walked.add(tuple(edges))
    assert len(walked) == len(found[-1].node), "no path twice"


@settings(deadline=None, max_examples=150)
@given(layered_steps(), st.integers(1, 3), st.data())
def test_the_heaviest_paths_are_those_of_brute_force(steps_and_sizes, count, data):
    """For every user its ``count`` heaviest, different paths; where weights tie, the weights decide."""
    steps, sizes = steps_and_sizes
    layer = len(sizes) - 1
    position = data.draw(st.integers(0, sizes[-1] - 1))
    paths = every_path(steps, layer, position)
    found = heaviest_paths(steps, layer, position, count)
    assert len(found) == layer + 1
    ends = found[-1].node.tolist()
    assert set(ends) == {user for user, _, _ in paths}
    for user in set(ends):
        expected = sorted((weight for end, _, weight in paths if end == user), reverse=True)[:count]
        places = [index for index, end in enumerate(ends) if end == user]
        assert sorted(found[-1].weight[places].tolist(), reverse=True) == pytest.approx(expected, abs=1e-15)
    assert_different_walks(found, steps, position)


@pytest.mark.parametrize("seed", range(3))
def test_the_heaviest_paths_of_a_graph_are_those_of_brute_force(seed):
    facts, graph, _, propagated, states = world(seed, layers=(3, 3, 3, 3))
    steps = backward_steps(graph, propagated.alphas)
    for node in graph.layers[-1].tolist():
        paths = paths_down(facts, states.edges, states.alpha, node)
        layer, position = place_of(graph, node)
        found = heaviest_paths(steps, layer, position, 2)[-1]
        for user in range(facts.users):
            expected = sorted((p.weight for p in paths if p.nodes[-1] == facts.entities + user), reverse=True)[:2]
            np.testing.assert_allclose(sorted(found.weight[found.node == user])[::-1], expected, rtol=0, atol=1e-14)


@settings(deadline=None, max_examples=150)
@given(layered_steps(), st.integers(1, 6), st.data())
def test_the_heaviest_paths_overall_are_those_of_brute_force(steps_and_sizes, count, data):
    """Over all users together; ties may take either path, the weights are the same."""
    steps, sizes = steps_and_sizes
    layer = len(sizes) - 1
    position = data.draw(st.integers(0, sizes[-1] - 1))
    expected = sorted((weight for _, _, weight in every_path(steps, layer, position)), reverse=True)[:count]
    found = heaviest_overall(steps, layer, position, count)
    assert found[-1].weight.tolist() == pytest.approx(expected, abs=1e-15)
    assert_different_walks(found, steps, position)
