"""Find an entity by typing a part of its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui.components import keys
from ui.components.text import plain
from ui.services.questions import kind_of, label_of
from ui.services.search import SearchIndex
from upgan.data.dataset import KGDataset
from upgan.render.words import clean, shorten

_TEXT = "upgan_widget_search"
_CHOSEN = "upgan_widget_chosen"
#: More are no help to someone who can type another letter.
_OFFERED = 20


# A fragment: while someone types, only this part of the page runs again.
@st.fragment
def choose(index: SearchIndex, dataset: KGDataset, on_choose: Callable[[str], None]) -> None:
    """A search field and, while something is typed, its matches as buttons; a choice calls ``on_choose``."""
    if st.session_state.pop(_CHOSEN, False):
        st.rerun()
    text = st.text_input(
        "Ask about",
        type="search",
        live="300ms",
        key=_TEXT,
        placeholder="Type part of a name: a book, an author, a series …",
        help="Finds every entity whose name contains what you type, with or without accents; where few do, also "
        "similar names. Words may stand in any order. An id or its beginning works too. Enter takes the first match; "
        "Tab moves on to the others.",
    )
    if not text or not text.strip():
        keys.search("", None)
        return
    # No name is longer; a limit of the field itself would show a counter.
    suggestions = index.suggest(text[:200])
    exact = [dataset.entities[number] for number in suggestions.exact]
    similar = [dataset.entities[number] for number in suggestions.similar[: _OFFERED - min(_OFFERED, len(exact))]]
    first = next(iter([*exact, *similar]), None)
    keys.search(text, None if first is None else _button(dataset, first))
    if not exact:
        nothing = f"No name contains “{plain(shorten(clean(text), 60))}”."
        st.caption(f"{nothing} Similar names:" if similar else f"{nothing} Try fewer letters.")
    if exact or similar:
        many = len(exact) + len(similar) > 5
        with st.container(height=220 if many else "content", border=True, gap="xxsmall"):
            _offer(exact[:_OFFERED], dataset, on_choose)
            if exact and similar:
                st.caption("Similar names:")
            _offer(similar, dataset, on_choose)
            if len(exact) > _OFFERED:
                st.caption("More names match: type another letter.")


def _offer(matches: Sequence[str], dataset: KGDataset, on_choose: Callable[[str], None]) -> None:
    def take(entity: str) -> None:
        st.session_state[_TEXT] = ""
        st.session_state[_CHOSEN] = True
        on_choose(entity)

    for entity in matches:
        st.button(
            _option(dataset, entity),
            key=_button(dataset, entity),
            type="tertiary",
            on_click=take,
            args=(entity,),
        )


def _button(dataset: KGDataset, entity: str) -> str:
    """The key of a match's button."""
    return f"upgan_match_{dataset.entity_index[entity]}"


def _option(dataset: KGDataset, entity: str) -> str:
    """Name and kind; the id too where that is not simply the name."""
    label, kind = shorten(label_of(dataset, entity), 80), kind_of(dataset, entity)
    same = label.casefold().replace(" ", "") in clean(entity).casefold().replace("-", "").replace("_", "")
    extra = " · ".join(part for part in (kind, "" if same else shorten(clean(entity), 30)) if part)
    return plain(label) + (f" :gray[{plain(extra)}]" if extra else "")
