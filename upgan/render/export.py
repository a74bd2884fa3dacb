"""An explanation as a document of a given format. The same explanation gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from upgan.explain.explanation import Explanation
from upgan.explain.results import Results
from upgan.render.caption import caption
from upgan.render.csv_tables import paths_csv, users_csv
from upgan.render.figure.build import Drawing, figures
from upgan.render.figure.png import png
from upgan.render.figure.svg import svg
from upgan.render.page import page
from upgan.render.results_sections import contrast_caption
from upgan.render.text_tables import explanation_table, results_text
from upgan.render.words import question, user_noun

Labels = Mapping[str, str]
Renderer = Callable[[Explanation, Labels, Results, Drawing], str | bytes]


def _html(explanation: Explanation, labels: Labels, results: Results, drawing: Drawing) -> str:
    return page(explanation, relation_labels=labels, results=results, drawing=drawing)


def _svg(explanation: Explanation, labels: Labels, _results: Results, drawing: Drawing) -> str:
    return svg(figures(explanation, drawing, labels)[0])


def _json(explanation: Explanation, _labels: Labels, results: Results, _drawing: Drawing) -> str:
    whole = explanation.to_dict() | results.to_dict()
    return json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)


def _table(explanation: Explanation, labels: Labels, results: Results, _drawing: Drawing) -> str:
    text = explanation_table(explanation, relation_labels=labels)
    return text if results.empty else f"{text}\n\n{results_text(results, explanation)}"


def _caption(explanation: Explanation, _labels: Labels, results: Results, _drawing: Drawing) -> str:
    lines = [question(explanation), caption(explanation)]
    if results.contrast is not None:
        noun = user_noun(explanation.simulated_users)
        lines.append(contrast_caption(results.contrast, explanation.answer.label, noun))
    return "\n".join(lines)


#: For this machine: what a script or a person at the terminal reads. User ids are the dataset's.
ANSWERS: dict[str, Renderer] = {
    "json": _json,
    "table": _table,
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
#: Formats that say what was asked beside the explanation too.
WITH_RESULTS = (*ANSWERS, "html", "caption")

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
    results: Results | None = None,
    drawing: Drawing | None = None,
) -> bytes:
    """The document in one of FORMATS, with a line end after the last line; ``labels``: relation id -> its words."""
    made = {**ANSWERS, **EXPORTS}[format](explanation, labels, results or Results(), drawing or Drawing())
    if isinstance(made, bytes):
        return made
    return (made if made.endswith("\n") else made + "\n").encode("utf-8", errors="replace")
