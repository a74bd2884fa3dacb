"""An explanation as files to take away, and as a link; each file is made only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

from ui.services.casefiles import text_of
from upgan.render.export import rendered
from upgan.render.figure.build import Drawing

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile

_REAL_IDS = "upgan_widget_real_ids"
#: What a button says, the file's name, its type, and the format of ``upgan.render.export``; None: the case file.
_FILES: tuple[tuple[str, str, str, str | None], ...] = (
    ("Page (HTML)", "upgan-case.html", "text/html", "html"),
    ("Figure (PNG)", "upgan-figure.png", "image/png", "png"),
    ("Figure (SVG)", "upgan-figure.svg", "image/svg+xml", "svg"),
    ("Users (CSV)", "upgan-users.csv", "text/csv", "users.csv"),
    ("Paths (CSV)", "upgan-paths.csv", "text/csv", "paths.csv"),
    ("Case file (JSON)", "upgan-case.json", "application/json", None),
)


def real_ids() -> bool:
    """Whether the files shall name users by their ids: off until asked for."""
    return st.toggle(
        "Real user ids in the files",
        key=_REAL_IDS,
        persist_state="session",
        help="Off: the files name users U1, U2, … in the order of this explanation, so that nobody is recognised.",
    )


def downloads(made: Callable[[], CaseFile], drawing: Drawing) -> None:
    """The buttons; each makes its file from the case, which holds all that the page shows.

    ``drawing``: how the page draws the figure. The JSON is what the case study page opens again.
    """

    def maker(format: str | None) -> Callable[[], str | bytes]:
        if format is None:
            return lambda: text_of(made())
        return lambda: _rendered(made(), format, drawing)

    with st.container(horizontal=True):
        for label, name, mime, format in _FILES:
            st.download_button(
                label,
                maker(format),
                file_name=name,
                mime=mime,
                key=f"upgan_download_{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def _rendered(case: CaseFile, format: str, drawing: Drawing) -> bytes:
    return rendered(case.explanation, case.relation_labels, format, case.results, drawing)


def link(parameters: Mapping[str, str | list[str]], page: str) -> None:
    """The address that reopens this view, ready to be copied."""
    base = (st.context.url or "").split("?")[0].rstrip("/")
    if not base.endswith(f"/{page}"):
        base = f"{base}/{page}"
    st.caption("Link to this view (the button copies it)")
    st.code(f"{base}?{urlencode(parameters, doseq=True)}", language=None, wrap_lines=True)
