"""Messages: what went wrong, or why something cannot be shown, as text that nothing reads as Markdown."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import streamlit as st

from ui.components.text import plain
from ui.services.spoken import spoken
from upgan.errors import UpganError
from upgan.render.words import clean

_Made = TypeVar("_Made")


def told(text: object) -> str:
    """A message's own words as Markdown that shows them letter by letter, without what is meant for a terminal."""
    return plain(clean(spoken(str(text))))


def sentence(text: object) -> str:
    """A message that stands by itself begins with a capital, unless its first word is a name or a path."""
    words = told(text)
    first = words.partition(" ")[0]
    return words[:1].upper() + words[1:] if first.isalpha() and first.islower() else words


def error(text: object) -> None:
    """Something that went wrong."""
    st.error(sentence(text), icon=":material/error:")


def info(text: object) -> None:
    """Something that is so, and no fault."""
    st.info(sentence(text), icon=":material/info:")


@contextlib.contextmanager
def problems_said(*, as_info: bool = False) -> Iterator[None]:
    """Say an UpganError of what is done inside, and go on after it; ``as_info``: it is no fault, only a reason."""
    try:
        yield
    except UpganError as problem:
        (info if as_info else error)(problem)


def attempt(make: Callable[[], _Made], *, as_info: bool = False) -> _Made | None:
    """What ``make`` gives; None where it raises an UpganError, which is said."""
    with problems_said(as_info=as_info):
        return make()
    return None


def notices(texts: Sequence[str]) -> None:
    """What was wrong with a link."""
    if texts:
        st.warning("  \n".join(map(plain, texts)), icon=":material/link_off:")
