"""The curves of growth as one page: a small chart for each kind of work, every line with the order it should keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from upgan.bench.growth import GROWN, ORDERS
from upgan.files import write_text
from upgan.render.figure.styles import OKABE_ITO

ACROSS = 3
#: A colour for each size, alike in all charts.
COLOURS = dict(zip(GROWN, OKABE_ITO, strict=True))


def figure(document: dict[str, Any]) -> Any:
    """Charts on logarithmic axes; a dotted line from a curve's last point back is the order it should keep."""
    from plotly.subplots import make_subplots

    kinds = list(dict.fromkeys(curve["what"] for curve in document["curves"]))
    down = -(-len(kinds) // ACROSS)
    charts = make_subplots(down, ACROSS, subplot_titles=kinds, vertical_spacing=0.25 / down, horizontal_spacing=0.06)
    in_legend: set[str] = set()
    for curve in document["curves"]:
        place = kinds.index(curve["what"])
        at = {"row": place // ACROSS + 1, "col": place % ACROSS + 1}
        name, colour = curve["size"], COLOURS[curve["size"]]
        x, y = curve["values"], curve["cpu_seconds"]
        text = f"{name}: slope {curve['slope']:.2f}, last {curve['last_slope']:.2f}, should be {ORDERS[curve['order']]}"
        mark = {"symbol": "circle" if curve["kept"] else "x", "size": 7}
        line = {"color": colour}
        look = {"name": name, "legendgroup": name, "showlegend": name not in in_legend, "hovertext": text}
        charts.add_scatter(x=x, y=y, mode="lines+markers", line=line, marker=mark, **look, **at)
        ideal = [y[-1] * (each / x[-1]) ** curve["order"] for each in x]
        charts.add_scatter(
            x=x, y=ideal, mode="lines", line={**line, "dash": "dot", "width": 1}, showlegend=False, hoverinfo="skip",
            legendgroup=name, **at,
        )  # fmt: skip
        in_legend.add(name)
    charts.update_xaxes(type="log")
    charts.update_yaxes(type="log", title="CPU seconds", title_standoff=0)
    title = "Cost against size, one at a time; dotted: the order a curve should keep; a cross: it does not"
    charts.update_layout(title=title, template="plotly_white", height=60 + 300 * down, width=1200)
    return charts


def write_page(document: dict[str, Any], path: Path) -> None:
    """The charts as one HTML file."""
    write_text(path, figure(document).to_html(include_plotlyjs=True))
