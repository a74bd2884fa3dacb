"""Questions worth asking first: the paper's cases where the dataset holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ui.services import questions
from ui.services.questions import Direction, Question

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predictor import Predictor


@dataclass(frozen=True)
class Case:
    """A question worth asking first, with why."""

    question: Question
    text: str
    why: str


#: (label of the entity asked about, label of the answer, why); section 5.6 of the paper.
_PAPER_CASES = (
    (
        ("Part of the Bargain", "Part of Bargain"),
        ("Linda Lael Miller",),
        "The paper's first case: the graph knows next to nothing about this book, its readers know its author.",
    ),
    (
        ("The Riftwar Cycle",),
        ("The Serpentwar Saga", "Serpentwar Saga"),
        "The paper's second case: which smaller series belongs to this one? The most popular candidate does not.",
    ),
)


def paper_cases(predictor: Predictor, checkpoint: str) -> list[Case]:
    """The cases of section 5.6 that this dataset holds, found by label; the relation is what links the two ends."""
    dataset = predictor.dataset
    number_of: dict[str, int] = {}
    for number, label in enumerate(dataset.entity_labels):
        number_of.setdefault(label.strip(), number)
    cases = []
    for entities, answers, why in _PAPER_CASES:
        entity = next((number_of[label] for label in entities if label in number_of), None)
        answer = next((number_of[label] for label in answers if label in number_of), None)
        if entity is None or answer is None or (link := _link(dataset, entity, answer)) is None:
            continue
        relation, direction = link
        question = Question(checkpoint, dataset.entities[entity], relation, direction, answer=dataset.entities[answer])
        cases.append(Case(question, questions.question_text(dataset, question), why))
    return cases


def _link(dataset: KGDataset, entity: int, answer: int) -> tuple[str, Direction] | None:
    """The relation between two entities in any split, and which end the answer stands at."""
    for split in ("test", "valid", "train"):
        triples = dataset.triples(split)
        for ask, other, direction in ((0, 2, "tail"), (2, 0, "head")):
            rows = np.flatnonzero((triples[:, ask] == entity) & (triples[:, other] == answer))
            if len(rows):
                return dataset.relations[int(triples[rows[0], 1])], "tail" if direction == "tail" else "head"
    return None


def first_question(predictor: Predictor, checkpoint: str) -> Question:
    """What a first visit shows: the paper's first case, otherwise a held-out fact about an entity with users."""
    cases = paper_cases(predictor, checkpoint)
    return cases[0].question if cases else questions.random_question(predictor, checkpoint, seed=0)
