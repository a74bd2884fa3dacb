"""FigureSpec -> one HTML document with an interactive graph, built by pyvis and drawn by our own template.

The document is complete in itself: it holds the figure as SVG in every form that it can take, and a content security
policy refuses every request and every script but the one inside (by its hash). Labels are text nodes and JSON data;
nothing of a dataset is ever parsed as HTML.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from upgan.explain.explanation import Explanation
from upgan.render.figure import styles
from upgan.render.figure.build import Drawing, forms
from upgan.render.figure.kinds import kinds_figure
from upgan.render.figure.spec import FigureEdge, FigureNode, FigureSpec, Layout
from upgan.render.figure.styles import Theme
from upgan.render.figure.svg import svg
from upgan.render.pseudonyms import pseudonymised, users_of
from upgan.render.table import isolated

if TYPE_CHECKING:
    from pyvis.network import Network

#: Below this width a figure in rows can be read better.
NARROW = 460


@dataclass(frozen=True)
class Form:
    """One drawing among those that a document holds; its page shows the widest that fits."""

    view: Literal["chains", "kinds"]
    spec: FigureSpec
    opened: bool = False
    #: The same under pseudonyms: what the buttons save in the place of the one without, which alone is shown.
    aliased: bool = False


def forms_of(
    explanation: Explanation, drawing: Drawing, labels: Mapping[str, str] | None = None, *, aliases: bool = False
) -> list[Form]:
    """All drawings of an explanation: chain by chain, opened where users are drawn together, and by kind.

    ``aliases``: those that name users once more under pseudonyms, for what the buttons save.
    """
    made = [Form("chains", spec, opened) for spec, opened in forms(explanation, drawing, labels)]
    for width in (1000, 690, 340):
        layout: Layout = "rows" if width < NARROW else "columns"
        if (spec := kinds_figure(explanation, labels, layout=layout, width=width)) is not None:
            made.append(Form("kinds", spec))
    if aliases and users_of(explanation):
        made += [replace(form, aliased=True) for form in forms_of(pseudonymised(explanation), drawing, labels)]
    return made


def frame_height(spec: FigureSpec) -> int:
    """Pixels for an iframe that holds the figure before its page says how tall it is at the width it has."""
    return round(min(900.0, spec.height + 130))


def graph_html(
    spec: FigureSpec,
    theme: Theme = "light",
    *,
    drawings: Sequence[Form] = (),
    template: str = "graph.html",
    **around: object,
) -> str:
    """The interactive graph as a whole document; ``around``: values of a ``template`` that extends it (the report).

    ``drawings``: every form it can take (``forms_of``); without any the one ``spec``, which also gives its data.
    """
    network = network_of(spec, theme)
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    environment.filters.update(csp_hash=_csp_hash, isolated=isolated)
    shown = drawings or [Form("chains", spec)]
    environment.globals.update(
        spec=spec,
        theme=theme,
        palette=styles.PALETTES[theme],
        drawings=[(form, Markup(svg(form.spec, theme))) for form in shown],
        grouped=any(form.opened for form in shown),
        file_name=file_name(spec.title),
        kinds=any(form.view == "kinds" for form in shown),
        **around,
    )
    # The documented way to a template of one's own: pyvis collects nodes and edges, the template draws them.
    network.templateEnv = environment
    network.path = template
    return str(network.generate_html())


def file_name(question: str) -> str:
    """What is drawn, as the name of a file."""
    words = re.sub(
        r"[^0-9a-z]+", "-", unicodedata.normalize("NFKD", question).encode("ascii", "ignore").decode().lower()
    )
    return f"upgan-{words.strip('-')[:60].strip('-') or 'graph'}"


def network_of(spec: FigureSpec, theme: Theme = "light") -> Network:
    """The figure as pyvis hands it to the browser: nodes and edges, parallel ones too."""
    # pyvis imports IPython at its top: half a second that only a caller who draws should pay.
    from pyvis.network import Network

    # directed=False would silently drop the second edge between two nodes.
    network = Network(width="100%", directed=True, cdn_resources="in_line")
    for node in spec.nodes:
        network.add_node(node.id, label="\n".join(node.lines) or " ", **_node_options(node, theme))
    for edge in spec.edges:
        network.add_edge(edge.source, edge.target, **_edge_options(edge, theme))
    return network


def _node_options(node: FigureNode, theme: Theme) -> dict[str, Any]:
    style = styles.NODE_STYLES[node.role]
    return {
        "shape": style.shape,
        "color": {"background": style.fill, "border": style.border[theme]},
        "title": node.title,
        "x": node.x,
        "y": node.y,
    }


def _edge_options(edge: FigureEdge, theme: Theme) -> dict[str, Any]:
    style = styles.EDGE_STYLES[edge.kind]
    return {
        "width": edge.width,
        "color": style.color[theme],
        "dashes": list(style.dashes) or False,
        "title": edge.title,
        "kind": edge.kind,
        "text": edge.text,
    }


@functools.cache
def _csp_hash(script: str) -> Markup:
    """The CSP source expression that allows exactly this inline script."""
    digest = hashlib.sha256(str(script).encode("utf-8")).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
