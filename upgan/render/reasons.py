"""The reason for a proposed fact in one sentence that a curator would say, written from its counts alone.

The only place that chooses these words: lists, pages, reports and the headline of an explanation take them from here.
"""

from __future__ import annotations

from collections.abc import Iterator

from upgan.explain.explanation import Walk
from upgan.explain.reason import Reason
from upgan.render.words import clean, node_words, percent, relation_words, said_words, signed, user_noun
from upgan.types import INVERSE_MARK


def reason_sentence(reason: Reason, *, users: bool = True) -> str:
    """One sentence, or two; ``users=False`` for a model that does not use interactions: then the facts speak alone."""
    said = _users(reason) if users else ""
    if said and reason.agree:
        return said
    return " ".join(part for part in (said, facts_sentence(reason)) if part)


def others_clause(other: Reason, reason: Reason) -> str:
    """The same count for another answer, the one that would be first without users, beside ``reason``'s sentence."""
    same = (other.about, other.turned) == (reason.about, reason.turned)
    name = f"“{clean(other.value if same else other.about)}”, ranked first without users,"
    if not other.users:
        return f"Nobody chose {name.removesuffix(',')}."
    count = f"{other.agree:,}" if other.agree else "none"
    return f"For {name} {count} of {'them' if same else f'{other.users:,}'} did."


def _users(reason: Reason) -> str:
    """What the users of the entity chose beside it."""
    if not reason.users:
        return ""
    noun, others = user_noun(reason.simulated_users, reason.users), f"something else {_with_value(reason)}"
    about = f"“{clean(reason.about)}”"
    if not reason.agree:
        who = f"None of the {reason.users:,} {noun}" if reason.users > 1 else f"The only {noun}"
        return f"{who} of {about} {'' if reason.users > 1 else 'never '}chose {others}."
    who = f"{reason.agree:,} of the {reason.users:,} {noun}" if reason.users > 1 else f"The only {noun}"
    many = f" (usually {reason.others:,} of them)" if reason.others > 1 else ""
    everybody = user_noun(reason.simulated_users)
    return f"{who} of {about} also chose {others}{many}; of all {everybody}, {percent(reason.everybody)} did."


def facts_sentence(reason: Reason) -> str:
    """What the entities with this value have in common with this one."""
    if not reason.alike:
        return "Nothing else in the data has this value."
    one = reason.alike == 1
    alike = f"only other {_with_value(reason)}" if one else f"{reason.alike:,} others {_with_value(reason)}"
    if reason.common is None:
        none = f"The {alike} shares no" if one else f"Of the {alike}, none shares a"
        return f"{none} typical fact with it: the model's own vectors speak for it."
    relation, value = reason.common
    fact = f"{relation_words(relation)} “{clean(value)}”"
    if one:
        return f"The {alike} shares its {fact}."
    return f"{reason.sharing:,} of the {alike} share{'s' if reason.sharing == 1 else ''} its {fact}."


def walk_sentence(walk: Walk, *, simulated: bool) -> str:
    """What the path from target to answer that adds most says, fact by fact, and how much that is."""
    return f"The path that adds most: {', and '.join(_clauses(walk, simulated))} ({signed(walk.contribution)})."


def _clauses(walk: Walk, simulated: bool) -> Iterator[str]:
    names = [node_words(node) for node in walk.nodes]
    place = 0
    while place < len(walk.relations):
        relation = walk.relations[place]
        beyond = walk.relations[place + 1] if place + 1 < len(walk.relations) else ""
        if beyond and walk.nodes[place + 1].role == "user":
            items = (names[place], names[place + 2])
            yield said_words(walk.said, max(walk.users, 1), simulated=simulated, items=items)
            place += 2
        elif beyond == relation + INVERSE_MARK:
            value = f"{relation_words(relation)} “{names[place + 1]}”"
            yield f"“{names[place]}” and “{names[place + 2]}” share the {value}"
            place += 2
        else:
            head, tail = names[place : place + 2][:: -1 if relation.endswith(INVERSE_MARK) else 1]
            yield f"“{head}” has {relation_words(relation).removesuffix(INVERSE_MARK)} “{tail}”"
            place += 1


def _with_value(reason: Reason) -> str:
    """ "with author “Linda Lael Miller”", or, from the tail, "that “Linda Lael Miller” has as wrote"."""
    relation, value = relation_words(reason.relation), f"“{clean(reason.value)}”"
    return f"that “{clean(reason.value)}” has as {relation}" if reason.turned else f"with {relation} {value}"


def sure_sentence(sure: float | None, *, empty: bool, filled: float | None = None) -> str:
    """What an estimated precision means for one line; ``filled``: the share of a gap's kind that has something there.

    A list made before this share was kept does not know it.
    """
    if sure is None:
        return "How sure this is cannot be said: no facts were held out to learn it from."
    share = percent(min(sure, 0.999))  # no number of examples makes certain
    if empty and filled is not None:
        has = f"{percent(filled)} of its kind have something here"
        rest = "" if filled >= 1 else ", and this one may rightly have nothing"
        return f"Of such lines about {share} were right when hidden facts were asked for again: {has}{rest}."
    if empty:
        return f"Of such lines {share} were right where an answer that is known was hidden and asked for again."
    return (
        f"Of such lines at least {share} were right: a proposal that the data do not hold counts as wrong here, though "
        "it may be true."
    )


def slot_words(*, empty: bool) -> str:
    """Which of the two a line is, for a curator."""
    return "fills a gap" if empty else "one more"


def asked_words(relation: str, *, turned: bool) -> str:
    """A relation as it is asked: "author", or from its other end "is the author of"."""
    words = relation_words(relation)
    return f"is the {words} of" if turned else words
