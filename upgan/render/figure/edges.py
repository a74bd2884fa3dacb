"""The edges of the case study: numbers only where the model computed one, facts as the sentence that is true."""

from __future__ import annotations

from collections.abc import Mapping

from upgan.explain.explanation import ContextEdge, EvidencePath, Explanation, Node, UserPath
from upgan.render.figure.selection import Selection
from upgan.render.figure.spec import FigureEdge, figure_id
from upgan.render.figure.styles import EdgeKind
from upgan.render.words import clean, coefficient, node_words, rank_text, relation_words, score_text, shorten
from upgan.types import INVERSE_MARK

_RELATION_WIDTH = 18


def edges_of(
    explanation: Explanation, chosen: Selection, labels: Mapping[str, str] | None, *, narrow: bool = False
) -> list[FigureEdge]:
    """The prediction, then paths, evidence and known facts; what several paths share is drawn once."""
    walked: list[tuple[UserPath | EvidencePath, tuple[float, ...], EdgeKind]] = []
    walked += [(path, path.alphas, "path") for path in chosen.paths]
    walked += [(path, path.coefficients, "evidence") for path in chosen.evidence]
    edges: dict[tuple[str, str, str, EdgeKind], FigureEdge] = {}
    used: set[tuple[frozenset[str], str]] = set()
    for path, numbers, kind in walked:
        for source, target, relation, number in zip(path.nodes, path.nodes[1:], path.relations, numbers, strict=False):
            ends = (figure_id(source), figure_id(target))
            used.add((frozenset(ends), relation.removesuffix(INVERSE_MARK)))
            edges[(*ends, relation, kind)] = _step(source, relation, target, number, kind, labels)
    for known in chosen.context:
        edge = _context(known, labels)
        if (frozenset((edge.source, edge.target)), known.relation.removesuffix(INVERSE_MARK)) not in used:
            edges[(edge.source, edge.target, known.relation, edge.kind)] = edge
    # A self-loop has no room in columns; a candidate that is the target itself is said in words instead.
    return [edge for edge in (_prediction(explanation, narrow=narrow), *edges.values()) if edge.source != edge.target]


def _step(
    source: Node, relation: str, target: Node, number: float, kind: EdgeKind, labels: Mapping[str, str] | None
) -> FigureEdge:
    """An edge of a path, or of evidence."""
    name = "" if "user" in (source.role, target.role) else _relation_text(relation, labels)
    meaning = (
        f"attention α = {number:.4f}: the share of what reaches “{clean(target.label)}” that comes this way"
        if kind == "path"
        else f"coefficient {number:.4f}: one part of all that “{clean(target.label)}” collects"
    )
    return FigureEdge(
        figure_id(source),
        figure_id(target),
        kind=kind,
        number=number,
        text=f"{name} {coefficient(number)}".strip(),
        title=f"{_fact(source, relation, target, labels)}\n{meaning}",
        width=1.2 + 4.5 * max(0.0, min(1.0, number)) if kind == "path" else 1.4,
    )


def _context(edge: ContextEdge, labels: Mapping[str, str] | None) -> FigureEdge:
    is_user = "user" in (edge.source.role, edge.target.role)
    return FigureEdge(
        figure_id(edge.source),
        figure_id(edge.target),
        kind="interaction" if is_user else "fact",
        number=None,
        text="" if is_user else _relation_text(edge.relation, labels),
        title=f"{_fact(edge.source, edge.relation, edge.target, labels)}\nknown; no number of this prediction",
        width=1.2,
    )


def _prediction(explanation: Explanation, *, narrow: bool) -> FigureEdge:
    relation = shorten(clean(explanation.relation_label), _RELATION_WIDTH)
    rank = rank_text(explanation.filtered_rank)
    left_out = " (known ones left out)" if explanation.filtered_rank < explanation.rank else ""
    # On a vertical line the whole text would push everything else aside.
    standing = "" if narrow else f"rank {rank}{left_out}, "
    target, answer = figure_id(explanation.target), figure_id(explanation.answer)
    return FigureEdge(
        source=answer if explanation.inverse else target,
        target=target if explanation.inverse else answer,
        kind="prediction",
        number=explanation.score,
        text=f"{relation}? {standing}score {score_text(explanation.score)}",
        title=(
            f"predicted: rank {rank}{left_out}, score {score_text(explanation.score)}"
            f"\nwithout users: rank {rank_text(explanation.filtered_rank_without_users)}{left_out},"
            f" score {score_text(explanation.score_without_users)}"
        ),
        width=2.4,
    )


def _relation_text(relation: str, labels: Mapping[str, str] | None) -> str:
    return shorten(relation_words(relation, labels).removesuffix(INVERSE_MARK), _RELATION_WIDTH)


def _fact(source: Node, relation: str, target: Node, labels: Mapping[str, str] | None) -> str:
    """An edge as the sentence that is true, whichever way the model walked it."""
    if relation.endswith(INVERSE_MARK) or (target.role == "user" and source.role != "user"):
        source, target = target, source
    words = relation_words(relation, labels).removesuffix(INVERSE_MARK)
    return f"{node_words(source)} — {words} — {node_words(target)}"
