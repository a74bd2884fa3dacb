"""What a drawn case study consists of: the one form that the interactive graph and the SVG both draw from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from upgan.explain.explanation import Node
from upgan.render.figure.styles import EdgeKind, FigureRole

#: Whether the figure runs from left to right, or from top to bottom for a narrow window.
Layout = Literal["columns", "rows"]
#: "auto": columns, and rows where what shows the figure is too narrow for them.
Arrangement = Literal["auto", "columns", "rows"]


@dataclass(frozen=True)
class FigureNode:
    """A drawn node: position, the lines under its shape, and the whole story for the hover text."""

    id: str
    role: FigureRole
    layer: int
    lines: tuple[str, ...]
    title: str
    x: float = 0.0
    y: float = 0.0
    #: The last node of a figure in rows: what it hangs from stands above it.
    last: bool = False

    @property
    def text_above(self) -> bool:
        """Target and answer hang everything below them; their names stand above, where no edge passes."""
        return self.role in ("target", "answer") and not self.last


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
    #: Curvature as vis-network's roundness; negative bends the other way, 0 is straight.
    bend: float = 0.0
    #: Where along the edge its text stands, 0 … 1.
    text_at: float = 0.5


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


def figure_id(node: Node) -> str:
    """Users and entities may share ids in a dataset; in a figure they must not."""
    return f"{'u' if node.role == 'user' else 'e'}:{node.id}"
