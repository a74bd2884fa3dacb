"""Numbers -> plotly bars: users and what each does to a score, groups of a ranking, runs against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from ui.services.evaluation import Groups
from upgan.explain.explanation import Explanation, UserShare
from upgan.render.figure.styles import EDGE_STYLES, NODE_STYLES
from upgan.render.words import clean, coefficient, shorten, signed, user_noun

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from upgan.evaluation.compare import Difference
    from upgan.explain.shares import UserDifference

Order = Literal["weight", "contribution"]
_MOST = 15
_MOST_GROUPS = 25
_UP, _DOWN = NODE_STYLES["entity"].fill, EDGE_STYLES["prediction"].color["light"]

#: Plotly's own buttons: no sending to a cloud, pictures as SVG.
CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoom2d", "pan2d", "autoScale2d"],
}


def users_chart(explanation: Explanation, users: Sequence[UserShare], order: Order) -> Figure:
    """Two bars for each of ``users`` (the target's or the answer's): weight, summing to 1, and part of the score."""
    # plotly takes a third of a second to import; a page without this chart need not wait.
    from plotly.subplots import make_subplots

    shares = sorted(users, key=lambda share: -_size(share, order))
    heaviest, rest = shares[:_MOST], shares[_MOST:]
    names = [share.id for share in heaviest]
    weights = [share.weight for share in heaviest]
    parts = [share.contribution for share in heaviest]
    if rest:
        names.append(f"{len(rest):,} more")
        weights.append(sum(share.weight for share in rest))
        parts.append(sum(share.contribution for share in rest))
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.08, subplot_titles=("weight", "part of the score")
    )
    fill = {"color": NODE_STYLES["user"].fill, "line": {"color": "#8a8000", "width": 1}}
    weight_bars = _bars(names, weights, map(coefficient, weights), "weight %{x:.4f}", fill)
    # Dark on yellow; beside a bar that is too short for it a number has the page's own colour.
    weight_bars.update_traces(insidetextfont={"color": "#1f2328"})
    part_bars = _bars(names, parts, map(signed, parts), "part of the score %{x:+.4f}", _by_sign(parts))
    for column, bars in enumerate((weight_bars, part_bars), 1):
        figure.add_trace(bars.data[0], row=1, col=column)
    _named_rows(figure, names, height=95 + 26 * len(names))
    figure.update_xaxes(zeroline=True, zerolinewidth=1, nticks=5)
    return figure.update_layout(margin={"t": 34, "b": 24}, bargap=0.25, uirevision=explanation.run_fingerprint)


def users_chart_words(explanation: Explanation, users: Sequence[UserShare]) -> str:
    """The chart's takeaway for who cannot see it."""
    top = users[0]
    noun = user_noun(explanation.simulated_users, 1)
    return (
        f"Weight and part of the score of each {noun}; the heaviest, {clean(top.id)}, has weight "
        f"{coefficient(top.weight)} and changes the score by {signed(top.contribution)}."
    )


def _size(share: UserShare, order: Order) -> float:
    return share.weight if order == "weight" else abs(share.contribution)


def _name(user: str) -> str:
    # plotly reads a small HTML in texts; an id must stay an id.
    return escape(shorten(clean(user), 18))


def differences_chart(users: Sequence[UserDifference], answer: str, against: str) -> Figure:
    """For the users who tell two candidates apart most: what each adds to the one score minus to the other."""
    largest = users[:_MOST]
    names, values = [user.id for user in largest], [user.difference for user in largest]
    figure = _bars(names, values, map(signed, values), "%{x:+.4f}", _by_sign(values))
    figure.update_xaxes(title=f"← for {_name(against)} · for {_name(answer)} →", zeroline=True)
    return figure.update_layout(uirevision="contrast")


def groups_chart(groups: Groups) -> Figure:
    """One bar of MRR for each group, how many questions it has at its end."""
    drawn = groups[:_MOST_GROUPS]
    names, values = [name for name, _ in drawn], [metrics["mrr"] or 0.0 for _, metrics in drawn]
    texts = [f"{value:.3f} ({metrics['queries']:,})" for value, (_, metrics) in zip(values, drawn, strict=True)]
    figure = _bars(names, values, texts, "MRR %{x:.4f}", {"color": _UP})
    figure.update_xaxes(range=[0, 1], title="MRR (in brackets: questions)")
    return figure.update_layout(uirevision="groups")


def _by_sign(values: Sequence[float]) -> dict[str, Any]:
    return {"color": [_UP if value >= 0 else _DOWN for value in values]}


def _bars(
    names: Sequence[str], values: Sequence[float], texts: Iterable[str], hover: str, marker: dict[str, Any]
) -> Figure:
    """Bars from left to right, the first on top."""
    import plotly.graph_objects as go

    bars = go.Bar(
        x=values,
        y=list(range(len(names))),
        orientation="h",
        text=list(texts),
        textposition="auto",
        cliponaxis=False,
        marker=marker,
        customdata=[_name(name) for name in names],
        hovertemplate=f"%{{customdata}}<br>{hover}<extra></extra>",
    )
    return _named_rows(go.Figure(bars), names, height=100 + 26 * len(names))


def _named_rows(figure: Figure, names: Sequence[str], height: int) -> Figure:
    """Names at the rows 0, 1, … of a figure, which nobody can zoom into."""
    # Positions instead of names on the axis: two ids that look alike must not fall into one bar.
    places = list(range(len(names)))
    figure.update_yaxes(
        autorange="reversed", tickvals=places, ticktext=[_name(name) for name in names], fixedrange=True
    )
    figure.update_xaxes(fixedrange=True)
    return figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 10, "b": 44}, showlegend=False)


def changes_chart(baseline: str, differences: Mapping[str, Difference]) -> Figure:
    """Difference of MRR to the baseline, as points with their intervals."""
    import plotly.graph_objects as go

    names, changes = list(differences), [difference.mrr for difference in differences.values()]
    figure = go.Figure(
        go.Scatter(
            x=[change.value for change in changes],
            y=list(range(len(names))),
            mode="markers",
            marker={"size": 11, "color": _UP},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [change.high - change.value for change in changes],
                "arrayminus": [change.value - change.low for change in changes],
            },
            customdata=[_name(name) for name in names],
            hovertemplate="%{customdata}<br>%{x:+.4f}<extra></extra>",
        )
    )
    _named_rows(figure, names, height=130 + 34 * len(names))
    figure.add_vline(x=0, line_dash="dot", line_color="#8c959f")
    figure.update_yaxes(range=[len(names) - 0.5, -0.5])
    figure.update_xaxes(title=f"MRR minus that of {_name(baseline)}")
    return figure.update_layout(margin_t=30, uirevision="changes")


def layers_chart(layers: Mapping[str, int]) -> Figure:
    """How many nodes stand at each distance from the users."""
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Bar(
            x=list(layers),
            y=list(layers.values()),
            marker={"color": _UP},
            text=[f"{count:,}" for count in layers.values()],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
        )
    )
    figure.update_xaxes(type="category", title="steps to the nearest user", fixedrange=True)
    figure.update_yaxes(title="nodes", tickformat=",d", fixedrange=True)
    figure.update_layout(height=300, margin={"l": 8, "r": 8, "t": 24, "b": 44}, showlegend=False)
    return figure
