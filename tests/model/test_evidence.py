"""Evidence in plain facts against a loop over candidates, other items and facts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import upgan.model.evidence as model
from tests.oracles.cointeraction import added_evidence, evidence
from upgan.graph.cointeraction import ItemWeights, build_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.sparse import EdgeMatrix
from upgan.model.evidence import CHANNELS, EvidenceFusion, blocks, gather_evidence

ENTITIES, RELATIONS = 9, 3


def random_common(seed, entities=ENTITIES, share=0.4):
    """Random c without a diagonal, as it is left after truncation: not symmetric, some rows and columns empty."""
    rng = np.random.default_rng(seed)
    dense = rng.random((entities, entities)) * (rng.random((entities, entities)) < share)
    np.fill_diagonal(dense, 0.0)
    dense[0] = 0.0
    dense[:, 1] = 0.0
    dense = dense.astype(np.float32).astype(np.float64)
    return stored(dense), dense


def stored(dense):
    row, column = np.nonzero(dense)
    shuffled = np.random.default_rng(0).permutation(len(row))
    row, column = row[shuffled], column[shuffled]
    pattern, order = EdgeMatrix.build(torch.from_numpy(row), torch.from_numpy(column), *dense.shape)
    return ItemWeights(pattern, torch.from_numpy(dense[row, column]).float()[order])


def random_triples(seed, entities=ENTITIES, count=25):
    """Distinct facts, self-loops among them."""
    rng = np.random.default_rng(seed)
    drawn = {
        (int(rng.integers(entities)), int(rng.integers(RELATIONS)), int(rng.integers(entities))) for _ in "x" * count
    }
    return sorted(drawn | {(2, 0, 2), (3, 1, 3)})


def index_of(facts, entities=ENTITIES):
    return Facts.build(np.array(facts, dtype=np.int64).reshape(-1, 3), entities, RELATIONS)


def all_queries(entities=ENTITIES):
    heads = torch.arange(entities).repeat_interleave(2 * RELATIONS)
    return heads, torch.arange(2 * RELATIONS).repeat(entities)


def gathered(common, facts, heads, relations, entities=ENTITIES):
    """(B, E, C) float64: what gather_evidence found, 0 elsewhere."""
    found = gather_evidence(common, index_of(facts, entities), heads, relations)
    keys = found.row * entities + found.entity
    assert len(torch.unique(keys)) == len(keys), "every entity is listed once per query"
    dense = torch.zeros(len(heads), entities, len(CHANNELS), dtype=torch.float64)
    dense[found.row, found.entity] = found.value.double()
    return dense.numpy()


def looped(dense, facts, heads, relations):
    queries = list(zip(heads.tolist(), relations.tolist(), strict=True))
    return np.array([[evidence(dense, facts, RELATIONS, h, r, t) for t in range(len(dense))] for h, r in queries])


# What is gathered ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_evidence_equals_a_loop_over_items_and_facts_in_all_channels_and_both_directions(seed):
    common, dense = random_common(seed)
    facts = random_triples(seed)
    heads, relations = all_queries()
    expected = looped(dense, facts, heads, relations)
    for channel in range(len(CHANNELS)):
        for asked in (relations < RELATIONS, relations >= RELATIONS):
            assert expected[asked.numpy()][:, :, channel].any()
    np.testing.assert_allclose(gathered(common, facts, heads, relations), expected, rtol=0, atol=1e-6)


def test_evidence_of_real_interactions_equals_the_loop():
    """c as it is kept of random interactions, with rows cut off at their three largest."""
    rng = np.random.default_rng(5)
    reads = np.stack([rng.integers(4, size=16), rng.integers(6, size=16)], axis=1)
    common = build_cointeraction(reads, ENTITIES, 4, power=3.0, neighbours=5, counted=3).common
    dense = np.zeros((ENTITIES, ENTITIES))
    for item in range(ENTITIES):
        others, weight = common.of(item)
        dense[item, others] = weight
    assert (dense != dense.T).any(), "a pair may be kept one way only"
    facts = random_triples(5)
    heads, relations = all_queries()
    expected = looped(dense, facts, heads, relations)
    np.testing.assert_allclose(gathered(common, facts, heads, relations), expected, rtol=0, atol=2e-6)


def test_queries_may_come_in_any_order_and_repeatedly():
    common, dense = random_common(0)
    facts = random_triples(0)
    heads, relations = all_queries()
    some = torch.tensor([17, 3, 3, 50, 17, 0, 29])
    found = gathered(common, facts, heads[some], relations[some])
    np.testing.assert_allclose(found, looped(dense, facts, heads[some], relations[some]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_triple_never_counts_for_itself(seed):
    """Without (h, r, t) among the facts, f at t of <h, r, ?> and f at h of <t, r + R, ?> are what they are with it."""
    common, _ = random_common(seed, share=0.8)
    facts = random_triples(seed)
    spoken_for = 0.0
    for head, relation, tail in facts:
        heads, relations = torch.tensor([head, tail]), torch.tensor([relation, relation + RELATIONS])
        left = [fact for fact in facts if fact != (head, relation, tail)]
        with_it, without = (gathered(common, known, heads, relations) for known in (facts, left))
        np.testing.assert_array_equal(with_it[0, tail], without[0, tail])
        np.testing.assert_array_equal(with_it[1, head], without[1, head])
        spoken_for += with_it[0, tail].sum()
    assert spoken_for > 0


def test_direct_evidence_needs_no_fact_and_the_other_channels_do():
    common, dense = random_common(1)
    heads, relations = all_queries()
    found = gathered(common, [], heads, relations)
    assert not found[:, :, [0, 1, 3, 4]].any()
    np.testing.assert_allclose(found[:, :, 2], dense[heads.numpy()], rtol=0, atol=1e-7)


def test_without_common_users_there_is_no_evidence():
    facts = random_triples(0)
    heads, relations = all_queries()
    found = gather_evidence(stored(np.zeros((ENTITIES, ENTITIES))), index_of(facts), heads, relations)
    assert len(found.row) == len(found.entity) == 0
    assert found.value.shape == (0, len(CHANNELS))


def test_no_queries_have_no_evidence():
    common, _ = random_common(0)
    none = torch.empty(0, dtype=torch.long)
    assert len(gather_evidence(common, index_of(random_triples(0)), none, none).row) == 0


# What is added to the scores -----------------------------------------------------------------------------------------


def fusion_of(seed, smoothing=0.7):
    fusion = EvidenceFusion(RELATIONS, smoothing).double()
    fusion.gamma.copy_(torch.randn(2 * RELATIONS, len(CHANNELS), generator=torch.Generator().manual_seed(seed)))
    return fusion


def added_in_a_loop(fusion, dense, facts, heads, relations):
    f = looped(dense, facts, heads, relations)
    gamma = fusion.gamma.tolist()
    return np.array(
        [
            [added_evidence(value, gamma[relation], fusion.smoothing) for value in row]
            for row, relation in zip(f, relations.tolist(), strict=True)
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_added_equals_the_formula(seed):
    common, dense = random_common(seed)
    facts = random_triples(seed)
    heads, relations = all_queries()
    fusion = fusion_of(seed)
    scores = torch.randn(len(heads), ENTITIES, dtype=torch.float64)
    found = fusion.add(scores.clone(), common, index_of(facts), heads, relations) - scores
    np.testing.assert_allclose(found, added_in_a_loop(fusion, dense, facts, heads, relations), rtol=0, atol=1e-5)


def test_every_one_of_repeated_queries_gets_its_evidence_once_and_in_place():
    common, dense = random_common(2)
    facts = random_triples(2)
    rows = torch.randint(ENTITIES * 2 * RELATIONS, (90,))
    heads, relations = (column[rows] for column in all_queries())
    assert len(torch.unique(rows)) < len(rows)
    fusion = fusion_of(2)
    scores = torch.zeros(len(rows), ENTITIES, dtype=torch.float64)
    assert fusion.add(scores, common, index_of(facts), heads, relations) is scores
    np.testing.assert_allclose(scores, added_in_a_loop(fusion, dense, facts, heads, relations), rtol=0, atol=1e-5)


@pytest.mark.parametrize("most", [1, 700, 10**6])
def test_more_distinct_queries_than_are_gathered_at_once_are_all_added(monkeypatch, most):
    """60 entities with 6 relations make 360 queries, some asked twice, in a random order."""
    monkeypatch.setattr(model, "MOST_PATHS", most)
    entities = 60
    common, dense = random_common(3, entities, share=0.05)
    facts = random_triples(3, entities, 120)
    order = torch.cat([torch.randperm(360), torch.randint(360, (40,))])
    heads, relations = (column[order] for column in all_queries(entities))
    fusion = fusion_of(3)
    scores = fusion.add(
        torch.zeros(400, entities, dtype=torch.float64), common, index_of(facts, entities), heads, relations
    )
    f = gathered(common, facts, heads, relations, entities)
    expected = (np.log1p(f / fusion.smoothing) * fusion.gamma[relations].unsqueeze(1).numpy()).sum(2)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-6)
    some = torch.arange(0, 400, 57)
    slow = added_in_a_loop(fusion, dense, facts, heads[some], relations[some])
    np.testing.assert_allclose(scores[some], slow, rtol=0, atol=1e-5)


@pytest.mark.parametrize("most", [1, 50, 400, 10**6])
def test_blocks_hold_no_more_paths_than_allowed_unless_one_query_has_more(monkeypatch, most):
    monkeypatch.setattr(model, "MOST_PATHS", most)
    common, _ = random_common(4)
    facts = index_of(random_triples(4))
    heads, relations = all_queries()
    order = torch.randperm(len(heads))
    heads, relations = heads[order], relations[order]
    parts = blocks(common, facts, heads)
    assert torch.equal(torch.cat(parts), torch.arange(len(heads))), "every query once, in their order"

    def paths(part):
        """Of the targets' items, in both kinds of facts, and direct; back from what the targets have."""
        found = gather_evidence(common, facts, heads[part], relations[part])
        return len(found.row)  # distinct ends: never more than paths

    most_of_one = max(paths(torch.tensor([query])) for query in range(len(heads)))
    for part in parts:
        assert len(part) == 1 or paths(part) <= most + most_of_one
    if most == 1:
        assert len(parts) == len(heads)
    if most == 10**6:
        assert len(parts) == 1


def test_weights_of_zero_leave_the_scores_untouched():
    common, _ = random_common(0)
    fusion = EvidenceFusion(RELATIONS, 2.0)
    assert fusion.silent
    heads, relations = all_queries()
    scores = torch.randn(len(heads), ENTITIES)
    assert torch.equal(fusion.add(scores.clone(), common, index_of(random_triples(0)), heads, relations), scores)


def test_a_weight_concerns_its_own_relation_and_direction_only():
    common, _ = random_common(0)
    fusion = EvidenceFusion(RELATIONS, 2.0)
    fusion.gamma[RELATIONS + 1, 0] = 1.5
    assert not fusion.silent
    heads, relations = all_queries()
    scores = fusion.add(torch.zeros(len(heads), ENTITIES), common, index_of(random_triples(0)), heads, relations)
    changed = scores.any(1)
    assert changed.any()
    assert set(relations[changed].tolist()) == {RELATIONS + 1}


def test_weights_are_not_trained_with_the_vectors():
    assert not EvidenceFusion(RELATIONS, 2.0).gamma.requires_grad


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 3)), max_size=15), st.data())
def test_facts_without_some_are_those_of_the_others(triples, data):
    """Pairs that another relation, or the other direction, still joins stay linked; loops too."""
    gone = np.array(data.draw(st.lists(st.sampled_from(range(len(triples))), unique=True) if triples else st.just([])))
    gone = gone.astype(np.int64)
    rows = np.array(triples, dtype=np.int64).reshape(-1, 3)
    found = Facts.build(rows, 4, 2).without(rows, gone)
    expected = Facts.build(np.delete(rows, gone, axis=0), 4, 2)
    for one, other in ((found.by_relation, expected.by_relation), (found.linked, expected.linked)):
        for name, value in vars(other).items():
            assert torch.equal(torch.as_tensor(vars(one)[name]), torch.as_tensor(value)), name
