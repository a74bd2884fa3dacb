"""Ask and explain: one question, its ranked candidates, and why the chosen one stands where it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui.components import candidates, entity_picker, graph, question, reason, say
from ui.components.answered import Answered, explained, look
from ui.components.checkpoint import open_checkpoint
from ui.panels import PANELS, PARAMETERS, TAB
from ui.services import answers, questions
from ui.services.questions import Question
from ui.services.view import KNOWN, View
from ui.session import cache, state
from ui.session.registry import Page

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

PAGE = Page(
    "Ask & explain",
    ":material/hub:",
    10,
    keys={
        "/": "to the search; there Enter takes the first match",
        "T": "to the table of answers; there ↑ and ↓ choose, and Enter too",
        "S": "the same question from its other end",
        "Q": "a random question",
        "Z": "closes the node that is looked at",
    },
)
_TABS = "upgan_tabs"


def ask(predictor: Predictor, view: View, shown: answers.Candidates, answered: Answered | None) -> None:
    """The left column: search, question, candidates, options."""
    query, checkpoint = view.question.query, view.question.checkpoint
    answer = view.question.answer or answers.first_of(shown)
    entity_picker.choose(
        cache.search_index(predictor),
        predictor.dataset,
        lambda entity: state.ask(Question(checkpoint, questions.about(predictor, entity, query))),
    )
    question.choose(predictor, view.question, answer)
    if questions.unlike_training(predictor, query):
        say.info("In the training data no entity of this kind has this relation at this end: expect a poor answer.")
    say.notices(state.notices())
    silent = answered is not None and answers.ignores_users(answered.explanation)
    candidates.choose(shown, view, predictor.fingerprint, answer, silent=silent)
    brackets = " A rank in brackets is a known answer's; the others are ranked without it."
    marked = view[KNOWN] != "hide" and any(row["known"] is not None for row in shown.rows)
    st.caption(f"The score orders candidates; it is not a probability.{brackets * marked}")
    with st.expander("Options", icon=":material/tune:"):
        candidates.options(view)
        reason.options(view, simulated=predictor.dataset.simulated_users)
        question.options(predictor, checkpoint)


def details(answered: Answered) -> None:
    """Below both columns, one panel at a time: what is not looked at is not made."""
    st.session_state[_TABS] = TAB.words[answered.view[TAB]]
    name_of = {title: name for name, title in TAB.words.items()}
    tabs = st.tabs(
        list(name_of), key=_TABS, on_change=lambda: state.put(TAB, name_of.get(st.session_state[_TABS], TAB.usual))
    )
    for tab, panel in zip(tabs, PANELS.values(), strict=True):
        if tab.open:
            with tab:
                panel.draw(answered)


def main() -> None:
    """The page."""
    # A third column follows the two: the graph keeps its place among them, and so is not drawn anew.
    if state.node_wanted():
        left, right, *beside = st.columns([4.9, 7, 2.8], gap="small")
    else:
        left, right, *beside = st.columns([6, 9], gap="medium")
    with left:
        predictor = open_checkpoint("Ask the graph")
    view, ranked = look(predictor, PARAMETERS)
    with right:
        answered = explained(predictor, view, ranked, PANELS)
    with left:
        ask(predictor, view, ranked if answered is None else answered.candidates, answered)
    with right:
        if answered is not None:
            reason.heading(answered.explanation)
            graph.show(answered)
        with beside[0] if beside else right:
            graph.node_panel(predictor, view)
    if answered is not None:
        details(answered)
        reason.proof_lines(answered.explanation)


if __name__ == "__main__":
    main()
