"""The figure of a reproduced table: a page of its own that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from upgan.render.figure.styles import OKABE_ITO
from upgan.reproduce.document import Document, Row, Statistics
from upgan.reproduce.paper import PAPER_DATASETS
from upgan.reproduce.tables import group_names

#: The paper's bars are paler than ours.
PALE = {"book": "#bdbdbd", "music": "#d9d9d9", "movie": "#969696"}


def figure_html(document: Document) -> str:
    """The whole page, plotly's script in it."""
    html: str = figure(document).to_html(include_plotlyjs=True, full_html=True)
    return html


def figure(document: Document, papers: Sequence[str] | None = None) -> go.Figure:
    """Bars for tables, lines for figures; error bars are deviations over seeds.

    ``papers``: beside which of the paper's datasets; None: all of them, each hidden until it is asked for.
    """
    drawn = go.Figure()
    if document["axis"]:
        _lines(drawn, document)
    elif document["by"]:
        _groups(drawn, document)
    else:
        _bars(drawn, document, papers)
    drawn.update_layout(
        title=escape(f"{document['title']} — {document['dataset']['name']}"), template="plotly_white", barmode="group",
        yaxis={"rangemode": "tozero"},
    )  # fmt: skip
    return drawn


def _bars(drawn: go.Figure, document: Document, papers: Sequence[str] | None) -> None:
    rows = [row for row in document["rows"] if row["mean"]]
    labels = [escape(row["label"]) for row in rows]
    drawn.add_bar(x=labels, **_series("here", rows, "mrr", 0))
    shown: bool | str = "legendonly" if papers is None else True
    for name in PAPER_DATASETS if papers is None else papers:
        values = [_percent(row["paper"].get(name), "mrr") for row in rows]
        if any(value is not None for value in values):
            drawn.add_bar(x=labels, y=values, name=f"paper: {name}", marker_color=PALE[name], visible=shown)
    drawn.update_yaxes(title="MRR in percent")


def _groups(drawn: go.Figure, document: Document) -> None:
    names = group_names(document)
    for place, row in enumerate(document["rows"]):
        groups = row["groups"].get(document["by"] or "", {})
        known = [name for name in names if name in groups]
        drawn.add_bar(x=known, **_series(row["label"], [groups[name] for name in known], "hits@3", place))
    drawn.update_yaxes(title="Hits@3 in percent")
    drawn.update_xaxes(title="group", type="category")


def _lines(drawn: go.Figure, document: Document) -> None:
    by_system: dict[str, list[Row]] = {}
    for row in document["rows"]:
        if row["mean"]:
            by_system.setdefault(row["label"], []).append(row)
    for place, (label, rows) in enumerate(by_system.items()):
        drawn.add_scatter(x=[row["x"] for row in rows], mode="lines+markers", **_series(label, rows, "hits@3", place))
    drawn.update_yaxes(title="Hits@3 in percent")
    values = sorted({row["x"] for row in document["rows"] if row["x"] is not None})
    drawn.update_xaxes(title=document["axis_title"], tickvals=values, ticktext=[f"{value:g}" for value in values])


def _series(label: str, each: Sequence[Statistics], metric: str, place: int) -> dict[str, Any]:
    """What bars and lines of a system have in common: means, deviations, its name and its colour.

    No error bars at all where nothing has a deviation: a bar of no length would claim that it is 0.
    """
    deviations = [_percent(of["std"], metric) for of in each]
    return {
        "y": [_percent(of["mean"], metric) for of in each],
        "error_y": {"type": "data", "array": deviations} if any(of["std"] for of in each) else None,
        "name": escape(label),
        "marker_color": OKABE_ITO[place % len(OKABE_ITO)],
    }


def _percent(values: Mapping[str, float | None] | None, metric: str) -> float | None:
    value = (values or {}).get(metric)
    return None if value is None else 100 * value
