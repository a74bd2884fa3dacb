"""What a drawn case study consists of: the one form that page, picture and file are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from upgan.explain.explanation import Node
from upgan.render.figure.styles import EdgeKind, FigureRole

#: Whether the figure runs from left to right, or from top to bottom for a narrow window.
Layout = Literal["columns", "rows"]
#: "auto": columns, and rows where what shows the figure is too narrow for them.
Arrangement = Literal["auto", "columns", "rows"]
Point = tuple[float, float]


@dataclass(frozen=True)
class FigureNode:
    """A drawn node: a box around its middle (x, y) with lines of text, and the whole story for the hover text."""

    id: str
    role: FigureRole
    layer: int
    lines: tuple[str, ...]
    title: str
    x: float = 0.0
    y: float = 0.0
    #: Of older case files only.
    last: bool = False
    width: float = 0.0
    height: float = 0.0
    #: Numbers of the users and walks whose chains pass it.
    chains: tuple[int, ...] = ()


@dataclass(frozen=True)
class FigureEdge:
    """A drawn edge in the direction of its arrow. ``number`` is None where the model computed none."""

    source: str
    target: str
    kind: EdgeKind
    number: float | None
    text: str
    title: str
    width: float
    #: Of older case files only.
    bend: float = 0.0
    text_at: float = 0.5
    #: A cubic curve, or several joined: its start, then two control points and an end for each.
    points: tuple[Point, ...] = ()
    #: What is written at ``text_place``, the middle of it: the text, its number, or nothing where there is no room.
    written: str = ""
    text_place: Point = (0.0, 0.0)
    #: Numbers of the users and walks whose chains pass it.
    chains: tuple[int, ...] = ()


@dataclass(frozen=True)
class FigureSpec:
    """Everything that a drawing needs; coordinates start at (0, 0) with a margin already inside."""

    nodes: tuple[FigureNode, ...]
    edges: tuple[FigureEdge, ...]
    width: float
    height: float
    title: str
    description: str
    roles: tuple[tuple[FigureRole, str], ...]
    kinds: tuple[tuple[EdgeKind, str], ...]
    #: What the figure leaves out, in words; empty where it shows everything.
    note: str = ""
    #: Whether users are drawn together, so that they can be opened.
    grouped: bool = False


def figure_id(node: Node) -> str:
    """Users and entities may share ids in a dataset; in a figure they must not."""
    return f"{'u' if node.role == 'user' else 'e'}:{node.id}"
