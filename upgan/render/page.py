"""A one-page offline report of an explanation: caption, graph, users, paths, evidence, proof. One file, no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from upgan.explain.explanation import Chain, EvidencePath, Explanation, UserPath, UserShare
from upgan.render.figure.build import Drawing, figures
from upgan.render.figure.graph_html import graph_html
from upgan.render.figure.styles import Theme
from upgan.render.html_table import bdi, html_table
from upgan.render.results_html import beside
from upgan.render.words import (
    caption,
    coefficient,
    known_sentence,
    node_words,
    proof,
    question,
    relation_words,
    score_text,
    short_id,
    signed,
    user_noun,
)
from upgan.types import INVERSE_MARK

_MOST_USERS = 50
_MOST_PATHS = 100


def page(
    explanation: Explanation,
    *,
    relation_labels: Mapping[str, str] | None = None,
    theme: Theme = "light",
    documents: Mapping[str, Mapping[str, Any]] | None = None,
    drawing: Drawing | None = None,
) -> str:
    """The whole report as one HTML document; ``documents``: what was asked beside it, as case files hold it."""
    spec, narrow = figures(explanation, drawing or Drawing(), relation_labels)
    before = Markup("<h1>{}</h1><p class='lead'>{}</p>").format(bdi(question(explanation)), bdi(caption(explanation)))
    parts = [
        _summary(explanation),
        *beside(documents or {}, explanation.answer.label, user_noun(explanation.simulated_users)),
        *_users(explanation),
        *_chains(explanation, relation_labels),
        _proof(explanation),
    ]
    return graph_html(spec, theme, narrow=narrow, before=before, after=Markup("").join(parts))


def numbers_of(path: UserPath | EvidencePath | Chain) -> Sequence[float]:
    """The numbers on the edges of a path, in its order."""
    if isinstance(path, Chain):
        return path.numbers
    return path.alphas if isinstance(path, UserPath) else path.coefficients


def path_words(path: UserPath | EvidencePath | Chain, labels: Mapping[str, str] | None = None) -> str:
    """A path in one line: "A — author → B", or "B ← author — A" where it is walked against the relation."""
    words = [node_words(path.nodes[0])]
    for node, relation in zip(path.nodes[1:], path.relations, strict=True):
        name = relation_words(relation, labels).removesuffix(INVERSE_MARK)
        # Users interact with items, never the other way round.
        against = relation.endswith(INVERSE_MARK) or node.role == "user"
        step = f"← {name} —" if against else f"— {name} →"
        words.append(f"{step} {node_words(node)}")
    return " ".join(words)


def _summary(explanation: Explanation) -> Markup:
    rows = [
        ("Rank among all entities", f"{explanation.rank:,}", f"{explanation.rank_without_users:,}"),
        (
            "Rank, other known answers left out",
            f"{explanation.filtered_rank:g}",
            f"{explanation.filtered_rank_without_users:g}",
        ),
        ("Score (not a probability)", score_text(explanation.score), score_text(explanation.score_without_users)),
    ]
    head = ("", ("with users",), ("without users",))
    body = [(name, (value,), (without,)) for name, value, without in rows]
    known = Markup("<p class='faint'>{}</p>").format(known_sentence(explanation.known))
    return Markup("<h2>Rank and score</h2>") + html_table(head, body) + known


def _users(explanation: Explanation) -> Iterable[Markup]:
    noun = user_noun(explanation.simulated_users)
    for shares, whose in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if not shares:
            continue
        order = "heaviest" if explanation.sort == "weight" else "largest part of the score"
        yield Markup("<h2>{} of the {}, {} first</h2>").format(noun.capitalize(), whose, order)
        if explanation.simulated_users:
            yield Markup("<p class='faint'>The interactions of this dataset are generated, not observed.</p>")
        yield _sharehtml_table(shares, user_noun(explanation.simulated_users, 1))


def _sharehtml_table(shares: Sequence[UserShare], noun: str) -> Markup:
    body: list[Sequence[object]] = [
        (short_id(share.id), (coefficient(share.weight),), (signed(share.contribution),))
        for share in shares[:_MOST_USERS]
    ]
    if rest := shares[_MOST_USERS:]:
        weight, part = sum(share.weight for share in rest), sum(share.contribution for share in rest)
        body.append((f"{len(rest):,} more", (coefficient(weight),), (signed(part),)))
    return html_table((noun, ("weight",), ("part of the score",)), body)


def _chains(explanation: Explanation, labels: Mapping[str, str] | None) -> Iterable[Markup]:
    noun = user_noun(explanation.simulated_users, 1)
    sections: tuple[tuple[str, Sequence[UserPath | EvidencePath | Chain], str, bool], ...] = (
        (f"From target to answer, through each {noun}", explanation.chains, "α and coefficients", True),
        (f"Paths from {noun} to target", explanation.paths, "attention α", True),
        (f"How the answer reached each {noun}", explanation.evidence, "coefficients", False),
        (f"Paths from {noun} to answer", explanation.answer_paths, "attention α", True),
        (f"How the target reached each of the answer's {noun}s", explanation.answer_evidence, "coefficients", False),
    )
    for title, paths, numbers, weighed in sections:
        if not paths:
            continue
        body: list[Sequence[object]] = []
        for path in paths[:_MOST_PATHS]:
            row: list[object] = [path_words(path, labels), (" · ".join(map(coefficient, numbers_of(path))),)]
            body.append(row if isinstance(path, EvidencePath) else [*row, (coefficient(path.weight),)])
        head: list[object] = ["path", (numbers,), *([("weight",)] if weighed else [])]
        yield Markup("<h2>{}</h2>").format(title)
        yield html_table(head, body)
        if len(paths) > _MOST_PATHS:
            yield Markup("<p class='faint'>{} more in the JSON.</p>").format(f"{len(paths) - _MOST_PATHS:,}")


def _proof(explanation: Explanation) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in proof(explanation))
    return Markup("<h2>The numbers add up</h2><ul class='faint'>{}</ul>").format(lines)
