"""What the phase of walks keeps and leaves: paths that help are heard, others change nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.evidence_worlds import meaningless, planted
from upgan.config.sections import WalksConfig
from upgan.evaluation.metrics import Metrics
from upgan.graph.said import chosen_together
from upgan.model.walks import Walks
from upgan.training.loop import Context
from upgan.training.state import TrainingState
from upgan.training.walk import Beside, Listening, fit_walks

SETTINGS = WalksConfig(enabled=True, least_triples=5)


def with_walks(made):
    """The world's model with walks that are not fitted."""
    made.graph = replace(made.graph, said=(chosen_together(made.graph.cointeraction),))
    made.model.walks = Walks(made.facts.by_relation.num_relations, SETTINGS.paths)
    return made


def listening(made, beside=None):
    edges = made.facts.walk_edges(made.graph.said)
    base = made.model.on(made.graph, made.facts).scores
    return Listening(edges, made.facts.by_relation, made.validation, base, SETTINGS, 0, beside)


def fitted(made, deadline=math.inf, beside=None):
    context = Context(
        validation=made.validation, state=TrainingState(torch.Generator().manual_seed(0)), deadline=deadline
    )
    return fit_walks(made.model.walks, listening(made, beside), context)


@pytest.mark.parametrize("seed", range(3))
def test_what_users_choose_together_is_heard_and_raises_the_mrr_of_triples_never_seen(seed):
    made = with_walks(planted(seed, signal=0.5))
    before = made.ranks(made.test)
    result = fitted(made)
    walks = made.model.walks
    chosen = walks.paths_of(0)
    assert any(walks.of_users(path) for path in chosen), "items of the same users have the attribute"
    assert (1 / made.ranks(made.test)).mean() > (1 / before).mean() + 0.15
    assert (result.best_epoch, result.ended) == (1, "completed")
    assert result.best.mrr > 0


@pytest.mark.parametrize("seed", range(3))
def test_directions_that_cross_validation_is_not_for_keep_their_score(seed):
    made = with_walks(meaningless(seed))
    before = made.ranks()
    result = fitted(made)
    walks = made.model.walks
    after = made.ranks()
    relations = made.validation.queries[1].numpy()
    for relation in range(len(walks.tau)):
        if not walks.gamma[relation].any():
            np.testing.assert_array_equal(after[relations == relation], before[relations == relation])
            assert walks.tau[relation] == 1
    assert result.best.mrr >= Metrics.of(before).mrr


def test_after_the_time_limit_no_direction_is_begun():
    made = with_walks(planted(0, signal=0.5))
    before = made.ranks()
    result = fitted(made, deadline=-math.inf)
    assert (result.epochs, result.best_epoch, result.ended) == (0, 0, "stopped")
    assert made.model.walks.silent
    assert result.best == Metrics.of(before)


def test_when_time_runs_out_between_two_directions_those_done_are_kept(monkeypatch):
    made = with_walks(planted(0, signal=0.5))
    late = iter([False, True])
    monkeypatch.setattr(Context, "out_of_time", lambda _: next(late))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    result = fitted(made)
    assert (result.epochs, result.ended) == (1, "stopped")
    heard = [bool(made.model.walks.gamma[relation].any()) for relation in range(len(made.model.walks.tau))]
    assert heard == [True, False, False, False]


def test_one_thread_or_several_fit_the_same_numbers():
    found = []
    for threads in (1, 3):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            made = with_walks(planted(1, signal=0.5))
            fitted(made)
        finally:
            torch.set_num_threads(before)
        found.append(made.model.walks.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], rtol=0, atol=1e-5 if value.is_floating_point() else 0)


def test_beside_scores_that_know_everything_walks_count_less():
    """A score that has not seen the triples and still ranks them first leaves nothing to say."""
    made = with_walks(planted(0, signal=0.5))
    triples = made.facts.by_relation.triples().numpy()
    tables = [np.zeros((made.graph.num_entities, made.graph.num_entities)) for _ in range(4)]
    for head, relation, tail in triples.tolist():
        tables[relation][head, tail] = tables[relation + 2][tail, head] = 20.0

    def knows(heads, relations):
        rows = [tables[r][h] for h, r in zip(heads.tolist(), relations.tolist(), strict=True)]
        return torch.from_numpy(np.array(rows))

    random = np.random.default_rng(0)
    alone, beside = listening(made), listening(made, Beside(triples, knows))
    own = alone._triples(triples, 0, random)
    sizes = [np.abs(each._told(own, np.random.default_rng(1)).gamma).sum() for each in (alone, beside)]
    assert sizes[1] < 0.8 * sizes[0]


def test_a_direction_without_triples_or_queries_is_left_alone():
    made = with_walks(planted(0))
    empty = made.validation.queries
    made.validation.queries = tuple(column[:0] for column in empty)
    assert listening(made).direction(0) is None
