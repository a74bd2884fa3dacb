"""What a session remembers: the question as plain ids, mirrored in the address bar so that a link reopens it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from ui import services
from ui.services import PARAMETERS, Question

if TYPE_CHECKING:
    from upgan.predictor import Predictor

_QUESTION = "upgan_question"
_WRITTEN = "upgan_written"
_PENDING = "upgan_pending"
_NOTICES = "upgan_notices"
_CHECKPOINT = "upgan_checkpoint"
_TURN = "upgan_turn"


def link_checkpoint() -> str | None:
    """Take up the address bar where someone else wrote it (a first visit, a pasted link, the back button).

    Returns the checkpoint in use by name; whether it exists is the page's to check.
    """
    link = {name: st.query_params[name] for name in PARAMETERS if name in st.query_params}
    if link != st.session_state.get(_WRITTEN):
        # Kept until ``question`` has read it: this run may be cut short, by an error or by the next click.
        st.session_state[_WRITTEN] = st.session_state[_PENDING] = link
        if "checkpoint" in link:
            st.session_state[_CHECKPOINT] = link["checkpoint"]
    chosen: str | None = st.session_state.get(_CHECKPOINT)
    return chosen


def choose_checkpoint(name: str, notice: str | None = None) -> None:
    """Another checkpoint has other entities: its own first question follows."""
    st.session_state[_CHECKPOINT] = name
    st.session_state[_NOTICES] = [notice] if notice else []
    for key in (_QUESTION, _PENDING):
        st.session_state.pop(key, None)


def question(opened: Predictor, name: str) -> Question:
    """The session's question: from a new link where there is one, otherwise the one before, otherwise the first."""
    stored: Question | None = st.session_state.get(_QUESTION)
    link: dict[str, str] | None = st.session_state.pop(_PENDING, None)
    if link is not None or stored is None or stored.checkpoint != name:
        first = services.first_question(opened, name)
        stored, problems = services.read_link(opened, name, link or {}, first)
        if link is not None:
            st.session_state[_NOTICES] = problems
        st.session_state[_QUESTION] = stored
        _next_turn()
    return stored


def ask(new: Question) -> None:
    """Replace the question (a callback: runs before the page does)."""
    st.session_state[_CHECKPOINT] = new.checkpoint
    st.session_state[_QUESTION] = new
    st.session_state[_NOTICES] = []
    _next_turn()


def choose_answer(answer: str) -> None:
    """Explain another candidate of the same question (chosen in the table, which therefore stays as it is)."""
    stored: Question | None = st.session_state.get(_QUESTION)
    if stored is not None:
        st.session_state[_QUESTION] = replace(stored, answer=answer)
        st.session_state[_NOTICES] = []


def turn() -> int:
    """Counts the questions asked other than through the table: its choice must follow them, not outlive them."""
    return int(st.session_state.get(_TURN, 0))


def _next_turn() -> None:
    st.session_state[_TURN] = turn() + 1


def notices() -> list[str]:
    """What was wrong with the link; gone with the next choice."""
    return list(st.session_state.get(_NOTICES, []))


def write_link(current: Question) -> None:
    """Make the address bar name what is shown."""
    wanted = current.parameters()
    if {name: st.query_params[name] for name in PARAMETERS if name in st.query_params} != wanted:
        st.query_params.from_dict(wanted)
    st.session_state[_WRITTEN] = wanted
