"""Ways to other pages, and the address of a view to be copied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

Query = Mapping[str, str | list[str]]
_PAGES = Path(__file__).parents[1] / "page"


def script(page: str) -> Path:
    """The script of a page, wherever the app is started from."""
    return _PAGES / f"{page}.py"


def link(page: str, label: str, icon: str, query: Query | None = None, help: str | None = None) -> None:
    """A link to a page; ``query``: what its address says."""
    st.page_link(script(page), label=label, icon=f":material/{icon}:", query_params=dict(query or {}), help=help)


def copyable(parameters: Query, page: str) -> None:
    """The address that reopens this view, ready to be copied."""
    base = (st.context.url or "").split("?")[0].rstrip("/")
    if not base.endswith(f"/{page}"):
        base = f"{base}/{page}"
    st.caption("Link to this view (the button copies it)")
    st.code(f"{base}?{urlencode(parameters, doseq=True)}", language=None, wrap_lines=True)
