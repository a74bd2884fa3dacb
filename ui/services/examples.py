"""Questions worth asking first: the cases of the paper that the dataset holds, and what ranking its test part finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.services import questions
from ui.services.questions import Question
from upgan.errors import QueryError
from upgan.render.words import rank_text, user_noun
from upgan.reproduce.paper_cases import find_cases

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class Example:
    """A question worth asking first: what it shows, why it is worth a look, and what one will see."""

    title: str
    question: Question
    text: str
    why: str
    #: What the page shows of it below the figure: a panel by its name, and that in words.
    tab: str
    see: str
    #: A candidate to set against the answer.
    contrast: str | None = None

    def parameters(self) -> dict[str, str]:
        """The address that asks it."""
        beside = {} if self.contrast is None else {"contrast": self.contrast}
        return {**self.question.parameters(), **beside, "tab": self.tab}


#: Of the paper's cases, in their order.
_TITLES = ("The graph knows little, users know more", "The popular answer is a trap")
#: Scores of all test queries, with and without users, that take a second or two.
_MOST_SCORES = 5_000_000
#: Of the answers that users move most, so many are looked at for one that they speak for themselves.
_TRIED = 5
#: Candidates among which the one that is first without users is looked for.
_LOOKED_AT = 50


def paper_cases(predictor: Predictor, checkpoint: str) -> list[Example]:
    """The cases of section 5.6 that this dataset holds with the triple that links their ends."""
    cases = []
    for case, title in zip(find_cases(predictor.dataset), _TITLES, strict=False):
        if case.how == "linked":
            question = Question(checkpoint, case.questions[0], case.answer)
            text = questions.question_text(predictor.dataset, question.query)
            shown = _set_against(predictor, case.rival) if case.rival else ("users", "who speaks for it, and how much.")
            cases.append(Example(title, question, text, case.case.why, *shown, case.rival))
    return cases


def _set_against(predictor: Predictor, rival: str) -> tuple[str, str]:
    return "contrast", f"it beside “{questions.label_of(predictor.dataset, rival)}”, user by user."


def mined_cases(predictor: Predictor, checkpoint: str) -> list[Example]:
    """The test queries that users help most and harm most, found by ranking all of them with and without users.

    Empty for a run without users, or where the test part is too large to be ranked while someone waits.
    """
    from upgan.predict.mining import mine

    if len(predictor.dataset.test) * len(predictor.entities) > _MOST_SCORES:
        return []
    try:
        mined = mine(predictor, "test", n=_TRIED)
    except QueryError:
        return []
    examples = []
    noun = user_noun(predictor.dataset.simulated_users)
    all_of_them = (
        f"one of the largest moves among {mined.queries:,} held-out questions, in which they lift {mined.moved_up:,} "
        f"answers and lower {mined.moved_down:,}."
    )
    for cases, title, verb in ((mined.up, "Users find it", "lift"), (mined.down, "Users mislead", "lower")):
        asked = [(case, Question(checkpoint, case.query, case.answer)) for case in cases]
        # Users may also move an answer by speaking for others alone: then there is less to see.
        for case, question in sorted(asked, key=lambda pair: not _users_speak(predictor, pair[1]))[:1]:
            ranks = f"from rank {rank_text(case.rank_without_users)} to {rank_text(case.rank)}"
            why = f"{noun.capitalize()} {verb} the right answer {ranks}, {all_of_them}"
            text = questions.question_text(predictor.dataset, case.query)
            shown, rival = ("users", "who pushes which way, and how far."), None
            if verb == "lift" and (rival := _first_without_users(predictor, question)) is not None:
                shown = _set_against(predictor, rival)
            examples.append(Example(title, question, text, why, *shown, rival))
    return examples


def _first_without_users(predictor: Predictor, question: Question) -> str | None:
    """The best new candidate without users, where it is another one."""
    rows = predictor.predict(**question.query.names, k=_LOOKED_AT)
    new = [row for row in rows if row["known"] is None and row["id"] != question.answer]
    return min(new, key=lambda row: row["rank_without_users"])["id"] if new else None


def cards(predictor: Predictor, checkpoint: str) -> list[Example]:
    """At most three questions for a first visit, an honest failure always among them where there is one.

    A case of the paper is one of them where users have a part in this model's answer.
    """
    paper, mined = paper_cases(predictor, checkpoint), mined_cases(predictor, checkpoint)
    failures = [example for example in mined if example.title == "Users mislead"]
    helped = [example for example in mined if example not in failures]
    told = [example for example in paper if not mined or _users_speak(predictor, example.question)]
    return [*(told + helped)[: 3 - len(failures)], *failures]


def _users_speak(predictor: Predictor, question: Question) -> bool:
    """Whether users change the answer's score."""
    explanation = predictor.explain(**question.query.names, answer=question.answer, top_users=1)
    return bool(explanation.users or explanation.answer_users)


def first_question(predictor: Predictor, checkpoint: str) -> Question:
    """What a first visit shows: the paper's first case, otherwise a held-out fact about an entity with users."""
    cases = paper_cases(predictor, checkpoint)
    return cases[0].question if cases else questions.random_question(predictor, checkpoint, seed=0)
