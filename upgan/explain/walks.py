"""What walks say in one score: every path, and each user's exact share.

A kind of path adds gamma log(1 + f / epsilon) with f a sum over its paths (upgan.model.walks). That number is shared by
the paths in proportion to their weight in f, which is what integrated gradients from f = 0 give too. A path with a step
that users say shares its part by the users of that step, in proportion to what each says (upgan.graph.said: shares sum
to 1, and those of "rated alike" have signs). No path has two such steps, so every part belongs to one user or to none.

Users of a first step chose the target, users of a last step the answer; of a step in the middle they chose neither, and
are counted with the target's, from which the walk came to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upgan.explain.base import Side, SideUsers
from upgan.graph.walks import Path, WalkEdges
from upgan.model.walks import Walks
from upgan.types import FloatArray, IntArray


@dataclass(frozen=True)
class Ways:
    """All paths of one kind between two entities, and what they add to the score together."""

    path: Path
    #: (N, steps + 1) entities from head to answer, and (N,) the paths' weights, whose sum is f.
    nodes: IntArray
    weight: FloatArray
    #: gamma log(1 + f / epsilon), and gamma itself.
    value: float
    gamma: float

    @property
    def parts(self) -> FloatArray:
        """(N,) what each path adds to the score."""
        shares: FloatArray = self.value * self.weight / self.weight.sum()
        return shares


def ways_between(edges: WalkEdges, path: Path, head: int, answer: int) -> tuple[IntArray, FloatArray]:
    """(N, steps + 1) nodes and (N,) weights of all paths of these kinds from ``head`` to ``answer``."""
    ends = np.array([answer], dtype=np.int64)
    onward = [edges.start(ends).toarray()[0]]  # weight of what is left of the path, from every entity
    for kind in path[:0:-1]:
        onward.insert(0, edges.weight[kind] @ onward[0])
    nodes, weight = np.array([[head]], dtype=np.int64), np.ones(1)
    for kind, rest in zip(path, onward, strict=True):
        leaving = edges.weight[kind][nodes[:, -1]].tocoo()
        leads = rest[leaving.col] > 0
        row, near = leaving.row[leads], leaving.col[leads].astype(np.int64)
        nodes = np.column_stack([nodes[row], near])
        weight = weight[row] * leaving.data[leads]
    return nodes, weight


def all_ways(walks: Walks, edges: WalkEdges, head: int, relation: int, answer: int) -> list[Ways]:
    """Of every kind of path that the relation listens to, where there is one from ``head`` to ``answer``."""
    found = []
    for path, epsilon, gamma in zip(walks.paths_of(relation), *walks.said(relation), strict=True):
        nodes, weight = ways_between(edges, path, head, answer)
        if len(weight) and gamma:
            value = float(gamma * np.log1p(weight.sum() / epsilon))
            found.append(Ways(path, nodes, weight, value, float(gamma)))
    return found


def spoken_step(ways: Ways, walks: Walks) -> int | None:
    """Which step is one that users say; None where none is."""
    kinds = len(walks.tau)
    return next((place for place, kind in enumerate(ways.path) if kind >= kinds), None)


def side_of(ways: Ways, step: int) -> Side:
    """Whose users speak on the path."""
    return "answer" if step == len(ways.path) - 1 and step > 0 else "target"


def users_of_step(edges: WalkEdges, ways: Ways, step: int) -> tuple[IntArray, IntArray, FloatArray]:
    """Path, user and share of every user of a step; the shares of a path sum to 1."""
    said = edges.speaking(ways.path[step])
    assert said is not None, "the step is one that users say"
    return said.shares(ways.nodes[:, step], ways.nodes[:, step + 1])


def user_parts(walks: Walks, edges: WalkEdges, ways: list[Ways], side: Side) -> SideUsers:
    """What the users of one side add to the score along these paths; they have no weight in p."""
    users, parts = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for each in ways:
        step = spoken_step(each, walks)
        if step is None or side_of(each, step) != side:
            continue
        row, user, share = users_of_step(edges, each, step)
        users.append(user)
        parts.append(each.parts[row] * share)
    distinct, place = np.unique(np.concatenate(users), return_inverse=True)
    part: FloatArray = np.bincount(place, np.concatenate(parts), len(distinct)).astype(np.float64)
    return SideUsers(distinct, np.zeros(len(distinct)), part)


def own_facts_part(walks: Walks, edges: WalkEdges, relation: int, answer: int) -> float:
    """F(answer) . phi."""
    phi = walks.phi[relation].double().cpu().numpy()
    return float(edges.own_facts[answer] @ phi)
