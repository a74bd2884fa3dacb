"""Where things go: fixed columns from target to answer, rows without overlap, edge labels in free spots.

The prediction runs along the top like a bridge from target to answer; what carries it hangs below: target | entities of
the paths | users | entities of the evidence | answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import atan2, cos, hypot, pi, sin

from upgan.render.figure.selection import Selection
from upgan.render.figure.spec import FigureEdge, FigureNode, Layout, figure_id
from upgan.render.figure.styles import EDGE_FONT_SIZE, FONT_SIZE, LINE_HEIGHT, NODE_SIZE

BRIDGE_GAP = 78.0
#: Between rows: from the bridge to what stands beside it, and from one row to the next.
BRIDGE_WIDTH, ROW_GAP = 96.0, 92.0
_LABEL_SPOTS = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8, 0.14, 0.86)
_BENDS = (0.0, 0.1, -0.1, 0.18, -0.18, 0.28, -0.28, 0.4, -0.4)

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """An axis-parallel rectangle that something drawn occupies."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """The area both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0.0

    def holds(self, point: Point) -> bool:
        """Whether the point lies in it."""
        return self.left <= point[0] <= self.right and self.top <= point[1] <= self.bottom


def text_width(text: str, size: float) -> float:
    """A cautious estimate without font metrics: wide letters (CJK, emoji) count double."""
    return sum(1.0 if ord(character) > 0x2E80 else 0.56 for character in text) * size


def node_box(x: float, y: float, lines: Sequence[str], above: bool = False) -> Box:
    """A node's shape and the label lines below it (or above)."""
    half = max([text_width(line, FONT_SIZE) / 2 for line in lines] + [NODE_SIZE])
    text = 4 + LINE_HEIGHT * len(lines)
    return Box(x - half, y - NODE_SIZE - (text if above else 0), x + half, y + NODE_SIZE + (0 if above else text))


def control_point(start: Point, end: Point, bend: float) -> Point:
    """The middle point of the quadratic curve that vis-network draws for ``curvedCW`` (``CCW`` where bend < 0)."""
    length = hypot(end[0] - start[0], end[1] - start[1])
    angle = atan2(end[1] - start[1], end[0] - start[0]) - bend * pi / 2
    reach = (abs(bend) / 2 + 0.5) * length
    return start[0] + reach * cos(angle), start[1] + reach * sin(angle)


def point_on(start: Point, end: Point, bend: float, at: float) -> Point:
    """The point at fraction ``at`` of an edge, straight or bent."""
    middle = control_point(start, end, bend)
    a, b, c = (1 - at) ** 2, 2 * at * (1 - at), at**2
    return a * start[0] + b * middle[0] + c * end[0], a * start[1] + b * middle[1] + c * end[1]


def column_positions(count: int) -> list[float]:
    """x of each column. The first and last gap are wider: many edges end in one node there."""
    # Six columns and more would not fit a screen at a readable size with the wider gaps.
    end, inner = (205.0, 178.0) if count <= 5 else (186.0, 160.0)
    gaps = [2 * end] if count == 2 else [end, *[inner] * (count - 3), end]
    return list(accumulate(gaps[: max(0, count - 1)], initial=0.0))


def order_columns(
    columns: Sequence[Sequence[str]], neighbours: Mapping[str, Iterable[str]], fixed: int | None
) -> list[list[str]]:
    """Rows of each column by the mean height of what they are tied to, which removes most crossings.

    Column ``fixed`` (the users, heaviest first) keeps its order.
    """
    ordered = [list(column) for column in columns]
    for _ in range(4):
        height = {node: (row + 0.5) / len(column) for column in ordered for row, node in enumerate(column)}
        for index, column in enumerate(ordered):
            if index == fixed:
                continue
            means = {}
            for node in column:
                tied = [height[other] for other in neighbours.get(node, ()) if other in height]
                means[node] = sum(tied) / len(tied) if tied else height[node]
            # The sort is stable: ties keep the order they came in.
            column.sort(key=means.__getitem__)
    return ordered


def row_heights(lines_of: Sequence[int]) -> list[float]:
    """Centres of stacked nodes whose labels have that many lines, from 0 downward."""
    steps = [2 * NODE_SIZE + 4 + LINE_HEIGHT * lines + 16 for lines in lines_of]
    return list(accumulate(steps, initial=0.0))[: len(steps)]


def node_width(lines: Sequence[str]) -> float:
    """How wide a node with these lines is."""
    return max([text_width(line, FONT_SIZE) for line in lines] + [2.0 * NODE_SIZE])


def row_places(widths: Sequence[float]) -> list[float]:
    """Centres of nodes of these widths beside each other, from 0 to the right."""
    steps = [(left + right) / 2 + 14 for left, right in pairwise(widths)]
    return list(accumulate(steps, initial=0.0))[: len(widths)]


def text_box(middle: Point, text: str) -> Box:
    """What the text of an edge covers."""
    half_width, half_height = text_width(text, EDGE_FONT_SIZE) / 2 + 2, EDGE_FONT_SIZE / 2 + 2
    return Box(middle[0] - half_width, middle[1] - half_height, middle[0] + half_width, middle[1] + half_height)


def choose_bend(start: Point, end: Point, shapes: Sequence[Box], texts: Sequence[Box]) -> float:
    """The smallest bend with which an edge passes by other nodes; crossing a shape is worse than crossing its text."""

    def hits(bend: float) -> int:
        points = [point_on(start, end, bend, step / 30) for step in range(2, 29)]
        crossed = [sum(any(box.holds(point) for point in points) for box in boxes) for boxes in (shapes, texts)]
        return 4 * crossed[0] + crossed[1]

    return min(_BENDS, key=lambda bend: (hits(bend), abs(bend)))


def choose_spot(start: Point, end: Point, bend: float, text: str, taken: Sequence[Box]) -> tuple[float, Box]:
    """The fraction of an edge at which its label covers least of what is already there."""

    def box_at(at: float) -> Box:
        return text_box(point_on(start, end, bend, at), text)

    def cost(at: float) -> float:
        box = box_at(at)
        return sum(box.overlap(other) for other in taken) + abs(at - 0.5)

    best = min(_LABEL_SPOTS, key=cost)
    return best, box_at(best)


# The figure ---------------------------------------------------------------------------------------------------------


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
    columns = order_columns(columns, neighbours, chosen.user_column)
    for index in chosen.hidden:
        columns[index].append(f"more:{index}")
    groups = [[by_id[node] for node in column] for column in columns]
    return _in_rows(groups) if way == "rows" else _in_columns(groups)


def _in_columns(columns: list[list[FigureNode]]) -> list[FigureNode]:
    """Target and answer on the bridge, the other columns stacked below and centred on the tallest."""
    rows = [row_heights([len(node.lines) for node in column]) for column in columns]
    tallest = max((heights[-1] for heights in rows[1:-1] if heights), default=0.0)
    rows = [_spread(heights, tallest) for heights in rows]
    placed = []
    last = len(columns) - 1
    positions = column_positions(len(columns))
    for index, (column, heights) in enumerate(zip(columns, rows, strict=True)):
        on_bridge = index in (0, last)
        top = 0.0 if on_bridge else BRIDGE_GAP + (tallest - (heights[-1] if heights else 0.0)) / 2
        placed += [replace(node, x=positions[index], y=top + y) for node, y in zip(column, heights, strict=True)]
    return placed


def _in_rows(rows: list[list[FigureNode]]) -> list[FigureNode]:
    """Target above and answer below, the bridge between them on the left; the other rows to the right of it."""
    last = len(rows) - 1
    places = [row_places([node_width(node.lines) for node in row]) for row in rows]
    widest = max((place[-1] for place in places[1:-1] if place), default=0.0)
    placed, y = [], 0.0
    for index, (row, place) in enumerate(zip(rows, places, strict=True)):
        left = 0.0 if index in (0, last) else BRIDGE_WIDTH + (widest - (place[-1] if place else 0.0)) / 2
        placed += [replace(node, x=left + x, y=y, last=index == last) for node, x in zip(row, place, strict=True)]
        y += ROW_GAP + LINE_HEIGHT * max((len(node.lines) for node in row), default=0)
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
    boxes = {node.id: node_box(node.x, node.y, node.lines, node.text_above) for node in nodes}
    pairs: dict[frozenset[str], list[int]] = {}
    for index, edge in enumerate(edges):
        pairs.setdefault(frozenset((edge.source, edge.target)), []).append(index)
    ways = list(edges)
    for pair, members in pairs.items():
        if len(members) == 1:
            edge = edges[members[0]]
            texts = [box for node, box in boxes.items() if node not in pair]
            shapes = [node_box(*at[node], ()) for node in boxes if node not in pair]
            straight_on = edge.kind == "prediction"
            bend = 0.0 if straight_on else choose_bend(at[edge.source], at[edge.target], shapes, texts)
            ways[members[0]] = replace(edge, bend=bend)
            continue
        straight = any(edges[index].kind == "prediction" for index in members) or len(members) % 2 == 1
        for order, index in enumerate(members):
            step = order if straight else order + 1
            size = 0.16 * ((step + 1) // 2) * (1 if step % 2 else -1)
            # One side of the pair must be the same side whichever way each edge points.
            flip = -1 if edges[index].source > edges[index].target else 1
            ways[index] = replace(edges[index], bend=size * flip)
    taken = list(boxes.values())
    for index in sorted(range(len(ways)), key=lambda i: ways[i].kind not in ("prediction", "path")):
        edge = ways[index]
        if not edge.text:
            continue
        spot, box = choose_spot(at[edge.source], at[edge.target], edge.bend, edge.text, taken)
        taken.append(box)
        ways[index] = replace(edge, text_at=spot)
    return ways


def framed(nodes: list[FigureNode], edges: list[FigureEdge]) -> tuple[float, float, list[FigureNode]]:
    """Shift everything so that the drawing starts at a margin, and say how large it is."""
    at = {node.id: (node.x, node.y) for node in nodes}
    boxes = [node_box(node.x, node.y, node.lines, node.text_above) for node in nodes]
    boxes += [
        text_box(point_on(at[edge.source], at[edge.target], edge.bend, edge.text_at), edge.text)
        for edge in edges
        if edge.text
    ]
    for edge in edges:
        curve = [point_on(at[edge.source], at[edge.target], edge.bend, step / 10) for step in range(11)]
        boxes += [Box(*point, *point) for point in curve]
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    margin = 18.0
    moved = [replace(node, x=round(node.x - left + margin, 1), y=round(node.y - top + margin, 1)) for node in nodes]
    return round(right - left + 2 * margin, 1), round(bottom - top + 2 * margin, 1), moved
