"""Known answers in a drawn pool, against sets; a part of a mini-batch that is all of it."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from upgan.graph.queries import QueryIndex
from upgan.objectives.batches import BatchSampler, marked, places_in


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(0, 20), st.integers(1, 6), st.integers(0, 10**6))
def test_a_pools_known_answers_are_those_that_are_in_it(entities, size, queries, seed):
    random = torch.Generator().manual_seed(seed)
    pool = torch.randperm(entities, generator=random)[:size]
    count = int(torch.randint(3 * queries, (1,), generator=random))
    row, known = (torch.randint(high, (count,), generator=random) for high in (queries, entities))
    pairs = set(zip(row.tolist(), known.tolist(), strict=True))
    marks = marked(pool, row, known, queries, entities)
    assert marks.tolist() == [[(query, entity) in pairs for entity in pool.tolist()] for query in range(queries)]
    places = {entity: place for place, entity in enumerate(pool.tolist())}
    assert places_in(pool, known, entities).tolist() == [places.get(entity, len(pool)) for entity in known.tolist()]


def test_the_part_that_is_everything_is_the_mini_batch_itself(toy_dataset):
    """One process alone selects nothing, so that a GPU is not asked how many pairs there are."""
    index = QueryIndex.build(toy_dataset.train, toy_dataset.num_entities, toy_dataset.num_relations)
    batch = BatchSampler(toy_dataset.train, index, 5, torch.Generator()).batch(torch.arange(5))
    count = len(batch.heads)
    assert batch.part(0, count) is batch
    first, second = batch.part(0, 2), batch.part(2, count)
    assert len(first.answer) + len(second.answer) == len(batch.answer)
    assert torch.equal(torch.cat([first.heads, second.heads]), batch.heads)
