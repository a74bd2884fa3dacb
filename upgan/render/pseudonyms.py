"""Users under other names: what leaves this machine should not say who they are.

A pseudonym is a place in this one document: U1 is the heaviest of the target's users, U2 the next, then come those of
the answer. So the same explanation always has the same pseudonyms, and no key could turn them back; two documents give
the same user different ones, on purpose: nobody can follow a reader from case to case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from upgan.explain.explanation import Explanation, Node
from upgan.explain.results import Changes, FlipSet
from upgan.explain.shares import Differences, Shares, UserDifference, UserShare

#: Put before the number; short, as the paper's "77OC0" is.
PREFIX = "U"

_Any = TypeVar("_Any")


def pseudonyms_of(*results: object) -> dict[str, str]:
    """User id -> pseudonym, for every user that an explanation names, and then for those of what goes with it."""
    return {user: f"{PREFIX}{place}" for place, user in enumerate(users_of(results), start=1)}


def pseudonymised(explanation: Explanation) -> Explanation:
    """The same explanation with every user id replaced; numbers, entities and their order stay."""
    return renamed(explanation, pseudonyms_of(explanation))


def users_of(value: object) -> list[str]:
    """Every user that an explanation, or what it is compared with, names: each once, in the order of the fields."""
    users: dict[str, str] = {}
    _walked(value, lambda user: users.setdefault(user, user))
    return list(users)


def renamed(value: _Any, names: Mapping[str, str]) -> _Any:
    """An explanation, or what it is compared with, with its users called as ``names`` says."""
    return _walked(value, names.__getitem__)  # type: ignore[no-any-return]


def _walked(value: Any, name: Callable[[str], str]) -> Any:
    """The value with ``name`` of each of its users in the user's place."""
    if isinstance(value, tuple):
        return tuple(_walked(item, name) for item in value)
    if isinstance(value, Shares | Differences):
        return value.renamed({user: name(user) for user in value.ids})
    if isinstance(value, UserShare | UserDifference):
        return replace(value, id=name(value.id))
    if isinstance(value, Node):
        if value.role != "user":
            return value
        return replace(value, id=name(value.id), label=name(value.id))
    if isinstance(value, Changes):
        return replace(
            value,
            remove_users=tuple(map(name, value.remove_users)),
            remove_interactions=tuple((name(user), item) for user, item in value.remove_interactions),
            add_interactions=tuple((name(user), item) for user, item in value.add_interactions),
        )
    if isinstance(value, FlipSet):
        return replace(value, users=tuple(map(name, value.users)))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _walked(getattr(value, field.name), name) for field in fields(value)})
    return value
