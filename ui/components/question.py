"""The question: which relation, and which end of it is missing, as one list of sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui.components import controls
from ui.components.text import plain
from ui.services import questions
from ui.services.questions import Question
from ui.session import state
from upgan.data.query import Direction, Query
from upgan.render.words import shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

_ALL = "upgan_widget_all"


def choose(predictor: Predictor, question: Question, answer: str | None) -> None:
    """The sentences with a gap, what is missing in words below; the button beside them asks from the other end."""
    dataset, query, other = predictor.dataset, question.query, questions.swapped(question, answer)
    # The switch for all relations stands below the list, under Options.
    choices = questions.choices(predictor, query, everything=bool(st.session_state.get(_ALL, False)))
    short = {key: shorten(words, 200) for key, words in choices.items()}

    def take(chosen: tuple[str, Direction] | None) -> None:
        if chosen is not None:
            state.ask(Question(question.checkpoint, Query.about(query.entity, *chosen)))

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        controls.select(
            "Question",
            short,
            (query.relation, query.direction),
            take,
            "upgan_widget_question",
            help="The “?” is the missing end of a fact: “A — author — ?” asks who A's author is, “? — author — A” asks "
            "what A is the author of.",
        )
        st.button(
            "Swap",
            key="upgan_swap",
            shortcut="S",
            icon=":material/swap_horiz:",
            help=f"Ask the other way round: {plain(shorten(questions.question_text(dataset, other.query), 160))}",
            on_click=state.ask,
            args=(other,),
        )
    st.caption(plain(shorten(questions.direction_words(dataset, query), 160)))


def options(predictor: Predictor, checkpoint: str) -> None:
    """Every relation, sensible or not; and one click to a fact that the model has not seen."""
    st.toggle(
        "All relations",
        key=_ALL,
        persist_state="session",
        help="Off: only relations that things of this kind have in the training data.",
    )
    st.button(
        "Random question",
        key="upgan_random",
        shortcut="Q",
        icon=":material/shuffle:",
        help="A fact that was held out of training: does the model find it?",
        on_click=lambda: state.ask(questions.random_question(predictor, checkpoint)),
    )
