"""Widgets that show a parameter of the view and change it: their value follows the view, not the other way round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from ui.services.view import Choice, Number, Parameter, View
from ui.session import state

_Value = TypeVar("_Value")


def slider(parameter: Number[Any], view: View, label: str, help: str | None = None) -> None:
    """A number between its bounds."""
    key = _key(parameter, view[parameter])
    st.slider(
        label,
        parameter.low,
        parameter.high,
        step=parameter.step,
        key=key,
        on_change=lambda: state.put(parameter, parameter.of(float(st.session_state[key]))),
        help=help,
    )


def segments(parameter: Choice[_Value], view: View, label: str, help: str | None = None) -> None:
    """One of a few words, as buttons beside each other."""
    key = _key(parameter, view[parameter])

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
        help=help,
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


def _key(parameter: Parameter[_Value], value: _Value) -> str:
    key = f"upgan_widget_{parameter.name}"
    st.session_state[key] = value
    return key
