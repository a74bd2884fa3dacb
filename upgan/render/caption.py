"""An explanation in sentences, the reason first: why, what users change, and then weights and parts.

Pages, tables, captions and the app take these from here; the reason's own words are those of upgan.render.reasons.
"""

from __future__ import annotations

from upgan.explain.explanation import Explanation
from upgan.render.reasons import facts_sentence, others_clause, reason_sentence, walk_sentence
from upgan.render.words import (
    clean,
    heaviest_first,
    number_word,
    percent,
    question,
    rank_text,
    score_text,
    signed,
    user_noun,
)


def headline(explanation: Explanation) -> str:
    """Why, as a person would say it; empty for an explanation of an older file, which has no counts."""
    return " ".join(why(explanation))


def why(explanation: Explanation) -> list[str]:
    """The reason in one or more sentences, the first by itself enough.

    Where users change the rank, what they chose; otherwise the path that adds most, and what the graph's facts say.
    """
    if not explanation.reasons:
        return []
    reason, *others = explanation.reasons
    has_users = bool(explanation.users or explanation.answer_users)
    if has_users and reason.agree and explanation.filtered_rank != explanation.filtered_rank_without_users:
        said = [reason_sentence(reason), *(others_clause(other, reason) for other in others)]
    else:
        said = [_walk_sentence(explanation), facts_sentence(reason)]
        if has_users and reason.agree:
            said.append(reason_sentence(reason))
    return [sentence for sentence in said if sentence]


def changed(explanation: Explanation) -> str:
    """The rank, and what it is without users: the ranks of the evaluation, other known answers left out."""
    rank, without = explanation.filtered_rank, explanation.filtered_rank_without_users
    noun = user_noun(explanation.simulated_users)
    place = f"Rank {rank_text(rank)}"
    if not (explanation.users or explanation.answer_users):
        change = "; no users have a part in it" if rank == without else f"; without {noun} {rank_text(without)}"
    elif rank == without:
        change = f", with {noun} and without"
    else:
        better = "better" if rank < without else "worse"
        change = f" instead of {rank_text(without)}: {noun} make it {better}"
    left_out = explanation.rank - rank
    answers = "answer" if left_out == 1 else "answers"
    known = f" ({rank_text(left_out)} known {answers} above it left out)" if left_out >= 1 else ""
    return f"{place}{known}{change}."


def _walk_sentence(explanation: Explanation) -> str:
    """The path that adds most to the score, where the score listens to paths."""
    best = max(explanation.walks, key=lambda walk: walk.contribution, default=None)
    if best is None or best.contribution <= 0:
        return ""
    return walk_sentence(best, simulated=explanation.simulated_users)


def caption(explanation: Explanation) -> str:
    """The reason, then two or three plain sentences written from the numbers."""
    return " ".join(filter(None, [headline(explanation), details(explanation)]))


def details(explanation: Explanation) -> str:
    """Rank and score, how they change with users, and how the weight is spread."""
    answer = clean(explanation.answer.label)
    first = f"“{answer}” is ranked {rank_text(explanation.filtered_rank)} for “{question(explanation)}”"
    noun, counted = user_noun(explanation.simulated_users), f"{explanation.rank:,} with them"
    filtered = explanation.filtered_rank < explanation.rank
    has_users = explanation.users or explanation.answer_users
    if has_users and explanation.filtered_rank_without_users < explanation.rank_without_users:
        # The table beside this shows ranks with the known answers in: say both where the filter matters to either.
        filtered = True
        counted += f", {explanation.rank_without_users:,} without {noun}"
    if filtered:
        first += f", the other known answers left out ({counted})"
    without = rank_text(explanation.filtered_rank_without_users)
    if not has_users:
        told = f"{first}. {_without_users(explanation)}"
        if explanation.limits or explanation.filtered_rank_without_users == explanation.filtered_rank:
            return told
        worse = explanation.filtered_rank > explanation.filtered_rank_without_users
        moved = "made it worse" if worse else "made it better"
        return f"{told} By what they add to other candidates the {noun} {moved}: without them it would be {without}."
    same = explanation.filtered_rank_without_users == explanation.filtered_rank
    first += f"; without {noun} it would be {'ranked the same' if same else without}."
    if explanation.filtered_rank > explanation.filtered_rank_without_users:
        first += f" Here the {noun} made it worse."
    return " ".join(
        [first, _weight_sentence(explanation), _score_sentence(explanation), *_influence_sentence(explanation)]
    )


def _without_users(explanation: Explanation) -> str:
    noun = user_noun(explanation.simulated_users, 1)
    if explanation.limits:
        limits = " ".join(explanation.limits)
        if explanation.score != explanation.score_without_users:
            limits += f" Score and rank without users: {score_text(explanation.score_without_users)}, "
            limits += f"{rank_text(explanation.filtered_rank_without_users)}."
        return limits
    if explanation.target.layer < 0:
        return f"No {noun} reaches “{clean(explanation.target.label)}”: the rank rests on the knowledge graph alone."
    return "No user has a part in its score."


def _weight_sentence(explanation: Explanation) -> str:
    """How concentrated the target's users are; the answer's where none reaches the target."""
    users, place = explanation.users, "target"
    if not users:
        users, place = explanation.answer_users, "answer"
    count = min(explanation.top_users, len(users))
    share = sum(user.weight for user in heaviest_first(users)[:count])
    noun = user_noun(explanation.simulated_users, len(users))
    if len(users) == 1:
        return f"A single {noun} reaches the {place} and carries all of the weight."
    if count == len(users):
        return f"{number_word(count).capitalize()} {noun} reach the {place} and carry all of the weight."
    if count == 1:
        return f"The heaviest of {len(users):,} {noun} carries {percent(share)} of the weight."
    return f"The {number_word(count)} heaviest of {len(users):,} {noun} carry {percent(share)} of the weight."


def _score_sentence(explanation: Explanation) -> str:
    difference = explanation.score - explanation.score_without_users
    noun = user_noun(explanation.simulated_users)
    together = f"Together, the {noun} reached change the score"
    if len(explanation.users) + len(explanation.answer_users) == 1:
        together = f"This {user_noun(explanation.simulated_users, 1)} changes the score"
    sentence = (
        f"{together} by {signed(difference)}, from {score_text(explanation.score_without_users)} "
        f"to {score_text(explanation.score)}"
    )
    if explanation.users and explanation.answer_users and explanation.baseline == "none":
        own, others = (sum(u.contribution for u in side) for side in (explanation.users, explanation.answer_users))
        sentence += f" ({signed(own)} from those of the target, {signed(others)} from those of the answer)"
    users = heaviest_first(explanation.users or explanation.answer_users)
    if len(users) > 1 and users[0].contribution * difference < 0:
        return f"{sentence}. The heaviest one pulls the other way ({signed(users[0].contribution)})."
    return f"{sentence}."


def _influence_sentence(explanation: Explanation) -> list[str]:
    """Weight is not influence: said where the heaviest user is not the one whose part of the score is largest."""
    users = heaviest_first(explanation.users or explanation.answer_users)
    if len(users) < 2:
        return []
    place, strongest = max(enumerate(users, start=1), key=lambda item: abs(item[1].contribution))
    if place == 1:
        return []
    return [
        f"Weight is not influence: the largest part of the score ({signed(strongest.contribution)}) comes from user "
        f"number {place:,} by weight, the heaviest one's is {signed(users[0].contribution)}."
    ]
