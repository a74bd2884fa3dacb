"""Tables for the terminal: plain text, columns aligned, no control characters from labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from upgan.explain.explanation import Explanation, UserPath
from upgan.render.page import path_words
from upgan.render.words import (
    MINUS,
    caption,
    clean,
    coefficient,
    proof,
    question,
    rank_text,
    score_text,
    sentence,
    short_id,
    shorten,
    signed,
    user_noun,
)

_LABEL_WIDTH = 48
_MOST_USERS = 20
_MOST_PATHS = 30


def candidates_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The ranked candidates of ``Predictor.predict`` as text."""
    body = [
        (
            str(row["rank"]),
            shorten(clean(str(row.get("label") or row["id"])), _LABEL_WIDTH),
            clean(str(row["id"])),
            score_text(float(row["score"])),
            str(row.get("known") or ""),
            "" if row.get("rank_without_users") is None else str(row["rank_without_users"]),
        )
        for row in rows
    ]
    if not body:
        return "no candidates"
    return aligned(("rank", "answer", "id", "score", "known in", "rank without users"), body, right={0, 3, 5})


def mined_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The cases of ``upgan.predict.mining`` as text."""
    body = [
        (
            f"{row['reciprocal_rank_difference']:+.4f}".replace("-", MINUS),
            rank_text(row["rank"]),
            rank_text(row["rank_without_users"]),
            shorten(sentence(row["entity_label"], row["relation_label"], inverse=row["inverse"]), 2 * _LABEL_WIDTH),
            shorten(clean(row["answer_label"]), _LABEL_WIDTH),
        )
        for row in rows
    ]
    head = ("1/rank difference", "rank", "without users", "question", "right answer")
    return aligned(head, body, right={0, 1, 2})


def differences_table(differences: Mapping[str, Mapping[str, Any]]) -> str:
    """The groups of a reproduction as text."""
    body = [
        (name, f"{row['compared']:,}", f"{row['largest']:.1e}" if row["largest"] else "0", _outcome(row))
        for name, row in differences.items()
        if row["compared"] or row["unmatched"]
    ]
    return aligned(("compared", "values", "largest difference", ""), body, right={1, 2})


def _outcome(row: Mapping[str, Any]) -> str:
    return "same" if row["same"] else row["unmatched"] or "differs"


def explanation_table(explanation: Explanation, *, relation_labels: Mapping[str, str] | None = None) -> str:
    """An explanation as text: caption, ranks and scores, users, paths, evidence, proof."""
    blocks = [f"{question(explanation)}\n{caption(explanation)}", _ranks(explanation)]
    noun = user_noun(explanation.simulated_users, 1)
    for shares, whose in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if not shares:
            continue
        body = [(short_id(s.id), coefficient(s.weight), signed(s.contribution)) for s in shares[:_MOST_USERS]]
        if rest := shares[_MOST_USERS:]:
            total = coefficient(sum(s.weight for s in rest)), signed(sum(s.contribution for s in rest))
            body.append((f"({len(rest):,} more)", *total))
        blocks.append(aligned((f"{noun} of the {whose}", "weight", "part of the score"), body, right={1, 2}))
    blocks += _paths(explanation, relation_labels)
    blocks.append("\n".join(proof(explanation)))
    return "\n\n".join(blocks)


def _ranks(explanation: Explanation) -> str:
    body = [
        ("rank", str(explanation.rank), str(explanation.rank_without_users)),
        (
            "rank, other known answers left out",
            rank_text(explanation.filtered_rank),
            rank_text(explanation.filtered_rank_without_users),
        ),
        ("score", score_text(explanation.score), score_text(explanation.score_without_users)),
        ("known in", explanation.known or "(new)", ""),
    ]
    return aligned(("", "with users", "without users"), body, right={1, 2})


def _paths(explanation: Explanation, labels: Mapping[str, str] | None) -> list[str]:
    noun = user_noun(explanation.simulated_users, 1)
    blocks = []
    for title, paths in (
        (f"path from {noun} to target", explanation.paths),
        (f"how the answer reached the {noun}", explanation.evidence),
        (f"path from {noun} to answer", explanation.answer_paths),
        (f"how the target reached the answer's {noun}", explanation.answer_evidence),
    ):
        if not paths:
            continue
        body = []
        for path in paths[:_MOST_PATHS]:
            values = path.alphas if isinstance(path, UserPath) else path.coefficients
            total = coefficient(path.weight) if isinstance(path, UserPath) else ""
            body.append((path_words(path, labels), " · ".join(coefficient(value) for value in values), total))
        if len(paths) > _MOST_PATHS:
            body.append((f"({len(paths) - _MOST_PATHS:,} more)", "", ""))
        names = ("attention α", "weight") if isinstance(paths[0], UserPath) else ("coefficients", "")
        blocks.append(aligned((title, *names), body, right={2}))
    return blocks


def aligned(head: Sequence[str], body: Sequence[Sequence[str]], right: set[int]) -> str:
    """Rows in columns; ``right``: columns that stand right."""
    widths = [max(_cells(row[index]) for row in (head, *body)) for index in range(len(head))]

    def line(row: Sequence[str]) -> str:
        padded = []
        for index, text in enumerate(row):
            space = " " * (widths[index] - _cells(text))
            padded.append(space + text if index in right else text + space)
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), "  ".join("─" * width for width in widths if width), *(line(row) for row in body)])


def _cells(text: str) -> int:
    """Terminal cells: wide letters (CJK) take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
