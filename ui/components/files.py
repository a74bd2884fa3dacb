"""Files to take away, each made only when it is asked for; an explanation's name users as the switch above says."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from upgan.render.export import rendered
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import file_name
from upgan.render.words import question

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.explain.explanation import Explanation

#: What a button says, the end of the file's name, and the format of ``upgan.render.export``.
_FILES = (
    ("Page (HTML)", "page.html", "html"),
    ("Figure (PNG)", "figure.png", "png"),
    ("Figure (SVG)", "figure.svg", "svg"),
    ("Users (CSV)", "users.csv", "users.csv"),
    ("Paths (CSV)", "paths.csv", "paths.csv"),
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
                key=f"upgan_download_{label}",
                icon=":material/download:",
                on_click="ignore",
            )


def real_ids() -> bool:
    """Whether files and links shall name users by their ids: off until asked for."""
    return st.toggle(
        "Real user ids in files and links",
        key="upgan_widget_real_ids",
        persist_state="session",
        help="Off: files, pictures and links name users U1, U2, … in the order of this explanation, so that nobody can "
        "be recognised.",
    )


def of_case(make: Callable[[], CaseFile], drawing: Drawing, asked: Explanation) -> None:
    """The buttons of a case, which holds all that the page shows. The JSON is what the case study page opens again.

    ``drawing``: how the page draws the figure; ``asked``: what gives the files their names.
    """

    from upgan.case.documents import case_json

    def made(format: str) -> bytes:
        case = make()
        return rendered(case.explanation, case.relation_labels, format, case.results, drawing)

    stem = file_name(question(asked))
    files: dict[str, File] = {label: (f"{stem}-{end}", partial(made, format)) for label, end, format in _FILES}
    downloads(files | {"Case file (JSON)": (f"{stem}-case.json", lambda: case_json(make()))})
