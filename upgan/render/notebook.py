"""What a notebook shows of a result: words, tables and the figure in one cell, and the tables for pandas.

Users go by pseudonyms, as in all that is passed on: a notebook is saved with what it shows. Tables for pandas have ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from upgan.errors import QueryError
from upgan.explain.explanation import Explanation
from upgan.explain.results import Contrast, Results
from upgan.render import figure
from upgan.render.caption import caption, changed, why
from upgan.render.csv_tables import evidence_rows, path_rows, user_rows, walk_rows
from upgan.render.figure.build import figure as drawn
from upgan.render.figure.svg import svg
from upgan.render.pseudonyms import pseudonymised, pseudonyms_of, renamed
from upgan.render.results_sections import results_sections, shares_table
from upgan.render.table import Section, isolated
from upgan.render.words import question, user_noun
from upgan.types import frame_of, html_of

_MOST_USERS = 5


def shown(title: str, lines: Iterable[str] = (), drawing: str = "", sections: Iterable[Section] = ()) -> str:
    """HTML of one cell; ``drawing`` is an SVG document of ours."""
    environment = Environment(loader=FileSystemLoader(Path(figure.__file__).parent), autoescape=True)
    environment.filters["isolated"] = isolated
    page = environment.get_template("cell.html")
    return page.render(title=title, lines=list(lines), drawing=Markup(drawing), sections=list(sections))


@html_of.register
def _explanation(explanation: Explanation) -> str:
    named = pseudonymised(explanation)
    said = why(named)
    lines = [" ".join(said), changed(named)] if said else [caption(named)]
    one = user_noun(named.simulated_users, 1)
    tables = [
        Section("", [shares_table(f"{one} of the {whose}", shares, _MOST_USERS)])
        for whose, shares in (("target", named.users), ("answer", named.answer_users))
        if shares
    ]
    return shown(question(named), lines, svg(drawn(named)), tables)


@html_of.register
def _contrast(contrast: Contrast) -> str:
    named = renamed(contrast, pseudonyms_of(contrast))
    return shown("", sections=results_sections(Results(contrast=named), named.answer_label or named.answer))


@frame_of.register
def _explanation_frame(explanation: Explanation, of: str) -> pd.DataFrame:
    labels: dict[str, str] = {}
    rows = {
        "users": lambda: user_rows(explanation),
        "paths": lambda: [*path_rows(explanation, labels), *evidence_rows(explanation, labels)],
        "walks": lambda: walk_rows(explanation, labels),
        "parts": lambda: [{"part": part.name, "value": part.value} for part in explanation.score_parts],
    }
    if of not in rows:
        raise QueryError(f"to_frame({of!r}): choose one of {', '.join(rows)}")
    return pd.DataFrame(rows[of]())


@frame_of.register
def _contrast_frame(contrast: Contrast, of: str) -> pd.DataFrame:
    return pd.DataFrame([vars(user) for user in contrast.users])
