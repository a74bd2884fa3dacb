"""Contrast, what-if and smallest set as text for the terminal.

``called``, everywhere: user id -> pseudonym, where users are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping

from upgan.explain.results import Contrast, FlipSet, Popularity, Standing, WhatIf
from upgan.render.text_tables import aligned
from upgan.render.words import clean, coefficient, rank_text, score_text, shorten, signed

_LABEL_WIDTH = 40
_MOST_USERS = 20


def contrast_table(contrast: Contrast, called: Mapping[str, str] | None = None) -> str:
    """Both candidates' standing, the users between them, and how popular each is."""
    names = [shorten(clean(node.label), _LABEL_WIDTH) for node in (contrast.answer, contrast.against)]
    blocks = [
        f"Why {names[0]} and not {names[1]}",
        aligned(("", *names), _standings(contrast.answer_standing, contrast.against_standing), right={1, 2}),
    ]
    if contrast.users:
        body: list[tuple[str, ...]] = [
            (
                _user(user.id, called),
                coefficient(user.weight),
                signed(user.contribution),
                signed(user.contribution_against),
                signed(user.difference),
            )
            for user in contrast.differences(_MOST_USERS)
        ]
        if len(contrast.users) > _MOST_USERS:
            rest, other = contrast.users[_MOST_USERS:], contrast.contributions_against[_MOST_USERS:]
            sums = rest.contributions.sum(), other.sum(), (rest.contributions - other).sum()
            body.append(
                (f"({len(rest):,} more)", coefficient(float(rest.weights.sum())), *map(signed, map(float, sums)))
            )
        head = ("user of the target", "weight", *(f"part of {name}" for name in names), "difference")
        blocks.append(aligned(head, body, right={1, 2, 3, 4}))
    for shares, name in ((contrast.answer_users, names[0]), (contrast.against_users, names[1])):
        if shares:
            parts = [(_user(s.id, called), coefficient(s.weight), signed(s.contribution)) for s in shares[:_MOST_USERS]]
            if rest := shares[_MOST_USERS:]:
                total = coefficient(float(rest.weights.sum())), signed(float(rest.contributions.sum()))
                parts.append((f"({len(rest):,} more)", *total))
            blocks.append(aligned((f"user of {name}", "weight", "part of the score"), parts, right={1, 2}))
    if contrast.users:
        both = contrast.answer_popularity, contrast.against_popularity
        blocks.append(aligned(("popularity", *names), _popularities(*both), right={1, 2}))
    blocks.append(
        f"(s − s₀) of {names[0]} minus (s − s₀) of {names[1]} = {signed(contrast.difference)}, "
        f"left over by rounding: {_residual(contrast.residual)}"
    )
    return "\n\n".join([*blocks, *contrast.limits])


def what_if_table(found: WhatIf, called: Mapping[str, str] | None = None) -> str:
    """Ranks and scores before and after, and both lists side by side."""
    blocks = [
        f"What if ({found.label}): {changes_words(found, called)}",
        aligned(("", "before", "after"), _standings(found.before, found.after), right={1, 2}),
    ]
    rows = max(len(found.candidates_before), len(found.candidates_after))
    body = []
    for place in range(rows):
        cells = [str(place + 1)]
        for listed in (found.candidates_before, found.candidates_after):
            one = listed[place] if place < len(listed) else None
            cells += ["", ""] if one is None else [shorten(clean(one.label), _LABEL_WIDTH), score_text(one.score)]
        body.append(cells)
    blocks.append(aligned(("rank", "before", "score", "after", "score"), body, right={0, 2, 4}))
    counts = f"{len(found.users_before):,} users reached the target before, {len(found.users_after):,} after."
    if found.answer_users_before or found.answer_users_after:
        counts += f" The answer had {len(found.answer_users_before):,}, and has {len(found.answer_users_after):,}."
    if found.target_layer_after != found.target.layer:
        counts += (
            f" The target's distance to the users changed from {found.target.layer} to {found.target_layer_after}."
        )
    return "\n\n".join([*blocks, counts, *found.limits])


def changes_words(found: WhatIf, called: Mapping[str, str] | None = None) -> str:
    """The changes in one line."""
    changes, parts = found.changes, []
    if changes.remove_users:
        parts.append(f"without {', '.join(_user(user, called) for user in changes.remove_users)}")
    parts += [
        f"without the interaction {_user(user, called)} – {clean(item)}" for user, item in changes.remove_interactions
    ]
    parts += [f"without the fact {clean(h)} — {clean(r)} — {clean(t)}" for h, r, t in changes.remove_triples]
    parts += [f"with the interaction {_user(user, called)} – {clean(item)}" for user, item in changes.add_interactions]
    return "; ".join(parts) or "nothing changed"


def flip_table(found: FlipSet, called: Mapping[str, str] | None = None) -> str:
    """The set, what it does, and how it was checked."""
    title = f"Smallest set of users ({found.label}, greedy, {found.checks} checks by the model)"
    lines = [title, found.reason]
    if found.found:
        lines.append(", ".join(_user(user, called) for user in found.users))
    return "\n".join(lines)


def _user(user: str, called: Mapping[str, str] | None) -> str:
    """A user's id, or what ``called`` (id -> pseudonym) has for it."""
    return clean((called or {}).get(user, user))


def _standings(left: Standing, right: Standing) -> list[tuple[str, str, str]]:
    return [
        ("rank", f"{left.rank:,}", f"{right.rank:,}"),
        ("rank, other known answers left out", rank_text(left.filtered_rank), rank_text(right.filtered_rank)),
        ("score", score_text(left.score), score_text(right.score)),
        ("rank without users", f"{left.rank_without_users:,}", f"{right.rank_without_users:,}"),
        ("score without users", score_text(left.score_without_users), score_text(right.score_without_users)),
    ]


def _popularities(left: Popularity, right: Popularity) -> list[tuple[str, str, str]]:
    return [
        ("users of the target who chose it", f"{left.interacted:,}", f"{right.interacted:,}"),
        ("… it or what is one fact away", f"{left.touched:,}", f"{right.touched:,}"),
        ("their summed weight", coefficient(left.weight), coefficient(right.weight)),
        ("their part of the score", signed(left.contribution), signed(right.contribution)),
        ("of all users: chose it", f"{left.all_interacted:,}", f"{right.all_interacted:,}"),
        ("… it or what is one fact away", f"{left.all_touched:,}", f"{right.all_touched:,}"),
    ]


def _residual(value: float) -> str:
    return f"{value:.0e}".replace("-", "−") if value else "0"
