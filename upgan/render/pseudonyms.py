"""Users under other names: what leaves this machine should not say who they are.

A pseudonym is a place in this one document: U1 is the heaviest of the target's users, U2 the next, then come those of
the answer. So the same explanation always has the same pseudonyms, and no key could turn them back; two documents give
the same user different ones, on purpose: nobody can follow a reader from case to case.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from upgan.explain.explanation import Explanation, Node, UserShare
from upgan.explain.shares import Shares

#: Put before the number; short, as the paper's "77OC0" is.
PREFIX = "U"

_Any = TypeVar("_Any")


def pseudonyms_of(explanation: Explanation, others: Iterable[str] = ()) -> dict[str, str]:
    """User id -> pseudonym, for every user that the explanation names, and then for ``others``."""
    named = [share.id for share in (*explanation.users, *explanation.answer_users)]
    named += [node.id for node in _nodes(explanation) if node.role == "user"]
    return {user: f"{PREFIX}{place}" for place, user in enumerate(dict.fromkeys([*named, *others]), start=1)}


def pseudonymised(explanation: Explanation) -> Explanation:
    """The same explanation with every user id replaced; numbers, entities and their order stay."""
    return renamed(explanation, pseudonyms_of(explanation))


def renamed(value: _Any, names: dict[str, str]) -> _Any:
    """A dataclass of an explanation with its users renamed: shares, and nodes whose role is "user"."""
    return _renamed(value, names)  # type: ignore[no-any-return]


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_renamed(item, names) for item in value)
    if isinstance(value, Shares):
        return value.renamed(names)
    if isinstance(value, UserShare):
        return replace(value, id=names[value.id])
    if isinstance(value, Node):
        return replace(value, id=names[value.id], label=names[value.id]) if value.role == "user" else value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _renamed(getattr(value, field.name), names) for field in fields(value)})
    return value


def _nodes(value: Any) -> Iterable[Node]:
    """Every node that a value holds, in the order of its fields."""
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _nodes(getattr(value, field.name))
