"""Widgets that show a value and change it: they follow what the session remembers, not the other way round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from ui.components import say
from ui.services.view import Choice, Number, Parameter, Several, View
from ui.session import state
from upgan.render.words import clean

_Value = TypeVar("_Value")
_Word = TypeVar("_Word", bound=str)


def slider(parameter: Number[Any], view: View, label: str, help: str | None = None) -> None:
    """A number between its bounds."""
    key = parameter.key
    st.session_state[key] = view[parameter]
    st.slider(
        label,
        parameter.low,
        parameter.high,
        step=parameter.step,
        key=key,
        on_change=lambda: state.put(parameter, parameter.of(float(st.session_state[key]))),
        help=help,
    )


def segments(parameter: Choice[_Value], value: _Value, label: str, **more: Any) -> None:
    """One of a few words, as buttons beside each other."""
    key = parameter.key
    st.session_state[key] = value

    def take() -> None:
        # Streamlit checks options only in the browser.
        if st.session_state[key] in parameter.words:
            state.put(parameter, st.session_state[key])

    st.segmented_control(
        label,
        list(parameter.words),
        format_func=lambda name: parameter.words.get(name, str(name)),
        key=key,
        required=True,
        on_change=take,
        **more,
    )


def select(
    label: str,
    names: Mapping[_Value, str],
    chosen: _Value | None,
    take: Callable[[_Value | None], None],
    key: str,
    **more: Any,
) -> None:
    """One of many by its name; ``take`` hears of another choice, None where there is none any more."""
    st.session_state[key] = chosen if chosen in names else None
    st.selectbox(
        label,
        list(names),
        format_func=lambda name: names.get(name, str(name)),
        key=key,
        on_change=lambda: take(st.session_state[key] if st.session_state[key] in names else None),
        **more,
    )


@dataclass(frozen=True)
class Choices:
    """What a page lets choose: read from a link, kept for the session, and all of it named in the address."""

    #: For the address bar.
    named: dict[str, str | list[str]] = field(default_factory=dict)

    def one(self, label: str, choice: Choice[_Word]) -> _Word:
        """One from a list."""
        value = self._settled(choice)
        select(label, choice.words, value, lambda new: state.put(choice, new or value), choice.key)
        return value

    def bar(self, label: str, choice: Choice[_Word]) -> _Word:
        """One of a few, as buttons beside each other."""
        value = self._settled(choice)
        segments(choice, value, label, label_visibility="collapsed")
        return value

    def several(
        self, label: str, choice: Several, help: str, words: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Any of them, in the order they were chosen."""
        key, value = choice.key, self._settled(choice)
        st.session_state[key] = list(value)
        st.multiselect(
            label,
            choice.options,
            key=key,
            format_func=lambda name: clean((words or {}).get(name, name)),
            help=help,
            on_change=lambda: state.put(choice, tuple(st.session_state[key])),
        )
        return value

    def _settled(self, parameter: Parameter[_Value]) -> _Value:
        value = state.settled(parameter)
        say.notices(state.gone(parameter))
        self.named[parameter.name] = parameter.write(value)
        return value
