"""Where things go: boxes in layers from target to answer, and curves that run only between the layers.

An edge that passes a layer has a lane of its own between the boxes there, so no line crosses a box; a text stands on
its own line where it covers no box, no other text and no other line, and nowhere where there is no such place.
"main" is the way from target to answer (x in columns, y in rows), "cross" the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from upgan.render.figure.spec import FigureEdge, FigureNode, Layout, Point
from upgan.render.figure.styles import EDGE_FONT_SIZE, FONT_SIZE, LINE_HEIGHT

MARGIN = 8.0
#: Between boxes of a layer, and the width of a lane between them.
SPACING, LANE = 12.0, 12.0
#: Beside the text within a box: the symbol on its left (above, in a box narrower than STACKED), and padding.
SYMBOL, PADDING, STACKED = 20.0, 4.0, 116.0
#: Widest box in a row, so that few boxes do not look like bars.
_WIDEST = 200.0
_ROW_GAP = 62.0
_STEPS = np.linspace(0.0, 1.0, 41)
_SPOTS = (0.5, 0.38, 0.62, 0.28, 0.72, 0.2, 0.8, 0.14, 0.86)
_ORDER = ("prediction", "path", "walk", "evidence", "fact", "interaction")
_NARROW, _WIDE = frozenset("fijlrtI.,:;'|!()[] -"), frozenset("mwMW@%&—")

_Id = str | tuple[int, int]


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


@lru_cache(maxsize=1 << 14)  # a figure's forms measure the same words again and again
def text_width(text: str, size: float) -> float:
    """A cautious estimate for the widest of the usual fonts; scripts of East Asia and emoji take a whole square."""

    def letter(character: str) -> float:
        if ord(character) > 0x2E80:
            return 1.0
        if character in _WIDE:
            return 0.98
        if character in _NARROW:
            return 0.41
        return 0.7 if character.isupper() else 0.62

    return sum(map(letter, text)) * size


def fitted(text: str, room: float, size: float = FONT_SIZE, lines: int = 1) -> list[str]:
    """``text`` in at most ``lines`` lines that are no wider than ``room``; an ellipsis where something was cut."""
    # More letters than the narrowest font has room for need not be looked at, one apart: it calls for the ellipsis.
    most = lines * (int(room / (0.4 * size)) + 1) + 1
    rest = [word for word in text[:most].split(" ") if word]
    made: list[str] = []
    while rest and len(made) < lines:
        last = len(made) == lines - 1
        count = max((n for n in range(1, len(rest) + 1) if text_width(" ".join(rest[:n]), size) <= room), default=0)
        line = " ".join(rest[: count or 1])
        left = rest[count or 1 :]
        if not count or (last and left):
            line, torn = _cut(" ".join(rest) if last else line, room, size, last)
            left = [] if last else [*([torn] if torn else []), *left]
        made.append(line)
        rest = left
    return made


def _cut(line: str, room: float, size: float, last: bool) -> tuple[str, str]:
    """As much of a line as there is room for, and the rest; at the end an ellipsis stands for the rest."""
    if text_width(line, size) <= room:
        return line, ""
    mark = "…" if last else ""
    count = max((n for n in range(1, len(line)) if text_width(line[:n] + mark, size) <= room), default=1)
    return line[:count].rstrip() + mark, line[count:]


def node_box(node: FigureNode) -> Box:
    """A node's rectangle."""
    return Box(node.x - node.width / 2, node.y - node.height / 2, node.x + node.width / 2, node.y + node.height / 2)


def text_box(edge: FigureEdge, text: str | None = None, place: Point | None = None) -> Box:
    """What the text of an edge covers."""
    (x, y), half = place or edge.text_place, text_width(edge.written if text is None else text, EDGE_FONT_SIZE) / 2 + 2
    return Box(x - half, y - EDGE_FONT_SIZE / 2 - 2, x + half, y + EDGE_FONT_SIZE / 2 + 2)


def column_room(count: int, width: float) -> tuple[float, float]:
    """Width of the boxes and of the gaps between them, for ``count`` columns in a figure of that width."""
    # Between two boxes alone there is room for what the line says.
    most = 200.0 if count == 2 else 120.0
    gap = 34.0 if count < 2 else max(34.0, min(most, 0.29 * width / (count - 1)))
    return (width - 2 * MARGIN - gap * (count - 1)) / max(1, count), gap


def text_room(box: float) -> float:
    """How wide the text in a box of that width may be."""
    return box - 2 * PADDING - (0.0 if box < STACKED else SYMBOL)


def row_room(count: int, lanes: int, width: float) -> float:
    """Width of each of ``count`` boxes in a row with that many lanes between them."""
    free = width - 2 * MARGIN - lanes * (LANE + SPACING) - SPACING * (count - 1)
    return min(_WIDEST, free / max(1, count))


def curve(points: Sequence[Point]) -> np.ndarray:
    """(N, 2) points on a curve of cubic pieces."""
    pieces = []
    for start in range(0, len(points) - 1, 3):
        a, b, c, d = (np.asarray(point) for point in points[start : start + 4])
        t = _STEPS[:, None]
        pieces.append((1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d)
    return np.concatenate(pieces) if pieces else np.empty((0, 2))


@dataclass(frozen=True)
class Placed:
    """A figure with every place decided."""

    nodes: list[FigureNode]
    edges: list[FigureEdge]
    width: float
    height: float


def lanes_of(columns: Sequence[Sequence[str]], edges: Sequence[FigureEdge]) -> list[int]:
    """How many edges pass each layer."""
    layer = {node: index for index, column in enumerate(columns) for node in column}
    counts = [0] * len(columns)
    for edge in edges:
        low, high = sorted((layer[edge.source], layer[edge.target]))
        for index in range(low + 1, high):
            counts[index] += 1
    return counts


def placed(
    columns: Sequence[Sequence[FigureNode]],
    edges: Sequence[FigureEdge],
    way: Layout,
    width: float,
    fixed: int | None = None,
) -> Placed:
    """Every node and edge at its place in a figure of that width; the layer ``fixed`` keeps its order."""
    layers = _Layers(columns, edges, fixed)
    rows = way == "rows"
    nodes = {node.id: node for column in columns for node in column}
    box, gap = column_room(len(columns), width)
    depths = [box] * len(columns)
    if rows:
        gap = _ROW_GAP
        depths = [
            _height(
                max((len(node.lines) for node in column), default=1),
                row_room(len(column), len(order) - len(column), width),
            )
            for column, order in zip(columns, layers.order, strict=True)
        ]
    sizes: dict[_Id, float] = dict.fromkeys(layers.lanes, LANE)
    for column, order in zip(columns, layers.order, strict=True):
        lanes = len(order) - len(column)
        for node in column:
            sizes[node.id] = row_room(len(column), lanes, width) if rows else _height(len(node.lines), box)
    cross, extent = _stacked(layers.order, sizes, width - 2 * MARGIN if rows else 0.0)
    main: dict[_Id, tuple[float, float]] = {}
    far = MARGIN
    for depth, order in zip(depths, layers.order, strict=True):
        main |= dict.fromkeys(order, (far, far + depth))
        far += depth + gap
    far += MARGIN - gap
    routed = _routed(layers, edges, main, cross, sizes, gap)
    made = []
    for node in nodes.values():
        middle, depth = sum(main[node.id]) / 2, main[node.id][1] - main[node.id][0]
        x, y = (cross[node.id], middle) if rows else (middle, cross[node.id])
        wide, high = (sizes[node.id], depth) if rows else (depth, sizes[node.id])
        made.append(replace(node, x=round(x, 1), y=round(y, 1), width=round(wide, 1), height=round(high, 1)))
    drawn = []
    for edge, curved in zip(edges, routed, strict=True):
        points = [(across, along) if rows else (along, across) for along, across in curved]
        drawn.append(replace(edge, points=tuple((round(x, 1), round(y, 1)) for x, y in points)))
    whole = (max(width, extent + 2 * MARGIN), far) if rows else (width, extent + 2 * MARGIN)
    return Placed(made, written(made, drawn, whole[0]), round(whole[0], 1), round(whole[1], 1))


def _height(lines: int, width: float) -> float:
    return LINE_HEIGHT * lines + 8.0 + (SYMBOL if width < STACKED else 0.0)


class _Layers:
    """The order within each layer, lanes of passing edges included."""

    def __init__(self, columns: Sequence[Sequence[FigureNode]], edges: Sequence[FigureEdge], fixed: int | None) -> None:
        self.layer: dict[_Id, int] = {node.id: index for index, column in enumerate(columns) for node in column}
        self.order: list[list[_Id]] = [[node.id for node in column] for column in columns]
        self.lanes: list[tuple[int, int]] = []
        #: The stations of each edge, in the order of layers.
        self.ways: list[list[_Id]] = []
        first: set[_Id] = set()
        for number, edge in enumerate(edges):
            ends = sorted((edge.source, edge.target), key=lambda end: self.layer[end])
            lanes = [(number, layer) for layer in range(self.layer[ends[0]] + 1, self.layer[ends[1]])]
            for lane in lanes:
                self.layer[lane] = lane[1]
                self.order[lane[1]].append(lane)
            self.lanes += lanes
            first |= set(lanes) if edge.kind == "prediction" else set()
            self.ways.append([ends[0], *lanes, ends[1]])
        self._sort(fixed, first)

    def _sort(self, fixed: int | None, first: set[_Id]) -> None:
        """By the mean place of what each is tied to, which removes most crossings; the prediction's lanes first."""
        near: dict[_Id, list[_Id]] = {}
        for way in self.ways:
            for one, other in pairwise(way):
                near.setdefault(one, []).append(other)
                near.setdefault(other, []).append(one)
        for turn in range(6):
            height = {node: (row + 0.5) / len(order) for order in self.order for row, node in enumerate(order)}
            layers = range(len(self.order)) if turn % 2 == 0 else range(len(self.order) - 1, -1, -1)
            for index in layers:
                order = self.order[index]

                def key(node: _Id, index: int = index, height: Mapping[_Id, float] = height) -> float:
                    if node in first:
                        return -1.0
                    if index == fixed and isinstance(node, str):
                        return height[node]
                    tied = [height[other] for other in near.get(node, ())]
                    return sum(tied) / len(tied) if tied else 2.0

                order.sort(key=key)
                height |= {node: (row + 0.5) / len(order) for row, node in enumerate(order)}


def _stacked(
    orders: Sequence[Sequence[_Id]], sizes: Mapping[_Id, float], least: float
) -> tuple[dict[_Id, float], float]:
    """Middles across, every layer centred on the widest, and how wide that is."""
    wide = [sum(sizes[node] for node in order) + SPACING * max(0, len(order) - 1) for order in orders]
    extent = max([*wide, least])
    cross: dict[_Id, float] = {}
    for order, size in zip(orders, wide, strict=True):
        # Some air between the boxes of a short layer, so that the lines to them part.
        air = SPACING + (min(26.0, (extent - size) / (len(order) + 1)) if len(order) > 1 else 0.0)
        at = MARGIN + (extent - (size + (air - SPACING) * max(0, len(order) - 1))) / 2
        for node in order:
            cross[node] = at + sizes[node] / 2
            at += sizes[node] + air
    return cross, extent


def _routed(
    layers: _Layers,
    edges: Sequence[FigureEdge],
    main: Mapping[_Id, tuple[float, float]],
    cross: Mapping[_Id, float],
    sizes: Mapping[_Id, float],
    gap: float,
) -> list[list[Point]]:
    """(main, cross) points of every edge's curve, from its source to its target."""
    ports = _ports(layers, cross, sizes)
    ways = []
    for number, (edge, way) in enumerate(zip(edges, layers.ways, strict=True)):
        if layers.layer[way[0]] == layers.layer[way[-1]]:
            out = main[way[0]][1]
            ends = [(out, ports[number, "out", end]) for end in (edge.source, edge.target)]
            bulge = out + 0.75 * gap
            ways.append([ends[0], (bulge, ends[0][1]), (bulge, ends[1][1]), ends[1]])
            continue
        points: list[Point] = [(main[way[0]][1], ports[number, "out", way[0]])]
        for station in way[1:]:
            lane = not isinstance(station, str)
            to = (main[station][0], cross[station] if lane else ports[number, "in", station])
            middle = (points[-1][0] + to[0]) / 2
            points += [(middle, points[-1][1]), (middle, to[1]), to]
            if lane:
                end = main[station][1]
                points += [(to[0], to[1]), (end, to[1]), (end, to[1])]
        ways.append(points if edge.source == way[0] else points[::-1])
    return ways


def _ports(
    layers: _Layers, cross: Mapping[_Id, float], sizes: Mapping[_Id, float]
) -> dict[tuple[int, str, _Id], float]:
    """Where on the side of a box each edge begins or ends: (edge, side, node) -> across, in the order of other ends."""
    wanted: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for number, way in enumerate(layers.ways):
        same = layers.layer[way[0]] == layers.layer[way[-1]]
        for node, side, other in ((way[0], "out", way[1]), (way[-1], "out" if same else "in", way[-2])):
            if isinstance(node, str):
                wanted.setdefault((side, node), []).append((cross[other], number))
    ports: dict[tuple[int, str, _Id], float] = {}
    for (side, node), tied in wanted.items():
        step = min(10.0, (sizes[node] - 8.0) / len(tied))
        for place, (_, number) in enumerate(sorted(tied)):
            ports[number, side, node] = cross[node] + step * (place - (len(tied) - 1) / 2)
    return ports


def written(nodes: Sequence[FigureNode], edges: Sequence[FigureEdge], width: float) -> list[FigureEdge]:
    """The edges with their texts where there is room: the whole text, or its number alone, or nothing."""
    curves = [curve(edge.points) for edge in edges]
    points = np.concatenate(curves) if curves else np.empty((0, 2))
    owner = np.repeat(np.arange(len(edges)), [len(each) for each in curves])
    taken = [node_box(node) for node in nodes]
    made = list(edges)
    for number in sorted(range(len(edges)), key=lambda n: _ORDER.index(edges[n].kind)):
        edge, own = edges[number], curves[number]
        others = points[owner != number]
        shorter = edge.text.rpartition(" ")[2] if edge.number is not None else ""
        if edge.kind == "prediction":
            shorter = edge.text.partition("?")[0] + "?"
        texts = list(dict.fromkeys(filter(None, (edge.text, shorter))))
        for text, spot in ((text, spot) for text in texts for spot in _SPOTS):
            x, y = own[int(spot * (len(own) - 1))]
            box = text_box(edge, text, (x, y))
            inside = box.left >= 0 and box.right <= width and box.top >= 0
            crossed = (
                (others[:, 0] > box.left - 2) & (others[:, 0] < box.right + 2)
                & (others[:, 1] > box.top - 1) & (others[:, 1] < box.bottom + 1)
            )  # fmt: skip
            if inside and not crossed.any() and not any(box.overlap(other) for other in taken):
                taken.append(box)
                made[number] = replace(edge, written=text, text_place=(round(float(x), 1), round(float(y), 1)))
                break
    return made
