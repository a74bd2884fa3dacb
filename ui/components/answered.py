"""One answer as the pages show it: its view, its candidates, its explanation; and what panels add to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ui.components import say
from ui.components.checkpoint import Opened
from ui.services import answers, casefiles, questions
from ui.services.answers import Candidates
from ui.services.view import KNOWN, OWN, TOP_USERS, K, Parameter, View
from ui.session import cache, state
from upgan.data.query import Query
from upgan.errors import UpganError
from upgan.explain.explanation import Explanation

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


def parameters_of(panels: Panels) -> tuple[Parameter[Any], ...]:
    """All that a link may name beside the question."""
    return (*OWN, *(parameter for panel in panels.values() for parameter in panel.parameters))


def look(opened: Opened, parameters: state.Parameters, *, hide_known: bool | None = None) -> tuple[View, Candidates]:
    """The view in use, written to the address, and its candidates; ``hide_known`` instead of what the view says."""
    predictor = opened.predictor
    view = state.view(predictor, opened.name, parameters, lambda typed: nearest(predictor, typed))
    hidden = view[KNOWN] == "hide" if hide_known is None else hide_known
    return view, cache.candidates(predictor, view.question.query, view[K], hide_known=hidden)


def explained(opened: Opened, view: View, ranked: Candidates, panels: Panels) -> Answered | None:
    """The view's answer, the first candidate where it names none, explained; otherwise why not is said."""
    answer = view.question.answer or answers.first_of(ranked)
    if answer is not None:
        with say.problems_said(as_info=True):
            explanation = cache.explanation(opened.predictor, view.question.query, answer, view[TOP_USERS])
            candidates = answers.with_answer(ranked, explanation)
            return Answered(opened.predictor, view, candidates, explanation, panels)
    return None


def nearest(opened: Predictor, typed: str) -> list[str]:
    """Names that an unknown id resembles."""
    return questions.nearest(cache.search_index(opened), opened.dataset, typed)


def case(answered: Answered, *, real_ids: bool) -> CaseFile:
    """The view as a case: its explanation, and what the panels were asked for beside it.

    A panel that tells why this run cannot say has nothing in the case either.
    """
    beside: dict[str, object] = {}
    for panel in answered.panels.values():
        for name, result in panel.results(answered).items():
            with contextlib.suppress(UpganError):
                beside[name] = result()
    return casefiles.case_of(answered.explanation, answered.predictor, real_ids=real_ids, **beside)
