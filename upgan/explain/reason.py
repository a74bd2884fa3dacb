"""What the counts behind one fact are; upgan.explain.reasons counts them, upgan.render.reasons puts them into words."""

from __future__ import annotations

from dataclasses import dataclass

from upgan.types import Document


@dataclass(frozen=True)
class Reason(Document):
    """Counts behind one fact. ``about`` is the end whose users count, ``value`` the other one; labels, not ids."""

    about: str
    relation: str
    value: str
    #: Whether ``about`` is the fact's tail ("Magician is what Raymond E. Feist wrote").
    turned: bool
    #: Users of ``about``, of them those who chose something else with this value, and how many such things they chose
    #: (the median); of all users the share that chose one.
    users: int
    agree: int
    others: int
    everybody: float
    #: Other entities with this value, and of them those that share ``common``, a fact of ``about`` too.
    alike: int
    sharing: int
    common: tuple[str, str] | None
    simulated_users: bool
