"""Ranked candidates and explanations for a question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from upgan.data.query import Query
from upgan.errors import QueryError
from upgan.explain.explanation import Explanation
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.explain.results import CandidateRow
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Candidates:
    """Ranked rows of the predictor; ``hidden`` known answers were left out of them."""

    rows: tuple[CandidateRow, ...]
    hidden: int


def candidates(predictor: Predictor, query: Query, k: int, *, hide_known: bool) -> Candidates:
    """The k best candidates; with ``hide_known`` the k best of those that the dataset does not hold already."""
    count = k
    while True:
        rows = predictor.predict(**query.names, k=count)
        kept = [row for row in rows if not (hide_known and row["known"])]
        if not hide_known or len(kept) >= k or count >= len(predictor.entities):
            kept = kept[:k]
            last = kept[-1]["rank"] if kept else len(rows)
            return Candidates(tuple(kept), sum(bool(row["known"]) for row in rows[:last]) if hide_known else 0)
        count = min(len(predictor.entities), count * 2)


def first_of(listed: Candidates) -> str | None:
    """The id of the best candidate; None where all are hidden."""
    return listed.rows[0]["id"] if listed.rows else None


def with_answer(listed: Candidates, explanation: Explanation | None) -> Candidates:
    """The list with the explained answer at its place where it is not among the best."""
    if explanation is None or any(row["id"] == explanation.answer.id for row in listed.rows):
        return listed
    row: CandidateRow = {
        "rank": explanation.rank,
        "id": explanation.answer.id,
        "label": explanation.answer.label,
        "score": explanation.score,
        "known": explanation.known,
        "rank_without_users": explanation.rank_without_users,
        "score_without_users": explanation.score_without_users,
        "filtered_rank": explanation.filtered_rank,
        "filtered_rank_without_users": explanation.filtered_rank_without_users,
    }
    return replace(listed, rows=tuple(sorted([*listed.rows, row], key=lambda row: row["rank"])))


def explain(predictor: Predictor, query: Query, answer: str, top_users: int) -> Explanation:
    """Why ``answer`` stands where it does; QueryError where the run cannot say."""
    if answer not in predictor.dataset.entity_index:
        raise QueryError(f"the dataset has no entity {shorten(clean(answer), 60)!r}")
    return predictor.explain(**query.names, answer=answer, top_users=top_users)


def ignores_users(explanation: Explanation) -> bool:
    """Whether the run's model scores without users, so that there is no rank to set against the one with them."""
    return bool(explanation.limits) and explanation.score == explanation.score_without_users
