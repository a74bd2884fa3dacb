"""The question: which relation, and which end of it is missing, as one list of sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from ui.components.text import plain
from ui.services import Case, Direction

_KEY = "upgan_widget_question"
_ALL = "upgan_widget_all"


def everything() -> bool:
    """Whether relations that this kind of entity never has are offered too (the switch stands below the list)."""
    return bool(st.session_state.get(_ALL, False))


def choose(
    choices: Mapping[tuple[str, Direction], str],
    chosen: tuple[str, Direction],
    on_choose: Callable[[tuple[str, Direction]], None],
) -> None:
    """The sentences with a gap; a choice calls ``on_choose``."""
    st.session_state[_KEY] = chosen

    def take() -> None:
        if st.session_state[_KEY] in choices:
            on_choose(st.session_state[_KEY])

    st.selectbox(
        "Question",
        list(choices),
        format_func=lambda key: choices.get(key, str(key)),
        key=_KEY,
        on_change=take,
        help="The “?” is the missing end of a fact: “A — author — ?” asks who A's author is, “? — author — A” asks "
        "what A is the author of.",
    )


def switch_everything() -> None:
    """Offer every relation, sensible or not."""
    st.toggle(
        "All relations",
        key=_ALL,
        persist_state="session",
        help="Off: only relations that things of this kind have in the training data.",
    )


def cases(offered: list[Case], on_choose: Callable[[Case], None], on_random: Callable[[], None]) -> None:
    """One click to the paper's cases, and to a fact the model has not seen."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, case in enumerate(offered):
            st.button(
                plain(case.text),
                key=f"upgan_case_{number}",
                help=plain(case.why),
                on_click=on_choose,
                args=(case,),
            )
        st.button(
            "Random question",
            key="upgan_case_random",
            help="A fact that was held out of training: does the model find it?",
            on_click=on_random,
        )
