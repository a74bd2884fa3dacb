"""The edges of the case study: numbers only where the model computed one, facts as the sentence that is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from upgan.explain.explanation import ContextEdge, EvidencePath, Explanation, Node, UserPath, Walk
from upgan.render.figure.selection import Selection
from upgan.render.figure.spec import FigureEdge, figure_id
from upgan.render.figure.styles import EdgeKind
from upgan.render.words import (
    clean,
    coefficient,
    node_words,
    rank_text,
    relation_words,
    said_words,
    score_text,
    shorten,
    signed,
)
from upgan.types import INVERSE_MARK

_RELATION_WIDTH = 18


def edges_of(
    explanation: Explanation, chosen: Selection, labels: Mapping[str, str] | None, *, narrow: bool = False
) -> list[FigureEdge]:
    """The prediction, then paths, evidence, walks and known facts; what several paths share is drawn once."""
    chains = chain_numbers(chosen)
    walked: list[tuple[UserPath | EvidencePath, tuple[float, ...], EdgeKind, int]] = []
    walked += [(path, path.alphas, "path", chains[path.nodes[0].id]) for path in chosen.paths]
    walked += [(path, path.coefficients, "evidence", chains[path.nodes[-1].id]) for path in chosen.evidence]
    edges: dict[tuple[str, str, str, EdgeKind], FigureEdge] = {}
    used: set[tuple[frozenset[str], str]] = set()

    def add(key: tuple[str, str, str, EdgeKind], edge: FigureEdge, chain: int) -> None:
        used.add((frozenset(key[:2]), key[2].removesuffix(INVERSE_MARK)))
        before = edges[key].chains if key in edges else ()
        edges[key] = replace(edge, chains=before if chain in before else (*before, chain))

    for path, numbers, kind, chain in walked:
        for source, target, relation, number in zip(path.nodes, path.nodes[1:], path.relations, numbers, strict=False):
            step = _step(source, relation, target, number, kind, labels)
            add((figure_id(source), figure_id(target), relation, kind), step, chain)
    for place, walk in enumerate(chosen.walks):
        for source, target, relation in zip(walk.nodes, walk.nodes[1:], walk.relations, strict=False):
            key: tuple[str, str, str, EdgeKind] = (figure_id(source), figure_id(target), relation, "walk")
            so_far = edges[key].number if key in edges else None
            step = _walk_step(source, relation, target, walk, so_far or 0.0, labels, explanation)
            add(key, step, len(chains) + place)
    for known in chosen.context:
        edge = _context(known, labels)
        if (frozenset((edge.source, edge.target)), known.relation.removesuffix(INVERSE_MARK)) not in used:
            edges[(edge.source, edge.target, known.relation, edge.kind)] = edge
    # A self-loop has no room in layers; a candidate that is the target itself is said in words instead.
    return [edge for edge in (_prediction(explanation, narrow=narrow), *edges.values()) if edge.source != edge.target]


def chain_numbers(chosen: Selection) -> dict[str, int]:
    """A number for every user that paths or evidence name; walks count on from there."""
    named = [path.nodes[0].id for path in chosen.paths] + [path.nodes[-1].id for path in chosen.evidence]
    return {user: number for number, user in enumerate(dict.fromkeys(named))}


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


def _walk_step(
    source: Node,
    relation: str,
    target: Node,
    walk: Walk,
    so_far: float,
    labels: Mapping[str, str] | None,
    explanation: Explanation,
) -> FigureEdge:
    """An edge of a path that walks take, with what the drawn ones that pass it add to the score."""
    together = so_far + walk.contribution
    largest = max(abs(each.contribution) for each in explanation.walks)
    said = said_words(walk.said, walk.users, simulated=explanation.simulated_users)
    name = "" if "user" in (source.role, target.role) else _relation_text(relation, labels)
    title = f"{_fact(source, relation, target, labels)}\npaths that pass here add {signed(together)} to the score"
    return FigureEdge(
        figure_id(source),
        figure_id(target),
        kind="walk",
        number=together,
        text=f"{name} {signed(together)}".strip(),
        title=f"{title}\n{said}".rstrip(),
        width=1.2 + 3.0 * min(1.0, abs(together) / largest) if largest else 1.2,
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
