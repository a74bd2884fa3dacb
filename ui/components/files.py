"""An explanation as files to take away, and as a link; each file is made only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import streamlit as st

from upgan.explanation import Explanation
from upgan.render.export import Documents, rendered
from upgan.render.pseudonyms import pseudonymised

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


def downloads(
    explanation: Explanation,
    labels: Mapping[str, str],
    case_file: Callable[[], str],
    *,
    pseudonyms: bool,
    documents: Documents | None = None,
) -> None:
    """The buttons; ``case_file`` makes the JSON that the case study page opens again.

    ``documents``: what a case file holds beside the explanation, told in the page, its users named as given.
    """
    shown = pseudonymised(explanation) if pseudonyms else explanation

    def maker(format: str | None) -> Callable[[], str | bytes]:
        return case_file if format is None else lambda: rendered(shown, labels, format, documents)

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


def link(parameters: Mapping[str, str | list[str]], page: str) -> None:
    """The address that reopens this view, ready to be copied."""
    base = (st.context.url or "").split("?")[0].rstrip("/")
    if not base.endswith(f"/{page}"):
        base = f"{base}/{page}"
    st.caption("Link to this view (the button copies it)")
    st.code(f"{base}?{urlencode(parameters, doseq=True)}", language=None, wrap_lines=True)
