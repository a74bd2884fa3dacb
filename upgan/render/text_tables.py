"""Answers for the terminal: plain text, columns aligned, no control characters from labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upgan.explain.explanation import EvidencePath, Explanation, UserPath
from upgan.explain.results import CandidateRow, Results
from upgan.render.caption import changed, details, headline
from upgan.render.paths import WALK_HEAD, path_row, score_parts, walk_row
from upgan.render.results_sections import results_sections, shares_table
from upgan.render.table import Table
from upgan.render.words import clean, place_text, proof, question, rank_text, score_text, shorten, user_noun

_LABEL_WIDTH = 48
_RESULT_WIDTH = 60
_MOST_USERS = 20
_MOST_PATHS = 30


def candidates_table(rows: Sequence[CandidateRow]) -> str:
    """The ranked candidates of ``Predictor.predict`` as text."""
    body = [
        (
            place_text(row["filtered_rank"], known=row["known"] is not None),
            shorten(clean(row["label"] or row["id"]), _LABEL_WIDTH),
            row["id"],
            score_text(row["score"]),
            row["known"] or "",
            rank_text(row["filtered_rank_without_users"]),
        )
        for row in rows
    ]
    head = ("rank", "answer", "id", "score", "known in", "rank without users")
    return Table(head, body, frozenset({0, 3, 5})).text() if body else "no candidates"


def explanation_table(explanation: Explanation, *, relation_labels: Mapping[str, str] | None = None) -> str:
    """An explanation as text: caption, ranks and scores, users, paths, evidence, proof."""
    blocks = [f"{question(explanation)}\n{_lead(explanation)}", _ranks(explanation).text()]
    noun = user_noun(explanation.simulated_users, 1)
    for shares, whose in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if shares:
            blocks.append(shares_table(f"{noun} of the {whose}", shares, _MOST_USERS).text())
    for title, paths in (
        (f"path from {noun} to target", explanation.paths),
        (f"how the answer reached the {noun}", explanation.evidence),
        (f"path from {noun} to answer", explanation.answer_paths),
        (f"how the target reached the answer's {noun}", explanation.answer_evidence),
    ):
        if paths:
            blocks.append(_paths(title, paths, relation_labels).text())
    if explanation.walks:
        simulated = explanation.simulated_users
        rows = [walk_row(walk, relation_labels, simulated=simulated) for walk in explanation.walks[:_MOST_PATHS]]
        blocks.append(Table(WALK_HEAD, rows, frozenset({1})).text())
    if explanation.score_parts:
        blocks.append(score_parts(explanation).text())
    return "\n\n".join([*blocks, "\n".join(proof(explanation))])


def _lead(explanation: Explanation) -> str:
    """The reason, what users change, and the rest, a line each."""
    why = headline(explanation)
    return "\n".join([why, changed(explanation), details(explanation)]) if why else details(explanation)


def results_text(results: Results, explanation: Explanation) -> str:
    """Contrast, what if and smallest set, as far as they were asked, with users' ids whole."""
    noun = user_noun(explanation.simulated_users)
    sections = results_sections(results, explanation.answer.label, noun, whole=True, name=clean)
    return "\n\n".join(section.text(_RESULT_WIDTH) for section in sections)


def _ranks(explanation: Explanation) -> Table:
    body = [
        (
            "rank, the other known answers left out",
            rank_text(explanation.filtered_rank),
            rank_text(explanation.filtered_rank_without_users),
        ),
        ("place among all entities", str(explanation.rank), str(explanation.rank_without_users)),
        ("score", score_text(explanation.score), score_text(explanation.score_without_users)),
        ("known in", explanation.known or "(new)", ""),
    ]
    return Table(("", "with users", "without users"), body, frozenset({1, 2}))


def _paths(title: str, paths: Sequence[UserPath | EvidencePath], labels: Mapping[str, str] | None) -> Table:
    weighed = isinstance(paths[0], UserPath)
    rows = [path_row(path, labels) for path in paths[:_MOST_PATHS]]
    more = (f"{len(paths) - _MOST_PATHS:,} more", *[""] * (len(rows[0]) - 1)) if paths[_MOST_PATHS:] else ()
    head = (title, "attention α", "weight") if weighed else (title, "coefficients")
    return Table(head, rows, frozenset({2}), more)
