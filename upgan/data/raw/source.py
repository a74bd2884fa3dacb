"""What a reader of raw files hands on: ids as the source spells them, nothing filtered yet."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: its name (no folder), the hash of its bytes and its number of data rows."""

    name: str
    sha256: str
    rows: int
    #: Where it lies; of this machine, so not for the manifest.
    path: Path | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "sha256": self.sha256, "rows": self.rows}


@dataclass(frozen=True)
class Notice:
    """Something about a source that its user should know before a training: prepare says it, check finds it.

    ``code``: of the finding that `upgan data check` makes of it. ``text``: one sentence with its number and an example.
    """

    code: str
    text: str
    count: int
    total: int | None = None
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RawSource:
    """A catalogue before preparation. All columns hold strings, but for ratings and times.

    ``triples``: head, relation, tail and, optionally, split ("train", "valid", "test", or "" where preparation
    decides).
    ``interactions``: user, item and, where the source has them, rating (float64, NaN unknown) and timestamp (float64
    seconds since 1970, NaN unknown); the same pair may stand in several rows.
    ``links``: item, entity; None where an item's id is its entity's id.
    ``labels``: id, label (entities and relations). ``kinds``: id, kind.
    """

    name: str
    format: str
    triples: pd.DataFrame
    interactions: pd.DataFrame
    links: pd.DataFrame | None
    labels: pd.DataFrame
    kinds: pd.DataFrame
    files: tuple[SourceFile, ...]
    #: True where the interactions are generated, not observed; kept in the manifest and said wherever users appear.
    simulated_users: bool = False
    #: What reading left out, by reason.
    dropped: dict[str, int] = field(default_factory=dict)
    #: item, title: names from a list of items, which know nothing of the graph; `upgan data check` sets them against
    #: the names of the entities that the items are linked to.
    titles: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"item": [], "title": []}, dtype=object))
    #: How it was read, where a reader had to decide: assumed column order, separator, encoding. For the manifest.
    reading: dict[str, Any] = field(default_factory=dict)
    #: What its user should know.
    notices: tuple[Notice, ...] = ()
    #: Files of the source that no reader took, as paths in it.
    unread: tuple[str, ...] = ()

    def with_notices(self, *notices: Notice) -> RawSource:
        """The same source with more to know."""
        return replace(self, notices=(*self.notices, *notices)) if notices else self

    def with_labels(self, labels: pd.DataFrame, file: SourceFile) -> RawSource:
        """The same source with more ``labels`` (id, label), which count more than its own, read from ``file``."""
        return replace(self, labels=pd.concat([self.labels, labels], ignore_index=True), files=(*self.files, file))
