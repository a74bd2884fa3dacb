"""What a session remembers: the view as plain ids, mirrored in the address bar so that a link reopens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from ui.services import examples, questions
from ui.services.questions import Question
from ui.services.view import NODE, Near, Parameter, View, read_view

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

Parameters = Sequence[Parameter[Any]]
_Value = TypeVar("_Value")
_VIEW = "upgan_view"
_WRITTEN = "upgan_written"
_ADDRESS = "upgan_address"
_PENDING = "upgan_pending"
_NOTICES = "upgan_notices"
_CHECKPOINT = "upgan_checkpoint"
_TURN = "upgan_turn"


def named_in_address(parameters: Parameters) -> dict[str, list[str]]:
    """What the address bar says of a view: name -> all its values."""
    names = (*questions.PARTS, *(parameter.name for parameter in parameters))
    return {name: st.query_params.get_all(name) for name in names if name in st.query_params}


def link_checkpoint(parameters: Parameters) -> str | None:
    """Take up the address bar where someone else wrote it (a first visit, a pasted link, the back button).

    Returns the checkpoint in use by name; whether it exists is the page's to check. An address that names nothing is
    that of a page just turned to: what was looked at stays.
    """
    link = named_in_address(parameters)
    if link and link != st.session_state.get(_WRITTEN):
        # Kept until ``view`` has read it: this run may be cut short, by an error or by the next click.
        st.session_state[_PENDING] = link
        if link.get("checkpoint"):
            st.session_state[_CHECKPOINT] = link["checkpoint"][-1]
    st.session_state[_WRITTEN] = link
    chosen: str | None = st.session_state.get(_CHECKPOINT)
    return chosen


def choose_checkpoint(name: str, notice: str | None = None) -> None:
    """Another checkpoint has other entities: its own first question follows."""
    st.session_state[_CHECKPOINT] = name
    st.session_state[_NOTICES] = [notice] if notice else []
    for key in (_VIEW, _PENDING):
        st.session_state.pop(key, None)


def view(opened: Predictor, name: str, parameters: Parameters, near: Near | None = None) -> View:
    """The session's view: a new link's where there is one, otherwise the one before, otherwise the first question.

    It is written to the address bar. ``near`` gives names that resemble an unknown id.
    """
    stored: View | None = st.session_state.get(_VIEW)
    link: dict[str, list[str]] | None = st.session_state.pop(_PENDING, None)
    same = stored is not None and stored.question.checkpoint == name
    if same and link is not None and set(link) == {"checkpoint"}:
        link = None
    if stored is None or not same or link is not None:
        stored, problems = read_view(opened, name, link or {}, examples.first_question(opened, name), parameters, near)
        if link is not None:
            st.session_state[_NOTICES] = problems
        st.session_state[_VIEW] = stored
        _next_turn()
    write_address(stored.parameters())
    st.session_state[_WRITTEN] = named_in_address(parameters)
    return stored


def ask(new: Question) -> None:
    """Another question (a callback: runs before the page does)."""
    stored: View | None = st.session_state.get(_VIEW)
    st.session_state[_CHECKPOINT] = new.checkpoint
    st.session_state[_VIEW] = View(new) if stored is None else stored.ask(new)
    st.session_state[_NOTICES] = []
    _next_turn()


def put(parameter: Parameter[_Value], value: _Value) -> None:
    """Another value for one parameter of the view; the question stays."""
    _change(lambda stored: stored.put(parameter, value))


def choose_answer(answer: str) -> None:
    """Explain another candidate of the same question (chosen in the table, which therefore stays as it is)."""
    _change(lambda stored: stored.choose(answer))


def _change(other: Callable[[View], View]) -> None:
    stored: View | None = st.session_state.get(_VIEW)
    if stored is not None:
        st.session_state[_VIEW] = other(stored)
        st.session_state[_NOTICES] = []


def turn() -> int:
    """Counts the questions asked other than through the table: its choice must follow them, not outlive them."""
    return int(st.session_state.get(_TURN, 0))


def _next_turn() -> None:
    st.session_state[_TURN] = turn() + 1


def notices() -> list[str]:
    """What was wrong with the link; gone with the next choice."""
    return list(st.session_state.get(_NOTICES, []))


def node_wanted() -> bool:
    """Whether the view names a node, told before the view itself is read: the page needs a column for it."""
    stored: View | None = st.session_state.get(_VIEW)
    if stored is None or fresh_address():
        return NODE.name in st.query_params
    return stored[NODE] is not None


def write_address(parameters: Mapping[str, str | list[str]]) -> None:
    """Make the address bar say exactly this."""
    listed = {name: [value] if isinstance(value, str) else value for name, value in parameters.items()}
    if {name: st.query_params.get_all(name) for name in st.query_params} != listed:
        st.query_params.from_dict(dict(parameters))
    st.session_state[_ADDRESS] = listed


def fresh_address() -> bool:
    """Whether the address says something that the page did not write: a link, the back button."""
    named = {name: st.query_params.get_all(name) for name in st.query_params}
    return bool(named) and named != st.session_state.get(_ADDRESS)
