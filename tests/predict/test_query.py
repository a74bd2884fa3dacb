"""A query: one known end, which decides its direction, and its numbers beside its ids."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from tests.predict.toy import ENTITIES
from upgan.data.query import Direction, Query
from upgan.predict.predictor import Predictor


@pytest.mark.parametrize("direction", ["tail", "head"])
def test_a_query_is_the_same_by_its_ends_and_by_its_direction(direction):
    query = Query.about("b1", "by", direction)
    assert query == (Query("b1", "by", None) if direction == "tail" else Query(None, "by", "b1"))
    assert (query.entity, query.direction, query.inverse) == ("b1", direction, direction == "head")
    assert query.names == query.to_dict() == {"head": query.head, "relation": "by", "tail": query.tail}


def test_its_numbers_are_those_that_the_scores_are_asked_with(predictor):
    for entity in ENTITIES:
        for relation in predictor.relations:
            for direction in get_args(Direction):
                scores = predictor.score_tails if direction == "tail" else predictor.score_heads
                query = Query.about(entity, relation, direction)
                named = scores(*([entity], [relation])[:: 1 if direction == "tail" else -1])[0]
                rows = predictor.predict(**query.names, k=len(ENTITIES))
                assert [row["score"] for row in rows] == sorted(named.tolist(), reverse=True)
                number = predictor.relations.index(relation) + len(predictor.relations) * (direction == "head")
                assert query.numbers(predictor.dataset) == (predictor.entities.index(entity), number)


def test_a_query_given_by_names_explains_the_same_as_by_ids(predictor):
    query = predictor.query(head="B1", relation="written by")
    again = predictor.explain(**query.names, answer="a1")
    assert again.query == query
    assert again == predictor.explain(head="B1", relation="written by", answer="A1")


def test_every_question_takes_the_same_names_in_the_same_order_and_no_place():
    for ask in (Predictor.query, Predictor.predict, Predictor.explain, Predictor.contrast, Predictor.what_if,
                Predictor.smallest_set):  # fmt: skip
        _, *parameters = inspect.signature(ask).parameters.values()
        assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}
        names = [parameter.name for parameter in parameters]
        assert names[:3] == ["head", "relation", "tail"]
        assert "answer" not in names or names[3] == "answer"
