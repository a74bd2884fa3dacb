"""One answer as the pages show it: its view, its candidates, its explanation; and what panels add to it."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ui.components import say
from ui.services import answers, questions
from ui.services.aliases import Aliases
from ui.services.answers import Candidates
from ui.services.questions import Question
from ui.services.view import KNOWN, TOP_USERS, K, Parameter, View
from ui.session import cache, state
from upgan.data.query import Query
from upgan.errors import UpganError
from upgan.explain.explanation import Explanation
from upgan.render.pseudonyms import users_of

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.predict.predictor import Predictor


#: Name -> panel, in their order.
Panels = Mapping[str, "Panel"]


@dataclass(frozen=True)
class Answered:
    """The answer looked at. ``candidates`` always holds it."""

    predictor: Predictor
    view: View
    candidates: Candidates
    explanation: Explanation
    panels: Panels

    @property
    def query(self) -> Query:
        """What was asked."""
        return self.view.question.query

    @property
    def answer(self) -> str:
        """The id of the candidate that is explained."""
        return self.explanation.answer.id

    @property
    def simulated(self) -> bool:
        """Whether the dataset's users are generated."""
        return self.explanation.simulated_users

    @property
    def labels(self) -> Mapping[str, str]:
        """Relation id -> its words."""
        return questions.relation_labels(self.predictor.dataset)


@dataclass(frozen=True)
class Panel:
    """One part of the answer's page, below the graph. Its file's name is its name in the address (``tab``)."""

    title: str
    order: int
    draw: Callable[[Answered], None]
    #: What it remembers, in the session and in the address.
    parameters: tuple[Parameter[Any], ...] = ()
    #: What it adds to a case file, where it was asked for: the file's key -> what gives it. It may raise UpganError.
    results: Callable[[Answered], Mapping[str, Callable[[], object]]] = lambda _: {}
    #: What a case file says of that, as lines of Markdown, for the page that opens one.
    words: Callable[[CaseFile], Iterable[str]] = lambda _: ()


def look(
    predictor: Predictor, parameters: state.Parameters, *, hide_known: bool | None = None
) -> tuple[View, Candidates]:
    """The view in use, written to the address, and its candidates; ``hide_known`` instead of what the view says."""

    def near(typed: str) -> list[str]:
        return questions.nearest(cache.search_index(predictor), predictor.dataset, typed)

    @functools.cache
    def people(question: Question) -> Aliases:
        """Pseudonyms as the answer's files have them, without those of the answer that is not known yet."""
        users: list[str] = []
        with contextlib.suppress(UpganError):
            answer = question.answer or predictor.predict(**question.query.names, k=1)[0]["id"]
            users = users_of(cache.explanation(predictor, question.query, answer, TOP_USERS.usual))
        return Aliases(users, predictor.dataset)

    view = state.view(predictor, predictor.run_path.name, parameters, near, people)
    hidden = view[KNOWN] == "hide" if hide_known is None else hide_known
    return view, cache.candidates(predictor, view.question.query, view[K], hide_known=hidden)


def explained(predictor: Predictor, view: View, ranked: Candidates, panels: Panels) -> Answered | None:
    """The view's answer, the first candidate where it names none, explained; otherwise why not is said."""
    answer = view.question.answer or answers.first_of(ranked)
    if answer is not None:
        with say.problems_said(as_info=True):
            explanation = cache.explanation(predictor, view.question.query, answer, view[TOP_USERS])
            candidates = answers.with_answer(ranked, explanation)
            return Answered(predictor, view, candidates, explanation, panels)
    return None


def case(answered: Answered, *, real_ids: bool) -> CaseFile:
    """The view as a case: its explanation, and what the panels were asked for beside it.

    A panel that tells why this run cannot say has nothing in the case either.
    """
    from upgan.case.documents import make_case

    beside: dict[str, Any] = {}
    for panel in answered.panels.values():
        for name, result in panel.results(answered).items():
            with contextlib.suppress(UpganError):
                beside[name] = result()
    return make_case(answered.explanation, answered.predictor, real_ids=real_ids, **beside)
