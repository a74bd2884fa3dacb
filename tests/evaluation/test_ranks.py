"""Filtered ranks against a brute-force evaluator and against PyKEEN's, an implementation of other hands."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import oracles
from upgan.evaluation import evaluator as evaluator_module
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.evaluation.ranks import filtered_ranks
from upgan.graph.queries import QueryIndex

ENTITIES, RELATIONS = 6, 2
#: Few values, so that ties are the rule; some as close as rounding makes them, and just too far apart; special ones.
NEAR = [0.5, 0.5 + 8e-6, 0.5 + 12e-6, 3.0, 3.0 + 2e-5, 3.0 + 4e-5]
SCORE = st.sampled_from([-math.inf, -2.0, 0.0, -0.0, *NEAR, math.inf, math.nan])
ROWS = st.lists(st.lists(SCORE, min_size=ENTITIES, max_size=ENTITIES), min_size=1, max_size=4)
TRIPLE = st.tuples(st.integers(0, ENTITIES - 1), st.integers(0, RELATIONS - 1), st.integers(0, ENTITIES - 1))


def array(triples):
    return np.array(sorted(triples), dtype=np.int64).reshape(-1, 3)


# One block of queries ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(ROWS, st.lists(st.tuples(st.integers(0, ENTITIES - 1), st.sets(st.integers(0, ENTITIES - 1))), min_size=4))
@example([[-math.inf] * ENTITIES], [(0, {1, 2})] * 4)
@example([[math.inf] * ENTITIES], [(0, {0, 2})] * 4)
@example([[math.nan] * ENTITIES], [(0, set())] * 4)
@example([[0.0, math.nan, 0.0, math.nan, 1.0, 0.0]], [(0, {1})] * 4)
def test_ranks_equal_brute_force_with_ties_infinities_and_nan(rows, asked):
    """Whether the answer itself is among the known or not."""
    asked = asked[: len(rows)]
    known = [(row, entity) for row, (_, entities) in enumerate(asked) for entity in sorted(entities)]
    pairs = torch.tensor(known, dtype=torch.long).reshape(-1, 2)
    answers = torch.tensor([answer for answer, _ in asked])
    for dtype in (torch.float64, torch.float32):
        found = filtered_ranks(torch.tensor(rows, dtype=dtype), answers, pairs[:, 0], pairs[:, 1])
        expected = [
            oracles.filtered_rank(scores, answer, entities)
            for scores, (answer, entities) in zip(rows, asked, strict=True)
        ]
        assert found.dtype == torch.float64
        assert found.tolist() == expected


def test_a_constant_model_ranks_in_the_middle_and_a_broken_one_last():
    nothing = torch.empty(0, dtype=torch.long)
    answers = torch.tensor([0, 3])
    assert filtered_ranks(torch.zeros(2, 9), answers, nothing, nothing).tolist() == [5.0, 5.0]
    assert filtered_ranks(torch.full((2, 9), torch.nan), answers, nothing, nothing).tolist() == [9.0, 9.0]


def test_the_only_candidate_left_ranks_first():
    known_row, known = torch.zeros(3, dtype=torch.long), torch.tensor([1, 2, 0])
    for score in (-math.inf, 0.0, math.inf):
        scores = torch.tensor([[score, 5.0, math.nan]])
        assert filtered_ranks(scores, torch.tensor([0]), known_row, known).tolist() == [1.0]


# A whole split -------------------------------------------------------------------------------------------------------


@st.composite
def splits(draw):
    triples = draw(st.sets(TRIPLE, min_size=1, max_size=20))
    where = draw(st.lists(st.sampled_from(["train", "valid", "test"]), min_size=len(triples), max_size=len(triples)))
    named = list(zip(sorted(triples), where, strict=True))
    return [[triple for triple, name in named if name == split] for split in ("train", "valid", "test")]


def scorer_of(scores):
    """(E, 2R, E) numbers as a model."""
    table = torch.as_tensor(scores)
    return lambda heads, relations: table[heads, relations].clone()


@settings(deadline=None, max_examples=60)
@given(splits(), st.integers(0, 10_000), st.sampled_from([1, 10, 16_000_000]))
def test_the_evaluator_equals_brute_force_over_both_directions(parts, seed, block):
    """Filtered by all three splits, whatever the block size; three score values, so that most queries have ties."""
    scores = np.random.default_rng(seed).integers(0, 3, size=(ENTITIES, 2 * RELATIONS, ENTITIES)).astype(np.float64)
    everything = [triple for part in parts for triple in part]
    known = oracles.known_answers(everything, RELATIONS)
    index = QueryIndex.build(array(everything), ENTITIES, RELATIONS)
    test = array(parts[2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator_module, "SCORES_PER_BLOCK", block)
        ranking = Evaluator(test, index).rank(scorer_of(scores))
    tails = [oracles.filtered_rank(scores[h, r], t, known[h, r]) for h, r, t in test.tolist()]
    heads = [oracles.filtered_rank(scores[t, r + RELATIONS], h, known[t, r + RELATIONS]) for h, r, t in test.tolist()]
    np.testing.assert_allclose(ranking.ranks, tails + heads, rtol=0, atol=1e-12)
    assert ranking.answers.tolist() == [t for _, _, t in test.tolist()] + [h for h, _, _ in test.tolist()]
    if len(test):
        expected = oracles.metrics(tails + heads)
        found = ranking.metrics.to_dict()
        assert found.pop("queries") == 2 * len(test)
        assert found == pytest.approx(expected, abs=1e-12)


def test_answers_of_every_split_are_filtered():
    """<0, 0, ?>: train 1, valid 2, test 3; all score higher than 3, none counts."""
    scores = np.zeros((ENTITIES, 2 * RELATIONS, ENTITIES))
    scores[0, 0] = [0.0, 9.0, 8.0, 5.0, 0.0, 7.0]
    index = QueryIndex.build(array({(0, 0, 1), (0, 0, 2), (0, 0, 3)}), ENTITIES, RELATIONS)
    ranking = Evaluator(array({(0, 0, 3)}), index).rank(scorer_of(scores))
    assert ranking.ranks[0] == 2.0, "entity 5 alone is better"


def test_a_model_that_reuses_its_scores_is_not_asked_twice_for_a_query_but_ranked_for_each_answer():
    triples = {(0, 0, 1), (0, 0, 2), (0, 0, 3)}
    index = QueryIndex.build(array(triples), ENTITIES, RELATIONS)
    scores = np.zeros((ENTITIES, 2 * RELATIONS, ENTITIES))
    scores[0, 0] = [0.0, 3.0, 2.0, 1.0, 1.5, -1.0]
    ranking = Evaluator(array(triples), index).rank(scorer_of(scores))
    assert ranking.ranks[:3].tolist() == [1.0, 1.0, 2.0]


def test_progress_counts_up_to_all_queries(monkeypatch):
    monkeypatch.setattr(evaluator_module, "SCORES_PER_BLOCK", 2 * ENTITIES)
    triples = {(0, 0, 1), (2, 1, 3), (4, 0, 5)}
    seen: list[tuple[int, int]] = []
    scores = np.zeros((ENTITIES, 2 * RELATIONS, ENTITIES))
    Evaluator(array(triples), QueryIndex.build(array(triples), ENTITIES, RELATIONS)).rank(
        scorer_of(scores), lambda done, total: seen.append((done, total))
    )
    assert seen == [(2, 6), (4, 6), (6, 6)]


@settings(deadline=None, max_examples=60)
@given(splits(), st.integers(0, 10_000))
def test_filtered_scores_lose_the_other_known_answers_and_nothing_else(parts, seed):
    """Whatever queries are picked, in any order and repeatedly; tails asked for come first, then heads."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(ENTITIES, 2 * RELATIONS, ENTITIES))
    everything, test = [triple for part in parts for triple in part], array(parts[2])
    evaluator = Evaluator(test, QueryIndex.build(array(everything), ENTITIES, RELATIONS))
    asked = [(h, r, t) for h, r, t in test.tolist()] + [(t, r + RELATIONS, h) for h, r, t in test.tolist()]
    heads, relations, answers = evaluator.queries
    assert list(zip(heads.tolist(), relations.tolist(), answers.tolist(), strict=True)) == asked
    known = oracles.known_answers(everything, RELATIONS)
    picked = random.integers(len(asked), size=5) if asked else np.empty(0, dtype=np.int64)
    plain = scorer_of(scores)(heads[picked], relations[picked])
    found = evaluator.filtered(plain, torch.from_numpy(picked))
    assert found is plain, "in place"
    for row, number in enumerate(picked.tolist()):
        head, relation, answer = asked[number]
        others = known[head, relation] - {answer}
        expected = [-math.inf if e in others else scores[head, relation, e] for e in range(ENTITIES)]
        assert found[row].tolist() == expected
        rank = oracles.filtered_rank(scores[head, relation].tolist(), answer, known[head, relation])
        assert 1 + sum(score > found[row, answer] for score in found[row].tolist()) == rank


# PyKEEN --------------------------------------------------------------------------------------------------------------


class TableModel:
    """What PyKEEN's evaluator needs of a model: scores of all heads or all tails of a batch of triples."""

    device = torch.device("cpu")
    num_entities = 12

    def __init__(self, scores, relations):
        self.scores, self.relations = torch.as_tensor(scores), relations

    def eval(self):
        return self

    def to(self, _device):
        return self

    def predict(self, hrt_batch, target, slice_size=None, mode=None):
        if target == "tail":
            return self.scores[hrt_batch[:, 0], hrt_batch[:, 1]].clone()
        return self.scores[hrt_batch[:, 2], hrt_batch[:, 1] + self.relations].clone()


@pytest.mark.parametrize("tied", [False, True])
def test_metrics_equal_those_of_pykeen(tied):
    """Realistic ranks, both sides, filtered by train, valid and test; MR, MRR and Hits@1, 3, 10."""
    pykeen = pytest.importorskip("pykeen.evaluation")
    rng = np.random.default_rng(5)
    entities, relations = TableModel.num_entities, 3
    drawn = rng.integers([entities, relations, entities], size=(160, 3))
    triples = rng.permutation(np.unique(drawn, axis=0))
    train, valid, test = np.split(triples, [90, 105])
    shape = (entities, 2 * relations, entities)
    scores = rng.integers(0, 4, size=shape).astype(np.float64) if tied else rng.normal(size=shape)

    index = QueryIndex.build(triples, entities, relations)
    found = Evaluator(test, index).rank(scorer_of(scores)).metrics.to_dict()

    theirs = pykeen.RankBasedEvaluator(filtered=True, clear_on_finalize=False)
    theirs.evaluate(
        model=TableModel(scores, relations),
        mapped_triples=torch.as_tensor(test),
        additional_filter_triples=[torch.as_tensor(train), torch.as_tensor(valid)],
        batch_size=16,
        use_tqdm=False,
    )
    # Its ranks are float32, which holds halves exactly; its metrics of them are to be float64.
    theirs.ranks = {key: [part.astype(np.float64) for part in parts] for key, parts in theirs.ranks.items()}
    result = theirs.finalize()
    names = {"mr": "arithmetic_mean_rank", "mrr": "inverse_harmonic_mean_rank"}
    names |= {f"hits@{k}": f"hits_at_{k}" for k in (1, 3, 10)}
    expected = {ours: result.get_metric(f"both.realistic.{name}") for ours, name in names.items()}
    assert found.pop("queries") == 2 * len(test)
    assert found == pytest.approx(expected, abs=1e-9)


# Metrics -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(2, 60).map(lambda doubled: doubled / 2), min_size=1, max_size=30))
def test_metrics_are_means_over_the_ranks(ranks):
    metrics = Metrics.of(np.array(ranks))
    assert metrics.to_dict() == pytest.approx({**oracles.metrics(ranks), "queries": len(ranks)}, abs=1e-12)
    assert metrics.hits == {k: sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 3, 10)}


def test_the_json_has_the_contracts_keys_in_order():
    document = Metrics.of(np.array([1.0, 2.5])).to_dict()
    assert list(document) == ["mr", "mrr", "hits@1", "hits@3", "hits@10", "queries"]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document == {"mr": 1.75, "mrr": 0.7, "hits@1": 0.5, "hits@3": 1.0, "hits@10": 1.0, "queries": 2}


def test_metrics_of_no_query_are_null():
    document = Evaluator(array([]), QueryIndex.build(array([]), 3, 1)).rank(scorer_of(np.zeros((3, 2, 3)))).metrics
    assert document.to_dict() == {
        "mr": None,
        "mrr": None,
        "hits@1": None,
        "hits@3": None,
        "hits@10": None,
        "queries": 0,
    }
