"""A checkpoint's scores of whole queries, against scores recomputed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import upgan
from tests.predict.toy import ENTITIES, QUERIES, RELATIONS
from upgan.errors import QueryError


def test_score_tails_gives_a_row_per_query_and_a_column_per_entity_in_order(predictor, tables):
    heads, relations = [ENTITIES[e] for e, r in QUERIES if r < 3], [RELATIONS[r] for _, r in QUERIES if r < 3]
    found = predictor.score_tails(heads, relations)
    assert found.shape == (27, 9)
    np.testing.assert_allclose(found, tables[0][:, :3].reshape(27, 9), rtol=0, atol=1e-12)
    assert predictor.entities == ENTITIES
    assert predictor.relations == RELATIONS


def test_score_heads_asks_the_inverse_relation(predictor, tables):
    tails, relations = [ENTITIES[e] for e, r in QUERIES if r < 3], [RELATIONS[r] for _, r in QUERIES if r < 3]
    found = predictor.score_heads(relations, tails)
    np.testing.assert_allclose(found, tables[0][:, 3:].reshape(27, 9), rtol=0, atol=1e-12)


def test_scores_are_float32_from_a_run_as_it_was_saved(run, tables):
    found = upgan.load(run).score_tails(ENTITIES, ["by"] * 9)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    np.testing.assert_allclose(found, tables[0][:, 0], rtol=0, atol=1e-4)


def test_scores_take_labels_and_empty_lists_and_refuse_lists_of_different_length(predictor):
    assert torch.equal(predictor.score_tails(["B1"], ["written by"]), predictor.score_tails(["b1"], ["by"]))
    assert predictor.score_tails([], []).shape == (0, 9)
    assert predictor.score_heads([], []).shape == (0, 9)
    with pytest.raises(QueryError, match="entities: 2, relations: 1"):
        predictor.score_tails(["b1", "b2"], ["by"])
    with pytest.raises(QueryError, match="entities: 2, relations: 1"):
        predictor.score_heads(["by"], ["b1", "b2"])


def test_scores_handed_out_do_not_change_later_ones(predictor):
    first = predictor.score_tails(["b1"], ["by"])
    copy = first.clone()
    first.fill_(math.nan)
    assert torch.equal(predictor.score_tails(["b1"], ["by"]), copy)
