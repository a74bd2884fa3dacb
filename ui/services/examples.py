"""Questions worth asking first: the paper's cases where the dataset holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.services import questions
from ui.services.questions import Question
from upgan.paper_cases import find_cases

if TYPE_CHECKING:
    from upgan.predictor import Predictor


@dataclass(frozen=True)
class Case:
    """A question worth asking first, with why."""

    question: Question
    text: str
    why: str


def paper_cases(predictor: Predictor, checkpoint: str) -> list[Case]:
    """The cases of section 5.6 that this dataset holds with the triple that links their ends."""
    cases = []
    for found in find_cases(predictor.dataset):
        if found.how == "linked":
            asked = found.questions[0]
            question = Question(checkpoint, found.entity, asked.relation, asked.direction, answer=found.answer)
            cases.append(Case(question, questions.question_text(predictor.dataset, question), found.case.why))
    return cases


def first_question(predictor: Predictor, checkpoint: str) -> Question:
    """What a first visit shows: the paper's first case, otherwise a held-out fact about an entity with users."""
    cases = paper_cases(predictor, checkpoint)
    return cases[0].question if cases else questions.random_question(predictor, checkpoint, seed=0)
