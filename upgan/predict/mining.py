"""Cases worth looking at: the queries of a split where users moved the right answer most, up and down alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upgan.data.query import Query
from upgan.errors import QueryError
from upgan.evaluation.evaluator import Progress, Ranking
from upgan.predict.predictor import Predictor
from upgan.types import Document, IntArray, SplitName


@dataclass(frozen=True)
class MinedCase:
    """One query of the split, its right answer, and its filtered rank with and without users."""

    query: Query
    answer: str
    entity_label: str
    relation_label: str
    answer_label: str
    rank: float
    rank_without_users: float
    #: What this query adds to the MRR through users; negative is a loss.
    reciprocal_rank_difference: float


@dataclass(frozen=True)
class Mined(Document):
    """Both ends of one list, each the most moved first, and what the whole split says."""

    split: SplitName
    queries: int
    moved_up: int
    moved_down: int
    unmoved: int
    mrr: float | None
    mrr_without_users: float | None
    up: tuple[MinedCase, ...]
    down: tuple[MinedCase, ...]


def mine(predictor: Predictor, split: SplitName = "test", n: int = 10, progress: Progress | None = None) -> Mined:
    """Rank every query of ``split``, both directions, with and without users, and list the ``n`` most moved each way.

    Order: by the difference of the reciprocal ranks, then of the ranks, then as the split has them. ``progress`` counts
    both rankings as one. QueryError for a run without users.
    """
    config = predictor.config
    if not predictor.has_users:
        why = "has no users" if config.model.use_users else "was trained with model.use_users = false"
        raise QueryError(
            f"{predictor.run_path}: this {config.model_name} run {why}, so users do not change its answers"
        )
    both = [predictor.rank(split, _half(progress, turn), users=users) for turn, users in enumerate((True, False))]
    with_users, without = (ranking.ranks for ranking in both)
    gain = 1 / with_users - 1 / without
    order = np.lexsort((np.arange(len(gain)), with_users - without, -gain))
    fall = np.lexsort((np.arange(len(gain)), without - with_users, gain))
    mrr, mrr_without_users = (ranking.metrics.to_dict()["mrr"] for ranking in both)  # None where nothing was asked
    up, down = int((with_users < without).sum()), int((with_users > without).sum())
    return Mined(
        split=split,
        queries=len(gain),
        moved_up=up,
        moved_down=down,
        unmoved=len(gain) - up - down,
        mrr=mrr,
        mrr_without_users=mrr_without_users,
        up=_cases(predictor, both, order[gain[order] > 0][:n]),
        down=_cases(predictor, both, fall[gain[fall] < 0][:n]),
    )


def _half(progress: Progress | None, turn: int) -> Progress | None:
    """Progress of the first or the second of two equally long rankings."""
    if progress is None:
        return None
    return lambda done, total: progress(turn * total + done, 2 * total)


def _cases(predictor: Predictor, both: list[Ranking], rows: IntArray) -> tuple[MinedCase, ...]:
    """The queries of some rows of a ranking: its first half asks for tails, its second for heads."""
    data, triples = predictor.dataset, both[0].triples
    cases = []
    for row in rows.tolist():
        inverse = row >= len(triples)
        head, relation, tail = triples[row % len(triples)].tolist()
        known, answer = (tail, head) if inverse else (head, tail)
        rank, without = (float(ranking.ranks[row]) for ranking in both)
        cases.append(
            MinedCase(
                query=Query.about(data.entities[known], data.relations[relation], "head" if inverse else "tail"),
                answer=data.entities[answer],
                entity_label=data.entity_labels[known],
                relation_label=data.relation_labels[relation],
                answer_label=data.entity_labels[answer],
                rank=rank,
                rank_without_users=without,
                reciprocal_rank_difference=1 / rank - 1 / without,
            )
        )
    return tuple(cases)
