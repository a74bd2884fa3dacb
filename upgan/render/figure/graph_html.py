"""FigureSpec -> one HTML document with an interactive graph, built by pyvis and drawn by our own template.

The document is complete in itself: vis-network is inlined from the pyvis wheel, and a content security policy refuses
every request and every script but the two inside (by their hashes). Labels travel as JSON data and are drawn on a
canvas as text; nothing of a dataset is ever parsed as HTML.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from upgan.render.figure import styles
from upgan.render.figure.layout import text_width
from upgan.render.figure.spec import FigureEdge, FigureNode, FigureSpec
from upgan.render.figure.styles import Theme
from upgan.render.figure.svg import kind_symbol, role_symbol, svg
from upgan.render.table import isolated

if TYPE_CHECKING:
    from pyvis.network import Network

#: Width of the app's column on a common screen, for which heights are chosen, and of the legend in it.
_COLUMN, _LEGEND = 660.0, 470.0
#: Below this scale letters would be too small: the canvas is then wider than its window and scrolls sideways.
_SMALLEST_SCALE = 0.64
#: In a narrow window, which is held closer to the eyes, seeing the whole figure is worth more.
_SMALLEST_NARROW = 0.57
_SHORTEST, _TALLEST = 180, 640
#: Pixels of window below which a figure in rows can be read better.
NARROW = 520


def graph_height(spec: FigureSpec) -> int:
    """Pixels of canvas that show the figure at a readable size."""
    scale = min(1.1, max(_SMALLEST_SCALE, _COLUMN / spec.width))
    return round(min(_TALLEST, max(_SHORTEST, spec.height * scale)))


def frame_height(spec: FigureSpec) -> int:
    """Pixels for an iframe that holds ``graph_html(spec)``: canvas, and below it legend and buttons."""
    words = [text_width(text, 12) + 42 for _, text in spec.roles] + [
        text_width(text, 12) + 60 for _, text in spec.kinds
    ]
    rows = 1 + int(sum(words) * 1.15 / _LEGEND)
    return graph_height(spec) + max(48, 20 * rows + 12) + (24 if spec.note else 0) + 16


def graph_html(
    spec: FigureSpec,
    theme: Theme = "light",
    *,
    narrow: FigureSpec | None = None,
    template: str = "graph.html",
    **around: object,
) -> str:
    """The interactive graph as a whole document; ``around``: values of a ``template`` that extends it (the report).

    ``narrow``: the same figure in rows, drawn instead where the document opens in a window too narrow for the other.
    """
    network = network_of(spec, theme)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    environment.filters.update(csp_hash=_csp_hash, isolated=isolated)
    environment.globals.update(
        spec=spec,
        theme=theme,
        palette=styles.PALETTES[theme],
        settings=_settings(spec, theme),
        narrow=None if narrow is None else _narrow(narrow, theme),
        vis_script=Markup(_vis_script()),
        legend_roles=[(Markup(role_symbol(role, theme)), words) for role, words in spec.roles],
        legend_kinds=[(Markup(kind_symbol(kind, theme)), words, styles.EDGE_HELP[kind]) for kind, words in spec.kinds],
        still=Markup(svg(spec, theme)),
        **around,
    )
    # The documented way to a template of one's own: pyvis collects nodes and edges, the template draws them.
    network.templateEnv = environment
    network.path = template
    return str(network.generate_html())


def network_of(spec: FigureSpec, theme: Theme = "light") -> Network:
    """The figure as pyvis hands it to the browser: nodes and edges, parallel ones too."""
    # pyvis imports IPython at its top: half a second that only a caller who draws should pay.
    from pyvis.network import Network

    # directed=False would silently drop the second edge between two nodes.
    network = Network(height=f"{graph_height(spec)}px", width="100%", directed=True, cdn_resources="in_line")
    for node in spec.nodes:
        network.add_node(node.id, label="\n".join(node.lines) or " ", **_node_options(node, theme))
    for edge in spec.edges:
        network.add_edge(edge.source, edge.target, **_edge_options(edge, theme))
    network.options = _options(theme)
    return network


def _node_options(node: FigureNode, theme: Theme) -> dict[str, Any]:
    style, size = styles.NODE_STYLES[node.role], styles.NODE_SIZE
    paint = {"background": style.fill, "border": style.border[theme]}
    return {
        "shape": style.shape,
        "color": {**paint, "highlight": paint, "hover": paint},
        "title": node.title,
        "x": node.x,
        "y": node.y,
        "size": size,
        "borderWidth": 2,
        # vis-network writes below the shape; this lifts the lines above it.
        "font": {"vadjust": -(2 * size + styles.LINE_HEIGHT * len(node.lines) + 10) if node.text_above else 0},
        "shapeProperties": {"borderDashes": [3, 3] if node.role == "more" else False},
    }


def _edge_options(edge: FigureEdge, theme: Theme) -> dict[str, Any]:
    style = styles.EDGE_STYLES[edge.kind]
    color = style.color[theme]
    smooth: dict[str, Any] = {"enabled": False}
    if edge.bend:
        smooth = {"enabled": True, "type": "curvedCW" if edge.bend > 0 else "curvedCCW", "roundness": abs(edge.bend)}
    return {
        "width": edge.width,
        "color": {"color": color, "highlight": color, "hover": color, "inherit": False},
        "dashes": list(style.dashes) or False,
        "title": edge.title,
        "smooth": smooth,
        "arrows": {"to": {"enabled": True, "scaleFactor": 0.55}},
        # Read by our own label painter (vis-network can only write at the middle, where labels collide).
        "kind": edge.kind,
        "text": edge.text,
        "textAt": edge.text_at,
        "bend": edge.bend,
    }


def _options(theme: Theme) -> dict[str, Any]:
    """Assigned as a dict: pyvis' own set_options deletes every space, also inside font names."""
    palette = styles.PALETTES[theme]
    return {
        "autoResize": True,
        "physics": {"enabled": False},
        "layout": {"improvedLayout": False},
        "nodes": {
            "font": {
                "size": styles.FONT_SIZE,
                "face": styles.FONT,
                "color": palette.text,
                "strokeWidth": 4,
                "strokeColor": palette.surface,
            }
        },
        "edges": {"selectionWidth": 1.5, "hoverWidth": 0.8},
        "interaction": {
            "hover": True,
            "tooltipDelay": 120,
            "zoomView": False,
            "multiselect": False,
            "keyboard": {"enabled": True, "bindToWindow": False, "autoFocus": False},
        },
    }


def _settings(spec: FigureSpec, theme: Theme) -> dict[str, Any]:
    return {
        "surface": styles.PALETTES[theme].surface,
        "title": spec.title,
        "description": spec.description,
        "text": styles.PALETTES[theme].text,
        "font": styles.FONT,
        "fontSize": styles.FONT_SIZE,
        "lineHeight": styles.LINE_HEIGHT,
        "nodeSize": styles.NODE_SIZE,
        "edgeFontSize": styles.EDGE_FONT_SIZE,
        "edgeFont": f"bold {styles.EDGE_FONT_SIZE}px {styles.FONT}",
        "colors": {kind: style.color[theme] for kind, style in styles.EDGE_STYLES.items()},
        "width": spec.width,
        "height": spec.height,
        "smallest": _SMALLEST_SCALE,
        "tall": graph_height(spec),
    }


def _narrow(spec: FigureSpec, theme: Theme) -> dict[str, Any]:
    """What the script needs to draw this figure in the other's place."""
    network = network_of(spec, theme)
    settings = _settings(spec, theme) | {"smallest": _SMALLEST_NARROW}
    return {"nodes": network.nodes, "edges": network.edges, "settings": settings, "below": NARROW}


@functools.cache
def _vis_script() -> str:
    """vis-network's bundle from the pyvis wheel, with the line ends that an HTML parser will see."""
    import pyvis

    bundle = Path(pyvis.__file__).parent / "templates" / "lib" / "vis-9.1.2" / "vis-network.min.js"
    text = bundle.read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in text.lower():
        raise ValueError(f"{bundle} cannot be inlined: it holds a closing script tag")
    return text


@functools.cache
def _csp_hash(script: str) -> Markup:
    """The CSP source expression that allows exactly this inline script."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
