"""A case file: choosing one, what it says about itself, its frozen figure, and whether its numbers still hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from ui.components.text import plain
from ui.services.casefiles import MOST_MEGABYTES
from upgan.render.figure.svg import svg
from upgan.render.results_sections import changes_words, contrast_caption
from upgan.render.words import clean, rank_text, shorten, user_noun

if TYPE_CHECKING:
    from upgan.case.reproduction import Reproduction
    from upgan.case.schema import CaseFile
    from upgan.render.figure.spec import FigureSpec
    from upgan.render.figure.styles import Theme

_LISTED = "upgan_widget_case_listed"
_UPLOAD = "upgan_widget_case_upload"
#: Pixels: letters of the figure as large as those around it.
_WIDEST = 1100.0


@dataclass(frozen=True)
class Chosen:
    """A file by its name; ``content`` where it came from the browser, otherwise it lies beside the run."""

    name: str
    content: bytes | None = None


def choose(listed: Sequence[str], named: str | None) -> Chosen | None:
    """A case file from the browser or from beside the checkpoint; ``named`` is what the address asks for."""
    with st.popover("Open a case file", icon=":material/folder_open:"):
        sent = st.file_uploader(
            "From your computer",
            type="json",
            key=_UPLOAD,
            max_upload_size=MOST_MEGABYTES,
            help="A file saved under “Files”, or by `upgan explain … --case FILE`. It is read as data, checked, and "
            "computed again by the checkpoint in use.",
        )
        if listed:
            st.session_state[_LISTED] = named if named in listed else None
            st.selectbox(
                "Beside this checkpoint",
                list(listed),
                key=_LISTED,
                format_func=lambda name: clean(name),
                placeholder="None opened",
                on_change=lambda: _to_address(st.session_state[_LISTED]),
            )
        else:
            st.caption("No case file lies beside this checkpoint (in its folder “cases”).")
    if sent is not None:
        return Chosen(sent.name, sent.getvalue())
    return Chosen(named) if named is not None else None


def _to_address(name: str | None) -> None:
    if name is None:
        st.query_params.pop("file", None)
    else:
        st.query_params["file"] = name


def heading(case: CaseFile, name: str) -> None:
    """Where the file is from."""
    users = " Users go by pseudonyms." if case.pseudonyms else ""
    st.caption(
        plain(
            f"{shorten(clean(name), 60)}: written {clean(case.written)} from run {shorten(clean(case.run.name), 40)} "
            f"({clean(case.run.model)}) on {shorten(clean(case.dataset.name), 40)}.{users}"
        )
    )


def verdict(outcome: Reproduction) -> None:
    """Whether the checkpoint in use gives the file's numbers."""
    text = plain(clean(outcome.message))
    if outcome.verdict == "reproduced":
        st.success(text, icon=":material/check_circle:")
    else:
        st.warning(text, icon=":material/difference:")


def figure(spec: FigureSpec, narrow: FigureSpec | None, theme: Theme) -> None:
    """The frozen figure, an SVG document shown as a picture: nothing in it can run.

    ``narrow`` is shown in its place where the window is narrow, which only the browser knows (ui/style.css).
    """
    if narrow is None:
        _picture(spec, theme)
        return
    for name, drawn in (("wide", spec), ("narrow", narrow)):
        with st.container(key=f"upgan_figure_{name}"):
            _picture(drawn, theme)


def _picture(spec: FigureSpec, theme: Theme) -> None:
    st.image(svg(spec, theme), width=round(min(_WIDEST, spec.width)), alt=plain(spec.description))


def asked_beside(case: CaseFile) -> None:
    """What the file holds beside the explanation, in words; the page (HTML) has its tables."""
    noun, answer = user_noun(case.explanation.simulated_users), case.explanation.answer.label
    if case.contrast is not None:
        st.markdown(f"**Why not another?** {plain(contrast_caption(case.contrast, answer, noun))}")
    if case.what_if is not None:
        before, after = (rank_text(side.rank) for side in (case.what_if.before, case.what_if.after))
        changes = plain(changes_words(case.what_if.changes))
        st.markdown(f"**What if** ({changes}): rank {before} becomes {after}.")
    if case.smallest_set is not None:
        st.markdown(f"**Fewest users that change it**: {plain(clean(case.smallest_set.reason))}")
