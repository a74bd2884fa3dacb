"""An explanation as a document of a given format. The same explanation gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from upgan.explain.explanation import Explanation
from upgan.render.csv_tables import paths_csv, users_csv
from upgan.render.figure.build import Drawing, figures
from upgan.render.figure.png import png
from upgan.render.figure.svg import svg
from upgan.render.page import page
from upgan.render.results_html import contrast_caption
from upgan.render.text_tables import explanation_table
from upgan.render.words import caption, question, user_noun

Labels = Mapping[str, str]
#: What was asked beside the explanation: contrast, what_if, smallest_set, as case files hold them.
Documents = Mapping[str, Mapping[str, Any]]
Renderer = Callable[[Explanation, Labels, Documents, Drawing], str | bytes]


def _html(explanation: Explanation, labels: Labels, documents: Documents, drawing: Drawing) -> str:
    return page(explanation, relation_labels=labels, documents=documents, drawing=drawing)


def _svg(explanation: Explanation, labels: Labels, _documents: Documents, drawing: Drawing) -> str:
    return svg(figures(explanation, drawing, labels)[0])


def _json(explanation: Explanation, _labels: Labels, documents: Documents, _drawing: Drawing) -> str:
    return json.dumps({**explanation.to_dict(), **documents}, indent=2, ensure_ascii=False, allow_nan=False)


def _caption(explanation: Explanation, _labels: Labels, documents: Documents, _drawing: Drawing) -> str:
    lines = [question(explanation), caption(explanation)]
    if "contrast" in documents:
        noun = user_noun(explanation.simulated_users)
        lines.append(contrast_caption(documents["contrast"], explanation.answer.label, noun))
    return "\n".join(lines)


#: For this machine: what a script or a person at the terminal reads. User ids are the dataset's.
ANSWERS: dict[str, Renderer] = {
    "json": _json,
    "table": lambda explanation, labels, *_: explanation_table(explanation, relation_labels=labels),
}
#: To be passed on. Users go by pseudonyms unless real ids are asked for.
EXPORTS: dict[str, Renderer] = {
    "html": _html,
    "svg": _svg,
    "png": lambda *given: png(_svg(*given)),
    "users.csv": lambda explanation, *_: users_csv(explanation),
    "paths.csv": lambda explanation, labels, *_: paths_csv(explanation, labels),
    "caption": _caption,
}
FORMATS = (*ANSWERS, *EXPORTS)
#: Exports that tell of contrast, what if and smallest set too.
TOLD_IN = ("html", "caption")

#: The files of a whole export, and the format of each; the case file comes beside them.
FILES = {
    "page.html": "html",
    "figure.svg": "svg",
    "figure.png": "png",
    "users.csv": "users.csv",
    "paths.csv": "paths.csv",
    "caption.txt": "caption",
}


def rendered(
    explanation: Explanation,
    labels: Labels,
    format: str,
    documents: Documents | None = None,
    drawing: Drawing | None = None,
) -> bytes:
    """The document in one of FORMATS, with a line end after the last line; ``labels``: relation id -> its words."""
    made = {**ANSWERS, **EXPORTS}[format](explanation, labels, documents or {}, drawing or Drawing())
    if isinstance(made, bytes):
        return made
    return (made if made.endswith("\n") else made + "\n").encode("utf-8", errors="replace")
