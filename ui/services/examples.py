"""Questions worth asking first: the cases of the paper that the dataset holds, and what ranking its test part finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.services import questions
from ui.services.questions import Question
from upgan.errors import QueryError
from upgan.render.words import rank_text
from upgan.reproduce.paper_cases import find_cases

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Example:
    """A question worth asking first: what it shows, and why it is worth a look."""

    title: str
    question: Question
    text: str
    why: str
    #: A candidate to set against the answer.
    contrast: str | None = None

    def parameters(self) -> dict[str, str]:
        """The address that asks it."""
        named = self.question.parameters()
        return named if self.contrast is None else named | {"contrast": self.contrast}


#: Of the paper's cases, in their order.
_TITLES = ("The graph knows little, users know more", "The popular answer is a trap")
#: Scores of all test queries, with and without users, that take a second or two.
_MOST_SCORES = 5_000_000


def paper_cases(predictor: Predictor, checkpoint: str) -> list[Example]:
    """The cases of section 5.6 that this dataset holds with the triple that links their ends."""
    cases = []
    for case, title in zip(find_cases(predictor.dataset), _TITLES, strict=False):
        if case.how == "linked":
            question = Question(checkpoint, case.questions[0], case.answer)
            text = questions.question_text(predictor.dataset, question.query)
            cases.append(Example(title, question, text, case.case.why, case.rival))
    return cases


def mined_cases(predictor: Predictor, checkpoint: str) -> list[Example]:
    """The test queries that users help most and harm most, found by ranking all of them with and without users.

    Empty for a run without users, or where the test part is too large to be ranked while someone waits.
    """
    from upgan.predict.mining import mine

    if len(predictor.dataset.test) * len(predictor.entities) > _MOST_SCORES:
        return []
    try:
        mined = mine(predictor, "test", n=1)
    except QueryError:
        return []
    examples = []
    for cases, title, verb in ((mined.up, "Users find it", "lift"), (mined.down, "Users mislead", "push")):
        for case in cases:
            question = Question(checkpoint, case.query, case.answer)
            why = (
                f"Among {mined.queries:,} held-out questions, users {verb} the right answer most here: from rank "
                f"{rank_text(case.rank_without_users)} to {rank_text(case.rank)}. In all, they "
                f"move {mined.moved_up:,} answers up and {mined.moved_down:,} down."
            )
            examples.append(Example(title, question, questions.question_text(predictor.dataset, case.query), why))
    return examples


def cards(predictor: Predictor, checkpoint: str) -> list[Example]:
    """At most three questions for a first visit, an honest failure always among them where there is one."""
    paper, mined = paper_cases(predictor, checkpoint), mined_cases(predictor, checkpoint)
    failures = [example for example in mined if example.title == "Users mislead"]
    helped = [example for example in mined if example not in failures]
    return [*(paper + helped)[: 3 - len(failures)], *failures]


def first_question(predictor: Predictor, checkpoint: str) -> Question:
    """What a first visit shows: the paper's first case, otherwise a held-out fact about an entity with users."""
    cases = paper_cases(predictor, checkpoint)
    return cases[0].question if cases else questions.random_question(predictor, checkpoint, seed=0)
