"""The question: which relation, and which end of it is missing, as one list of sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from ui.components.text import plain
from upgan.data.query import Direction
from upgan.render.words import shorten

_KEY = "upgan_widget_question"
_ALL = "upgan_widget_all"


def everything() -> bool:
    """Whether relations that this kind of entity never has are offered too (the switch stands below the list)."""
    return bool(st.session_state.get(_ALL, False))


def choose(
    choices: Mapping[tuple[str, Direction], str],
    chosen: tuple[str, Direction],
    meaning: str,
    other: str,
    on_choose: Callable[[tuple[str, Direction]], None],
    on_swap: Callable[[], None],
) -> None:
    """The sentences with a gap, ``meaning`` in words below; the button beside them asks ``other``, from the other end.

    A choice calls ``on_choose``.
    """
    st.session_state[_KEY] = chosen

    def take() -> None:
        if st.session_state[_KEY] in choices:
            on_choose(st.session_state[_KEY])

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Question",
            list(choices),
            format_func=lambda key: shorten(choices.get(key, str(key)), 200),
            key=_KEY,
            on_change=take,
            help="The “?” is the missing end of a fact: “A — author — ?” asks who A's author is, “? — author — A” asks "
            "what A is the author of.",
        )
        st.button(
            "Swap",
            key="upgan_swap",
            icon=":material/swap_horiz:",
            help=f"Ask the other way round: {plain(shorten(other, 160))}",
            on_click=on_swap,
        )
    st.caption(plain(shorten(meaning, 160)))


def switch_everything() -> None:
    """Offer every relation, sensible or not."""
    st.toggle(
        "All relations",
        key=_ALL,
        persist_state="session",
        help="Off: only relations that things of this kind have in the training data.",
    )


def random(on_random: Callable[[], None]) -> None:
    """One click to a fact that the model has not seen."""
    st.button(
        "Random question",
        key="upgan_random",
        icon=":material/shuffle:",
        help="A fact that was held out of training: does the model find it?",
        on_click=on_random,
    )
