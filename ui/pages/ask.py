"""Ask and explain: one question, its ranked candidates, and why the chosen one stands where it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from ui import cache, state
from ui.components import candidates, contrast, entity_picker, files, graph, paths, question, reason, users, what_if
from ui.components.text import plain
from ui.services import answers, questions
from ui.services.nodes import node_facts
from ui.services.questions import Question
from ui.services.view import View, known_node
from ui.session import Opened, open_checkpoint
from upgan.data.query import Query
from upgan.errors import UpganError
from upgan.explain.explanation import Explanation
from upgan.render.words import clean
from upgan.render.words import question as question_words

#: Names of the parts below the graph, in their order.
TABS = {
    "paths": "Paths to the target",
    "users": "Users",
    "evidence": "How the answer reached the users",
    "contrast": "Why not another?",
    "whatif": "What if",
    "files": "Files",
}
_TABS = "upgan_tabs"


def about(opened: Opened, view: View, entity: str) -> None:
    """Ask about another entity, the same thing where that fits."""
    state.ask(Question(opened.name, questions.about(opened.predictor, entity, view.question.query)))


def ask(opened: Opened, view: View, shown: answers.Candidates, answer: str | None, *, silent: bool) -> None:
    """The left column: search, question, candidates, options. ``silent``: the model hears no users."""
    predictor, query, settings = opened.predictor, view.question.query, view.settings
    dataset = predictor.dataset
    entity_picker.choose(cache.search_index(predictor), dataset, lambda entity: about(opened, view, entity))
    other = questions.swapped(view.question, answer)
    question.choose(
        questions.choices(predictor, query, everything=question.everything()),
        (query.relation, query.direction),
        questions.direction_words(dataset, query),
        questions.question_text(dataset, other.query),
        lambda key: state.ask(Question(opened.name, Query.about(query.entity, *key))),
        lambda: state.ask(other),
    )
    if questions.unlike_training(predictor, query):
        st.info(
            "Nothing of this kind stands at this end of the relation in the training data: expect a poor answer.",
            icon=":material/info:",
        )
    if notices := state.notices():
        st.warning("  \n".join(map(plain, notices)), icon=":material/link_off:")
    candidates.table(
        shown,
        f"{predictor.fingerprint} {state.turn()}",
        answer,
        state.choose_answer,
        mark_known=settings.known != "show",
        silent=silent,
    )
    st.caption("The score orders candidates; it is not a probability.")
    with st.expander("Options", icon=":material/tune:"):
        candidates.controls(settings, state.set_up)
        reason.controls(settings, state.set_up, simulated=dataset.simulated_users)
        question.switch_everything()
        question.random(lambda: state.ask(questions.random_question(predictor, opened.name)))


def figure(opened: Opened, view: View, explanation: Explanation) -> None:
    """The right column: what the numbers say, the graph, and a list of its nodes."""
    reason.heading(explanation)
    drawn = cache.graph(opened.predictor, explanation, view.settings, reason.theme())

    def choose_node(node: str | None) -> None:
        if node is None or known_node(opened.predictor, node):
            state.change(node=node)

    graph.show(drawn.document, drawn.height, f"Graph: {question_words(explanation)}", view.node, choose_node)
    graph.node_list(drawn.nodes, view.node, choose_node)


def node(opened: Opened, view: View) -> None:
    """Beside the graph (below it on a phone): what the dataset says about the chosen node."""
    if view.node is not None:
        graph.node_panel(
            node_facts(opened.predictor, view.node),
            lambda entity: about(opened, view, entity),
            lambda: state.change(node=None),
        )


def why_not(opened: Opened, view: View, explanation: Explanation, shown: answers.Candidates) -> None:
    """The answer set against another candidate."""
    dataset, answer = opened.predictor.dataset, explanation.answer.id
    others = {row["id"]: f"{row['rank']}. {questions.label_of(dataset, row['id'])}" for row in shown.rows}
    others.pop(answer, None)
    if view.contrast is not None and view.contrast != answer:
        others.setdefault(view.contrast, questions.label_of(dataset, view.contrast))
    contrast.choose(others, view.contrast, lambda chosen: state.change(contrast=chosen))
    if view.contrast is not None and view.contrast in others:
        found = cache.contrast(opened.predictor, view.question.query, answer, view.contrast)
        contrast.show(found, explanation.answer.label, simulated=dataset.simulated_users)


def without_some(opened: Opened, view: View, explanation: Explanation) -> None:
    """The question without the users that are unticked, and the fewest it takes to change the answer."""
    simulated, answer = explanation.simulated_users, explanation.answer.id
    if not (explanation.users or explanation.answer_users):
        st.caption("There are no users behind this answer to leave out.")
        return
    what_if.untick(explanation, view.without, lambda left: state.change(without=left))
    if view.without:
        found = cache.what_if(opened.predictor, view.question.query, answer, view.without)
        what_if.outcome(found, simulated=simulated)
    st.button(
        "Fewest users that change the answer's place",
        key="upgan_smallest",
        icon=":material/group_remove:",
        disabled=view.fewest,
        help="Leaves users out one after the other, the most telling first, until the answer loses its rank; each step "
        "is computed again.",
        on_click=lambda: state.change(fewest=True),
    )
    if view.fewest:
        what_if.smallest(cache.smallest_set(opened.predictor, view.question.query, answer), simulated=simulated)


def details(
    opened: Opened, view: View, shown: answers.Candidates, explanation: Explanation, labels: Mapping[str, str]
) -> None:
    """Below both columns, one part at a time: what is not looked at is not made.

    Paths come first: until a browser has read the chart library, it shows nothing else of the page either.
    """
    st.session_state[_TABS] = TABS[view.settings.tab] if view.settings.tab in TABS else TABS["paths"]
    name_of = {words: name for name, words in TABS.items()}
    tabs = st.tabs(
        list(TABS.values()),
        key=_TABS,
        on_change=lambda: state.set_up(tab=name_of.get(st.session_state[_TABS], "paths")),
    )
    by_name = dict(zip(TABS, tabs, strict=True))
    if by_name["users"].open:
        with by_name["users"]:
            users.users(explanation, view.settings.order, lambda order: state.set_up(order=order))
    if by_name["paths"].open:
        with by_name["paths"]:
            paths.paths(explanation, labels)
    if by_name["evidence"].open:
        with by_name["evidence"]:
            paths.evidence(explanation, labels)
    if by_name["contrast"].open:
        with by_name["contrast"]:
            told(lambda: why_not(opened, view, explanation, shown))
    if by_name["whatif"].open:
        with by_name["whatif"]:
            told(lambda: without_some(opened, view, explanation))
    if by_name["files"].open:
        with by_name["files"]:
            real = files.real_ids()
            files.downloads(
                lambda: cache.case(opened.predictor, view, explanation, real_ids=real), view.settings.drawing
            )
            files.link(view.parameters(), "ask")


def told(part: Callable[[], None]) -> None:
    """A part of the page, or the reason why the run cannot show it."""
    try:
        part()
    except UpganError as error:
        st.info(plain(clean(str(error))), icon=":material/info:")


def main() -> None:
    """The page."""
    # A third column follows the two: the graph keeps its place among them, and so is not drawn anew.
    if state.node_wanted():
        left, right, *beside = st.columns([4.9, 7, 2.8], gap="small")
    else:
        left, right, *beside = st.columns([6, 9], gap="medium")
    with left:
        opened = open_checkpoint("Ask the graph")
    view = state.view(opened.predictor, opened.name, lambda typed: cache.nearest(opened.predictor, typed))
    state.write_link(view)
    settings, query = view.settings, view.question.query
    found = cache.candidates(opened.predictor, query, settings.k, hide_known=settings.known == "hide")
    answer = view.question.answer or (found.rows[0]["id"] if found.rows else None)
    explanation, unexplained = None, ""
    if answer is not None:
        try:
            explanation = cache.explanation(opened.predictor, query, answer, settings.users)
        except UpganError as error:
            unexplained = clean(str(error))
    shown = answers.with_answer(found, explanation)
    with left:
        ask(opened, view, shown, answer, silent=explanation is not None and answers.ignores_users(explanation))
    with right:
        if unexplained:
            st.info(plain(unexplained), icon=":material/info:")
        if explanation is not None:
            figure(opened, view, explanation)
        with beside[0] if beside else right:
            node(opened, view)
    if explanation is not None:
        details(opened, view, shown, explanation, questions.relation_labels(opened.predictor.dataset))
        reason.proof_lines(explanation)


main()
