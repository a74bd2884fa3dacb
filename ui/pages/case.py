"""Case study: one explanation frozen as a figure with its caption, from the view in use or from a case file."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ui import cache, state
from ui.components import case_file, files, reason
from ui.components.text import plain
from ui.services import casefiles, questions
from ui.services.view import Settings
from ui.session import Opened, open_checkpoint
from upgan.errors import UpganError
from upgan.explain.explanation import Explanation
from upgan.render.figure.build import figures
from upgan.render.words import clean


def current(opened: Opened) -> None:
    """The answer looked at on the page before, frozen."""
    view = state.view(opened.predictor, opened.name, lambda typed: cache.nearest(opened.predictor, typed))
    state.write_link(view)
    if notices := state.notices():
        st.warning("  \n".join(map(plain, notices)), icon=":material/link_off:")
    found = cache.candidates(opened.predictor, view.question.query, view.settings.k, hide_known=False)
    answer = view.question.answer or found.rows[0]["id"]
    try:
        explanation = cache.explanation(opened.predictor, view.question.query, answer, view.settings.users)
    except UpganError as error:
        st.info(plain(clean(str(error))), icon=":material/info:")
        return
    show(explanation, questions.relation_labels(opened.predictor.dataset), view.settings)
    if view.contrast is not None or view.without or view.fewest:
        case_file.asked_beside(cache.case(opened.predictor, view, explanation, real_ids=True))
    real = files.real_ids()
    files.downloads(lambda: cache.case(opened.predictor, view, explanation, real_ids=real), view.settings.drawing)
    files.link(view.parameters(), "case")


def from_file(opened: Opened, chosen: case_file.Chosen) -> None:
    """A case file as it was written, and whether this checkpoint still gives its numbers."""
    state.write_address({"checkpoint": opened.name} | ({} if chosen.content is not None else {"file": chosen.name}))
    try:
        if chosen.content is None:
            case = casefiles.open_listed(opened.predictor.run_path, chosen.name)
        else:
            case = casefiles.open_uploaded(chosen.content)
    except UpganError as error:
        st.error(plain(clean(str(error))), icon=":material/error:")
        return
    case_file.heading(case, chosen.name)
    with st.spinner("Computing it again …"):
        case_file.verdict(casefiles.reproduced(case, opened.predictor))
    show(case.explanation, case.relation_labels, Settings())
    case_file.asked_beside(case)
    real = case.pseudonyms or files.real_ids()
    files.downloads(lambda: case if real else casefiles.pseudonymous(case), Settings().drawing)


def show(explanation: Explanation, labels: Mapping[str, str], settings: Settings) -> None:
    """Caption, frozen figure, proof."""
    reason.heading(explanation)
    case_file.figure(*figures(explanation, settings.drawing, labels), reason.theme())
    reason.proof_lines(explanation)


def main() -> None:
    """The page."""
    named = st.query_params.get("file")
    opened = open_checkpoint("Case study")
    chosen = case_file.choose(casefiles.list_cases(opened.predictor.run_path), named)
    if chosen is None:
        current(opened)
    else:
        from_file(opened, chosen)


main()
