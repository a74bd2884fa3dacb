"""Choices that the address bar names: read from it where it is fresh, kept for the session, checked against what is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from upgan.render.words import clean

_Key = TypeVar("_Key", bound=str)


@dataclass(frozen=True)
class Choices:
    """``fresh``: someone else than the page wrote the address (a link, the back button), so that it decides."""

    fresh: bool

    def one(
        self,
        label: str,
        options: Sequence[_Key],
        parameter: str,
        words: Mapping[_Key, str] | None = None,
        of: str = "",
    ) -> _Key:
        """One of ``options`` from a list: what a fresh address names, else the last choice, else the first.

        ``of``: what the choice is about; a choice made of something else does not count as the last.
        """
        owner = f"upgan_{parameter}_is_of"
        if of:
            if st.session_state.get(owner, of) != of:
                st.session_state.pop(f"upgan_widget_{parameter}", None)
            st.session_state[owner] = of
        return self._chosen(st.selectbox, label, options, parameter, words or {})

    def settled(self, options: Sequence[_Key], parameter: str) -> _Key:
        """What ``one`` will say, for what is drawn above it."""
        return _within(st.session_state[self._settle(parameter, options)], options)

    def bar(self, label: str, options: Mapping[_Key, str], parameter: str) -> _Key:
        """The same as buttons beside each other, one always pressed."""
        more = {"required": True, "label_visibility": "collapsed"}
        return self._chosen(st.segmented_control, label, list(options), parameter, options, **more)

    def several(self, label: str, options: Sequence[_Key], parameter: str, help: str) -> list[_Key]:
        """Any of ``options``, in the order they were chosen."""
        key = f"upgan_widget_{parameter}"
        if self.fresh and parameter in st.query_params:
            named = dict.fromkeys(st.query_params.get_all(parameter))
            st.session_state[key] = [name for name in named if name in options]
        st.multiselect(label, list(options), key=key, format_func=clean, help=help, persist_state="session")
        return [name for name in st.session_state[key] if name in options]

    @staticmethod
    def choose(parameter: str, value: str) -> None:
        """Choose in the list's stead (a callback: before the page runs)."""
        st.session_state[f"upgan_widget_{parameter}"] = value

    def _chosen(
        self,
        widget: Callable[..., object],
        label: str,
        options: Sequence[_Key],
        parameter: str,
        words: Mapping[_Key, str],
        **more: Any,
    ) -> _Key:
        key = self._settle(parameter, options)
        widget(
            label,
            list(options),
            key=key,
            format_func=lambda name: words.get(name, clean(name)),
            persist_state="session",
            **more,
        )
        return _within(st.session_state[key], options)

    def _settle(self, parameter: str, options: Sequence[_Key]) -> str:
        """The widget's key, its value within the options."""
        key = f"upgan_widget_{parameter}"
        named = st.query_params.get(parameter) if self.fresh else None
        value = named if named in options else st.session_state.get(key)
        if named is not None or value not in options:
            st.session_state[key] = value if value in options else options[0]
        return key


def _within(value: str, options: Sequence[_Key]) -> _Key:
    # Streamlit checks options only in the browser.
    return next((name for name in options if name == value), options[0])
