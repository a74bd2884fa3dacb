"""Case study: one explanation frozen as a figure with its caption, from the view in use or from a case file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ui.components import controls, files, links, reason, say
from ui.components.answered import case as case_of
from ui.components.answered import explained, look
from ui.components.checkpoint import open_checkpoint
from ui.components.text import plain
from ui.panels import PANELS, PARAMETERS
from ui.services import casefiles
from ui.session import state
from ui.session.registry import Page
from upgan.render.figure.build import Drawing, figures
from upgan.render.figure.svg import svg
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.case.schema import CaseFile
    from upgan.explain.explanation import Explanation
    from upgan.predict.predictor import Predictor
    from upgan.render.figure.spec import FigureSpec

PAGE = Page("Case study", ":material/article:", 20)
#: A figure takes the page's width, until its letters are as large as those around it.
_LARGEST = 1.4


def choose(listed: Sequence[str], named: str | None) -> tuple[str | None, bytes | None]:
    """The name of a case file, None for none, and its content where it came from the browser.

    Otherwise it lies beside the checkpoint; ``named`` is what the address asks for.
    """
    with st.popover("Open a case file", icon=":material/folder_open:"):
        sent = st.file_uploader(
            "From your computer",
            type="json",
            key="upgan_widget_case_upload",
            max_upload_size=casefiles.MOST_MEGABYTES,
            help="A file saved under “Files”, or by `upgan explain … --case FILE`. It is only read, never run; its "
            "numbers are computed again by the checkpoint in use.",
        )
        if listed:
            names = {name: clean(name) for name in listed}
            key = "upgan_widget_case_listed"
            controls.select("Beside this checkpoint", names, named, to_address, key, placeholder="None opened")
        else:
            st.caption("No case file lies beside this checkpoint (in its folder “cases”).")
    return (named, None) if sent is None else (sent.name, sent.getvalue())


def to_address(name: str | None) -> None:
    """Let the address name a file beside the checkpoint, or none (a callback)."""
    if name is None:
        st.query_params.pop("file", None)
    else:
        st.query_params["file"] = name


def current(predictor: Predictor) -> None:
    """The answer looked at on the page before, frozen."""
    view, ranked = look(predictor, PARAMETERS, hide_known=False)
    say.notices(state.notices())
    answered = explained(predictor, view, ranked, PANELS)
    if answered is None:
        return
    # What is frozen here is what is passed on: users are named as in the files.
    case = case_of(answered, real_ids=state.real_ids())
    show(case.explanation, answered.labels, view.drawing)
    shown_beside(case)
    files.real_ids()
    files.of_case(lambda: case, view.drawing, answered.explanation)
    links.copyable(state.address(), "case")


def from_file(predictor: Predictor, name: str, content: bytes | None) -> None:
    """A case file as it was written, and whether this checkpoint still gives its numbers."""
    run = predictor.run_path
    state.write_address({"checkpoint": run.name, "file": name if content is None else ""})
    case = say.attempt(
        lambda: casefiles.open_listed(run, name) if content is None else casefiles.open_uploaded(content)
    )
    if case is None:
        return
    from upgan.case.documents import pseudonymous
    from upgan.case.reproduction import reproduce

    heading(case, name)
    with st.spinner("Computing it again …"):
        outcome = reproduce(case, predictor)
    if outcome.verdict == "reproduced":
        st.success(plain(clean(outcome.message)), icon=":material/check_circle:")
    else:
        st.warning(plain(clean(outcome.message)), icon=":material/difference:")
    shown = case if case.pseudonyms or state.real_ids() else pseudonymous(case)
    show(shown.explanation, case.relation_labels, Drawing())
    shown_beside(shown)
    if not case.pseudonyms:
        files.real_ids()
    files.of_case(lambda: shown, Drawing(), case.explanation)


def heading(case: CaseFile, name: str) -> None:
    """Where the file is from."""
    users = " Users go by pseudonyms." if case.pseudonyms else ""
    st.caption(
        plain(
            f"{shorten(clean(name), 60)}: written {clean(case.written)} from run {shorten(clean(case.run.name), 40)} "
            f"({clean(case.run.model)}) on {shorten(clean(case.dataset.name), 40)}.{users}"
        )
    )


def show(explanation: Explanation, labels: Mapping[str, str], drawing: Drawing) -> None:
    """Caption, proof, and the frozen figure: an SVG document shown as a picture, in which nothing can run."""
    reason.heading(explanation)
    spec, narrow = figures(explanation, drawing, labels)
    if narrow is None:
        picture(spec)
    else:
        # Which of the two is seen only the browser knows (ui/components/style.css).
        for name, form in (("wide", spec), ("narrow", narrow)):
            with st.container(key=f"upgan_figure_{name}"):
                picture(form)
    reason.proof_lines(explanation)


def picture(spec: FigureSpec) -> None:
    """One form of the figure."""
    st.image(svg(spec, reason.theme()), width=round(_LARGEST * spec.width), alt=plain(spec.description))


def shown_beside(case: CaseFile) -> None:
    """What the file holds beside the explanation, in words; the page (HTML) has its tables."""
    for panel in PANELS.values():
        for line in panel.words(case):
            st.markdown(line)


def main() -> None:
    """The page."""
    named = st.query_params.get("file")
    predictor = open_checkpoint("Case study")
    listed = casefiles.list_cases(predictor.run_path)
    if named is not None and named not in listed:
        say.notices([f"The case file “{shorten(clean(named), 60)}” is not beside this checkpoint: here is the answer "
                     "looked at last."])  # fmt: skip
        named = None
    name, content = choose(listed, named)
    if name is None:
        current(predictor)
    else:
        from_file(predictor, name, content)


if __name__ == "__main__":
    main()
