"""A path of an explanation in words and numbers, for tables and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from upgan.explain.explanation import Chain, EvidencePath, Explanation, UserPath, Walk
from upgan.render.table import Table
from upgan.render.words import clean, coefficient, node_words, relation_words, said_words, score_text, signed
from upgan.types import INVERSE_MARK

Path = UserPath | EvidencePath | Chain
#: Columns of ``walk_row``.
WALK_HEAD = ("path from target to answer", "part of the score", "who says so")


def numbers_of(path: Path) -> Sequence[float]:
    """The numbers on the edges of a path, in its order."""
    if isinstance(path, Chain):
        return path.numbers
    return path.alphas if isinstance(path, UserPath) else path.coefficients


def factors(path: Path) -> str:
    """Those numbers as one text."""
    return " · ".join(map(coefficient, numbers_of(path)))


def path_row(path: Path, labels: Mapping[str, str] | None = None) -> list[str]:
    """Words, numbers, and the weight of a path that has one."""
    row = [path_words(path, labels), factors(path)]
    return row if isinstance(path, EvidencePath) else [*row, coefficient(path.weight)]


def path_words(path: Path | Walk, labels: Mapping[str, str] | None = None) -> str:
    """A path in one line: "A — author → B", or "B ← author — A" where it is walked against the relation."""
    words = [node_words(path.nodes[0])]
    for node, relation in zip(path.nodes[1:], path.relations, strict=True):
        name = relation_words(relation, labels).removesuffix(INVERSE_MARK)
        # Users interact with items, never the other way round.
        against = relation.endswith(INVERSE_MARK) or node.role == "user"
        step = f"← {name} —" if against else f"— {name} →"
        words.append(f"{step} {node_words(node)}")
    return " ".join(words)


def path_pattern(path: Path | Walk, labels: Mapping[str, str]) -> str:
    """A path without its names: the kinds of its nodes and its relations ("user — interacted → book — …")."""
    kinds = [clean(node.kind) or node.role for node in path.nodes]
    steps = zip(path.relations, kinds[1:], strict=True)
    return " ".join([kinds[0], *(f"— {relation_words(relation, labels)} → {kind}" for relation, kind in steps)])


def walk_row(walk: Walk, labels: Mapping[str, str] | None = None, *, simulated: bool = False) -> list[str]:
    """Words of a path that walks take, what it adds to the score, and what how many users say on it."""
    return [path_words(walk, labels), signed(walk.contribution), said_words(walk.said, walk.users, simulated=simulated)]


def score_parts(explanation: Explanation) -> Table:
    """What the score is made of, as a table."""
    rows = [(part.name, signed(part.value)) for part in explanation.score_parts]
    rows.append(("score", score_text(explanation.score)))
    return Table(("part of the score", ""), rows, frozenset({1}))
