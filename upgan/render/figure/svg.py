"""FigureSpec -> SVG for print and for readers without JavaScript, with the same coordinates as the interactive graph.

Built as an XML tree, so that every label is escaped by the library and the result is well-formed by construction.
"""

from __future__ import annotations

from math import atan2, cos, pi, sin, sqrt
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
    height = spec.height + _LEGEND_ROW * legend_rows + 10
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
    for number, edge in enumerate(spec.edges):
        _edge(root, edge, number, theme)
    for node in spec.nodes:
        _node(root, node, theme)
    for number, edge in enumerate(spec.edges):
        if edge.written:
            (x, y), size = edge.text_place, styles.EDGE_FONT_SIZE
            color = styles.EDGE_STYLES[edge.kind].color[theme]
            half = layout.text_width(edge.written, size) / 2
            chains = " ".join(map(str, edge.chains))
            marks = {"class": "label", "data-edge": str(number), "data-chains": chains}
            group = ET.SubElement(root, "g", marks)
            ET.SubElement(group, "title").text = edge.title
            ground = {"x": f"{x - half:.1f}", "y": f"{y - 7:.1f}", "width": f"{2 * half:.1f}", "height": "14"}
            ET.SubElement(group, "rect", {**ground, "fill": palette.surface})
            written = _text(group, edge.written, x, y + size * 0.35, size, color, palette.surface, "bold")
            written.set("data-room", f"{2 * half:.1f}")
    root.extend(legend)
    return ET.tostring(root, encoding="unicode")


def _edge(root: ET.Element, edge: FigureEdge, number: int, theme: Theme) -> None:
    """A curve with an arrow head at its end."""
    start, *rest = edge.points
    color = styles.EDGE_STYLES[edge.kind].color[theme]
    pieces = [rest[place : place + 3] for place in range(0, len(rest), 3)]
    cubic = "".join("C" + " ".join(f"{x:g} {y:g}" for x, y in piece) for piece in pieces)
    attributes = {
        "d": f"M{start[0]:g} {start[1]:g}{cubic}",
        "fill": "none",
        "stroke": color,
        "stroke-width": f"{edge.width:.2f}",
        "class": f"edge {edge.kind}",
        "data-edge": str(number),
        "data-chains": " ".join(map(str, edge.chains)),
    }
    if styles.EDGE_STYLES[edge.kind].dashes:
        attributes["stroke-dasharray"] = " ".join(map(str, styles.EDGE_STYLES[edge.kind].dashes))
    path = ET.SubElement(root, "path", attributes)
    ET.SubElement(path, "title").text = edge.title
    tip, before = edge.points[-1], edge.points[-2]
    angle = atan2(tip[1] - before[1], tip[0] - before[0])
    size = 5 + edge.width
    corners = [tip]
    for side in (1, -1):
        wing = angle + pi + side * pi / 8
        corners.append((tip[0] + size * cos(wing), tip[1] + size * sin(wing)))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    marks = {"class": "head", "data-chains": attributes["data-chains"]}
    ET.SubElement(root, "polygon", {"points": points, "fill": color, **marks})


def _node(root: ET.Element, node: FigureNode, theme: Theme) -> None:
    """A box: the role's symbol, and beside it the lines."""
    chains = " ".join(map(str, node.chains))
    group = ET.SubElement(root, "g", {"class": f"node {node.role}", "data-id": node.id, "data-chains": chains})
    ET.SubElement(group, "title").text = node.title
    palette, style = styles.PALETTES[theme], styles.NODE_STYLES[node.role]
    left, top = node.x - node.width / 2, node.y - node.height / 2
    place = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{node.width:.1f}", "height": f"{node.height:.1f}"}
    strong = node.role in ("target", "answer")
    paint = {"fill": palette.surface, "stroke": style.border[theme] if strong else palette.rule}
    frame = ET.SubElement(group, "rect", {**place, "rx": "6", **paint, "stroke-width": "2" if strong else "1.2"})
    if node.role == "more":
        frame.set("stroke-dasharray", "3 3")
    stacked = node.width < layout.STACKED
    x, y = (node.x, top + 13) if stacked else (left + 12, node.y)
    symbol = ET.SubElement(group, "g", {"transform": f"translate({x:.1f} {y:.1f}) scale(0.5)"})
    symbol.append(_shape(node.role, 0, 0, theme))
    first = top + 4 + (layout.SYMBOL if stacked else (node.height - 8 - styles.LINE_HEIGHT * len(node.lines)) / 2)
    x = node.x if stacked else left + layout.SYMBOL + layout.PADDING
    for index, line in enumerate(node.lines):
        y = first + styles.LINE_HEIGHT * (index + 0.8)
        anchor = "middle" if stacked else "start"
        written = _text(group, line, x, y, styles.FONT_SIZE, palette.text, palette.surface, "normal", anchor)
        # A font wider than any we know is drawn narrower by the page's script: see graph.html.
        written.set("data-room", f"{layout.text_room(node.width) + 2:.1f}")


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
) -> ET.Element:
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
    written = ET.SubElement(root, "text", attributes)
    written.text = text
    return written


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
    legend, palette = ET.Element("g", {"class": "legend"}), styles.PALETTES[theme]
    x, y, rows = 18.0, spec.height + 6, 1
    entries: list[tuple[FigureRole | None, EdgeKind | None, str]] = [(role, None, words) for role, words in spec.roles]
    entries += [(None, kind, words) for kind, words in spec.kinds]
    for role, kind, words in entries:
        start = 22 if role else _SAMPLE + 6
        lines = layout.fitted(words, spec.width - 26 - start, 12, lines=3)
        width = start + max(layout.text_width(line, 12) for line in lines) + 18
        if x > 18.0 and x + width > spec.width:
            x, y, rows = 18.0, y + _LEGEND_ROW, rows + 1
        entry = ET.SubElement(legend, "g")
        if role:
            symbol = ET.SubElement(entry, "g", {"transform": f"translate({x + 8:g} {y:g}) scale(0.5)"})
            symbol.append(_shape(role, 0, 0, theme))
        elif kind:
            ET.SubElement(entry, "title").text = styles.EDGE_HELP[kind]
            entry.append(_line_sample(kind, x, y, theme))
        for number, line in enumerate(lines):
            if number:
                y, rows = y + 15, rows + 1
            _text(entry, line, x + start, y + 4, 12, palette.faint, palette.surface, "normal", "start")
        x += width
    for line in layout.fitted(spec.note, spec.width - 36, 12, lines=6):
        y, rows = y + _LEGEND_ROW, rows + 1
        _text(legend, line, 18, y + 4, 12, palette.faint, palette.surface, "normal", "start")
    return legend, rows
