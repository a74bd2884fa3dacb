"""Why A and not B: the difference of two exact explanations, user by user, and how popular A and B are.

Contributions to A and to B are counted from the same baseline, so their differences sum to (s - s_0)(A) - (s - s_0)(B).
The target's users are the same for both candidates; users of the candidates themselves are two lists.
"""

from __future__ import annotations

import numpy as np

from upgan.explain.answering import Answering
from upgan.explain.base import Explainer, SideUsers
from upgan.explain.explanation import Baseline
from upgan.explain.results import Contrast, Popularities, Popularity
from upgan.explain.shares import Differences
from upgan.types import IntArray


def contrast(
    answering: Answering, target: int, relation: int, answer: int, against: int, baseline: Baseline
) -> Contrast:
    """``answer`` against another candidate of the same query (relation 0 .. 2R-1)."""
    explainer = answering.explainer()
    ours = explainer.influence(target, relation, answer, baseline=baseline, sort=None)
    theirs = explainer.influence(target, relation, against, baseline=baseline, sort=None)
    here, there = ours.target, theirs.target
    gap = here.part - there.part
    order = np.lexsort((-here.weight, -np.abs(gap)))  # stable: users ascend already
    difference = (ours.score - ours.score_baseline) - (theirs.score - theirs.score_baseline)
    scored = answering.scored(target, relation)
    own, rival = explainer.node(answer, "answer"), explainer.node(against, "answer")
    return Contrast(
        answer=own.id,
        against=rival.id,
        baseline=baseline,
        answer_standing=scored.standing(answer),
        against_standing=scored.standing(against),
        difference=difference,
        residual=float(difference - gap.sum() - ours.answer.part.sum() + theirs.answer.part.sum()),
        users=Differences(
            explainer.user_names[here.users[order]], here.weight[order], here.part[order], there.part[order], gap[order]
        ),
        answer_users=ours.answer.sorted().shares(ours.names),
        against_users=theirs.answer.sorted().shares(theirs.names),
        popularity=Popularities(popularity(explainer, answer, here), popularity(explainer, against, there)),
        limits=explainer.limits(),
        against_label=rival.label,
        answer_label=own.label,
    )


def popularity(explainer: Explainer, candidate: int, reached: SideUsers) -> Popularity:
    """Counts of users who touched ``candidate``; ``reached``: the target's users with their parts of its score."""
    own = explainer.users_of(np.array([candidate], dtype=np.int64))
    near = explainer.users_of(explainer.neighbours(np.array([candidate], dtype=np.int64)))
    everyone = np.union1d(own, near)
    touched = _among(reached.users, everyone)
    return Popularity(
        interacted=int(_among(reached.users, own).sum()),
        touched=int(touched.sum()),
        weight=float(reached.weight[touched].sum()),
        contribution=float(reached.part[touched].sum()),
        all_interacted=len(own),
        all_touched=len(everyone),
    )


def _among(users: IntArray, chosen: IntArray) -> np.ndarray:
    """(N,) which of ``users`` are ``chosen``; by a table, faster than sorting both."""
    table = np.zeros(1 + max(int(users.max(initial=0)), int(chosen.max(initial=0))), dtype=bool)
    table[chosen] = True
    return table[users]
