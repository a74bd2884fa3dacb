"""Gives every node a place and every edge a way: columns, bends, label spots, frame."""

from __future__ import annotations

from dataclasses import replace

from upgan.render.figure import layout
from upgan.render.figure.selection import Selection
from upgan.render.figure.spec import FigureEdge, FigureNode, Layout, figure_id
from upgan.render.figure.styles import LINE_HEIGHT


def placed(
    nodes: list[FigureNode], edges: list[FigureEdge], chosen: Selection, way: Layout = "columns"
) -> list[FigureNode]:
    """Every node at its place: columns from left to right, or the same as rows from top to bottom."""
    by_id = {node.id: node for node in nodes}
    neighbours: dict[str, list[str]] = {}
    for edge in edges:
        neighbours.setdefault(edge.source, []).append(edge.target)
        neighbours.setdefault(edge.target, []).append(edge.source)
    columns = [[figure_id(node) for node in column] for column in chosen.columns]
    columns = layout.order_columns(columns, neighbours, chosen.user_column)
    for index in chosen.hidden:
        columns[index].append(f"more:{index}")
    groups = [[by_id[node] for node in column] for column in columns]
    return _in_rows(groups) if way == "rows" else _in_columns(groups)


def _in_columns(columns: list[list[FigureNode]]) -> list[FigureNode]:
    """Target and answer on the bridge, the other columns stacked below and centred on the tallest."""
    rows = [layout.row_heights([len(node.lines) for node in column]) for column in columns]
    tallest = max((heights[-1] for heights in rows[1:-1] if heights), default=0.0)
    rows = [_spread(heights, tallest) for heights in rows]
    placed = []
    last = len(columns) - 1
    positions = layout.column_positions(len(columns))
    for index, (column, heights) in enumerate(zip(columns, rows, strict=True)):
        on_bridge = index in (0, last)
        top = 0.0 if on_bridge else layout.BRIDGE_GAP + (tallest - (heights[-1] if heights else 0.0)) / 2
        placed += [replace(node, x=positions[index], y=top + y) for node, y in zip(column, heights, strict=True)]
    return placed


def _in_rows(rows: list[list[FigureNode]]) -> list[FigureNode]:
    """Target above and answer below, the bridge between them on the left; the other rows to the right of it."""
    last = len(rows) - 1
    places = [layout.row_places([layout.node_width(node.lines) for node in row]) for row in rows]
    widest = max((place[-1] for place in places[1:-1] if place), default=0.0)
    placed, y = [], 0.0
    for index, (row, place) in enumerate(zip(rows, places, strict=True)):
        left = 0.0 if index in (0, last) else layout.BRIDGE_WIDTH + (widest - (place[-1] if place else 0.0)) / 2
        placed += [replace(node, x=left + x, y=y, last=index == last) for node, x in zip(row, place, strict=True)]
        y += layout.ROW_GAP + LINE_HEIGHT * max((len(node.lines) for node in row), default=0)
    return placed


def _spread(heights: list[float], tallest: float) -> list[float]:
    """Rows of a short column moved apart, so that edges to the nodes of a long one keep clear of its labels."""
    if len(heights) < 2:
        return heights
    factor = max(1.0, min(1.7, tallest / heights[-1]))
    return [height * factor for height in heights]


def routed(nodes: list[FigureNode], edges: list[FigureEdge]) -> list[FigureEdge]:
    """Bends for parallel and long edges, then a free spot for every number."""
    at = {node.id: (node.x, node.y) for node in nodes}
    boxes = {node.id: layout.node_box(node.x, node.y, node.lines, node.text_above) for node in nodes}
    pairs: dict[frozenset[str], list[int]] = {}
    for index, edge in enumerate(edges):
        pairs.setdefault(frozenset((edge.source, edge.target)), []).append(index)
    bent = list(edges)
    for pair, members in pairs.items():
        if len(members) == 1:
            edge = edges[members[0]]
            texts = [box for node, box in boxes.items() if node not in pair]
            shapes = [layout.node_box(*at[node], ()) for node in boxes if node not in pair]
            straight_on = edge.kind == "prediction"
            bend = 0.0 if straight_on else layout.choose_bend(at[edge.source], at[edge.target], shapes, texts)
            bent[members[0]] = replace(edge, bend=bend)
            continue
        straight = any(edges[index].kind == "prediction" for index in members) or len(members) % 2 == 1
        for order, index in enumerate(members):
            step = order if straight else order + 1
            size = 0.16 * ((step + 1) // 2) * (1 if step % 2 else -1)
            # One side of the pair must be the same side whichever way each edge points.
            flip = -1 if edges[index].source > edges[index].target else 1
            bent[index] = replace(edges[index], bend=size * flip)
    taken = list(boxes.values())
    done = list(bent)
    for index in sorted(range(len(bent)), key=lambda i: bent[i].kind not in ("prediction", "path")):
        edge = bent[index]
        if not edge.text:
            continue
        spot, box = layout.choose_spot(at[edge.source], at[edge.target], edge.bend, edge.text, taken)
        taken.append(box)
        done[index] = replace(edge, text_at=spot)
    return done


def framed(nodes: list[FigureNode], edges: list[FigureEdge]) -> tuple[float, float, list[FigureNode]]:
    """Shift everything so that the drawing starts at a margin, and say how large it is."""
    at = {node.id: (node.x, node.y) for node in nodes}
    boxes = [layout.node_box(node.x, node.y, node.lines, node.text_above) for node in nodes]
    boxes += [
        layout.text_box(layout.point_on(at[edge.source], at[edge.target], edge.bend, edge.text_at), edge.text)
        for edge in edges
        if edge.text
    ]
    curves = [
        layout.point_on(at[edge.source], at[edge.target], edge.bend, step / 10) for edge in edges for step in range(11)
    ]
    left = min([box.left for box in boxes] + [x for x, _ in curves])
    top = min([box.top for box in boxes] + [y for _, y in curves])
    right = max([box.right for box in boxes] + [x for x, _ in curves])
    bottom = max([box.bottom for box in boxes] + [y for _, y in curves])
    margin = 18.0
    moved = [replace(node, x=round(node.x - left + margin, 1), y=round(node.y - top + margin, 1)) for node in nodes]
    return round(right - left + 2 * margin, 1), round(bottom - top + 2 * margin, 1), moved
