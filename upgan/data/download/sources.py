"""The registry of public sources (sources.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter

from upgan.errors import ConfigError


@dataclass(frozen=True)
class RemoteFile:
    """One archive: where it is, what it must hash to ("" unknown), and what of it is unpacked into which folder."""

    name: str
    url: str
    hash: str
    unpack_to: str
    members: tuple[str, ...]

    def at(self, base_url: str | None) -> str:
        """Its address; with a base, the file of the same name there."""
        return self.url if not base_url else f"{base_url.rstrip('/')}/{self.name}"


Text = Annotated[str, StringConstraints(strip_whitespace=True)]


@dataclass(frozen=True)
class Source:
    name: str
    title: str
    licence: Text
    note: Text
    files: tuple[RemoteFile, ...]


def all_sources() -> dict[str, Source]:
    table = tomllib.loads((files("upgan.data.download") / "sources.toml").read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Source]).validate_python({name: {"name": name, **of} for name, of in table.items()})


def find_source(name: str) -> Source:
    """ConfigError where there is no such source."""
    sources = all_sources()
    if name not in sources:
        raise ConfigError(f"no public source is named {name!r}; choose one of {', '.join(sources)}")
    return sources[name]
