"""Ask and explain: one question, its ranked candidates, and why the chosen one stands where it does."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ui.components import candidates, entity_picker, graph, question, reason, say
from ui.panels import PANELS, PARAMETERS, TAB
from ui.services import answers, questions
from ui.services.nodes import node_facts
from ui.services.view import KNOWN, NODE, TOP_USERS, View, known_node
from ui.session import cache, state
from ui.session.answered import Answered, explained, look
from ui.session.opened import Opened, open_checkpoint
from ui.session.registry import Page
from upgan.render.words import question as question_words

PAGE = Page("Ask & explain", ":material/hub:", 10)
_TABS = "upgan_tabs"


def about(opened: Opened, view: View, entity: str) -> None:
    """Ask about another entity, the same thing where that fits."""
    state.ask(questions.about(opened.predictor, opened.name, entity, view.question))


def ask(opened: Opened, view: View, shown: answers.Candidates, answer: str | None, *, silent: bool) -> None:
    """The left column: search, question, candidates, options. ``silent``: the model does not use interactions."""
    predictor, asked = opened.predictor, view.question
    dataset = predictor.dataset
    entity_picker.choose(cache.search_index(predictor), dataset, lambda entity: about(opened, view, entity))
    other = questions.swapped(asked, answer)
    question.choose(
        questions.choices(predictor, asked, everything=question.everything()),
        (asked.relation, asked.direction),
        questions.direction_words(dataset, asked),
        questions.question_text(dataset, other),
        lambda key: state.ask(replace(asked, relation=key[0], direction=key[1], answer=None)),
        lambda: state.ask(other),
    )
    if questions.unlike_training(predictor, asked):
        say.info("Nothing of this kind stands at this end of the relation in the training data: expect a poor answer.")
    say.notices(state.notices())
    candidates.choose(
        shown,
        f"{predictor.fingerprint} {state.turn()}",
        answer,
        state.choose_answer,
        mark_known=view[KNOWN] != "show",
        silent=silent,
    )
    st.caption("The score orders candidates; it is not a probability.")
    with st.expander("Options", icon=":material/tune:"):
        candidates.options(view, state.put)
        reason.options(view, state.put, simulated=dataset.simulated_users)
        question.switch_everything()
        question.random(lambda: state.ask(questions.random_question(predictor, opened.name)))


def figure(answered: Answered) -> None:
    """The right column: what the numbers say, the graph, and a list of its nodes."""
    explanation, predictor, view = answered.explanation, answered.predictor, answered.view
    reason.heading(explanation)
    drawn = cache.graph(predictor, view.question, answered.answer, view[TOP_USERS], view.drawing, reason.theme())

    def choose_node(node: str | None) -> None:
        if node is None or known_node(predictor.dataset, node):
            state.put(NODE, node)

    graph.show(drawn.document, drawn.height, f"Graph: {question_words(explanation)}", view[NODE], choose_node)
    graph.node_list(drawn.nodes, view[NODE], choose_node)


def node(opened: Opened, view: View) -> None:
    """Beside the graph (below it on a phone): what the dataset says about the chosen node."""
    chosen = view[NODE]
    if chosen is not None:
        graph.node_panel(
            node_facts(opened.predictor, chosen),
            lambda entity: about(opened, view, entity),
            lambda: state.put(NODE, None),
        )


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
        opened = open_checkpoint("Ask the graph", PARAMETERS)
    view, ranked = look(opened, PARAMETERS)
    with right:
        answered = explained(opened, view, ranked, PANELS)
    with left:
        if answered is None:
            ask(opened, view, ranked, view.question.answer or answers.first_of(ranked), silent=False)
        else:
            ask(opened, view, answered.candidates, answered.answer, silent=answers.hears_no_users(answered.explanation))
    with right:
        if answered is not None:
            figure(answered)
        with beside[0] if beside else right:
            node(opened, view)
    if answered is not None:
        details(answered)
        reason.proof_lines(answered.explanation)


if __name__ == "__main__":
    main()
