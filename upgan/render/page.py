"""A one-page offline report of an explanation: caption, graph, users, paths, evidence, proof. One file, no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from upgan.explain.explanation import Explanation
from upgan.explain.results import Results
from upgan.render.caption import caption, changed, details, headline
from upgan.render.figure.build import Drawing
from upgan.render.figure.graph_html import forms_of, graph_html
from upgan.render.figure.styles import Theme
from upgan.render.paths import WALK_HEAD, Path, path_row, score_parts, walk_row
from upgan.render.results_sections import results_sections, shares_table
from upgan.render.table import Section, Table, Words
from upgan.render.words import known_sentence, proof, question, rank_text, score_text, user_noun

_MOST_USERS = 50
_MOST_PATHS = 100


def page(
    explanation: Explanation,
    *,
    relation_labels: Mapping[str, str] | None = None,
    theme: Theme = "light",
    results: Results | None = None,
    drawing: Drawing | None = None,
) -> str:
    """The whole report as one HTML document; ``results``: what was asked beside it."""
    drawings = forms_of(explanation, drawing or Drawing(), relation_labels)
    sections = [
        _ranks(explanation),
        *results_sections(results or Results(), explanation.answer.label, user_noun(explanation.simulated_users)),
        *_users(explanation),
        *_chains(explanation, relation_labels),
    ]
    why = headline(explanation)
    report = {"title": question(explanation), "lead": why or caption(explanation), "proof": proof(explanation)}
    report |= {"changed": changed(explanation), "details": details(explanation)} if why else {}
    return graph_html(drawings[0].spec, theme, drawings=drawings, template="page.html", sections=sections, **report)


def _ranks(explanation: Explanation) -> Section:
    rows = [
        (
            "Rank, the other known answers left out",
            rank_text(explanation.filtered_rank),
            rank_text(explanation.filtered_rank_without_users),
        ),
        ("Place among all entities", f"{explanation.rank:,}", f"{explanation.rank_without_users:,}"),
        ("Score (not a probability)", score_text(explanation.score), score_text(explanation.score_without_users)),
    ]
    table = Table(("", "with users", "without users"), rows, frozenset({1, 2}))
    return Section("Rank and score", [table, Words(known_sentence(explanation.known), faint=True)])


def _users(explanation: Explanation) -> Iterable[Section]:
    noun, one = (user_noun(explanation.simulated_users, count) for count in (2, 1))
    order = "heaviest" if explanation.sort == "weight" else "largest part of the score"
    made = Words("The interactions of this dataset are generated, not observed.", faint=True)
    for shares, whose in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if shares:
            table = shares_table(one, shares, _MOST_USERS)
            note = [made] if explanation.simulated_users else []
            yield Section(f"{noun.capitalize()} of the {whose}, {order} first", [*note, table])


def _chains(explanation: Explanation, labels: Mapping[str, str] | None) -> Iterable[Section]:
    noun = user_noun(explanation.simulated_users, 1)
    lists: tuple[tuple[str, Sequence[Path], str], ...] = (
        (f"From target to answer, through each {noun}", explanation.chains, "α and coefficients"),
        (f"Paths from {noun} to target", explanation.paths, "attention α"),
        (f"How the answer reached each {noun}", explanation.evidence, "coefficients"),
        (f"Paths from {noun} to answer", explanation.answer_paths, "attention α"),
        (f"How the target reached each of the answer's {noun}s", explanation.answer_evidence, "coefficients"),
    )
    for title, paths, numbers in lists:
        if paths:
            rows = [path_row(path, labels) for path in paths[:_MOST_PATHS]]
            head = ("path", numbers, "weight")[: len(rows[0])]
            more = f"{len(paths) - _MOST_PATHS:,} more in the JSON."
            rest = [Words(more, faint=True)] if len(paths) > _MOST_PATHS else []
            yield Section(title, [Table(head, rows, frozenset({1, 2})), *rest])
    if explanation.walks:
        simulated = explanation.simulated_users
        rows = [walk_row(walk, labels, simulated=simulated) for walk in explanation.walks[:_MOST_PATHS]]
        yield Section("Paths that carry the answer", [Table(WALK_HEAD, rows, frozenset({1}))])
    if explanation.score_parts:
        yield Section("What the score is made of", [score_parts(explanation)])
