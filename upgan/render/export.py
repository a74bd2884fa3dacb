"""An explanation as a document of a given format. The same explanation gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from upgan.explanation import Explanation
from upgan.render.csv_tables import paths_csv, users_csv
from upgan.render.figure import figure
from upgan.render.page import page
from upgan.render.png import png
from upgan.render.svg import svg
from upgan.render.table import explanation_table
from upgan.render.words import caption, question

Labels = Mapping[str, str]


def _svg(explanation: Explanation, labels: Labels) -> str:
    return svg(figure(explanation, relation_labels=labels))


def _json(explanation: Explanation, _labels: Labels) -> str:
    return json.dumps(explanation.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def _caption(explanation: Explanation, _labels: Labels) -> str:
    return f"{question(explanation)}\n{caption(explanation)}"


#: For this machine: what a script or a person at the terminal reads. User ids are the dataset's.
ANSWERS: dict[str, Callable[[Explanation, Labels], str | bytes]] = {
    "json": _json,
    "table": lambda explanation, labels: explanation_table(explanation, relation_labels=labels),
}
#: To be passed on. Users go by pseudonyms unless real ids are asked for.
EXPORTS: dict[str, Callable[[Explanation, Labels], str | bytes]] = {
    "html": lambda explanation, labels: page(explanation, relation_labels=labels),
    "svg": _svg,
    "png": lambda explanation, labels: png(_svg(explanation, labels)),
    "users.csv": lambda explanation, _labels: users_csv(explanation),
    "paths.csv": paths_csv,
    "caption": _caption,
}
FORMATS = (*ANSWERS, *EXPORTS)

#: The files of a whole export, and the format of each; the case file comes beside them.
FILES = {
    "page.html": "html",
    "figure.svg": "svg",
    "figure.png": "png",
    "users.csv": "users.csv",
    "paths.csv": "paths.csv",
    "caption.txt": "caption",
}


def rendered(explanation: Explanation, labels: Labels, format: str) -> bytes:
    """The document in one of FORMATS, with a line end after the last line; ``labels``: relation id -> its words."""
    made = {**ANSWERS, **EXPORTS}[format](explanation, labels)
    if isinstance(made, bytes):
        return made
    return (made if made.endswith("\n") else made + "\n").encode("utf-8", errors="replace")
