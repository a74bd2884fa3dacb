"""Cases worth looking at: the queries of a split where users moved the right answer most, up and down alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from upgan.errors import QueryError
from upgan.evaluation.evaluator import Progress, Ranking
from upgan.explain.explanation import Query
from upgan.predict.predictor import Predictor
from upgan.types import IntArray, SplitName


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

    @property
    def gain(self) -> float:
        """Difference of the reciprocal ranks: what this query adds to the MRR through users; negative is a loss."""
        return 1 / self.rank - 1 / self.rank_without_users

    @property
    def inverse(self) -> bool:
        """Whether the head is what is asked for."""
        return self.query.head is None

    def to_dict(self) -> dict[str, Any]:
        return {
            "query": self.query.to_dict(),
            "answer": self.answer,
            "entity_label": self.entity_label,
            "relation_label": self.relation_label,
            "answer_label": self.answer_label,
            "rank": self.rank,
            "rank_without_users": self.rank_without_users,
            "reciprocal_rank_difference": self.gain,
        }


@dataclass(frozen=True)
class Mined:
    """Both ends of one list, each the most moved first, and what the whole split says."""

    split: SplitName
    queries: int
    moved_up: int
    moved_down: int
    mrr: float | None
    mrr_without_users: float | None
    up: tuple[MinedCase, ...]
    down: tuple[MinedCase, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "queries": self.queries,
            "moved_up": self.moved_up,
            "moved_down": self.moved_down,
            "unmoved": self.queries - self.moved_up - self.moved_down,
            "mrr": self.mrr,
            "mrr_without_users": self.mrr_without_users,
            "up": [case.to_dict() for case in self.up],
            "down": [case.to_dict() for case in self.down],
        }


def mine(predictor: Predictor, split: SplitName = "test", n: int = 10, progress: Progress | None = None) -> Mined:
    """Rank every query of ``split``, both directions, with and without users, and list the ``n`` most moved each way.

    Order: by the difference of the reciprocal ranks, then of the ranks, then as the split has them. ``progress`` hears
    of both rankings as one. QueryError for a run without users.
    """
    config = predictor.config
    if config.model_name != "upgan" or not config.model.use_users:
        why = "was trained with model.use_users = false" if config.model_name == "upgan" else "has no users"
        raise QueryError(f"{predictor.run_path}: this {config.model_name} run {why}, so users move no answer of it")
    both = [predictor.rank(split, _half(progress, turn), users=users) for turn, users in enumerate((True, False))]
    with_users, without = (ranking.ranks for ranking in both)
    gain = 1 / with_users - 1 / without
    order = np.lexsort((np.arange(len(gain)), with_users - without, -gain))
    fall = np.lexsort((np.arange(len(gain)), without - with_users, gain))
    return Mined(
        split=split,
        queries=len(gain),
        moved_up=int((with_users < without).sum()),
        moved_down=int((with_users > without).sum()),
        mrr=both[0].metrics.mrr,
        mrr_without_users=both[1].metrics.mrr,
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
    found = []
    for row in rows.tolist():
        inverse = row >= len(triples)
        head, relation, tail = triples[row % len(triples)].tolist()
        asked, answer = (tail, head) if inverse else (head, tail)
        name = data.entities[asked]
        found.append(
            MinedCase(
                query=Query(None if inverse else name, data.relations[relation], name if inverse else None),
                answer=data.entities[answer],
                entity_label=data.entity_labels[asked],
                relation_label=data.relation_labels[relation],
                answer_label=data.entity_labels[answer],
                rank=float(both[0].ranks[row]),
                rank_without_users=float(both[1].ranks[row]),
            )
        )
    return tuple(found)
