"""Explanations of runs whose score holds no user-by-user arithmetic: ranks and known facts, and what is missing."""

from __future__ import annotations

import torch

from upgan.explain.base import Explainer, Influence, SeenGraph, SideUsers
from upgan.explain.explanation import Baseline, Sort
from upgan.model.base import FullScorer, Model, UsersIn

#: The reasons, by how users are in the scores.
REASONS: dict[UsersIn, tuple[str, ...]] = {
    "mixed": (
        "This run has the R-GCN-like form, which mixes users and entities in every step: its p_h is no weighted mean "
        "of users, so there are no user weights, no paths and no contribution of a single user.",
        "What can be shown is the score with p_h and with p_h = 0, and facts known in training.",
    ),
    "none": (
        "This run's model ({name}) does not use interactions: its score is made of head, relation and answer alone, so "
        "there are no user weights, paths or contributions, and the rank without users is the rank.",
    ),
    "vectors": (
        "This run's model ({name}) learned from interactions together with the triples: what users chose is inside its "
        "vectors and cannot be told apart user by user, so there are no user weights, paths or contributions, and the "
        "rank without users is the rank.",
    ),
}


class SilentExplainer(Explainer):
    """No user is named; the scores are those of the ranking."""

    def __init__(self, seen: SeenGraph, model: Model, scorer: FullScorer, name: str) -> None:
        """``name``: what the model is called."""
        super().__init__(seen, model)
        self._scorer = scorer
        self._name = name

    def influence(
        self, head: int, relation: int, answer: int, *, baseline: Baseline = "none", sort: Sort | None = "weight"
    ) -> Influence:
        """The two scores, without a part of anybody: what users do together is the residual."""
        query = torch.tensor([head]), torch.tensor([relation])
        score, without = (float(self._scorer.scores(*query, users=users)[0, answer]) for users in (True, False))
        return Influence(SideUsers.nobody(), SideUsers.nobody(), score, without, without, self.user_names)

    def limits(self) -> tuple[str, ...]:
        return tuple(sentence.format(name=self._name) for sentence in REASONS[self.model.users_in])
