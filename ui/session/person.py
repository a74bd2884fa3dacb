"""Who sits at this browser: a name that is typed once and kept in the browser's own cookie, never on the server."""

from __future__ import annotations

from urllib.parse import quote, unquote

import streamlit as st

from upgan.render.words import clean, shorten
from upgan.review.store import LONGEST_NAME

_COOKIE, _DAYS = "upgan_who", 365
_PLACE = "upgan_review_who"


def name() -> str:
    """The name in use: the one typed last, else the browser's; empty where there is none."""
    if _PLACE not in st.session_state:
        st.session_state[_PLACE] = _kept()
    return str(st.session_state[_PLACE])


def call(typed: str) -> None:
    """Take another name, and let the browser keep it."""
    st.session_state[_PLACE] = typed
    if typed.strip() and typed != _kept():
        # Percent-encoded there is nothing in a name that a script or a cookie would read as its own.
        pair = f"{_COOKIE}={quote(typed, safe='')}; path=/; max-age={_DAYS * 86_400}; samesite=strict"
        st.html(f"<script>document.cookie = '{pair}'</script>", unsafe_allow_javascript=True)


def _kept() -> str:
    sent = st.context.cookies.get(_COOKIE)
    # Whatever a browser sends is text; without a browser there is none.
    return shorten(clean(unquote(sent)), LONGEST_NAME) if isinstance(sent, str) else ""
