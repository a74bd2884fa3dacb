"""Explanations of runs whose score holds no user-by-user arithmetic: ranks and known facts, and what is missing."""

from __future__ import annotations

from collections.abc import Callable

from upgan.data.dataset import KGDataset
from upgan.explain.base import GraphReader, Influence, Shown, Spoken, Told
from upgan.explain.explanation import Baseline, Sort
from upgan.graph.layered import LayeredGraph
from upgan.types import IntArray

#: The reasons, by kind of model.
RGCN = (
    "This run has the R-GCN-like form, which mixes users and entities in every step: its p_h is no weighted mean of "
    "users, so there are no user weights, no paths and no contribution of a single user.",
    "What can be shown is the score with p_h and with p_h = 0, and facts known in training.",
)
FACTORISATION = (
    "This run's model ({name}) hears no users: its score is made of head, relation and answer alone, so "
    "there are no user weights, paths or contributions, and the rank without users is the rank.",
)
#: A compared system that learned from interactions too, but whose score is no sum over users.
SYSTEM_WITH_USERS = (
    "This run's model ({name}) learned from interactions together with the triples: what users chose is inside its "
    "vectors and cannot be told apart user by user, so there are no user weights, paths or contributions, and the rank "
    "without users is the rank.",
)


class SilentExplainer(GraphReader):
    """No user is named; the scores are those of the ranking."""

    def __init__(
        self,
        dataset: KGDataset,
        graph: LayeredGraph,
        triples: IntArray,
        interactions: IntArray,
        score: Callable[[int, int, int], tuple[float, float]],
        limits: tuple[str, ...],
    ) -> None:
        """``score``: head, relation, answer -> score with users and without."""
        super().__init__(dataset, graph, triples, interactions)
        self._scores = score
        self._limits = limits

    def influence(
        self, head: int, relation: int, answer: int, *, baseline: Baseline = "none", sort: Sort | None = "weight"
    ) -> Influence:
        """The two scores, without a part of anybody: what users do together is the residual."""
        score, without = self._scores(head, relation, answer)
        return Influence(Spoken.nobody(), Spoken.nobody(), score, without, without, self.user_names)

    def told(self, target: int, relation: int, answer: int, influence: Influence, shown: Shown) -> Told:
        """No paths."""
        return Told()

    def limits(self) -> tuple[str, ...]:
        """What this run cannot show, one sentence each."""
        return self._limits
