"""What users say about two items against loops over users and pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import upgan.graph.said as said_module
from tests.conftest import toy_tables
from tests.oracles import said as oracle
from tests.oracles.cointeraction import largest, summing_to_one
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.data.marks import NO_TIME
from upgan.errors import ConfigError
from upgan.graph.cointeraction import build_cointeraction
from upgan.graph.marked import Marked
from upgan.graph.observed import seen_graph
from upgan.graph.said import NEAR, said_by_users
from upgan.types import SAID

ENTITIES, USERS = 26, 9
EVERY = tuple(SAID)


def world(seed):
    """Marked interactions: users of many items, ratings and times that are missing, equal times, a user of one mind."""
    random = np.random.default_rng(seed)
    chosen = random.random((USERS, ENTITIES - 2)) < np.linspace(0.15, 1.0, USERS)[:, None]
    pairs = np.argwhere(chosen).astype(np.int64)
    ratings = (0.7 * random.integers(1, 6, len(pairs))).astype(np.float64)
    ratings[pairs[:, 0] == 3] = 0.7
    ratings[random.random(len(pairs)) < 0.2] = np.nan
    times = random.integers(-5, 60, len(pairs))
    times[random.random(len(pairs)) < 0.1] = NO_TIME
    return Marked(pairs, ratings, times)


def built(marked, hears=EVERY, neighbours=30):
    sizes = {"power": 3.0, "neighbours": neighbours, "counted": 30}
    return said_by_users(build_cointeraction(marked.interactions, ENTITIES, USERS, **sizes), marked, hears)


def terms(marked):
    """Kind -> (i, j) -> each user's term, and n_i^2, by loops."""
    reads = [tuple(pair) for pair in marked.interactions.tolist()]
    rows = range(len(reads))
    ratings = {reads[row]: float(marked.ratings[row]) for row in rows if not np.isnan(marked.ratings[row])}
    times = {reads[row]: int(marked.times[row]) for row in rows if marked.times[row] != NO_TIME}
    told = {
        "rated alike": lambda i, j: oracle.rated_alike(reads, ratings, i, j),
        "chosen near in time": lambda i, j: oracle.near_in_time(reads, times, i, j),
    }
    every = [(i, j) for i in range(ENTITIES) for j in range(ENTITIES)]
    return {name: {pair: say(*pair) for pair in every} for name, say in told.items()}


@pytest.mark.parametrize("seed", range(2))
def test_weights_and_shares_are_those_of_loops_over_users_and_pairs(seed):
    marked = world(seed)
    kinds, against, far = built(marked), 0, 0
    assert [kind.name for kind in kinds] == list(SAID.values())
    expected = terms(marked)
    for kind in kinds[1:]:
        spoken = expected[kind.name]
        total = {pair: sum(each.values()) for pair, each in spoken.items()}
        own = [total[item, item] for item in range(ENTITIES)]
        dense, least = kind.weight.toarray(), 1e-3 if kind.name == "rated alike" else 0.0
        for item in range(ENTITIES):
            row = summing_to_one(oracle.sharp(total, own, item, least))
            np.testing.assert_allclose(dense[item], [row.get(other, 0.0) for other in range(ENTITIES)], atol=1e-12)
        there = np.argwhere(dense > 0)
        pair, user, share = kind.shares(there[:, 0], there[:, 1])
        assert (np.diff(pair) >= 0).all()
        np.testing.assert_allclose(np.bincount(pair, share, len(there)), 1.0, atol=1e-12)
        found = {(*there[p].tolist(), u): s for p, u, s in zip(pair.tolist(), user.tolist(), share, strict=True)}
        sizes = np.bincount(pair, np.abs(share), len(there))
        assert (sizes <= [1.000001 * np.sqrt(own[i] * own[j]) / total[i, j] for i, j in there.tolist()]).all()
        true = {
            (i, j, u): t / total[i, j] for i, j in there.tolist() for u, t in spoken[i, j].items() if abs(t) > 1e-12
        }
        assert found == pytest.approx(true, abs=1e-9)
        against += sum(each < 0 for each in found.values())
        far += sum(len(each) > len(spoken[pair]) for pair, each in expected["rated alike"].items())
    assert against, "terms of both signs are met"
    assert far, "some who chose both did so far apart"


@pytest.mark.parametrize("neighbours", [1, 4])
def test_the_largest_of_a_row_are_kept(neighbours):
    marked = world(0)
    whole, few = built(marked), built(marked, neighbours=neighbours)
    for kind, other in zip(whole[1:], few[1:], strict=True):
        for item in range(ENTITIES):
            row, kept = kind.weight[item].toarray()[0], other.weight[item].toarray()[0]
            true = largest({place: weight for place, weight in enumerate(row.tolist()) if weight}, neighbours)
            np.testing.assert_allclose(sorted(kept[kept > 0]), sorted(summing_to_one(true).values()), rtol=1e-9)


def test_neither_the_blocks_nor_the_order_of_the_rows_change_anything(monkeypatch):
    marked = world(1)
    kinds = built(marked)
    order = np.random.default_rng(0).permutation(len(marked.interactions))
    again = np.concatenate([order, order[:5]])  # a repeated row counts once
    other = built(Marked(marked.interactions[again], marked.ratings[again], marked.times[again]))
    monkeypatch.setattr(said_module, "PATHS_PER_BLOCK", 50)
    for one, two, three in zip(kinds, other, built(marked), strict=True):
        assert (one.weight != two.weight).nnz == 0
        np.testing.assert_allclose(one.weight.toarray(), three.weight.toarray(), atol=1e-15)


def test_items_chosen_at_the_same_time_share_the_middle_of_their_places():
    """Eleven items one by one, then ten at once (their place is 15.5), then one more (21)."""
    pairs = np.column_stack([np.zeros(22, dtype=np.int64), np.arange(22)])
    times = np.array([*range(11), *[50] * 10, 60])
    (_, _, near) = built(Marked(pairs, None, times))
    joined = {place: set(near.weight[place].indices.tolist()) for place in range(22)}
    assert joined[0] == set(range(1, 11)), f"at most {NEAR} places"
    assert joined[11] == {*range(6, 22)} - {11}
    assert joined[21] == set(range(11, 21))


def test_a_kind_has_the_same_number_whatever_else_the_data_has():
    marked = world(0)
    bare, rated = Marked(marked.interactions), Marked(marked.interactions, marked.ratings)
    timed = Marked(marked.interactions, None, marked.times)
    assert len(built(bare)) == 1
    assert len(built(rated)) == 2
    assert [kind.weight.nnz > 0 for kind in built(timed)] == [True, False, True]
    assert [kind.weight.nnz > 0 for kind in built(marked, hears=["order"])] == [False, False, True]
    assert [kind.weight.nnz > 0 for kind in built(marked, hears=["ratings"])] == [False, True]
    assert len(built(marked, hears=["together"])) == 1
    assert built(marked, hears=()) == ()


def test_interactions_that_stay_keep_their_marks_and_new_ones_have_none():
    marked = world(0)
    assert marked.of(marked.interactions) == marked
    chosen = np.array([4, 0, 7])
    new = np.array([[USERS + 1, 0], [0, ENTITIES + 3]])
    found = marked.of(np.concatenate([marked.interactions[chosen], new]))
    np.testing.assert_array_equal(found.ratings, [*marked.ratings[chosen], np.nan, np.nan])
    np.testing.assert_array_equal(found.times, [*marked.times[chosen], NO_TIME, NO_TIME])
    none = np.empty((0, 2), dtype=np.int64)
    assert len(marked.of(none).ratings) == 0
    unknown = Marked(none, np.empty(0)).of(new).ratings
    assert unknown is not None
    assert np.isnan(unknown).all()


def test_a_graph_has_what_its_dataset_and_its_settings_allow():
    tables: dict[str, Any] = {**toy_tables()}
    plain = build_dataset(name="toy", **tables)
    tables["interactions"]["rating"] = np.arange(len(tables["interactions"])) % 3
    rated = build_dataset(name="toy", **tables)
    config = make_config("quality", assignments=["walks.enabled=true"])
    graph, both = seen_graph(plain, config), seen_graph(rated, config).said
    (only,) = graph.said
    assert graph.cointeraction is not None
    assert (only.weight != graph.cointeraction.similar.to_scipy()).nnz == 0
    assert [kind.name for kind in both] == ["chosen together", "rated alike"]
    deaf = make_config("quality", assignments=["walks.enabled=true", 'walks.hears=["order"]'])
    assert seen_graph(rated, deaf).said == ()
    silent = make_config("quality", assignments=["walks.enabled=false"])
    assert seen_graph(rated, silent).said == ()
    with pytest.raises(ConfigError):
        make_config("quality", assignments=['walks.hears=["everything"]'])
