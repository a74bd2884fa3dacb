"""What registers itself: a page by PAGE in its file below ui/page, a panel by PANEL below ui/panels."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar


class Ordered(Protocol):
    """Anything with a place among its like."""

    @property
    def order(self) -> int: ...


_Entry = TypeVar("_Entry", bound=Ordered)


@dataclass(frozen=True)
class Page:
    """One page of the app. Its file's name is its address; the page of the lowest ``order`` opens first."""

    title: str
    icon: str
    order: int
    #: A page that is not there where the app is read-only.
    trains: bool = False
    #: Keys of its main actions: key -> what it does.
    keys: Mapping[str, str] = field(default_factory=dict)


def discovered(package: str, kind: type[_Entry]) -> dict[str, _Entry]:
    """Module name -> the object of ``kind`` that it defines under that kind's name in capitals, by ``order``."""
    name = kind.__name__.upper()
    folder = importlib.import_module(package).__path__
    modules = {each.name: importlib.import_module(f"{package}.{each.name}") for each in pkgutil.iter_modules(folder)}
    entries: dict[str, _Entry] = {module: getattr(loaded, name) for module, loaded in modules.items()}
    return dict(sorted(entries.items(), key=lambda entry: entry[1].order))
