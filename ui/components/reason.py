"""Why one answer stands where it does: words, what the figure shows, and the check that the numbers add up."""

from __future__ import annotations

import streamlit as st

from ui.components import controls
from ui.components.text import plain
from ui.services.view import LAYOUT, TOP_USERS, WEIGHT, View
from upgan.explain.explanation import Explanation
from upgan.render.caption import caption, changed, details, why
from upgan.render.figure.styles import Theme
from upgan.render.words import clean, known_sentence, proof, sentence, signed, user_noun


def theme() -> Theme:
    """The viewer's theme, so that the graph has the page's surface."""
    return "dark" if st.context.theme.get("type") == "dark" else "light"


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
    known = known_sentence(explanation.known)
    if said := why(explanation):
        st.markdown(f"**{plain(said[0])}** {plain(' '.join(said[1:]))}")
        st.markdown(plain(f"{changed(explanation)} {known}"))
        with st.expander("Weights and parts", icon=":material/balance:"):
            st.markdown(plain(details(explanation)))
            if explanation.score_parts:
                parts = " · ".join(f"{clean(part.name)} {signed(part.value)}" for part in explanation.score_parts)
                st.markdown(plain(f"The score's parts: {parts}."))
    else:
        st.markdown(plain(f"{caption(explanation)} {known}"))
    if explanation.target.layer < 0 and not explanation.limits:
        st.info(
            "No user reaches this entity: the answer comes from the knowledge graph alone.",
            icon=":material/person_off:",
        )


def options(view: View, *, simulated: bool) -> None:
    """How many users the figure shows, from what weight on, and which way it runs."""
    noun = user_noun(simulated)
    controls.slider(
        TOP_USERS, view, f"Heaviest {noun} shown",
        help=f"The figure and the paths show this many {noun}; ranks, scores and sums always count all of them.",
    )  # fmt: skip
    controls.slider(
        WEIGHT, view, "Smallest weight drawn",
        help=f"{noun.capitalize()} lighter than this are not drawn. A weight is the share of the target's "
        f"information from {noun} that comes from one of them; all weights sum to 1.",
    )  # fmt: skip
    controls.segments(
        LAYOUT, view[LAYOUT], "Direction of the figure",
        help="“Top to bottom” fits a narrow window; “automatic” chooses by the width of the window.",
    )  # fmt: skip


def proof_lines(explanation: Explanation) -> None:
    """Weights and contributions add up; fingerprints say from what."""
    st.caption("  \n".join(plain(line) for line in proof(explanation)))
