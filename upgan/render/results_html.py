"""What was asked beside an explanation, for the page: contrast with its popularity trap, what if, the smallest set.

Read from the JSON documents that case files hold, so that a page can be made from a file alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from upgan.render.html_table import cell_text, html_table
from upgan.render.words import clean, coefficient, rank_text, score_text, short_id, signed

Document = Mapping[str, Any]
_MOST_USERS = 20


def beside(documents: Mapping[str, Document], answer: str, noun: str = "users") -> Iterable[Markup]:
    """Sections of the page; ``answer``: the answer's label. Documents that are not there are left out."""
    if (contrast := documents.get("contrast")) is not None:
        yield from _contrast(contrast, answer, noun)
    if (what_if := documents.get("what_if")) is not None:
        yield from _what_if(what_if)
    if (smallest := documents.get("smallest_set")) is not None:
        yield from _smallest_set(smallest)


def contrast_caption(contrast: Document, answer: str, noun: str = "users") -> str:
    """Why A and not B in words, the popularity trap named where there is one."""
    rival = clean(str(contrast["against_label"]))
    answer = clean(answer)
    difference = float(contrast["difference"])
    favoured = answer if difference > 0 else rival
    said = f"The {noun} add {score_text(abs(difference))} more to the score of “{favoured}” than to the other's"
    if difference == 0:
        said = f"The {noun} add as much to both scores"
    mine, other = contrast["popularity"]["answer"], contrast["popularity"]["against"]
    counts = f"{other['touched']:,} of the target's {noun} touched “{rival}”, {mine['touched']:,} “{answer}”"
    ahead = contrast["answer_standing"]["score"] > contrast["against_standing"]["score"]
    if other["touched"] > mine["touched"] and ahead:
        counts += f": counting them would choose “{rival}”, the model prefers “{answer}”"
    elif other["touched"] > mine["touched"]:
        counts += f": the model follows the count and prefers “{rival}”"
    return f"{said}. {counts}."


def _contrast(contrast: Document, answer: str, noun: str) -> Iterable[Markup]:
    names = (answer, str(contrast["against_label"]))
    yield Markup("<h2>Why {} and not {}</h2><p>{}</p>").format(
        *map(cell_text, names), cell_text(contrast_caption(contrast, answer, noun))
    )
    head = ("", *((name,) for name in names))
    standings = contrast["answer_standing"], contrast["against_standing"]
    rows = [*_standings(*standings), *_popularity(contrast["popularity"])]
    yield html_table(head, [(name, *((value,) for value in values)) for name, *values in rows])
    users = contrast["users"]
    if users:
        columns = ("contribution", "contribution_against", "difference")
        body: list[Sequence[object]] = [
            (short_id(user["id"]), (coefficient(user["weight"]),), *((signed(user[name]),) for name in columns))
            for user in users[:_MOST_USERS]
        ]
        if rest := users[_MOST_USERS:]:
            sums = [(signed(sum(user[name] for user in rest)),) for name in columns]
            body.append((f"{len(rest):,} more", (coefficient(sum(user["weight"] for user in rest)),), *sums))
        yield html_table(
            ("user of the target", ("weight",), *((f"part of {name}",) for name in names), ("difference",)), body
        )
    yield Markup("<p class='faint'>All parts together differ by {}; left over by rounding: {}.</p>").format(
        signed(contrast["difference"]), signed(contrast["residual"])
    )


def _standings(left: Document, right: Document) -> list[tuple[str, str, str]]:
    def row(name: str, key: str, text: Any) -> tuple[str, str, str]:
        return name, text(left[key]), text(right[key])

    return [
        row("Rank among all entities", "rank", rank_text),
        row("Rank, other known answers left out", "filtered_rank", rank_text),
        row("Score (not a probability)", "score", score_text),
        row("Rank without users", "rank_without_users", rank_text),
        row("Score without users", "score_without_users", score_text),
    ]


def _popularity(popularity: Document) -> list[tuple[str, str, str]]:
    mine, other = popularity["answer"], popularity["against"]
    return [
        ("The target's users who touched it or what is one fact away", f"{mine['touched']:,}", f"{other['touched']:,}"),
        ("… their summed weight", coefficient(mine["weight"]), coefficient(other["weight"])),
        ("… their part of its score", signed(mine["contribution"]), signed(other["contribution"])),
        ("All users who did", f"{mine['all_touched']:,}", f"{other['all_touched']:,}"),
    ]


def _what_if(found: Document) -> Iterable[Markup]:
    yield Markup("<h2>What if ({})</h2><p>{}</p>").format(found["label"], cell_text(changes_words(found["changes"])))
    rows = _standings(found["before"], found["after"])
    yield html_table(("", ("before",), ("after",)), [(name, (before,), (after,)) for name, before, after in rows])
    pairs = zip(found["candidates_before"], found["candidates_after"], strict=False)
    body = [
        ((str(place),), before["label"], (score_text(before["score"]),), after["label"], (score_text(after["score"]),))
        for place, (before, after) in enumerate(pairs, start=1)
    ]
    yield html_table((("rank",), "before", ("score",), "after", ("score",)), body)


def changes_words(changes: Document) -> str:
    """The changes of a what-if in one sentence."""
    parts = [f"without user {short_id(user)}" for user in changes["remove_users"]]
    parts += [f"user {short_id(user)} had not chosen {clean(item)}" for user, item in changes["remove_interactions"]]
    parts += [f"without the fact {' — '.join(map(clean, fact))}" for fact in changes["remove_triples"]]
    parts += [f"user {short_id(user)} had chosen {clean(item)}" for user, item in changes["add_interactions"]]
    return "; ".join(parts) or "nothing changed"


def _smallest_set(found: Document) -> Iterable[Markup]:
    yield Markup("<h2>Smallest set of users ({})</h2><p>{}</p>").format(found["label"], cell_text(found["reason"]))
    if found["users"]:
        yield Markup("<p class='faint'>{}. Found greedily and checked by {} runs of the model.</p>").format(
            cell_text(", ".join(map(short_id, found["users"]))), f"{found['checks']:,}"
        )
