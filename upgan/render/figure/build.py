"""Explanation -> FigureSpec: what the case study shows (Fig. 4 of the paper), where, and with what text.

Pure data: no drawing library is imported, so that the interactive graph and the SVG draw the same thing and tests can
read it. Numbers stand only on edges that the model used (attention on paths, coefficients on evidence); known facts
are drawn for orientation without any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from upgan.explain.explanation import Explanation, Node, UserShare
from upgan.render.figure.edges import edges_of
from upgan.render.figure.layout import framed, placed, routed
from upgan.render.figure.selection import Selection, select
from upgan.render.figure.spec import Arrangement, FigureEdge, FigureNode, FigureSpec, Layout, figure_id
from upgan.render.figure.styles import FigureRole, edge_words, role_words
from upgan.render.words import (
    caption,
    clean,
    coefficient,
    node_words,
    percent,
    question,
    score_text,
    shorten,
    user_noun,
    wrap,
)

__all__ = ["Drawing", "FigureEdge", "FigureNode", "FigureSpec", "figure", "figures"]

#: Letters of a name in one line, beside others in columns and in rows.
_LABEL_WIDTH, _NARROW_WIDTH = 19, 14
_COMPACT_ROWS = 6
#: With more nodes beside each other, letters would be too small on a phone.
_MOST_ABREAST = 3


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
) -> FigureSpec:
    """The case-study figure of one explanation, lightest paths left out where it would not fit.

    Users lighter than ``min_weight`` are not drawn. ``layout`` "rows" is for a narrow window: fewer nodes abreast.
    """
    most = 12 if layout == "columns" else _MOST_ABREAST
    chosen = select(explanation, max_nodes=max_nodes, max_per_column=most, min_weight=min_weight)
    edges = edges_of(explanation, chosen, relation_labels, narrow=layout == "rows")
    nodes = _nodes(explanation, chosen, narrow=layout == "rows")
    nodes = placed(nodes, edges, chosen, layout)
    edges = routed(nodes, edges)
    width, height, nodes = framed(nodes, edges)
    shown_roles = {node.role for node in nodes}
    shown_kinds = {edge.kind for edge in edges}
    return FigureSpec(
        nodes=tuple(nodes),
        edges=tuple(edges),
        width=width,
        height=height,
        title=question(explanation),
        description=caption(explanation),
        roles=tuple(item for item in role_words(explanation).items() if item[0] in shown_roles),
        kinds=tuple(
            item for item in edge_words(explanation, of_answer=chosen.of_answer).items() if item[0] in shown_kinds
        ),
        note=_note(explanation, chosen),
    )


def figures(
    explanation: Explanation, drawing: Drawing, relation_labels: Mapping[str, str] | None = None
) -> tuple[FigureSpec, FigureSpec | None]:
    """The figure as ``drawing`` asks for it, and beside it the one for a narrow window where the width decides."""

    def drawn(layout: Layout) -> FigureSpec:
        return figure(explanation, relation_labels=relation_labels, min_weight=drawing.min_weight, layout=layout)

    if drawing.arrangement == "auto":
        return drawn("columns"), drawn("rows")
    return drawn(drawing.arrangement), None


def _nodes(explanation: Explanation, chosen: Selection, *, narrow: bool) -> list[FigureNode]:
    weights = {user.id: user for user in chosen.users}
    nodes = []
    for index, column in enumerate(chosen.columns):
        compact = len(column) > _COMPACT_ROWS
        for node in column:
            if node.role == "user":
                share = weights.get(node.id)
                nodes.append(_user_node(explanation, node, share, of_answer=chosen.of_answer, narrow=narrow))
            else:
                nodes.append(_entity_node(explanation, node, compact, narrow=narrow))
        if index in chosen.hidden:
            nodes.append(_more_node(explanation, chosen, index, chosen.hidden[index], narrow=narrow))
    return nodes


def _user_node(
    explanation: Explanation, node: Node, share: UserShare | None, *, of_answer: bool, narrow: bool
) -> FigureNode:
    noun = user_noun(explanation.simulated_users, 1)
    name = node_words(node)
    lines = [_narrow_noun(explanation), name] if narrow else [f"{noun} {name}"]
    title = f"{noun} {name}"
    if share is not None:
        lines.append(f"w = {coefficient(share.weight)}")
        if explanation.simulated_users and not narrow:
            # One line of it all would run into the neighbours' names.
            lines = [name, f"simulated, {lines[-1]}"]
        whose, users = "answer" if of_answer else "target", user_noun(explanation.simulated_users)
        title += f"\nweight {share.weight:.4f}: its share of what the {whose} knows from {users}"
        title += f"\npart of the score {share.contribution:+.4f}"
    return FigureNode(figure_id(node), "user", node.layer, tuple(lines), title)


def _narrow_noun(explanation: Explanation, count: int = 1) -> str:
    """One word: two would set the nodes of a row farther apart than a phone is wide."""
    return "simulated" if explanation.simulated_users else user_noun(False, count)


def _entity_node(explanation: Explanation, node: Node, compact: bool, *, narrow: bool) -> FigureNode:
    role: FigureRole = "entity"
    word = ""
    if node.id == explanation.target.id:
        role, word = "target", "target"
    elif node.id == explanation.answer.id:
        role, word = "answer", "answer"
    name = clean(node.label) or clean(node.id)
    kind = clean(node.kind)
    lines = wrap(name, _NARROW_WIDTH, 3) if narrow else wrap(name, _LABEL_WIDTH, 1 if compact else 2)
    second = " · ".join(part for part in (word, shorten(kind, 14)) if part)
    if second and not (compact and role == "entity"):
        lines.append(second)
    hops = "no user reaches it" if node.layer < 0 else f"{node.layer} hop{'s' if node.layer != 1 else ''} from a user"
    title = "\n".join(
        part for part in (name, f"id {clean(node.id)}", f"{word or 'entity'} {kind}".strip(), hops) if part
    )
    if role == "answer":
        title += f"\nscore {score_text(explanation.score)}, rank {explanation.rank:,} among all entities"
    return FigureNode(figure_id(node), role, node.layer, tuple(lines), title)


def _more_node(explanation: Explanation, chosen: Selection, column: int, count: int, *, narrow: bool) -> FigureNode:
    if column == chosen.user_column:
        noun = user_noun(explanation.simulated_users, count)
        drawn = {node.id for node in chosen.columns[column]}
        rest = sum(user.weight for user in chosen.users if user.id not in drawn)
        counted = [f"{count:,} more", _narrow_noun(explanation, count)] if narrow else [f"{count:,} more {noun}"]
        lines = [*counted, f"{'' if narrow else 'together '}w = {coefficient(rest)}"]
        title = f"{count:,} more {noun} with {percent(rest)} of the weight; the table lists them"
    else:
        lines = [f"{count:,} more"]
        title = f"{count:,} more entities on lighter paths; the table lists them"
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
    return " ".join(notes)
