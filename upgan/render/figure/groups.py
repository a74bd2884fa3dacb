"""Many users in a figure: the heaviest each for itself, the others together by the entity that they speak for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from upgan.explain.explanation import Node
from upgan.render.figure.spec import FigureEdge, figure_id
from upgan.render.words import signed


@dataclass(frozen=True)
class Group:
    """Users that are drawn as one: ``of`` is the entity that they all speak for, None where they name none."""

    id: str
    of: Node | None
    members: tuple[Node, ...]


def groups_of(users: Sequence[Node], edges: Sequence[FigureEdge], nodes: Mapping[str, Node], apart: int) -> list[Group]:
    """The users after the first ``apart`` by the entity that each is tied to with its heaviest evidence.

    One that would be alone in its group stays as it is; where nearly all would stay apart, none is grouped.
    """
    together: dict[str, list[Node]] = {}
    if len(users) <= apart + 2:
        return []
    for user in users[apart:]:
        name = figure_id(user)
        tied = [edge for edge in edges if name in (edge.source, edge.target) and edge.kind in ("evidence", "walk")]
        best = max(tied, key=lambda edge: abs(edge.number or 0.0), default=None)
        other = "" if best is None else (best.source if best.target == name else best.target)
        together.setdefault(other, []).append(user)
    return [Group(f"more:{name}", nodes.get(name), tuple(each)) for name, each in together.items() if len(each) > 1]


def merged(edges: Sequence[FigureEdge], groups: Sequence[Group]) -> list[FigureEdge]:
    """The edges with a group's end in the place of its members': shares add up, other numbers are in the hover text."""
    group_of = {figure_id(user): group.id for group in groups for user in group.members}
    made: dict[tuple[str, str, str], list[FigureEdge]] = {}
    for number, edge in enumerate(edges):
        source, target = group_of.get(edge.source, edge.source), group_of.get(edge.target, edge.target)
        grouped = (source, target) != (edge.source, edge.target)
        key = (source, target, edge.kind if grouped else str(number))
        made.setdefault(key, []).append(replace(edge, source=source, target=target))
    return [_one(each) for each in made.values()]


def _one(edges: Sequence[FigureEdge]) -> FigureEdge:
    if len(edges) == 1:
        return edges[0]
    first = edges[0]
    chains = tuple(dict.fromkeys(chain for edge in edges for chain in edge.chains))
    title = "\n".join(edge.title.split("\n")[0] for edge in edges[:20])
    numbers = [edge.number for edge in edges if edge.number is not None]
    if first.kind == "path" and numbers:
        total = sum(numbers)
        width = 1.2 + 4.5 * max(0.0, min(1.0, total))
        text = f"{total:.2f}" if total >= 0.01 else "<0.01"
        return replace(
            first, number=total, text=text, title=f"{title}\ntogether {total:.4f}", width=width, chains=chains
        )
    if numbers:
        title += f"\n{len(edges)} numbers, {signed(min(numbers))} to {signed(max(numbers))}"
    return replace(first, number=None, text="", title=title, width=2.4, chains=chains)
