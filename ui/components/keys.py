"""The keyboard: keys that no button has, and the list of all keys under "?"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from ui.components.text import plain

_HERE = Path(__file__)
_PAGE = st.components.v2.component(
    "upgan_keys",
    html='<button type="button" title="Keys of this page (?)" aria-label="Keys of this page">?</button>',
    # In a corner of the window, where there is a keyboard.
    css="""button {
        position: fixed; right: 0.75rem; bottom: 0.75rem; z-index: 50; width: 2rem; height: 2rem; cursor: pointer;
        border: 1px solid currentColor; border-radius: 50%; font: inherit; color: var(--st-text-color);
        background: var(--st-background-color);
    }
    button:focus-visible { outline: 3px solid #1f7ae0; outline-offset: 2px; }
    @media (max-width: 640px) { button { display: none; } }""",
    js=_HERE.with_name("keys.js").read_text(encoding="utf-8"),
)
_SEARCH = st.components.v2.component(
    "upgan_search_keys",
    html="<span hidden>\n</span>",
    js=_HERE.with_name("search_keys.js").read_text(encoding="utf-8"),
)
#: On every page.
EVERYWHERE = {"?": "this list", "Tab": "to the next field, button or table", "Escape": "closes what is open"}


def search(text: str, first: str | None) -> None:
    """Enter in the search takes the match whose button has the key ``first`` once what is typed is ``text``."""
    _SEARCH(key="upgan_keys_search", data={"text": text, "first": first}, height=1)


def help(title: str, keys: Mapping[str, str]) -> None:
    """The keys of a page, listed when "?" is pressed or clicked."""
    if _PAGE(key="upgan_keys_page", height=1, on_list_change=lambda: None).list:
        _list(title, keys)


@st.dialog("Keys")
def _list(title: str, keys: Mapping[str, str]) -> None:
    st.markdown(f"**{plain(title)}**" if keys else "This page has no keys of its own.")
    for key, words in (*keys.items(), *EVERYWHERE.items()):
        st.markdown(f":gray-badge[{plain(key)}] {plain(words)}")
