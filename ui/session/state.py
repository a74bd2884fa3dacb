"""What a session remembers: the view and the pages' choices as plain ids, in the address bar too for links to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from ui.services import examples, questions
from ui.services.questions import Question
from ui.services.view import NODE, Choice, Near, Parameter, People, View, read_view
from upgan.data.query import Query
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.predict.predictor import Predictor

Parameters = Sequence[Parameter[Any]]
_Value = TypeVar("_Value")
_VIEW = "upgan_view"
_ADDRESS = "upgan_address"
_LINK = "upgan_link"
_NOTICES = "upgan_notices"
_GONE = "upgan_gone"
_CHECKPOINT = "upgan_checkpoint"
_TURN = "upgan_turn"
#: Before anything is asked: the question of no checkpoint.
_NOTHING = View(Question("", Query.about("", "")))


def named_in_address(parameters: Parameters) -> dict[str, list[str]]:
    """What the address bar says of a view: name -> all its values."""
    names = (*questions.PARTS, *(parameter.name for parameter in parameters))
    return {name: texts for name, texts in _address().items() if name in names}


def write_address(parameters: Mapping[str, str | list[str]]) -> None:
    """Make the address bar say exactly this; what is empty is left out."""
    listed = {name: [value] if isinstance(value, str) else value for name, value in parameters.items() if value}
    if _address() != listed:
        st.query_params.from_dict(listed)
    st.session_state[_ADDRESS] = listed


def address() -> dict[str, str | list[str]]:
    """What the page wrote to the address bar."""
    return dict(_address())


def _address() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _link() -> dict[str, list[str]]:
    """The address bar where someone else wrote it (a first visit, a pasted link, the back button), as far as unread.

    A run may be cut short, by an error or by the next click: what it did not read is left for the next one. An address
    that names nothing is that of a page just turned to: what was looked at stays.
    """
    named = _address()
    if named != st.session_state.get(_ADDRESS):
        st.session_state[_GONE] = {}
        if named:
            st.session_state[_LINK], st.session_state[_ADDRESS] = dict(named), named
    unread: dict[str, list[str]] = st.session_state.setdefault(_LINK, {})
    return unread


def settled(parameter: Parameter[_Value]) -> _Value:
    """A page's choice: what a link names, else the last one, else the usual one; nothing that it does not allow.

    What a link named and is not there, or is gone since it was chosen, is kept to be said (``gone``).
    """
    last = parameter.write(st.session_state.get(parameter.place, parameter.usual))
    linked = _link().pop(parameter.name, None)
    value, problem = parameter.read(linked or ([last] if isinstance(last, str) else last))
    st.session_state[parameter.place] = value
    if problem:
        chosen = "" if linked else f"The {parameter.name} chosen before is not here any more. "
        instead = parameter.words.get(value, "") if isinstance(parameter, Choice) else ""
        _gone()[parameter.place] = (chosen or f"{problem} ") + (f"Showing “{instead}” instead." if instead else "")
    return value


def gone(parameter: Parameter[Any]) -> list[str]:
    """Why a page's choice is another one than was asked for; empty where it is not."""
    said = _gone().get(parameter.place)
    return [said.strip()] if said else []


def unread(*names: str) -> list[str]:
    """What a link names of a page that has nothing of the kind at all."""
    named = {name: texts[-1] for name, texts in _link().items() if name in names}
    return [f"The link's {name} “{shorten(clean(text), 60)}” is not here." for name, text in named.items()]


def _gone() -> dict[str, str]:
    kept: dict[str, str] = st.session_state.setdefault(_GONE, {})
    return kept


def checkpoint() -> str | None:
    """The checkpoint in use by name, a link's where there is one; whether it exists is the page's to check."""
    if named := _link().get("checkpoint"):
        st.session_state[_CHECKPOINT] = named[-1]
    chosen: str | None = st.session_state.get(_CHECKPOINT)
    return chosen


def choose_checkpoint(name: str, notice: str | None = None) -> None:
    """Another checkpoint has other entities: its own first question follows."""
    st.session_state[_CHECKPOINT] = name
    st.session_state[_LINK] = {}
    _keep(_NOTHING)
    st.session_state[_NOTICES] = [notice] if notice else []


def view(opened: Predictor, name: str, parameters: Parameters, near: Near, people: People) -> View:
    """The session's view: a new link's where there is one, otherwise the one before, otherwise the first question.

    It is written to the address bar, with users under pseudonyms unless real ids are switched on. ``near`` gives names
    that resemble an unknown id, ``people`` the pseudonyms.
    """
    stored, link = _kept(), _link()
    named = {part: link.pop(part) for part in named_in_address(parameters) if part in link}
    same = stored.question.checkpoint == name
    if not same or (named and set(named) != {"checkpoint"}):
        stored, problems = read_view(
            opened, name, named, examples.first_question(opened, name), parameters, near, people
        )
        st.session_state[_VIEW] = stored
        if named:
            st.session_state[_NOTICES] = problems
        _next_turn()
    write_address(stored.parameters(str if real_ids() else lambda user: people(stored.question).name(user)))
    return stored


def ask(new: Question) -> None:
    """Another question (a callback: runs before the page does)."""
    st.session_state[_CHECKPOINT] = new.checkpoint
    _keep(_kept().ask(new))
    _next_turn()


def put(parameter: Parameter[_Value], value: _Value) -> None:
    """Another value for one parameter of the view, whose question stays, or of a page."""
    if parameter.lasts == "session":
        st.session_state[parameter.place] = value
        _gone().pop(parameter.place, None)
    else:
        _keep(_kept().put(parameter, value))


def choose_answer(answer: str) -> None:
    """Explain another candidate of the same question, chosen in the table, which so stays as it is."""
    _keep(_kept().choose(answer))


def _kept() -> View:
    kept: View = st.session_state.get(_VIEW, _NOTHING)
    return kept


def _keep(view: View) -> None:
    st.session_state[_VIEW] = view
    st.session_state[_NOTICES] = []


def real_ids() -> bool:
    """Whether what is saved names users by their ids: off until the switch at the files is used."""
    return bool(st.session_state.get("upgan_widget_real_ids", False))


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
    link = _link()
    return NODE.name in link if link else _kept()[NODE] is not None
