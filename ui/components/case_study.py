"""The case study of one answer: words, graph, and the check that its numbers add up."""

from __future__ import annotations

import streamlit as st

from ui.components.text import plain
from upgan.explanation import Explanation
from upgan.render.styles import Theme
from upgan.render.words import caption, known_sentence, proof, question, sentence, user_noun

_USERS = "upgan_widget_users"


def theme() -> Theme:
    """The viewer's theme, so that the graph has the page's surface."""
    return "dark" if st.context.theme.get("type") == "dark" else "light"


def top_users() -> int:
    """How many of the heaviest users paths and figure show (the control stands among the options)."""
    return min(20, max(1, int(st.session_state.get(_USERS, 5))))


def heading(explanation: Explanation) -> None:
    """The filled sentence, and what the numbers say in words."""
    target, answer = explanation.target, explanation.answer
    filled = sentence(
        target.label or target.id,
        explanation.relation_label,
        inverse=explanation.inverse,
        answer=answer.label or answer.id,
    )
    st.subheader(plain(filled), anchor=False)
    st.markdown(plain(f"{caption(explanation)} {known_sentence(explanation.known)}"))
    if explanation.target.layer < 0:
        st.info("No user reaches this entity: only the knowledge graph speaks here.", icon=":material/person_off:")


def graph(document: str, height: int, explanation: Explanation) -> None:
    """The figure in a frame of its own."""
    st.iframe(document, height=height, alt=f"Graph: {question(explanation)}")


def users_control(*, simulated: bool) -> None:
    """How many users the figure shows."""
    noun = user_noun(simulated)
    st.slider(
        f"Heaviest {noun} shown",
        1,
        20,
        5,
        key=_USERS,
        persist_state="session",
        help=f"The figure and the paths show this many {noun}; ranks, scores and sums always count all of them.",
    )


def proof_lines(explanation: Explanation) -> None:
    """Weights and contributions add up; fingerprints say from what."""
    st.caption("  \n".join(plain(line) for line in proof(explanation)))
