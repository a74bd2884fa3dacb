"""What an explanation is compared with: another answer, a changed graph, fewer users. Typed numbers only.

* ``Contrast``: why A and not B. Differences of exact contributions, and how popular each of the two is.
* ``WhatIf``: the same question on a changed graph; the forward pass is run again with every trained weight frozen.
* ``FlipSet``: a small set of users without whom the answer loses its place.

Each is a JSON value of ``upgan explain --json`` and of a case file as it stands: its fields in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

from pydantic import AfterValidator

from upgan.explain.explanation import Baseline
from upgan.explain.shares import UserDifferences, UserShares
from upgan.types import Document, Shown, SplitName, frame_of

if TYPE_CHECKING:
    import pandas as pd

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


class CandidateRow(TypedDict):
    """A candidate in a ranked list, as ``upgan predict --json`` prints it."""

    rank: int
    id: str
    label: str
    score: float
    #: The split in which the dataset already holds it as an answer; None where it does not.
    known: SplitName | None
    rank_without_users: int
    score_without_users: float
    filtered_rank: float
    filtered_rank_without_users: float


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


@dataclass(frozen=True)
class Popularities:
    """Of the answer and of the candidate it is set against."""

    answer: Popularity
    against: Popularity


@dataclass(frozen=True, repr=False)
class Contrast(Document, Shown):
    """Why ``answer`` and not ``against`` (ids): (s - s_0)(A) - (s - s_0)(B), user by user."""

    answer: str
    against: str
    baseline: Baseline
    answer_standing: Standing
    against_standing: Standing
    #: (s - s_0)(A) - (s - s_0)(B), in float64.
    difference: float
    #: ``difference`` minus the sum of all users' parts of it.
    residual: float
    #: The target's users with their contributions to A and to B; largest difference first.
    users: UserDifferences
    #: For models with users on the candidate side: A's own users and B's own, heaviest first.
    answer_users: UserShares
    against_users: UserShares
    popularity: Popularities
    limits: tuple[str, ...]
    against_label: str
    #: "" in older files.
    answer_label: str = ""

    def __repr__(self) -> str:
        return (
            f"Contrast({self.answer!r} rather than {self.against!r}, difference {self.difference:+.4g}, "
            f"{len(self.users)} users)"
        )

    def to_frame(self) -> pd.DataFrame:
        """The target's users by their ids, with their parts of both scores and the difference, largest first."""
        return frame_of(self, "users")


# What if -------------------------------------------------------------------------------------------------------------


_Item = TypeVar("_Item")
_Many = Annotated[Sequence[_Item], AfterValidator(tuple)]


@dataclass(frozen=True)
class Changes:
    """Changes of the graph, by ids (entities and relations also by unique label)."""

    remove_users: _Many[str] = ()
    #: (user, item)
    remove_interactions: _Many[tuple[str, str]] = ()
    #: (head, relation, tail), training facts only: no other is an edge.
    remove_triples: _Many[tuple[str, str, str]] = ()
    #: (user, item); both must be known to the dataset.
    add_interactions: _Many[tuple[str, str]] = ()
    #: (head, relation, tail) of names that the dataset knows, as though it were a training fact.
    add_triples: _Many[tuple[str, str, str]] = ()

    @property
    def empty(self) -> bool:
        return self == Changes()


@dataclass(frozen=True)
class Candidate:
    """A row of a ranked list."""

    rank: int
    id: str
    label: str
    score: float


@dataclass(frozen=True, kw_only=True)
class WhatIf(Document):
    """The question before and after the changes. Weights frozen: the model was not trained again."""

    label: str = FROZEN
    #: As asked for, names resolved to ids.
    changes: Changes
    before: Standing
    after: Standing
    candidates_before: tuple[Candidate, ...]
    candidates_after: tuple[Candidate, ...]
    #: The target's users before and after, and the answer's where the model has them; heaviest first.
    users_before: UserShares
    users_after: UserShares
    answer_users_before: UserShares
    answer_users_after: UserShares
    #: d_n of the target; -1 where no user reaches it.
    target_layer_before: int
    target_layer_after: int
    limits: tuple[str, ...]


# The smallest set of users -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FlipSet(Document):
    """Users without whom the answer's filtered rank gets worse, or the reason why none were found.

    Found greedily and checked by running the forward pass again (weights frozen): every user in it is needed, but
    another set, found in another order, might be smaller.
    """

    label: str = FROZEN
    #: Whether there is such a set.
    found: bool
    #: In the order in which they were taken; empty where there is no such set.
    users: tuple[str, ...]
    before: Standing
    #: With the users of the set removed; where none was found, with all of the question's users removed.
    after: Standing
    #: The best other candidate at the start, which the order of the users is taken against.
    runner_up: str | None
    #: Whether leaving any single user in keeps the rank: checked one by one.
    minimal: bool
    #: How often the forward pass was run.
    checks: int
    reason: str


@dataclass(frozen=True)
class Results(Document):
    """What was asked beside an explanation; None where it was not."""

    contrast: Contrast | None = None
    what_if: WhatIf | None = None
    smallest_set: FlipSet | None = None

    @property
    def empty(self) -> bool:
        return self == Results()

    def to_dict(self) -> dict[str, Any]:
        """Those that were asked for, by name."""
        return {name: value for name, value in super().to_dict().items() if value is not None}
