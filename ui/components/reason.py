"""Why one answer stands where it does: words, what the figure shows, and the check that the numbers add up."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.components.text import plain
from ui.services.view import FEWEST_USERS, LARGEST_WEIGHT, LEAST_WEIGHT, MOST_USERS, Settings
from upgan.explain.explanation import Explanation
from upgan.render.figure.spec import Arrangement
from upgan.render.figure.styles import Theme
from upgan.render.words import caption, known_sentence, proof, sentence, user_noun

_USERS = "upgan_widget_users"
_WEIGHT = "upgan_widget_weight"
_LAYOUT = "upgan_widget_layout"
_LAYOUT_WORDS: dict[Arrangement, str] = {"auto": "as fits", "columns": "left to right", "rows": "top to bottom"}


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
    st.markdown(plain(f"{caption(explanation)} {known_sentence(explanation.known)}"))
    if explanation.target.layer < 0 and not explanation.limits:
        st.info("No user reaches this entity: only the knowledge graph speaks here.", icon=":material/person_off:")


def controls(settings: Settings, on_change: Callable[..., None], *, simulated: bool) -> None:
    """How many users the figure shows, from what weight on, and which way it runs."""
    noun = user_noun(simulated)
    st.session_state[_USERS], st.session_state[_WEIGHT] = settings.users, settings.weight
    st.session_state[_LAYOUT] = settings.layout
    st.slider(
        f"Heaviest {noun} shown",
        FEWEST_USERS,
        MOST_USERS,
        key=_USERS,
        on_change=lambda: on_change(users=min(20, max(1, int(st.session_state[_USERS])))),
        help=f"The figure and the paths show this many {noun}; ranks, scores and sums always count all of them.",
    )
    st.slider(
        "Smallest weight drawn",
        LEAST_WEIGHT,
        LARGEST_WEIGHT,
        step=0.01,
        key=_WEIGHT,
        on_change=lambda: on_change(weight=min(0.5, max(0.0, float(st.session_state[_WEIGHT])))),
        help=f"{noun.capitalize()} lighter than this are not drawn. A weight is the share of what the target knows "
        f"from {noun} that comes from one of them; all weights sum to 1.",
    )

    def turn() -> None:
        chosen = st.session_state[_LAYOUT]
        on_change(layout=chosen if chosen in _LAYOUT_WORDS else settings.layout)

    st.segmented_control(
        "Figure runs",
        list(_LAYOUT_WORDS),
        format_func=lambda name: _LAYOUT_WORDS.get(name, name),
        key=_LAYOUT,
        required=True,
        on_change=turn,
        help="From top to bottom it fits a narrow window; “as fits” chooses by the width that there is.",
    )


def proof_lines(explanation: Explanation) -> None:
    """Weights and contributions add up; fingerprints say from what."""
    st.caption("  \n".join(plain(line) for line in proof(explanation)))
