"""Numbers and names as a reader sees them: how many digits, which words, one caption.

Shared by every drawing of an ``Explanation`` so that the graph, the page, the tables and the app say the same thing.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence

from upgan.explain.explanation import Explanation, Node
from upgan.explain.shares import UserShare
from upgan.types import INVERSE_MARK, SAID

_LINE_ENDS = re.compile("[\t\n\r\u2028\u2029]")
# Embeddings, overrides and isolates of the bidirectional algorithm: one left open would mirror all that follows.
# Of the rest XML forbids what is no character.
_DROPPED = re.compile("[\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
# Controls and surrogates draw nothing or change what follows. Unassigned ones are left alone: a font may be newer.
_UNDRAWABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MINUS = "−"


def clean(text: str) -> str:
    """A label on one line, without control characters (terminal escapes, bidi overrides, what XML forbids)."""
    kept = _UNDRAWABLE.sub("\ufffd", _DROPPED.sub("", _LINE_ENDS.sub(" ", text)))
    return " ".join(kept.split())


def shorten(text: str, width: int) -> str:
    """At most ``width`` characters, the last one an ellipsis where something was cut."""
    return text if len(text) <= width else text[: max(1, width - 1)].rstrip() + "…"


def wrap(text: str, width: int, lines: int) -> list[str]:
    """``text`` in at most ``lines`` lines of ``width`` characters, broken between words where possible."""
    whole = textwrap.wrap(text, width, break_on_hyphens=False)
    rest = " ".join(whole[lines - 1 :])
    return [*whole[: lines - 1], *([shorten(rest, width)] if rest else [])]


def coefficient(value: float) -> str:
    """An alpha, a weight or a coefficient in 0 … 1: two significant digits, never a misleading 0.00 or 1.00."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    if abs(value) < 0.001:
        return "<0.001"
    if 0.995 <= value < 1:
        return ">0.99"
    if value >= 0.0995:
        return f"{value:.2f}"
    return f"{value:.3f}" if value >= 0.00995 else f"{value:.4f}"


def score_text(value: float) -> str:
    """A score (logit) with three decimals and a real minus sign."""
    return f"{value:.3f}".replace("-", MINUS) if math.isfinite(value) else "n/a"


def signed(value: float) -> str:
    """A contribution: always with its sign; tiny values keep their order of magnitude."""
    if not math.isfinite(value):
        return "n/a"
    if value == 0:
        return "0"
    text = f"{value:+.0e}"
    if abs(value) >= 0.0001:
        text = f"{value:+.3f}" if abs(value) >= 0.01 else f"{value:+.4f}"
    return text.replace("-", MINUS)


def percent(value: float) -> str:
    """A share of 1 as a whole percentage, saying so where rounding would lie."""
    if 0 < value < 0.005:
        return "less than 1%"
    if 0.995 <= value < 0.99999:
        return "more than 99%"
    return f"{value:.0%}"


def rank_text(rank: float) -> str:
    """A rank; halves (ties) keep their half."""
    return f"{rank:,.1f}" if rank != int(rank) else f"{int(rank):,}"


def relation_words(relation: str, labels: Mapping[str, str] | None = None) -> str:
    """A relation id in words: its label where one is known, otherwise the last part of the id taken apart.

    ``r⁻¹`` keeps its mark; "interacted" and ids that are already words come back as they are.
    """
    inverse = relation.endswith(INVERSE_MARK)
    bare = relation.removesuffix(INVERSE_MARK)
    label = (labels or {}).get(bare)
    if label is None:
        tail = re.split(r"[/#:.]", bare.rstrip("/#:."))[-1] or bare
        label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tail).replace("_", " ").lower()
    return clean(label) + (INVERSE_MARK if inverse else "")


def user_noun(simulated: bool, count: int = 2) -> str:
    """ "user(s)", or "simulated user(s)" where the dataset's interactions are generated."""
    return ("simulated " if simulated else "") + ("user" if count == 1 else "users")


def said_words(said: str, users: int, *, simulated: bool = False) -> str:
    """What the users on a path say of its two items: "22 users rated both alike"; empty where nobody is on it."""
    if not users:
        return ""
    what = {SAID["ratings"]: "rated both alike", SAID["order"]: "chose one soon after the other"}.get(
        said, "chose both"
    )
    return f"{users:,} {user_noun(simulated, users)} {what}"


def number_word(count: int) -> str:
    """Small counts in words, as in running text."""
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if 0 <= count < len(words) else f"{count:,}"


def sentence(entity: str, relation: str, *, inverse: bool, answer: str = "?") -> str:
    """A query in words, with its gap or filled: "Part of the Bargain — author — ?", "? — author — Robert Jordan"."""
    ends = (clean(answer), clean(entity)) if inverse else (clean(entity), clean(answer))
    return f"{ends[0]} — {clean(relation)} — {ends[1]}"


def question(explanation: Explanation) -> str:
    """The explanation's query in words."""
    return sentence(explanation.target.label, explanation.relation_label, inverse=explanation.inverse)


def caption(explanation: Explanation) -> str:
    """Two or three plain sentences written from the numbers."""
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
    if not has_users:
        return f"{first}. {_without_users(explanation)}"
    without = rank_text(explanation.filtered_rank_without_users)
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
    return "This model gives the target no user weights: the rank rests on its own score alone."


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


def heaviest_first(users: Sequence[UserShare]) -> list[UserShare]:
    """Users by weight, whichever way the explanation has them; equal ones stay in its order."""
    return sorted(users, key=lambda user: -user.weight)


def short_id(user: str) -> str:
    """A user's id for a display: both its ends where it is long, so that ids which begin alike stay apart."""
    text = clean(user)
    return text if len(text) <= 16 else f"{text[:8]}…{text[-7:]}"


def node_words(node: Node) -> str:
    """A node by its label, or its id where that is blank; a user by the short form."""
    return short_id(node.label or node.id) if node.role == "user" else clean(node.label) or clean(node.id)


def baseline_words(explanation: Explanation) -> str:
    """What the contributions are counted from."""
    return "score without users" if explanation.baseline == "none" else "score with the mean user instead"


def proof(explanation: Explanation) -> list[str]:
    """The check a reader can redo: weights add up to 1, contributions to the difference of the two scores."""
    total = sum(user.contribution for user in (*explanation.users, *explanation.answer_users))
    lines = []
    both = bool(explanation.users and explanation.answer_users)
    for users, place in ((explanation.users, "target"), (explanation.answer_users, "answer")):
        if users:
            weights = sum(user.weight for user in users)
            noun = user_noun(explanation.simulated_users, len(users))
            whose = f" of the {place}" if both or place == "answer" else ""
            lines.append(f"Σ weights = {weights:.6f} over {len(users):,} {noun}{whose}")
    residual = f"{explanation.residual:.0e}".replace("-", MINUS) if explanation.residual else "0"
    untold = bool(explanation.limits) and explanation.score != explanation.score_without_users
    lines.append(
        f"Score minus score without users = {signed(explanation.residual)}: it is not known how much each user adds"
        if untold
        else f"Σ contributions = {signed(total)} = score {score_text(explanation.score)} minus "
        f"{baseline_words(explanation)} {score_text(explanation.baseline_score)} (left over by rounding: {residual})"
    )
    if explanation.users or explanation.answer_users:
        lines.append("All reached users counted, no sampling. “Without users” sets the user part of the score to 0.")
    lines += [clean(limit) for limit in explanation.limits]
    prints = [
        f"{name} {clean(value)[:12]}"
        for name, value in (("run", explanation.run_fingerprint), ("dataset", explanation.dataset_fingerprint))
        if value
    ]
    if prints:
        lines.append(" · ".join(prints))
    return lines


def known_sentence(known: str | None) -> str:
    """What the dataset already says about an answer."""
    if known is None:
        return "The dataset does not hold this answer: it is the model's proposal."
    part = {"train": "training", "valid": "validation", "test": "test"}.get(known, known)
    unseen = "" if known == "train" else ", which the model did not see"
    return f"The dataset holds this answer, in its {part} part{unseen}."
