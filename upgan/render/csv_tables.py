"""The tables of an explanation as rows and as CSV, for the command line and the app alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from upgan.evaluation.cells import csv_text
from upgan.explain.explanation import EvidencePath, Explanation, UserPath
from upgan.render.paths import factors, path_pattern, path_words
from upgan.render.words import said_words

USER_COLUMNS = ("user", "of", "weight", "contribution", "paths")
PATH_COLUMNS = ("kind", "user", "path", "pattern", "factors", "weight", "contribution", "said")


def users_csv(explanation: Explanation) -> str:
    """Every reached user with weight and part of the score."""
    return to_csv(user_rows(explanation), USER_COLUMNS)


def paths_csv(explanation: Explanation, labels: Mapping[str, str]) -> str:
    """Paths from the users, then evidence (ways by which the other end of the question reached them), then walks."""
    rows = [{"kind": "path", **row} for row in path_rows(explanation, labels)]
    rows += [{"kind": "evidence", **row} for row in evidence_rows(explanation, labels)]
    rows += [{"kind": "walk", **row} for row in walk_rows(explanation, labels)]
    return to_csv(rows, PATH_COLUMNS)


def user_rows(explanation: Explanation) -> list[dict[str, object]]:
    """One row for each reached user, heaviest first; where the answer's users speak too, they follow the target's."""
    rows: list[dict[str, object]] = []
    sides = (
        ("target", explanation.users, explanation.paths),
        ("answer", explanation.answer_users, explanation.answer_paths),
    )
    for side, shares, paths in sides:
        drawn = Counter(path.nodes[0].id for path in paths)
        for share in shares:
            numbers = {"weight": share.weight, "contribution": share.contribution, "paths": drawn[share.id]}
            rows.append({"user": share.id, "of": side, **numbers})
    return rows


def path_rows(explanation: Explanation, labels: Mapping[str, str]) -> list[dict[str, object]]:
    """One row for each path from a user to the target, then to the answer."""
    paths = (*explanation.paths, *explanation.answer_paths)
    return [_row(path.nodes[0].id, path, labels) | {"weight": path.weight} for path in paths]


def evidence_rows(explanation: Explanation, labels: Mapping[str, str]) -> list[dict[str, object]]:
    """One row for each path by which the answer reached a user, then for those by which the target did."""
    evidence = (*explanation.evidence, *explanation.answer_evidence)
    return [_row(path.nodes[-1].id, path, labels) for path in evidence]


def walk_rows(explanation: Explanation, labels: Mapping[str, str]) -> list[dict[str, object]]:
    """One row for each path from target to answer that the score listens to, largest part of the score first."""
    rows: list[dict[str, object]] = []
    for walk in explanation.walks:
        user = next((node.id for node in walk.nodes if node.role == "user"), "")
        words = {"path": path_words(walk, labels), "pattern": path_pattern(walk, labels)}
        said = said_words(walk.said, walk.users, simulated=explanation.simulated_users)
        rows.append({"user": user, **words, "weight": walk.weight, "contribution": walk.contribution, "said": said})
    return rows


def _row(user: str, path: UserPath | EvidencePath, labels: Mapping[str, str]) -> dict[str, object]:
    words = {"path": path_words(path, labels), "pattern": path_pattern(path, labels), "factors": factors(path)}
    return {"user": user, **words}


def to_csv(rows: Iterable[Mapping[str, object]], columns: Sequence[str], separator: str = ",") -> str:
    """UTF-8 CSV (or TSV) with a header; text that a spreadsheet would take for a formula is marked as text."""
    # The mark at the start is what makes Excel read UTF-8.
    return "\ufeff" + csv_text([{name: row.get(name, "") for name in columns} for row in rows], columns, separator)
