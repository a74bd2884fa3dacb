"""What was asked beside an explanation, for page and terminal alike: contrast, what if, the smallest set of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from markupsafe import Markup

from upgan.explain.results import Changes, Contrast, FlipSet, Popularities, Results, Standing, WhatIf
from upgan.explain.shares import UserDifference, UserShare
from upgan.render.table import Section, Table, Words, isolated
from upgan.render.words import clean, coefficient, rank_text, score_text, short_id, signed

_MOST_USERS = 20
#: How a user is named: by a short form on a page, whole at the terminal, from where it can be copied.
Name = Callable[[str], str]


def results_sections(
    results: Results, answer: str, noun: str = "users", *, whole: bool = False, name: Name = short_id
) -> Iterable[Section]:
    """A section for each that was asked; ``answer``: the answer's label; ``whole``: with all that there is to say."""
    if results.contrast is not None:
        yield _contrast(results.contrast, answer, noun, whole, name)
    if results.what_if is not None:
        yield _what_if(results.what_if, whole, name)
    if results.smallest_set is not None:
        yield _smallest_set(results.smallest_set, name)


def contrast_caption(contrast: Contrast, answer: str, noun: str = "users") -> str:
    """Why A and not B in words, the popularity trap named where there is one."""
    rival, answer = clean(contrast.against_label), clean(answer)
    favoured = answer if contrast.difference > 0 else rival
    gap = score_text(abs(contrast.difference))
    first = f"The {noun} add {gap} more to the score of “{favoured}” than to the other's"
    if contrast.difference == 0:
        first = f"The {noun} add as much to both scores"
    mine, other = contrast.popularity.answer.touched, contrast.popularity.against.touched
    counts = f"{other:,} of the target's {noun} touched “{rival}”, {mine:,} “{answer}”"
    if other > mine and contrast.answer_standing.score > contrast.against_standing.score:
        counts += f": counting them would choose “{rival}”, the model prefers “{answer}”"
    elif other > mine:
        counts += f": the model follows the count and prefers “{rival}”"
    return f"{first}. {counts}."


def changes_words(changes: Changes, name: Name = short_id) -> str:
    """The changes of a what-if in one sentence."""
    parts = [f"without user {name(user)}" for user in changes.remove_users]
    parts += [f"user {name(user)} had not chosen {clean(item)}" for user, item in changes.remove_interactions]
    parts += [f"without the fact {' — '.join(map(clean, fact))}" for fact in changes.remove_triples]
    parts += [f"user {name(user)} had chosen {clean(item)}" for user, item in changes.add_interactions]
    parts += [f"with the fact {' — '.join(map(clean, fact))}" for fact in changes.add_triples]
    return "; ".join(parts) or "nothing changed"


def shares_table(title: str, shares: Sequence[UserShare], most: int, name: Name = short_id) -> Table:
    """The first ``most`` users with weight and part of the score, and the rest summed up."""
    rows = [(name(share.id), coefficient(share.weight), signed(share.contribution)) for share in shares[:most]]
    rest = shares[most:]
    sums = coefficient(sum(share.weight for share in rest)), signed(sum(share.contribution for share in rest))
    more = (f"{len(rest):,} more", *sums) if rest else ()
    return Table((title, "weight", "part of the score"), rows, frozenset({1, 2}), more)


def _contrast(contrast: Contrast, answer: str, noun: str, whole: bool, name: Name) -> Section:
    names = answer, contrast.against_label
    popularity = _popularity(contrast.popularity)
    rows = [
        *_standings(contrast.answer_standing, contrast.against_standing),
        *(popularity if whole else [popularity[row] for row in (1, 2, 3, 5)]),
    ]
    parts: list[Table | Words] = [
        Words(isolated(contrast_caption(contrast, answer, noun))),
        Table(("", *names), rows, frozenset({1, 2})),
    ]
    if contrast.users:
        parts.append(_differences(contrast.users, names, name))
    for shares, whose in ((contrast.answer_users, names[0]), (contrast.against_users, names[1])):
        if whole and shares:
            parts.append(shares_table(f"user of {whose}", shares, _MOST_USERS, name))
    gap, residual = signed(contrast.difference), signed(contrast.residual)
    parts.append(Words(f"All parts together differ by {gap}; left over by rounding: {residual}.", faint=True))
    parts += [Words(limit) for limit in contrast.limits if whole]
    return Section(Markup("Why {} and not {}").format(*map(isolated, names)), parts)


def _differences(users: Sequence[UserDifference], names: tuple[str, str], name: Name) -> Table:
    """Who adds how much to either score; the rest summed up."""
    parts = ("contribution", "contribution_against", "difference")
    rows = [
        (name(user.id), coefficient(user.weight), *(signed(getattr(user, part)) for part in parts))
        for user in users[:_MOST_USERS]
    ]
    rest = users[_MOST_USERS:]
    sums = (signed(sum(getattr(user, part) for user in rest)) for part in parts)
    more = (f"{len(rest):,} more", coefficient(sum(user.weight for user in rest)), *sums) if rest else ()
    head = ("user of the target", "weight", *(f"part of {each}" for each in names), "difference")
    return Table(head, rows, frozenset({1, 2, 3, 4}), more)


def _standings(left: Standing, right: Standing) -> list[tuple[str, str, str]]:
    texts: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("Rank, the other known answers left out", "filtered_rank", rank_text),
        ("Rank without users", "filtered_rank_without_users", rank_text),
        ("Place among all entities", "rank", rank_text),
        ("Score (not a probability)", "score", score_text),
        ("Score without users", "score_without_users", score_text),
    )
    return [(words, text(getattr(left, field)), text(getattr(right, field))) for words, field, text in texts]


def _popularity(both: Popularities) -> list[tuple[str, str, str]]:
    mine, other = both.answer, both.against
    return [
        ("The target's users who chose it", f"{mine.interacted:,}", f"{other.interacted:,}"),
        ("The target's users who touched it or what is one fact away", f"{mine.touched:,}", f"{other.touched:,}"),
        ("… their summed weight", coefficient(mine.weight), coefficient(other.weight)),
        ("… their part of its score", signed(mine.contribution), signed(other.contribution)),
        ("All users who chose it", f"{mine.all_interacted:,}", f"{other.all_interacted:,}"),
        ("All users who did", f"{mine.all_touched:,}", f"{other.all_touched:,}"),
    ]


def _what_if(result: WhatIf, whole: bool, name: Name) -> Section:
    pairs = zip(result.candidates_before, result.candidates_after, strict=False)
    rows = [
        (str(place), before.label, score_text(before.score), after.label, score_text(after.score))
        for place, (before, after) in enumerate(pairs, start=1)
    ]
    parts: list[Table | Words] = [
        Words(isolated(changes_words(result.changes, name))),
        Table(("", "before", "after"), _standings(result.before, result.after), frozenset({1, 2})),
        Table(("place", "before", "score", "after", "score"), rows, frozenset({0, 2, 4})),
    ]
    if whole:
        parts += [Words(_reached(result)), *map(Words, result.limits)]
    return Section(f"What if ({result.label})", parts)


def _reached(result: WhatIf) -> str:
    """How many users speak for the target and for the answer, before and after."""
    counts = f"{len(result.users_before):,} users reached the target before, {len(result.users_after):,} after."
    if result.answer_users_before or result.answer_users_after:
        counts += f" The answer had {len(result.answer_users_before):,}, and has {len(result.answer_users_after):,}."
    was, now = result.target_layer_before, result.target_layer_after
    return counts if was == now else f"{counts} The target's distance to the users changed from {was} to {now}."


def _smallest_set(result: FlipSet, name: Name) -> Section:
    parts = [Words(isolated(result.reason))]
    if result.users:
        users, checks = isolated(", ".join(map(name, result.users))), f"{result.checks:,}"
        how = Markup("{}. Found greedily and checked by {} runs of the model.").format(users, checks)
        parts.append(Words(how, faint=True))
    return Section(f"Smallest set of users ({result.label})", parts)
