"""The figure's second view: chains by kind ("user – interacted – book – author"), how many there are and their sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from upgan.explain.explanation import Chain, Explanation, Node, Walk
from upgan.render.caption import caption
from upgan.render.figure.layout import column_room, fitted, placed, row_room, text_room
from upgan.render.figure.spec import FigureEdge, FigureNode, FigureSpec, Layout
from upgan.render.figure.styles import EdgeKind, FigureRole, edge_words, role_words
from upgan.render.words import clean, coefficient, node_words, question, relation_words, signed
from upgan.types import INVERSE_MARK

#: Kinds that are drawn, the heaviest of each sort first.
_MOST_KINDS = 6


@dataclass
class _Kind:
    """All chains, or all paths of walks, that pass the same kinds of nodes by the same relations."""

    walk: bool
    steps: tuple[str, ...]
    nodes: list[tuple[Node, ...]] = field(default_factory=list)
    total: float = 0.0

    @property
    def words(self) -> str:
        noun = "path" if self.walk else "chain"
        total = f"{signed(self.total)} of the score" if self.walk else f"Σ\u00a0{coefficient(self.total)}"
        return f"{len(self.nodes):,} {noun}{'' if len(self.nodes) == 1 else 's'}, {total}"


def by_kind(explanation: Explanation) -> list[_Kind]:
    """Chains and walks of an explanation by their kinds, the largest sum of each first."""
    kinds: dict[tuple[object, ...], _Kind] = {}
    each: list[tuple[Chain | Walk, float]] = [(chain, chain.weight) for chain in explanation.chains]
    each += [(walk, walk.contribution) for walk in explanation.walks]
    for path, amount in each:
        walk = isinstance(path, Walk)
        key = (walk, path.relations, tuple((node.role, node.kind) for node in path.nodes))
        kind = kinds.setdefault(key, _Kind(walk, path.relations))
        kind.nodes.append(path.nodes)
        kind.total += amount
    return sorted(kinds.values(), key=lambda kind: -abs(kind.total))


def kinds_figure(
    explanation: Explanation,
    labels: Mapping[str, str] | None = None,
    *,
    layout: Layout = "columns",
    width: float = 1000,
) -> FigureSpec | None:
    """One row of boxes for each kind between target and answer; None where there is no chain at all."""
    rows = layout == "rows"
    kinds = by_kind(explanation)[: 2 if rows and width < 460 else _MOST_KINDS if not rows else 4]
    if not kinds:
        return None
    last = max(len(kind.steps) for kind in kinds)
    while not rows and column_room(last + 1, width)[0] < 84:
        width += 20
    columns: list[list[FigureNode]] = [[] for _ in range(last + 1)]
    edges: list[FigureEdge] = []
    columns[0].append(_end(explanation.target, "target"))
    columns[last].append(_end(explanation.answer, "answer"))
    for number, kind in enumerate(kinds):
        stations = [columns[0][0].id]
        for place in range(1, len(kind.steps)):
            node = _station(kind, place, number, summed=place == len(kind.steps) - 1)
            columns[place].append(node)
            stations.append(node.id)
        stations.append(columns[last][0].id)
        edges += _links(kind, stations, number, labels)
    shaped = []
    for column in columns:
        box = row_room(len(column), 1, width) if rows else column_room(last + 1, width)[0]
        shaped.append([_fitted(node, text_room(box)) for node in column])
    whole = placed(shaped, edges, layout, width)
    shown = {edge.kind for edge in edges}
    return FigureSpec(
        nodes=tuple(whole.nodes),
        edges=tuple(whole.edges),
        width=whole.width,
        height=whole.height,
        title=question(explanation),
        description=caption(explanation),
        roles=tuple(role for role in role_words(explanation).items() if role[0] in {n.role for n in whole.nodes}),
        kinds=tuple(kind for kind in edge_words(explanation).items() if kind[0] in shown),
        note=_note(explanation, len(kinds)),
    )


def _note(explanation: Explanation, drawn: int) -> str:
    every = len(by_kind(explanation))
    left_out = f" Of {every:,} kinds it draws the {drawn:,} largest." if every > drawn else ""
    counted = f"Chains of the {explanation.top_users:,} users that are listed, and the paths that are listed."
    return f"{counted} A chain's weight is the product of its numbers.{left_out}"


def _end(node: Node, role: FigureRole) -> FigureNode:
    words = (node_words(node), " · ".join(filter(None, (role, clean(node.kind)))))
    return FigureNode(f"e:{node.id}", role, node.layer, words, "\n".join(words))


def _station(kind: _Kind, place: int, number: int, *, summed: bool) -> FigureNode:
    passed = {node.id: node for nodes in kind.nodes for node in (nodes[place],)}
    one = next(iter(passed.values()))
    name = clean(one.kind) or one.role
    words = [node_words(one) if len(passed) == 1 else f"{len(passed):,} × {name}"]
    words += [kind.words] if summed else []
    listed = [node_words(node) for node in list(passed.values())[:20]]
    role: FigureRole = "user" if one.role == "user" else "entity"
    return FigureNode(
        f"kind:{number}:{place}", role, -1, tuple(words), "\n".join([kind.words, *listed]), chains=(number,)
    )


def _links(kind: _Kind, stations: list[str], number: int, labels: Mapping[str, str] | None) -> list[FigureEdge]:
    made = []
    style: EdgeKind = "walk" if kind.walk else "path"
    width = 1.4 + min(3.0, 3.0 * abs(kind.total))
    for source, target, relation in zip(stations, stations[1:], kind.steps, strict=False):
        words = relation_words(relation, labels).removesuffix(INVERSE_MARK)
        ends = (target, source) if relation.endswith(INVERSE_MARK) else (source, target)
        made.append(FigureEdge(*ends, style, None, words, f"{words}\n{kind.words}", width, chains=(number,)))
    return made


def _fitted(node: FigureNode, room: float) -> FigureNode:
    lines = [line for text in node.lines for line in fitted(text, room, lines=3)]
    return FigureNode(node.id, node.role, node.layer, tuple(lines), node.title, chains=node.chains)
