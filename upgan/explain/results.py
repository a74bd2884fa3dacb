"""What an explanation is compared with: another answer, a changed graph, fewer users. Typed numbers only.

* ``Contrast``: why A and not B. Differences of exact contributions, and how popular each of the two is.
* ``WhatIf``: the same question on a changed graph; the forward pass is run again with every trained weight frozen.
* ``FlipSet``: a small set of users without whom the answer loses its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from upgan.explain.explanation import Baseline, Node, Query
from upgan.explain.shares import Shares
from upgan.types import FloatArray

#: What every counterfactual result is marked with: nothing is trained again.
FROZEN = "weights frozen"


@dataclass(frozen=True)
class Standing:
    """Score and rank of one candidate, with users and with p_h = 0. ``filtered``: other known answers left out."""

    score: float
    rank: int
    filtered_rank: float
    score_without_users: float
    rank_without_users: int
    filtered_rank_without_users: float

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


# Contrast ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Popularity:
    """How many users touched a candidate, beside what those among the target's users weigh and contribute."""

    #: Of the users that reach the target: those who interacted with the candidate itself.
    interacted: int
    #: ... and those who interacted with it or with an entity one training fact away from it.
    touched: int
    #: Summed weight and contribution (to this candidate's score) of the ``touched``.
    weight: float
    contribution: float
    #: The same two counts over all users of the dataset.
    all_interacted: int
    all_touched: int

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class UserDifference:
    """One user of the target: what it adds to the answer's score and to the other candidate's."""

    id: str
    weight: float
    contribution: float
    contribution_against: float

    @property
    def difference(self) -> float:
        return self.contribution - self.contribution_against


@dataclass(frozen=True, eq=False)
class Contrast:
    """Why ``answer`` and not ``against``: (s - s_0)(A) - (s - s_0)(B), user by user."""

    query: Query
    target: Node
    answer: Node
    against: Node
    baseline: Baseline
    answer_standing: Standing
    against_standing: Standing
    #: (s - s_0)(A) - (s - s_0)(B), in float64.
    difference: float
    #: ``difference`` minus the sum of all users' parts of it.
    residual: float
    #: The target's users with their contributions to A, and in the same order to B; largest difference first.
    users: Shares
    contributions_against: FloatArray
    #: For models with users on the candidate side: A's own users and B's own, heaviest first.
    answer_users: Shares
    against_users: Shares
    answer_popularity: Popularity
    against_popularity: Popularity
    limits: tuple[str, ...] = ()

    def differences(self, count: int | None = None) -> list[UserDifference]:
        """The first ``count`` of the target's users."""
        shown = self.users[:count]
        return [
            UserDifference(share.id, share.weight, share.contribution, float(other))
            for share, other in zip(shown, self.contributions_against[:count], strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The JSON value of the key "contrast"."""
        return {
            "answer": self.answer.id,
            "against": self.against.id,
            "baseline": self.baseline,
            "answer_standing": self.answer_standing.to_dict(),
            "against_standing": self.against_standing.to_dict(),
            "difference": self.difference,
            "residual": self.residual,
            "users": [
                {
                    "id": user.id,
                    "weight": user.weight,
                    "contribution": user.contribution,
                    "contribution_against": user.contribution_against,
                    "difference": user.difference,
                }
                for user in self.differences()
            ],
            "answer_users": self.answer_users.to_list(),
            "against_users": self.against_users.to_list(),
            "popularity": {
                "answer": self.answer_popularity.to_dict(),
                "against": self.against_popularity.to_dict(),
            },
            "limits": list(self.limits),
        }


# What if -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Changes:
    """Changes of the graph, by ids (entities and relations also by unique label)."""

    remove_users: Sequence[str] = ()
    #: (user, item)
    remove_interactions: Sequence[tuple[str, str]] = ()
    #: (head, relation, tail), training facts only: no other is an edge.
    remove_triples: Sequence[tuple[str, str, str]] = ()
    #: (user, item); both must be known to the dataset.
    add_interactions: Sequence[tuple[str, str]] = ()

    @property
    def empty(self) -> bool:
        return not (self.remove_users or self.remove_interactions or self.remove_triples or self.add_interactions)

    def to_dict(self) -> dict[str, Any]:
        return {
            "remove_users": list(self.remove_users),
            "remove_interactions": [list(pair) for pair in self.remove_interactions],
            "remove_triples": [list(triple) for triple in self.remove_triples],
            "add_interactions": [list(pair) for pair in self.add_interactions],
        }


@dataclass(frozen=True)
class Candidate:
    """A row of a ranked list."""

    rank: int
    id: str
    label: str
    score: float


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The question before and after the changes. Weights frozen: the model was not trained again."""

    query: Query
    target: Node
    answer: Node
    #: As asked for, names resolved to ids.
    changes: Changes
    before: Standing
    after: Standing
    candidates_before: tuple[Candidate, ...]
    candidates_after: tuple[Candidate, ...]
    #: The target's users before and after, and the answer's where the model has them; heaviest first.
    users_before: Shares
    users_after: Shares
    answer_users_before: Shares
    answer_users_after: Shares
    #: d_n of the target; -1 where no user reaches it any more.
    target_layer_after: int
    limits: tuple[str, ...] = ()
    label: str = FROZEN

    def to_dict(self) -> dict[str, Any]:
        """The JSON value of the key "what_if"."""
        return {
            "label": self.label,
            "changes": self.changes.to_dict(),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "candidates_before": [dict(vars(row)) for row in self.candidates_before],
            "candidates_after": [dict(vars(row)) for row in self.candidates_after],
            "users_before": self.users_before.to_list(),
            "users_after": self.users_after.to_list(),
            "answer_users_before": self.answer_users_before.to_list(),
            "answer_users_after": self.answer_users_after.to_list(),
            "target_layer_before": self.target.layer,
            "target_layer_after": self.target_layer_after,
            "limits": list(self.limits),
        }


# The smallest set of users -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FlipSet:
    """Users without whom the answer's filtered rank gets worse, or the reason why none were found.

    Found greedily and checked by running the forward pass again (weights frozen): every user in it is needed, but
    another set, found in another order, might be smaller.
    """

    query: Query
    answer: Node
    #: In the order in which they were taken; empty where there is no such set.
    users: tuple[str, ...]
    before: Standing
    #: With the users of the set removed; where none was found, with all of the question's users removed.
    after: Standing
    #: The best other candidate at the start, which the order of the users is taken against.
    runner_up: Node | None
    #: Whether leaving any single user in keeps the rank: checked one by one.
    minimal: bool
    #: How often the forward pass was run.
    checks: int
    reason: str
    label: str = FROZEN

    @property
    def found(self) -> bool:
        return bool(self.users)

    def to_dict(self) -> dict[str, Any]:
        """The JSON value of the key "smallest_set"."""
        return {
            "label": self.label,
            "found": self.found,
            "users": list(self.users),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "runner_up": self.runner_up.id if self.runner_up else None,
            "minimal": self.minimal,
            "checks": self.checks,
            "reason": self.reason,
        }
