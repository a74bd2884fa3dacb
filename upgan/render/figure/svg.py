"""FigureSpec -> SVG for print and for readers without JavaScript, with the same coordinates as the interactive graph.

Built as an XML tree, so that every label is escaped by the library and the result is well-formed by construction.
"""

from __future__ import annotations

from math import cos, hypot, pi, sin, sqrt
from xml.etree import ElementTree as ET

from upgan.render.figure import layout, styles
from upgan.render.figure.spec import FigureEdge, FigureNode, FigureSpec
from upgan.render.figure.styles import EdgeKind, FigureRole, Theme

_NAMESPACE = "http://www.w3.org/2000/svg"
_LEGEND_ROW = 22
_SAMPLE = 34


def svg(spec: FigureSpec, theme: Theme = "light") -> str:
    """The figure as one SVG document, legend included."""
    legend, legend_rows = _legend(spec, theme)
    height = spec.height + _LEGEND_ROW * (legend_rows + (1 if spec.note else 0)) + 10
    root = ET.Element(
        "svg",
        {
            "xmlns": _NAMESPACE,
            "viewBox": f"0 0 {spec.width:g} {height:g}",
            "width": f"{spec.width:g}",
            "height": f"{height:g}",
            "role": "img",
            "font-family": styles.FONT,
        },
    )
    ET.SubElement(root, "title").text = spec.title
    ET.SubElement(root, "desc").text = spec.description
    palette = styles.PALETTES[theme]
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": palette.surface})
    at = {node.id: (node.x, node.y) for node in spec.nodes}
    for edge in spec.edges:
        _edge(root, edge, at[edge.source], at[edge.target], theme)
    for node in spec.nodes:
        _node(root, node, theme)
    for edge in spec.edges:
        if edge.text:
            x, y = layout.point_on(at[edge.source], at[edge.target], edge.bend, edge.text_at)
            color, size = styles.EDGE_STYLES[edge.kind].color[theme], styles.EDGE_FONT_SIZE
            half = layout.text_width(edge.text, size) / 2
            ground = {"x": f"{x - half:.1f}", "y": f"{y - 7:.1f}", "width": f"{2 * half:.1f}", "height": "14"}
            ET.SubElement(root, "rect", {**ground, "fill": palette.surface})
            _text(root, edge.text, x, y + size * 0.35, size, color, palette.surface, "bold")
    root.extend(legend)
    if spec.note:
        y = spec.height + 6 + _LEGEND_ROW * legend_rows
        _text(root, spec.note, 18, y + 4, 12, palette.faint, palette.surface, "normal", "start")
    return ET.tostring(root, encoding="unicode")


def role_symbol(role: FigureRole, theme: Theme) -> str:
    """A small stand-alone drawing of a node shape, for legends in HTML."""
    root = ET.Element("svg", {"viewBox": "-17 -17 34 34", "width": "18", "height": "18", "aria-hidden": "true"})
    root.append(_shape(role, 0, 0, theme))
    return ET.tostring(root, encoding="unicode")


def kind_symbol(kind: EdgeKind, theme: Theme) -> str:
    """A small stand-alone drawing of an edge style, for legends in HTML."""
    root = ET.Element("svg", {"viewBox": f"0 0 {_SAMPLE} 12", "width": f"{_SAMPLE}", "height": "12"})
    root.set("aria-hidden", "true")
    root.append(_line_sample(kind, 0, 6, theme))
    return ET.tostring(root, encoding="unicode")


def _edge(root: ET.Element, edge: FigureEdge, start: layout.Point, end: layout.Point, theme: Theme) -> None:
    """A line or quadratic curve that stops at the border of its target, with an arrow head."""
    stop = _border(start, end, edge.bend)
    middle = layout.control_point(start, end, edge.bend)
    tip = layout.point_on(start, end, edge.bend, stop)
    control = start[0] + (middle[0] - start[0]) * stop, start[1] + (middle[1] - start[1]) * stop
    color = styles.EDGE_STYLES[edge.kind].color[theme]
    attributes = {
        "d": f"M{start[0]:.1f} {start[1]:.1f}Q{control[0]:.1f} {control[1]:.1f} {tip[0]:.1f} {tip[1]:.1f}",
        "fill": "none",
        "stroke": color,
        "stroke-width": f"{edge.width:.2f}",
        "class": f"edge {edge.kind}",
    }
    if styles.EDGE_STYLES[edge.kind].dashes:
        attributes["stroke-dasharray"] = " ".join(map(str, styles.EDGE_STYLES[edge.kind].dashes))
    path = ET.SubElement(root, "path", attributes)
    ET.SubElement(path, "title").text = edge.title
    length = hypot(tip[0] - control[0], tip[1] - control[1]) or 1.0
    across = (tip[0] - control[0]) / length, (tip[1] - control[1]) / length
    size = 6 + edge.width
    points = [tip]
    for side in (1, -1):
        angle = pi - side * pi / 8
        turned = across[0] * cos(angle) - across[1] * sin(angle), across[0] * sin(angle) + across[1] * cos(angle)
        points.append((tip[0] + size * turned[0], tip[1] + size * turned[1]))
    ET.SubElement(root, "polygon", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points), "fill": color})


def _border(start: layout.Point, end: layout.Point, bend: float) -> float:
    """The fraction of the edge at which it meets the outline of its target."""
    low, high = 0.5, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        x, y = layout.point_on(start, end, bend, middle)
        if hypot(end[0] - x, end[1] - y) > styles.NODE_SIZE + 3:
            low = middle
        else:
            high = middle
    return low


def _node(root: ET.Element, node: FigureNode, theme: Theme) -> None:
    group = ET.SubElement(root, "g", {"class": f"node {node.role}"})
    ET.SubElement(group, "title").text = node.title
    group.append(_shape(node.role, node.x, node.y, theme))
    palette = styles.PALETTES[theme]
    top = node.y + styles.NODE_SIZE + 4
    if node.text_above:
        top = node.y - styles.NODE_SIZE - 4 - styles.LINE_HEIGHT * len(node.lines)
    for index, line in enumerate(node.lines):
        y = top + styles.LINE_HEIGHT * (index + 0.75)
        _text(group, line, node.x, y, styles.FONT_SIZE, palette.text, palette.surface, "normal")


def _shape(role: FigureRole, x: float, y: float, theme: Theme) -> ET.Element:
    """The same geometry as vis-network's shapes of that name."""
    style = styles.NODE_STYLES[role]
    paint = {"fill": style.fill, "stroke": style.border[theme], "stroke-width": "2"}
    if role == "more":
        paint["stroke-dasharray"] = "3 3"
    size = float(styles.NODE_SIZE)
    if style.shape == "dot":
        return ET.Element("circle", {"cx": f"{x:g}", "cy": f"{y:g}", "r": f"{size:g}", **paint})
    if style.shape == "square":
        corners = [(-size, -size), (size, -size), (size, size), (-size, size)]
    elif style.shape == "diamond":
        corners = [(0.0, -size), (size, 0.0), (0.0, size), (-size, 0.0)]
    else:
        radius = size * 1.15
        drop, inner = 0.275 * radius, sqrt(3) / 3 * radius
        corners = [(0.0, drop - (sqrt(3) * radius - inner)), (radius, drop + inner), (-radius, drop + inner)]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    return ET.Element("polygon", {"points": points, **paint})


def _text(
    root: ET.Element,
    text: str,
    x: float,
    y: float,
    size: float,
    color: str,
    halo: str,
    weight: str,
    anchor: str = "middle",
) -> None:
    attributes = {
        "x": f"{x:.1f}",
        "y": f"{y:.1f}",
        "font-size": f"{size:g}",
        "font-weight": weight,
        "text-anchor": anchor,
        "fill": color,
        # The halo keeps letters readable where they cross a line; painted first, it does not thin them.
        "stroke": halo,
        "stroke-width": "3",
        "paint-order": "stroke",
        "stroke-linejoin": "round",
    }
    ET.SubElement(root, "text", attributes).text = text


def _line_sample(kind: EdgeKind, x: float, y: float, theme: Theme) -> ET.Element:
    style = styles.EDGE_STYLES[kind]
    attributes = {
        "d": f"M{x:g} {y:g}H{x + _SAMPLE:g}",
        "stroke": style.color[theme],
        "stroke-width": "2.4" if kind in ("path", "prediction") else "1.6",
    }
    if style.dashes:
        attributes["stroke-dasharray"] = " ".join(map(str, style.dashes))
    return ET.Element("path", attributes)


def _legend(spec: FigureSpec, theme: Theme) -> tuple[ET.Element, int]:
    """What each shape and line stands for, in rows of the figure's width, and how many rows these are."""
    legend, palette = ET.Element("g"), styles.PALETTES[theme]
    x, y, rows = 18.0, spec.height + 6, 1
    entries: list[tuple[FigureRole | None, EdgeKind | None, str]] = [(role, None, words) for role, words in spec.roles]
    entries += [(None, kind, words) for kind, words in spec.kinds]
    for role, kind, words in entries:
        width = (26 if role else _SAMPLE + 8) + layout.text_width(words, 12) + 22
        if x > 18.0 and x + width > spec.width:
            x, y, rows = 18.0, y + _LEGEND_ROW, rows + 1
        if role:
            symbol = ET.SubElement(legend, "g", {"transform": f"translate({x + 8:g} {y:g}) scale(0.5)"})
            symbol.append(_shape(role, 0, 0, theme))
        elif kind:
            legend.append(_line_sample(kind, x, y, theme))
        start = x + (22 if role else _SAMPLE + 6)
        _text(legend, words, start, y + 4, 12, palette.faint, palette.surface, "normal", "start")
        x += width
    return legend, rows
