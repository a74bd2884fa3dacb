"""Ranked candidates and explanations for a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ui.services.questions import Question
from upgan.errors import QueryError
from upgan.explain.explanation import Explanation
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.explain.results import Contrast, FlipSet, WhatIf
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Candidates:
    """Ranked rows of the predictor; ``hidden`` known answers were left out of them."""

    rows: tuple[dict[str, Any], ...]
    hidden: int


def candidates(predictor: Predictor, question: Question, k: int, *, hide_known: bool) -> Candidates:
    """The k best candidates; with ``hide_known`` the k best of those that the dataset does not hold already."""
    asked = k
    while True:
        rows: Sequence[dict[str, Any]] = predictor.predict(
            head=question.head, tail=question.tail, relation=question.relation, k=asked
        )
        kept = [row for row in rows if not (hide_known and row["known"])]
        if not hide_known or len(kept) >= k or asked >= len(predictor.entities):
            shown = kept[:k]
            last = shown[-1]["rank"] if shown else len(rows)
            return Candidates(tuple(shown), sum(bool(row["known"]) for row in rows[:last]) if hide_known else 0)
        asked = min(len(predictor.entities), asked * 2)


def first_of(found: Candidates) -> str | None:
    """The id of the best candidate; None where all are hidden."""
    return found.rows[0]["id"] if found.rows else None


def with_answer(found: Candidates, explanation: Explanation | None) -> Candidates:
    """The list with the explained answer at its place where it is not among the best."""
    if explanation is None or any(row["id"] == explanation.answer.id for row in found.rows):
        return found
    row = {
        "rank": explanation.rank,
        "id": explanation.answer.id,
        "label": explanation.answer.label,
        "score": explanation.score,
        "known": explanation.known,
        "rank_without_users": explanation.rank_without_users,
        "filtered_rank": explanation.filtered_rank,
    }
    return replace(found, rows=tuple(sorted([*found.rows, row], key=lambda row: int(row["rank"]))))


def explain(predictor: Predictor, question: Question, answer: str, top_users: int) -> Explanation:
    """Why ``answer`` stands where it does; QueryError where the run cannot say."""
    if answer not in predictor.dataset.entity_index:
        raise QueryError(f"the dataset has no entity {shorten(clean(answer), 60)!r}")
    return predictor.explain(
        head=question.head, tail=question.tail, relation=question.relation, answer=answer, top_users=top_users
    )


def contrast(predictor: Predictor, question: Question, answer: str, against: str) -> Contrast:
    """Why ``answer`` and not ``against``; QueryError where the run cannot say."""
    return predictor.contrast(
        head=question.head, tail=question.tail, relation=question.relation, answer=answer, against=against
    )


def what_if(predictor: Predictor, question: Question, answer: str, without: tuple[str, ...]) -> WhatIf:
    """The question asked again without some users; QueryError where the run cannot."""
    from upgan.explain.results import Changes

    changes = Changes(remove_users=without)
    return predictor.what_if(
        head=question.head, tail=question.tail, relation=question.relation, answer=answer, changes=changes
    )


def smallest_set(predictor: Predictor, question: Question, answer: str) -> FlipSet:
    """The users without whom the answer loses its place; QueryError where the run cannot say."""
    return predictor.smallest_set(head=question.head, tail=question.tail, relation=question.relation, answer=answer)


def hears_no_users(explanation: Explanation) -> bool:
    """Whether the run's model scores without users, so that there is no rank to set against the one with them."""
    return bool(explanation.limits) and explanation.score == explanation.score_without_users
