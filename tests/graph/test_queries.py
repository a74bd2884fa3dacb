"""Triples as queries, against dictionaries; and the batches of an epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.oracles import known_answers
from upgan.graph.queries import QueryIndex
from upgan.objectives.batches import BatchSampler, QuerySampler

ENTITIES, RELATIONS = 6, 3
TRIPLE = st.tuples(st.integers(0, ENTITIES - 1), st.integers(0, RELATIONS - 1), st.integers(0, ENTITIES - 1))


def array(triples):
    return np.array(sorted(triples), dtype=np.int64).reshape(-1, 3)


def index_of(triples):
    return QueryIndex.build(array(triples), ENTITIES, RELATIONS)


def sampler_of(triples, size, seed=0):
    return BatchSampler(array(triples), index_of(triples), size, torch.Generator().manual_seed(seed))


def query_sampler_of(triples, size, seed=0):
    return QuerySampler(index_of(triples), size, torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=60)
@given(st.sets(TRIPLE, max_size=20))
@example(set())
@example({(2, 1, 2)})
def test_rows_and_answers_equal_a_dictionary(triples):
    """Every possible query is asked, also those without an answer; a self-loop answers two queries."""
    index, expected = index_of(triples), known_answers(triples, RELATIONS)
    assert len(index) == len(expected)
    heads = torch.arange(ENTITIES).repeat_interleave(2 * RELATIONS)
    relations = torch.arange(2 * RELATIONS).repeat(ENTITIES)
    rows = index.rows(heads, relations)
    position, answer = index.answers_of(rows)
    assert position.tolist() == sorted(position.tolist())
    for number, query in enumerate(zip(heads.tolist(), relations.tolist(), strict=True)):
        found = answer[position == number].tolist()
        assert sorted(found) == sorted(expected.get(query, set()))
        if query in expected:
            row = int(rows[number])
            assert (int(index.heads[row]), int(index.relations[row])) == query
        else:
            assert int(rows[number]) == -1


@settings(deadline=None, max_examples=40)
@given(st.sets(TRIPLE, min_size=1, max_size=20))
def test_row_of_triple_finds_both_queries_of_each_triple(triples):
    index, rows = index_of(triples), array(triples)
    for number, (h, r, t) in enumerate(rows.tolist()):
        forward, backward = index.row_of_triple[[number, number + len(rows)]].tolist()
        assert (int(index.heads[forward]), int(index.relations[forward])) == (h, r)
        assert (int(index.heads[backward]), int(index.relations[backward])) == (t, r + RELATIONS)


@settings(deadline=None, max_examples=40)
@given(st.sets(TRIPLE, min_size=1, max_size=20))
def test_the_triple_of_an_answer_is_the_one_it_comes_from(triples):
    """Every triple twice: once for its tail asked for, once for its head."""
    index, rows = index_of(triples), array(triples).tolist()
    position, place = index.places_of(torch.arange(len(index)))
    assert torch.equal(index.answer[place], index.answers_of(torch.arange(len(index)))[1])
    asked = []
    for row, answer, triple in zip(
        position.tolist(), index.answer[place].tolist(), index.triple[place].tolist(), strict=True
    ):
        head, relation, tail = rows[triple]
        query = (int(index.heads[row]), int(index.relations[row]), answer)
        assert query in ((head, relation, tail), (tail, relation + RELATIONS, head))
        asked.append((triple, query[1] >= RELATIONS))
    assert sorted(asked) == [(triple, backwards) for triple in range(len(rows)) for backwards in (False, True)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1), st.integers(0, 3)), max_size=20), st.data())
def test_an_index_without_some_triples_is_that_of_the_others(triples, data):
    """Repeated triples and queries that lose their last answer among them."""
    gone = data.draw(st.lists(st.integers(0, len(triples) - 1), unique=True) if triples else st.just([]))
    rows = np.array(triples, dtype=np.int64).reshape(-1, 3)
    found = QueryIndex.build(rows, 4, 2).without(np.array(gone, dtype=np.int64))
    expected = QueryIndex.build(np.delete(rows, gone, axis=0), 4, 2)
    for name, value in vars(expected).items():
        assert torch.equal(torch.as_tensor(vars(found)[name]), torch.as_tensor(value)), name


def test_places_of_rows_without_an_answer_are_none():
    index = index_of({(0, 0, 1), (0, 0, 2), (3, 1, 1)})
    position, place = index.places_of(torch.tensor([-1, int(index.rows(torch.tensor([0]), torch.tensor([0]))), -1]))
    assert position.tolist() == [1, 1]
    assert index.answer[place].tolist() == [1, 2]
    for part in index_of(set()).places_of(torch.tensor([-1, -1])):
        assert part.tolist() == []


def test_rows_may_be_asked_repeatedly_and_in_any_order():
    index = index_of({(0, 0, 1), (0, 0, 2), (3, 1, 1)})
    heads, relations = torch.tensor([3, 0, 5, 0, 3]), torch.tensor([1, 0, 0, 0, 1])
    position, answer = index.answers_of(index.rows(heads, relations))
    assert list(zip(position.tolist(), answer.tolist(), strict=True)) == [
        (0, 1),
        (1, 1),
        (1, 2),
        (3, 1),
        (3, 2),
        (4, 1),
    ]


def test_moving_an_index_keeps_it_whole():
    index = index_of({(0, 0, 1), (0, 0, 2)})
    moved = index.to("cpu")
    assert (moved.num_entities, moved.num_relations, len(moved)) == (ENTITIES, RELATIONS, len(index))
    assert torch.equal(moved.answer, index.answer)


# Batches -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.sets(TRIPLE, min_size=1, max_size=25), st.integers(1, 9))
def test_an_epoch_visits_each_triple_once_and_asks_it_in_both_directions(triples, size):
    sampler, rows, known = sampler_of(triples, size), array(triples), known_answers(triples, RELATIONS)
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-len(rows) // size)
    assert sorted(torch.cat([batch.triples for batch in batches]).tolist()) == list(range(len(rows)))
    for batch in batches:
        queries = list(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True))
        assert len(set(queries)) == len(queries), "each query once"
        asked = Counter(
            (*queries[row], answer) for row, answer in zip(batch.row.tolist(), batch.answer.tolist(), strict=True)
        )
        expected: Counter[tuple[int, int, int]] = Counter()
        for h, r, t in rows[batch.triples.numpy()].tolist():
            expected.update([(h, r, t), (t, r + RELATIONS, h)])
        assert asked == expected
        told = Counter(
            (*queries[row], answer) for row, answer in zip(batch.known_row.tolist(), batch.known.tolist(), strict=True)
        )
        assert told == Counter((*query, answer) for query in queries for answer in known[query])
        assert batch.weight.tolist() == [batch.row.tolist().count(number) for number in range(len(queries))]
        assert int(batch.weight.min()) >= 1


def test_the_same_seed_gives_the_same_order_and_each_epoch_another():
    triples = {(h, r, (h + r) % ENTITIES) for h in range(ENTITIES) for r in range(RELATIONS)}

    def orders(seed):
        sampler = sampler_of(triples, 5, seed)
        return [[batch.triples.tolist() for batch in sampler] for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)
    assert orders(1)[0] != orders(1)[1]


def test_a_batch_larger_than_the_training_set_is_the_whole_set():
    (batch,) = sampler_of({(0, 0, 1), (2, 1, 3)}, 4096)
    assert sorted(batch.triples.tolist()) == [0, 1]


@pytest.mark.parametrize("read_only", [False, True])
def test_a_sampler_neither_needs_nor_changes_the_callers_array(read_only):
    rows = array({(0, 0, 1), (2, 1, 3)})
    before = rows.copy()
    rows.setflags(write=not read_only)
    sampler = BatchSampler(rows, index_of({(0, 0, 1), (2, 1, 3)}), 1, torch.Generator().manual_seed(0))
    list(sampler)
    assert np.array_equal(rows, before)


# Batches of queries --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.sets(TRIPLE, min_size=1, max_size=25), st.integers(1, 9))
def test_an_epoch_of_queries_asks_each_once_with_all_its_answers(triples, size):
    sampler, rows, known = query_sampler_of(triples, size), array(triples), known_answers(triples, RELATIONS)
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-len(known) // size)
    asked: dict[tuple[int, int], set[int]] = {}
    for batch in batches:
        queries = list(zip(batch.heads.tolist(), batch.relations.tolist(), strict=True))
        assert 1 <= len(queries) <= size
        assert not asked.keys() & set(queries), "each query once in an epoch"
        answers = batch.answer.tolist()
        for query, number in zip(queries, range(len(queries)), strict=True):
            asked[query] = {answer for row, answer in zip(batch.row.tolist(), answers, strict=True) if row == number}
        assert len(answers) == sum(len(asked[query]) for query in queries), "each answer once"
        assert torch.equal(batch.known_row, batch.row)
        assert torch.equal(batch.known, batch.answer)
        assert batch.weight.tolist() == [len(asked[query]) for query in queries]
        numbers = batch.triples.tolist()
        assert numbers == sorted(set(numbers))
        expected = set()
        for number, (h, r, t) in enumerate(rows.tolist()):
            if (h, r) in queries or (t, r + RELATIONS) in queries:
                expected.add(number)
        assert set(numbers) == expected, "exactly the triples whose tail or head is asked for"
    assert asked == known


def test_the_same_seed_asks_the_queries_in_the_same_order_and_each_epoch_in_another():
    triples = {(h, r, (h + r) % ENTITIES) for h in range(ENTITIES) for r in range(RELATIONS)}

    def orders(seed):
        sampler = query_sampler_of(triples, 5, seed)
        return [[(batch.heads.tolist(), batch.relations.tolist()) for batch in sampler] for _ in range(2)]

    assert orders(1) == orders(1)
    assert orders(1) != orders(2)
    assert orders(1)[0] != orders(1)[1]


def test_a_batch_larger_than_all_queries_masks_every_triple():
    (batch,) = query_sampler_of({(0, 0, 1), (2, 1, 3), (2, 1, 4)}, 4096)
    assert len(batch.heads) == 5
    assert batch.triples.tolist() == [0, 1, 2]
