"""A run's curves -> plotly figures: one run's lines, several runs over each other, the pinned query's rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ui.charts.bars import CONFIG as _CONFIG
from ui.services.following import Chart, phase_words
from upgan.render.words import clean, shorten
from upgan.runs.history import Curve, thinned

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Points of one line; a screen is not wider.
MOST_POINTS = 1500
#: Okabe and Ito's colours, told apart by colour-blind readers and on both surfaces; each line has its dashes too.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8c959f")
_DASHES = ("solid", "dash", "dot", "dashdot")
_HEIGHT = 300
#: Pixels between the rows of phases' names, and the share of a phone's chart that the longest of them takes.
_LABEL_HEIGHT, _LABEL_WIDTH = 14, 0.34

#: With zooming, which the other charts do without.
CONFIG: dict[str, Any] = {
    **_CONFIG,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
}


def lines_chart(chart: Chart, starts: Sequence[tuple[str, int]], run: str) -> Figure:
    """The lines of one chart over the steps of training, where each phase began marked."""
    figure = _empty(f"{run} {chart.key}")
    _add(figure, list(chart.lines.items()))
    drawn = [int(step) for curve in chart.lines.values() if len(curve.step) for step in curve.step[[0, -1]]]
    low, high = min(drawn, default=0), max(drawn, default=0)
    starts = [(phase, step) for phase, step in starts if low <= step <= high]
    for step in dict.fromkeys(step for _, step in starts):
        figure.add_vline(x=step, line_width=1, line_dash="dot", line_color="#8c959f")
    rows = _label_rows([(step - low) / max(high - low, 1) for _, step in starts])
    for (phase, step), (row, left) in zip(starts, rows, strict=True):
        figure.add_annotation(
            x=step, y=1, yref="paper", yshift=_LABEL_HEIGHT * row, text=escape(phase_words(phase)), showarrow=False,
            xanchor="left" if left else "right", yanchor="bottom", font={"size": 11},
        )  # fmt: skip
    more = _LABEL_HEIGHT * max((row for row, _ in rows), default=0)
    figure.update_layout(height=_HEIGHT + more, margin_t=24 + more)
    if high - low < 12:
        figure.update_xaxes(dtick=1)  # there is no half step
    if chart.key == "valid":
        figure.update_yaxes(rangemode="tozero")
    return figure


def _label_rows(places: Sequence[float]) -> list[tuple[int, bool]]:
    """For labels at ``places`` (0 to 1, ascending) the row each stands in, and whether it runs to the right.

    A label takes up a share of the width that it has on a phone, so that none covers another on any screen.
    """
    taken: list[float] = []  # where each row is free again
    rows = []
    for place in places:
        left = place + _LABEL_WIDTH <= 1
        start = place if left else place - _LABEL_WIDTH
        row = next((number for number, free in enumerate(taken) if free <= start), len(taken))
        taken[row : row + 1] = [start + _LABEL_WIDTH]
        rows.append((row, left))
    return rows


def comparison_chart(curves: Mapping[str, Curve], what: str) -> Figure:
    """The same value of several runs, by name, over each other."""
    figure = _empty("compare " + what)
    _add(figure, [(shorten(clean(name), 30), curve) for name, curve in curves.items()])
    figure.update_layout(height=340)
    return figure


def rank_chart(ranks: Curve, run: str) -> Figure:
    """The pinned answer's rank over the steps; 1 is at the top, and the distances are those of ratios."""
    figure = _empty(f"{run} pinned")
    _add(figure, [("rank", ranks)], ",")
    worst = max(2, *ranks.value)
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 500, 1000, 10000, 100000) if tick <= worst]
    figure.update_yaxes(type="log", autorange="reversed", title="rank", tickvals=ticks)
    figure.update_layout(showlegend=False, height=260)
    return figure


def _add(figure: Figure, lines: Sequence[tuple[str, Curve]], digits: str = ".4g") -> None:
    import plotly.graph_objects as go

    for number, (name, whole) in enumerate(lines):
        curve = thinned(whole, MOST_POINTS)
        few = len(curve.value) <= 30
        figure.add_trace(
            go.Scatter(
                x=curve.step,
                y=curve.value,
                mode="lines+markers" if few else "lines",
                name=escape(name),
                line={
                    "color": _COLORS[number % len(_COLORS)],
                    "dash": _DASHES[number // 2 % len(_DASHES)] if len(lines) > 2 else _DASHES[number % 2],
                    "width": 2,
                },
                customdata=[f"{escape(phase_words(phase))} epoch {epoch:,}" for phase, epoch in
                            zip(curve.phase.tolist(), curve.epoch.tolist(), strict=True)],
                hovertemplate=f"{escape(name)} %{{y:{digits}}}<br>%{{customdata}}, step %{{x:,}}<extra></extra>",
            )
        )  # fmt: skip


def _empty(revision: str) -> Figure:
    """``revision`` names what is drawn: as long as it stays, so do the zoom and the lines that were hidden."""
    import plotly.graph_objects as go

    figure = go.Figure(layout={"template": "none"})  # colours are the page's: live_chart.js
    figure.update_xaxes(title={"text": "step (mini-batch)", "standoff": 4})
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        # Below the axis's title, also where a phone breaks it into rows and so makes the plot lower.
        legend={"orientation": "h", "y": -0.42, "x": 0},
        showlegend=True,
        uirevision=revision,
    )
    return figure
