"""Explanation -> FigureSpec: what the case study shows (Fig. 4 of the paper), where, and with what text.

Pure data: no drawing library is imported, so that page, picture and file draw the same thing and tests can read it.
Numbers stand only on edges that the model used (attention on paths, coefficients on evidence, parts of the score on
walks); known facts are drawn for orientation without any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from upgan.explain.explanation import Explanation, Node
from upgan.render.caption import caption
from upgan.render.figure.edges import chain_numbers, edges_of
from upgan.render.figure.groups import Group, groups_of, merged
from upgan.render.figure.layout import column_room, fitted, lanes_of, placed, row_room, text_room
from upgan.render.figure.selection import Selection, select
from upgan.render.figure.spec import Arrangement, FigureEdge, FigureNode, FigureSpec, Layout, figure_id
from upgan.render.figure.styles import FigureRole, edge_words, role_words
from upgan.render.words import clean, coefficient, node_words, percent, question, rank_text, score_text, user_noun

__all__ = ["WIDTHS", "Drawing", "FigureEdge", "FigureNode", "FigureSpec", "figure", "figures", "forms"]

#: Widths, in pixels at scale 1, for which a figure is laid out; what shows it takes the widest that fits.
WIDTHS = (1000, 690, 520, 340)
#: Narrower than this, a box holds no word.
_LEAST_BOX = 84.0
#: Below this width few boxes stand beside each other.
_NARROW = 460


@dataclass(frozen=True)
class Drawing:
    """How a figure is to be drawn: users from what weight on, and which way it runs."""

    min_weight: float = 0.0
    arrangement: Arrangement = "auto"


def figure(
    explanation: Explanation,
    *,
    relation_labels: Mapping[str, str] | None = None,
    max_nodes: int = 150,
    min_weight: float = 0.0,
    layout: Layout = "columns",
    width: float = WIDTHS[0],
    opened: bool = False,
) -> FigureSpec:
    """The case-study figure of one explanation in that width, lightest paths left out where it would not fit.

    Users lighter than ``min_weight`` are not drawn. ``opened``: users drawn together are named one by one.
    """
    rows = layout == "rows"
    abreast = max(2, int(width // 105)) if rows else 12
    chosen = select(explanation, max_nodes=max_nodes, max_per_column=abreast, min_weight=min_weight)
    narrow = rows and width < _NARROW
    edges = edges_of(explanation, chosen, relation_labels, narrow=narrow)
    groups = _groups(chosen, edges, apart=2 if narrow else 4 if rows else 6, most=1 if rows else 4)
    edges = merged(edges, groups)
    columns = [[node for node in column if not _within(node, groups)] for column in chosen.columns]
    boxes = _boxes(explanation, chosen, columns, groups, fold=rows)
    if rows:
        edges = _adjacent(boxes, edges)
    else:
        while column_room(len(boxes), width)[0] < _LEAST_BOX:
            width += 20
    drawn = _drawn(explanation, chosen, boxes, edges, groups, layout, width, opened=opened)
    whole = placed(drawn, edges, layout, width, chosen.user_column)
    shown_roles = {node.role for node in whole.nodes}
    shown_kinds = {edge.kind for edge in whole.edges}
    words = edge_words(explanation, of_answer=chosen.of_answer)
    return FigureSpec(
        nodes=tuple(replace(node, chains=_chains(node, whole.edges, chosen)) for node in whole.nodes),
        edges=tuple(whole.edges),
        width=whole.width,
        height=whole.height,
        title=question(explanation),
        description=caption(explanation),
        roles=tuple(item for item in role_words(explanation).items() if item[0] in shown_roles),
        kinds=tuple(item for item in words.items() if item[0] in shown_kinds),
        note=_note(explanation, chosen),
        grouped=bool(groups),
    )


def figures(
    explanation: Explanation, drawing: Drawing, relation_labels: Mapping[str, str] | None = None
) -> tuple[FigureSpec, FigureSpec | None]:
    """The figure as ``drawing`` asks for it, and beside it the one for a narrow window where the width decides."""
    given: dict[str, Any] = {"relation_labels": relation_labels, "min_weight": drawing.min_weight}
    if drawing.arrangement == "auto":
        return _wide(explanation, 1000, **given), figure(explanation, layout="rows", width=340, **given)
    width = 1000 if drawing.arrangement == "columns" else 690
    return figure(explanation, layout=drawing.arrangement, width=width, **given), None


def forms(
    explanation: Explanation, drawing: Drawing, relation_labels: Mapping[str, str] | None = None
) -> list[tuple[FigureSpec, bool]]:
    """The figure for each of WIDTHS, and with its users opened where some are drawn together: (figure, opened)."""
    made: list[tuple[FigureSpec, bool]] = []
    for width in WIDTHS:
        if drawing.arrangement == "columns" and width < 520:
            continue
        for opened in (False, True):
            given: dict[str, Any] = {
                "relation_labels": relation_labels,
                "min_weight": drawing.min_weight,
                "opened": opened,
            }
            if drawing.arrangement == "auto" and width > _NARROW:
                spec = _wide(explanation, width, **given)
            else:
                spec = figure(
                    explanation,
                    layout="rows" if drawing.arrangement == "auto" else drawing.arrangement,
                    width=width,
                    **given,
                )
            if not opened or spec.grouped:
                made.append((spec, opened))
    return made


def _wide(explanation: Explanation, width: float, **given: Any) -> FigureSpec:
    """In columns where they fit that width, otherwise in rows."""
    spec = figure(explanation, layout="columns", width=width, **given)
    if spec.width > width:
        spec = figure(explanation, layout="rows", width=width, **given)
    return spec


# Boxes ----------------------------------------------------------------------------------------------------------------


def _groups(chosen: Selection, edges: Sequence[FigureEdge], *, apart: int, most: int) -> list[Group]:
    """The users drawn together: at most ``most`` groups, the smallest of more made one."""
    if chosen.user_column is None:
        return []
    column = chosen.columns[chosen.user_column]
    users = [node for node in column if node.role == "user"]
    nodes = {figure_id(node): node for each in chosen.columns for node in each}
    if most == 1 and len(users) > apart + 1:
        return [Group("more:others", None, tuple(users[apart:]))]
    groups = sorted(groups_of(users, edges, nodes, apart), key=lambda group: -len(group.members))
    if len(groups) > most:
        rest = tuple(user for group in groups[most - 1 :] for user in group.members)
        groups = [*groups[: most - 1], Group("more:others", None, rest)]
    return groups


def _within(node: Node, groups: Sequence[Group]) -> bool:
    return node.role == "user" and any(node in group.members for group in groups)


def _boxes(
    explanation: Explanation,
    chosen: Selection,
    columns: Sequence[Sequence[Node]],
    groups: Sequence[Group],
    *,
    fold: bool,
) -> list[list[Node | Group | int]]:
    """What stands in each layer: nodes, groups of users, and how many more there are.

    ``fold``: users that are not drawn are counted in the last group.
    """
    boxes: list[list[Node | Group | int]] = []
    for index, column in enumerate(columns):
        here: list[Node | Group | int] = list(column)
        if index == chosen.user_column:
            here += groups
        if index in chosen.hidden and not (fold and groups and index == chosen.user_column):
            here.append(chosen.hidden[index])
        boxes.append(here)
    return boxes


def _id(box: Node | Group | int, column: int) -> str:
    if isinstance(box, Node):
        return figure_id(box)
    return box.id if isinstance(box, Group) else f"more:{column}"


def _adjacent(boxes: Sequence[Sequence[Node | Group | int]], edges: Sequence[FigureEdge]) -> list[FigureEdge]:
    """In rows there is no room for lanes of facts and of what users chose beside: those pass no layer."""
    layer = {_id(box, index): index for index, column in enumerate(boxes) for box in column}
    return [
        edge
        for edge in edges
        if edge.kind not in ("fact", "interaction") or abs(layer[edge.source] - layer[edge.target]) <= 1
    ]


def _drawn(
    explanation: Explanation,
    chosen: Selection,
    boxes: Sequence[Sequence[Node | Group | int]],
    edges: Sequence[FigureEdge],
    groups: Sequence[Group],
    layout: Layout,
    width: float,
    *,
    opened: bool,
) -> list[list[FigureNode]]:
    """The boxes with their texts, as wide as the layout has room for."""
    names = [[_id(box, index) for box in column] for index, column in enumerate(boxes)]
    lanes = lanes_of(names, edges)
    made = []
    for index, column in enumerate(boxes):
        rows = layout == "rows"
        box_width = row_room(len(column), lanes[index], width) if rows else column_room(len(boxes), width)[0]
        writer = _Writer(explanation, chosen, text_room(box_width), len(column) > 6, rows and width < _NARROW)
        folded = chosen.hidden.get(index, 0) if rows and groups and index == chosen.user_column else 0
        made.append([writer.node(box, index, folded if box is column[-1] else 0, opened=opened) for box in column])
    return made


def _chains(node: FigureNode, edges: Sequence[FigureEdge], chosen: Selection) -> tuple[int, ...]:
    """The chains that pass a box; a user's own where it stands for itself."""
    if node.role == "user":
        number = chain_numbers(chosen).get(node.id[2:])
        return () if number is None else (number,)
    passing = (edge.chains for edge in edges if node.id in (edge.source, edge.target))
    return tuple(dict.fromkeys(chain for each in passing for chain in each))


class _Writer:
    """The texts of boxes with ``room`` pixels for them; ``compact``: many boxes share the layer."""

    def __init__(self, explanation: Explanation, chosen: Selection, room: float, compact: bool, narrow: bool) -> None:
        self.narrow = narrow
        self.explanation, self.chosen = explanation, chosen
        self.room, self.compact = room, compact
        self.shares = {user.id: user for user in chosen.users}

    def node(self, box: Node | Group | int, column: int, folded: int, *, opened: bool) -> FigureNode:
        if isinstance(box, Group):
            return self._group(box, folded, opened=opened)
        if isinstance(box, int):
            return self._more(column, box)
        return self._user(box) if box.role == "user" else self._entity(box)

    def _fit(self, text: str, lines: int = 1) -> list[str]:
        return fitted(text, self.room, lines=lines)

    def _user(self, node: Node) -> FigureNode:
        simulated = self.explanation.simulated_users
        name = node_words(node)
        lines, title = self._fit(name), f"{user_noun(simulated, 1)} {name}"
        share = self.shares.get(node.id)
        if share is not None:
            weight = f"w =\u00a0{coefficient(share.weight)}"
            whole = f"simulated, {weight}"
            lines += self._fit(whole if simulated and len(self._fit(whole, 2)) == 1 else weight)
            whose = "answer" if self.chosen.of_answer else "target"
            title += f"\nweight {share.weight:.4f}: its share of what the {whose} knows from {user_noun(simulated)}"
            title += f"\npart of the score {share.contribution:+.4f}"
        return FigureNode(figure_id(node), "user", node.layer, tuple(lines), title)

    def _entity(self, node: Node) -> FigureNode:
        role: FigureRole = "entity"
        word = ""
        if node.id == self.explanation.target.id:
            role, word = "target", "target"
        elif node.id == self.explanation.answer.id:
            role, word = "answer", "answer"
        name, kind = clean(node.label) or clean(node.id), clean(node.kind)
        lines = self._fit(name, 2 if self.compact else 3)
        second = " · ".join(part for part in (word, kind) if part)
        if second and not (self.compact and role == "entity"):
            lines += self._fit(second, 2)
        hops = "no user reaches it"
        if node.layer >= 0:
            hops = f"{node.layer} hop{'s' if node.layer != 1 else ''} from a user"
        parts = (name, f"id {clean(node.id)}", f"{word or 'entity'} {kind}".strip(), hops)
        title = "\n".join(part for part in parts if part)
        if role == "answer":
            if self.narrow:
                lines += self._fit(f"rank {rank_text(self.explanation.filtered_rank)}")
            title += f"\nscore {score_text(self.explanation.score)}, place {self.explanation.rank:,} among all entities"
        return FigureNode(figure_id(node), role, node.layer, tuple(lines), title)

    def _group(self, group: Group, folded: int, *, opened: bool) -> FigureNode:
        noun = user_noun(self.explanation.simulated_users)
        count = len(group.members) + folded
        weight = sum(self.shares[user.id].weight for user in group.members if user.id in self.shares)
        if folded:
            named = {node.id for column in self.chosen.columns for node in column}
            weight += sum(user.weight for user in self.chosen.users if user.id not in named)
        of = f" of {node_words(group.of)}" if group.of is not None else ""
        lines = self._fit(f"{count:,} more {noun}{of}", 4)
        lines += self._fit(f"together w\u00a0=\u00a0{coefficient(weight)}", 2)
        if opened:
            for user in group.members:
                share = self.shares.get(user.id)
                lines += self._fit(f"{node_words(user)} {coefficient(share.weight) if share else ''}".strip(), 2)
        listed = "\n".join(node_words(user) for user in group.members)
        title = f"{count:,} more {noun}{of} with {percent(weight)} of the weight\n{listed}"
        return FigureNode(group.id, "more", 0, tuple(lines), title)

    def _more(self, column: int, count: int) -> FigureNode:
        if column != self.chosen.user_column:
            title = f"{count:,} more entities on lighter paths; the table lists them"
            return FigureNode(f"more:{column}", "more", -1, tuple(self._fit(f"{count:,} more")), title)
        noun = user_noun(self.explanation.simulated_users, count)
        drawn = {node.id for node in self.chosen.columns[column]}
        rest = sum(user.weight for user in self.chosen.users if user.id not in drawn)
        of_all = f"{'together ' * (count > 1)}w\u00a0=\u00a0{coefficient(rest)}"
        lines = [*self._fit(f"{count:,} more {noun}", 3), *self._fit(of_all, 2)]
        title = f"{count:,} more {noun} with {percent(rest)} of the weight; the table lists them"
        return FigureNode(f"more:{column}", "more", -1, tuple(lines), title)


def _note(explanation: Explanation, chosen: Selection) -> str:
    notes = []
    if chosen.of_answer:
        notes.append(f"The {user_noun(explanation.simulated_users)} drawn are the answer's: none reaches the target.")
    elif explanation.answer_users:
        notes.append(f"The answer's own {user_noun(explanation.simulated_users)} are listed in the tables.")
    if chosen.left_out_paths:
        every = (explanation.paths, explanation.evidence, explanation.answer_paths, explanation.answer_evidence)
        notes.append(
            f"The figure leaves out {chosen.left_out_paths:,} of the lighter paths; the table lists all "
            f"{sum(map(len, every)):,}."
        )
    if len(explanation.walks) > len(chosen.walks):
        notes.append(f"Of {len(explanation.walks):,} paths that add to the score it draws {len(chosen.walks):,}.")
    return " ".join(notes)
