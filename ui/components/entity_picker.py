"""Find an entity by typing a part of its name."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.components.text import plain
from ui.search import MOST, SearchIndex
from ui.services import kind_of, label_of
from upgan.data.dataset import KGDataset
from upgan.render.words import clean, shorten

_TEXT = "upgan_widget_search"
_CHOSEN = "upgan_widget_chosen"


# A fragment: while someone types, only this part of the page runs again.
@st.fragment
def choose(index: SearchIndex, dataset: KGDataset, on_choose: Callable[[str], None]) -> None:
    """A search field and, while something is typed, its matches; a choice calls ``on_choose``."""
    if st.session_state.pop(_CHOSEN, False):
        st.rerun()
    text = st.text_input(
        "Ask about",
        type="search",
        live="300ms",
        key=_TEXT,
        placeholder="Type part of a name: a book, an author, a series …",
        help="Finds every entity whose name holds what you type, in any spelling of accents. Several words may stand "
        "in any order. An id works too.",
    )
    if not text or not text.strip():
        return
    # No name is longer; a limit of the field itself would show a counter.
    matches = [dataset.entities[number] for number in index.find(text[:200])]
    if not matches:
        st.caption(f"No name holds “{plain(shorten(clean(text), 60))}”. Try fewer letters.")
        return
    key = f"upgan_widget_match_{hash(tuple(matches)):x}"

    def take() -> None:
        entity = st.session_state.get(key)
        # Streamlit checks options only in the browser.
        if entity in dataset.entity_index:
            st.session_state[_TEXT] = ""
            st.session_state[_CHOSEN] = True
            on_choose(entity)

    with st.container(height=220 if len(matches) > 4 else "content", border=True):
        st.radio(
            f"{len(matches)}{' or more' if len(matches) >= MOST else ''} match{'' if len(matches) == 1 else 'es'}",
            matches,
            index=None,
            format_func=lambda entity: _option(dataset, entity),
            key=key,
            on_change=take,
        )


def _option(dataset: KGDataset, entity: str) -> str:
    """Name and kind; the id too where that is not simply the name."""
    label, kind = label_of(dataset, entity), kind_of(dataset, entity)
    same = label.casefold().replace(" ", "") in clean(entity).casefold().replace("-", "").replace("_", "")
    extra = " · ".join(part for part in (kind, "" if same else shorten(clean(entity), 30)) if part)
    return plain(label) + (f" :gray[{plain(extra)}]" if extra else "")
