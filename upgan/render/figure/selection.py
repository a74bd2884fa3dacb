"""Which paths, evidence and known facts of an explanation fit into a readable figure, and in which columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from upgan.explain.explanation import ContextEdge, EvidencePath, Explanation, Node, UserPath, UserShare, Walk

_MAX_FACTS = 40
#: Users whose chains are drawn, alone or together with others.
MOST_USERS = 20
#: Paths of walks that are drawn.
_MAX_WALKS = 4


@dataclass(frozen=True)
class Selection:
    """The chosen parts. Columns run from the target (first) to the answer (last)."""

    columns: tuple[tuple[Node, ...], ...]
    user_column: int | None
    paths: tuple[UserPath, ...]
    evidence: tuple[EvidencePath, ...]
    walks: tuple[Walk, ...]
    context: tuple[ContextEdge, ...]
    #: Column -> how many of its nodes are not drawn.
    hidden: dict[int, int]
    left_out_paths: int
    #: The users whose paths are drawn: the target's, or the answer's where no user reaches the target.
    users: Sequence[UserShare]
    of_answer: bool


@dataclass(frozen=True)
class _Side:
    """Paths and evidence of the users that are drawn, and the columns they take, the target's column being 0."""

    paths: tuple[UserPath, ...]
    evidence: tuple[EvidencePath, ...]
    users: Sequence[UserShare]
    of_answer: bool
    users_at: int
    last: int

    def path_columns(self, path: UserPath) -> list[int]:
        """From the user to the target on the left, or to the answer on the right."""
        last = len(path.nodes) - 1
        return [self.users_at + index if self.of_answer else last - index for index in range(last + 1)]

    def evidence_columns(self, path: EvidencePath) -> list[int]:
        """From the answer on the right to the user, or from the target on the left."""
        last = len(path.nodes) - 1
        return [self.users_at - last + i if self.of_answer else self.users_at + last - i for i in range(last + 1)]


def _side(explanation: Explanation) -> _Side:
    of_answer = not explanation.paths and bool(explanation.answer_paths)
    paths = explanation.answer_paths if of_answer else explanation.paths
    evidence = explanation.answer_evidence if of_answer else explanation.evidence
    users = explanation.answer_users if of_answer else explanation.users
    up = max((len(path.nodes) - 1 for path in paths), default=max(1, explanation.target.layer))
    reach = max(2, max((len(path.nodes) - 1 for path in evidence), default=1))
    return _Side(paths, evidence, users, of_answer, users_at=reach if of_answer else up, last=up + reach)


class _Columns:
    """Columns that fill up: a path is accepted whole or not at all."""

    def __init__(self, explanation: Explanation, last: int, max_nodes: int, max_per_column: int) -> None:
        self._max_nodes = max_nodes
        self._max_per_column = max_per_column
        self.of: dict[tuple[bool, str], int] = {_key(explanation.target): 0, _key(explanation.answer): last}
        self.nodes: dict[tuple[bool, str], Node] = {
            _key(node): node for node in (explanation.target, explanation.answer)
        }
        self.refused: dict[tuple[bool, str], int] = {}

    def accept(self, nodes: Sequence[Node], columns: Sequence[int]) -> bool:
        """Place the new ones among ``nodes``, unless one of them no longer fits."""
        new = [(node, column) for node, column in zip(nodes, columns, strict=True) if _key(node) not in self.of]
        sizes = Counter([*self.of.values(), *(column for _, column in new)])
        full = any(
            sizes[column] > (MOST_USERS if node.role == "user" else self._max_per_column) for node, column in new
        )
        if full or len(self.of) + len(new) > self._max_nodes:
            for node, column in new:
                self.refused.setdefault(_key(node), column)
            return False
        for node, column in new:
            self.of[_key(node)] = column
            self.nodes[_key(node)] = node
        return True

    def has(self, node: Node) -> bool:
        """Whether the node has a place already."""
        return _key(node) in self.of


def select(explanation: Explanation, *, max_nodes: int, max_per_column: int, min_weight: float = 0.0) -> Selection:
    """Heaviest first, until a column or the whole figure is full; no user lighter than ``min_weight``."""
    side = _side(explanation)
    light = {user.id for user in side.users if user.weight < min_weight}
    columns = _Columns(explanation, side.last, max_nodes - 4, max_per_column)
    walks = _walks(explanation, side, columns, 1)
    paths = [
        path
        for path in _by_user_in_turn(side.paths)
        if path.nodes[0].id not in light and columns.accept(path.nodes, side.path_columns(path))
    ]
    # Evidence only for users that are drawn: that of others would hang in the air.
    evidence = [
        path
        for path in sorted(side.evidence, key=lambda path: -prod(path.coefficients))
        if columns.has(path.nodes[-1]) and columns.accept(path.nodes, side.evidence_columns(path))
    ]
    walks += [walk for walk in _walks(explanation, side, columns, _MAX_WALKS) if walk not in walks]
    context = _context(explanation, side, columns, alone=not (paths or walks))
    return _pack(side, columns, paths, evidence, walks, context)


def _by_user_in_turn(paths: tuple[UserPath, ...]) -> list[UserPath]:
    """The heaviest path of every user, then every second heaviest, …: no user is crowded out by another's paths."""
    turn: Counter[str] = Counter()
    keyed: list[tuple[int, UserPath]] = []
    for path in sorted(paths, key=lambda path: -path.weight):
        user = path.nodes[0].id
        keyed.append((turn[user], path))
        turn[user] += 1
    return [path for _, path in sorted(keyed, key=lambda item: item[0])]


def _walks(explanation: Explanation, side: _Side, columns: _Columns, most: int) -> list[Walk]:
    """The ``most`` paths of walks with the largest parts of the score, their nodes spread over the columns."""
    chosen: list[Walk] = []
    for walk in sorted(explanation.walks, key=lambda walk: -abs(walk.contribution)):
        steps = len(walk.nodes) - 1
        inner = [min(side.last - 1, max(1, round(place * side.last / steps))) for place in range(1, steps)]
        at = [0, *inner, side.last]
        at = [
            side.users_at if node.role == "user" and side.paths else column
            for node, column in zip(walk.nodes, at, strict=True)
        ]
        if len(chosen) < most and columns.accept(walk.nodes, at):
            chosen.append(walk)
    return chosen


def _context(explanation: Explanation, side: _Side, columns: _Columns, *, alone: bool) -> list[ContextEdge]:
    """Facts between what is drawn; where no user reaches the target also the neighbours, or nothing would be drawn."""
    ends = {explanation.target.id, explanation.answer.id}
    ordered = sorted(explanation.context, key=lambda edge: not ({edge.source.id, edge.target.id} & ends))
    chosen: list[ContextEdge] = []
    for edge in ordered:
        missing = [node for node in (edge.source, edge.target) if not columns.has(node)]
        if missing and (not alone or any(node.role == "user" for node in missing)):
            continue
        at_target = explanation.target.id in (edge.source.id, edge.target.id)
        if len(chosen) < _MAX_FACTS and columns.accept(missing, [1 if at_target else side.last - 1] * len(missing)):
            chosen.append(edge)
    return chosen


def _pack(
    side: _Side,
    columns: _Columns,
    paths: list[UserPath],
    evidence: list[EvidencePath],
    walks: list[Walk],
    context: list[ContextEdge],
) -> Selection:
    """Close empty columns, sort users by weight, count what stayed out."""
    weight = {user.id: user.weight for user in side.users}
    used = sorted({*columns.of.values()})
    place = {column: index for index, column in enumerate(used)}
    filled: list[list[Node]] = [[] for _ in used]
    for key, column in columns.of.items():
        filled[place[column]].append(columns.nodes[key])
    user_column = next((i for i, nodes in enumerate(filled) if any(node.role == "user" for node in nodes)), None)
    refused = [place[column] for key, column in columns.refused.items() if key not in columns.of and column in place]
    hidden = Counter(column for column in refused if column != user_column)
    drawn: set[str] = set()
    if user_column is not None:
        filled[user_column].sort(key=lambda node: -weight.get(node.id, 0.0))
        drawn = {node.id for node in filled[user_column]}
        if others := sum(user.id not in drawn for user in side.users):
            hidden[user_column] = others
    relevant = sum(path.nodes[-1].id in drawn for path in side.evidence)
    return Selection(
        columns=tuple(tuple(column) for column in filled),
        user_column=user_column,
        paths=tuple(paths),
        evidence=tuple(evidence),
        walks=tuple(walks),
        context=tuple(context),
        hidden=hidden,
        left_out_paths=len(side.paths) - len(paths) + relevant - len(evidence),
        users=side.users,
        of_answer=side.of_answer,
    )


def _key(node: Node) -> tuple[bool, str]:
    return node.role == "user", node.id
