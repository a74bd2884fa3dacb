"""Numbers and names as a reader sees them: how many digits, which words.

Shared by every drawing of an ``Explanation`` so that the graph, the page, the tables and the app say the same thing.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence

from upgan.escapes import line
from upgan.explain.explanation import Explanation, Node
from upgan.explain.shares import UserShare
from upgan.types import INVERSE_MARK, SAID

#: A label on one line, without control characters.
clean = line
MINUS = "−"


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


def place_text(rank: float, *, known: bool) -> str:
    """A rank in a list of candidates: of a known answer in brackets, because the others are counted without it."""
    return f"({rank_text(rank)})" if known else rank_text(rank)


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


def said_words(said: str, users: int, *, simulated: bool = False, items: Sequence[str] = ()) -> str:
    """What the users on a path say of its two items: "22 users rated both alike"; empty where nobody is on it.

    ``items``: what the two are called, where they are to be named.
    """
    if not users:
        return ""
    both = " and ".join(f"“{item}”" for item in items) or "both"
    near = f"{both} soon after each other" if items else "one soon after the other"
    what = {SAID["ratings"]: f"rated {both} alike", SAID["order"]: f"chose {near}"}.get(said, f"chose {both}")
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
