"""Files to take away, each made only when it is asked for; an explanation's name users as the switch above says."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from upgan.render.export import rendered
from upgan.render.figure.build import Drawing

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile

#: What a button says, the file's name, and the format of ``upgan.render.export``.
_FILES = (
    ("Page (HTML)", "upgan-case.html", "html"),
    ("Figure (PNG)", "upgan-figure.png", "png"),
    ("Figure (SVG)", "upgan-figure.svg", "svg"),
    ("Users (CSV)", "upgan-users.csv", "users.csv"),
    ("Paths (CSV)", "upgan-paths.csv", "paths.csv"),
)
#: A file's name, and what makes its content.
File = tuple[str, Callable[[], str | bytes]]


def downloads(files: Mapping[str, File]) -> None:
    """A button for each file, by what it says."""
    with st.container(horizontal=True):
        for label, (name, make) in files.items():
            st.download_button(
                label,
                make,
                file_name=name,
                mime=mimetypes.guess_type(name)[0],
                key=f"upgan_download_{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def real_ids() -> bool:
    """Whether the files shall name users by their ids: off until asked for."""
    return st.toggle(
        "Real user ids in the files",
        key="upgan_widget_real_ids",
        persist_state="session",
        help="Off: the files name users U1, U2, … in the order of this explanation, so that nobody can be recognised.",
    )


def of_case(make: Callable[[], CaseFile], drawing: Drawing) -> None:
    """The buttons of a case, which holds all that the page shows. The JSON is what the case study page opens again.

    ``drawing``: how the page draws the figure.
    """

    from upgan.case.documents import case_json

    def made(format: str) -> bytes:
        case = make()
        return rendered(case.explanation, case.relation_labels, format, case.results, drawing)

    files: dict[str, File] = {label: (name, partial(made, format)) for label, name, format in _FILES}
    downloads(files | {"Case file (JSON)": ("upgan-case.json", lambda: case_json(make()))})
