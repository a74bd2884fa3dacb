"""Widgets that show a parameter of the view and change it: their value follows the view, not the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from ui.services.view import Choice, Number, Parameter, View

#: Takes a parameter and its new value.
Put = Callable[[Parameter[Any], Any], None]
_Value = TypeVar("_Value")


def slider(parameter: Number[Any], view: View, put: Put, label: str, help: str | None = None) -> None:
    """A number between its bounds."""
    key = _key(parameter, view[parameter])
    st.slider(
        label,
        parameter.low,
        parameter.high,
        step=parameter.step,
        key=key,
        on_change=lambda: put(parameter, parameter.of(float(st.session_state[key]))),
        help=help,
    )


def segments(parameter: Choice[_Value], view: View, put: Put, label: str, help: str | None = None) -> None:
    """One of a few words, as buttons beside each other."""
    key = _key(parameter, view[parameter])

    def take() -> None:
        # Streamlit checks options only in the browser.
        if st.session_state[key] in parameter.words:
            put(parameter, st.session_state[key])

    st.segmented_control(
        label,
        list(parameter.words),
        format_func=lambda name: parameter.words.get(name, str(name)),
        key=key,
        required=True,
        on_change=take,
        help=help,
    )


def _key(parameter: Parameter[_Value], value: _Value) -> str:
    key = f"upgan_widget_{parameter.name}"
    st.session_state[key] = value
    return key
