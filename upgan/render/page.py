"""A one-page offline report of an explanation: caption, graph, users, paths, evidence, proof. One file, no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from upgan.explanation import EvidencePath, Explanation, UserPath, UserShare
from upgan.render.figure import figure
from upgan.render.graph_html import graph_html
from upgan.render.styles import Theme
from upgan.render.words import (
    caption,
    clean,
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

_MOST_USERS = 50
_MOST_PATHS = 100


def page(explanation: Explanation, *, relation_labels: Mapping[str, str] | None = None, theme: Theme = "light") -> str:
    """The whole report as one HTML document."""
    spec = figure(explanation, relation_labels=relation_labels)
    before = Markup("<h1>{}</h1><p class='lead'>{}</p>").format(_bdi(question(explanation)), _bdi(caption(explanation)))
    parts = [_summary(explanation), *_users(explanation), *_chains(explanation, relation_labels), _proof(explanation)]
    return graph_html(spec, theme, before=before, after=Markup("").join(parts))


def path_words(path: UserPath | EvidencePath, labels: Mapping[str, str] | None = None) -> str:
    """A path in one line: "A — author → B", or "B ← author — A" where it is walked against the relation."""
    words = [node_words(path.nodes[0])]
    for node, relation in zip(path.nodes[1:], path.relations, strict=True):
        name = relation_words(relation, labels).removesuffix("⁻¹")
        # Users interact with items, never the other way round.
        against = relation.endswith("⁻¹") or node.role == "user"
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
    return Markup("<h2>Rank and score</h2>") + _table(head, body) + known


def _users(explanation: Explanation) -> Iterable[Markup]:
    noun = user_noun(explanation.simulated_users)
    for shares, whose in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if not shares:
            continue
        yield Markup("<h2>{} of the {}, heaviest first</h2>").format(noun.capitalize(), whose)
        if explanation.simulated_users:
            yield Markup("<p class='faint'>The interactions of this dataset are generated, not observed.</p>")
        yield _share_table(shares, user_noun(explanation.simulated_users, 1))


def _share_table(shares: Sequence[UserShare], noun: str) -> Markup:
    body: list[Sequence[object]] = [
        (short_id(share.id), (coefficient(share.weight),), (signed(share.contribution),))
        for share in shares[:_MOST_USERS]
    ]
    if rest := shares[_MOST_USERS:]:
        weight, part = sum(share.weight for share in rest), sum(share.contribution for share in rest)
        body.append((f"{len(rest):,} more", (coefficient(weight),), (signed(part),)))
    return _table((noun, ("weight",), ("part of the score",)), body)


def _chains(explanation: Explanation, labels: Mapping[str, str] | None) -> Iterable[Markup]:
    noun = user_noun(explanation.simulated_users, 1)
    for title, paths, numbers, weighed in (
        (f"Paths from {noun} to target", explanation.paths, "attention α", True),
        (f"How the answer reached each {noun}", explanation.evidence, "coefficients", False),
        (f"Paths from {noun} to answer", explanation.answer_paths, "attention α", True),
        (f"How the target reached each of the answer's {noun}s", explanation.answer_evidence, "coefficients", False),
    ):
        if not paths:
            continue
        body: list[Sequence[object]] = []
        for path in paths[:_MOST_PATHS]:
            values = path.alphas if isinstance(path, UserPath) else path.coefficients
            row: list[object] = [path_words(path, labels), (" · ".join(coefficient(value) for value in values),)]
            body.append([*row, (coefficient(path.weight),)] if isinstance(path, UserPath) else row)
        head: list[object] = ["path", (numbers,), *([("weight",)] if weighed else [])]
        yield Markup("<h2>{}</h2>").format(title)
        yield _table(head, body)
        if len(paths) > _MOST_PATHS:
            yield Markup("<p class='faint'>{} more in the JSON.</p>").format(f"{len(paths) - _MOST_PATHS:,}")


def _proof(explanation: Explanation) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in proof(explanation))
    return Markup("<h2>The numbers add up</h2><ul class='faint'>{}</ul>").format(lines)


def _table(head: Sequence[object], body: Iterable[Sequence[object]]) -> Markup:
    """A table; a cell given as a 1-tuple is a number and stands right."""
    header = Markup("").join(_cell(cell, "th") for cell in head)
    rows = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(_cell(cell, "td") for cell in row)) for row in body
    )
    return Markup("<div class='table'><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>").format(
        header, rows
    )


def _cell(cell: object, tag: str) -> Markup:
    is_number = isinstance(cell, tuple)
    text = _bdi(clean(str(cell[0] if isinstance(cell, tuple) else cell)))
    css = Markup(" class='number'") if is_number else Markup("")
    scope = Markup(" scope='col'") if tag == "th" else Markup("")
    return Markup("<{}{}{}>{}</{}>").format(Markup(tag), css, scope, text, Markup(tag))


def _bdi(text: str) -> Markup:
    """Text whose writing direction stays its own and does not turn its neighbours round."""
    return Markup("<bdi>") + escape(text) + Markup("</bdi>")
