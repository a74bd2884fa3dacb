"""The smallest set of users without whom an answer loses its place: greedy, checked by the model at every step.

Users are taken in the order of what they add to the answer over the best other candidate (exact contributions); after
every step the forward pass is run again without them (weights frozen). Then every user of the set is put back once: who
is not needed is dropped. The result is minimal, not always the smallest: effects of users are not independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from upgan.explain.answering import Answering
from upgan.explain.results import FlipSet, Standing
from upgan.explain.what_if import standing_without
from upgan.types import IntArray

#: After this many users one by one, steps double: the set is then closed in on by halving.
SINGLE_STEPS = 8
#: Largest set that the backward pass tries user by user.
LARGEST_MINIMISED = 64


@dataclass
class Trials:
    """Runs the model without some users, and counts how often."""

    run: Callable[[IntArray], Standing]
    before: Standing
    count: int = 0
    last: Standing = field(init=False)

    def moves(self, users: IntArray) -> bool:
        """Whether the filtered rank gets worse without ``users``."""
        self.count += 1
        self.last = self.run(users)
        return self.last.filtered_rank > self.before.filtered_rank


def smallest_set(answering: Answering, target: int, relation: int, answer: int) -> FlipSet:
    """The users whose removal (of all their interactions) makes the filtered rank of ``answer`` worse."""
    explainer = answering.explainer()
    scored = answering.scored(target, relation)
    before = scored.standing(answer)
    rival = next(
        (
            other
            for other in scored.best(len(scored.known) + 2).tolist()
            if other != answer and other not in scored.known
        ),
        None,
    )

    def made(users: IntArray, after: Standing, reason: str, minimal: bool, checks: int) -> FlipSet:
        return FlipSet(
            found=len(users) > 0,
            users=tuple(explainer.user_names[users].tolist()),
            before=before,
            after=after,
            runner_up=None if rival is None else answering.dataset.entities[rival],
            minimal=minimal,
            checks=checks,
            reason=reason,
        )

    nobody = np.empty(0, dtype=np.int64)
    order = _order(answering, target, relation, answer, rival)
    if rival is None or not len(order):
        reason = (
            "No user has a part in this question, so none can be removed." if rival is not None else "No other answer."
        )
        return made(nobody, before, " ".join([reason, *explainer.limits()]), True, 0)
    trials = Trials(lambda users: standing_without(answering, users, target, relation, answer), before)
    taken = _taken(trials, order)
    if taken is None:
        reason = f"Even without all {len(order):,} users of the question the filtered rank does not get worse."
        return made(nobody, trials.last, reason, True, trials.count)
    needed = _minimised(trials, order[:taken])
    small = taken <= LARGEST_MINIMISED
    verified = trials.moves(needed)
    assert verified, "the last set that was kept moved the rank"
    reason = f"Without these {len(needed):,} users" if len(needed) > 1 else "Without this user"
    reason += f" the filtered rank falls from {before.filtered_rank:g} to {trials.last.filtered_rank:g}."
    if not small:
        reason += f" More than {LARGEST_MINIMISED} users were needed; some of them may not be needed."
    return made(needed, trials.last, reason, small, trials.count)


def _order(answering: Answering, target: int, relation: int, answer: int, rival: int | None) -> IntArray:
    """Users of the question, those first that help the answer most against ``rival``."""
    if rival is None:
        return np.empty(0, dtype=np.int64)
    explainer = answering.explainer()
    ours = explainer.influence(target, relation, answer, sort=None)
    theirs = explainer.influence(target, relation, rival, sort=None)
    total = np.zeros(answering.dataset.num_users)
    there = np.zeros(answering.dataset.num_users, dtype=bool)
    for side, sign in ((ours.target, 1), (ours.answer, 1), (theirs.answer, -1), (theirs.target, -1)):
        total[side.users] += sign * side.part
        there[side.users] = True
    chosen = np.flatnonzero(there)
    order: IntArray = chosen[np.lexsort((chosen, -total[chosen]))]
    return order


def _taken(trials: Trials, order: IntArray) -> int | None:
    """How many of the first users have to go for the rank to move; None where all of them change nothing."""
    count, last = 0, 0
    while count < len(order):
        last = count
        count = min(count + 1 if count < SINGLE_STEPS else 2 * count, len(order))
        if trials.moves(order[:count]):
            break
    else:
        return None
    while count - last > 1:
        middle = (last + count) // 2
        if trials.moves(order[:middle]):
            count = middle
        else:
            last = middle
    return count


def _minimised(trials: Trials, users: IntArray) -> IntArray:
    """``users`` without those who need not go, tried from the last taken to the first until nobody is spare.

    Effects depend on each other: once one is dropped, another may be spare that was not before.
    """
    if len(users) > LARGEST_MINIMISED:
        return users
    again = True
    while again:
        again = False
        for user in users[::-1].tolist():
            fewer = users[users != user]
            if len(fewer) and trials.moves(fewer):
                users, again = fewer, True
    return users
