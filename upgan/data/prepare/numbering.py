"""Step 1 of preparation: a catalogue's ids become numbers, its items become entities, repeated rows go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.marks import whole_seconds
from upgan.data.prepare.repeated import rows_that_count
from upgan.data.prepare.split import OPEN
from upgan.data.raw.source import RawSource
from upgan.data.tables import same_as_before
from upgan.errors import DataError, shown
from upgan.types import SPLITS


@dataclass
class Catalogue:
    """A catalogue in numbers while it is being filtered."""

    entities: np.ndarray
    relations: np.ndarray
    users: np.ndarray
    triples: np.ndarray  # (N, 3)
    preset: np.ndarray  # (N,) split code, or OPEN
    interactions: np.ndarray  # (M, 2) user, entity
    linked: np.ndarray  # entity numbers that are items
    #: rating float64 (M,) and time int64 (M,) of the interactions, where the source has them (see upgan.data.marks).
    marks: dict[str, np.ndarray] = field(default_factory=dict)
    #: Rows of a user and an item that stand in another row as well, and do not count.
    repeated: int = 0
    dropped: list[dict[str, Any]] = field(default_factory=list)

    def note(self, what: str, count: int, reason: str) -> None:
        if count:
            self.dropped.append({"what": what, "count": int(count), "reason": reason})

    def keep_triples(self, keep: np.ndarray, reason: str) -> None:
        self.note("triples", len(keep) - int(keep.sum()), reason)
        self.triples, self.preset = self.triples[keep], self.preset[keep]
        if not len(self.triples):
            raise DataError(f"no triple is left: all were dropped because of this rule: {reason}. Use a smaller limit")

    def keep_interactions(self, keep: np.ndarray, reason: str) -> None:
        before = len(self.interactions)
        self.note("interactions", len(keep) - int(keep.sum()), reason)
        self.interactions = self.interactions[keep]
        self.marks = {name: values[keep] for name, values in self.marks.items()}
        if before and not len(self.interactions):
            raise DataError(
                f"no interaction is left: the last {before} were dropped because of this rule: {reason}. "
                "Check that items and entities use the same ids, or use a smaller limit"
            )

    def in_graph(self) -> np.ndarray:
        """Which entities (E,) stand in a triple."""
        mask = np.zeros(len(self.entities), dtype=bool)
        mask[self.triples[:, [0, 2]]] = True
        return mask


def number_source(source: RawSource) -> Catalogue:
    """Step 1: ids to numbers, items to entities, repeated rows dropped; rows sorted, so file order does not matter."""
    triples, interactions = source.triples, source.interactions
    notes: list[tuple[str, int, str]] = [("rows", count, reason) for reason, count in source.dropped.items()]
    # Ten million interactions are of a few thousand items: each is looked up and numbered once.
    item_codes, names = pd.factorize(interactions["item"])
    users, linked, items = interactions["user"], interactions["item"], pd.Series(names, dtype=object)
    ratings, times = (
        interactions[name].to_numpy(dtype=np.float64) if name in interactions else None
        for name in ("rating", "timestamp")
    )
    if source.links is not None:
        linked, items = _entities_of(source.links, items, notes)
        missing = items.isna().to_numpy()[item_codes]
        notes.append(("interactions", int(missing.sum()), "item without a link to an entity"))
        if len(interactions) and missing.all():
            example = interactions["item"].iloc[0]
            raise DataError(
                f"none of the {len(interactions)} interactions is of a linked item (first item: {shown(example)})"
            )
        users, item_codes = users[~missing], item_codes[~missing]
        ratings, times = (None if values is None else values[~missing] for values in (ratings, times))
    known = items.notna().to_numpy()
    codes, entities = pd.factorize(
        pd.concat([triples["head"], triples["tail"], items[known], linked.drop_duplicates()], ignore_index=True),
        sort=True,
    )
    relation_codes, relations = pd.factorize(triples["relation"], sort=True)
    user_codes, user_names = pd.factorize(users, sort=True)
    heads, tails, known_codes, linked_codes = np.split(codes, np.cumsum([len(triples), len(triples), known.sum()]))
    numbers = np.full(len(items), -1, dtype=np.int64)
    numbers[known] = known_codes
    pairs = np.stack([user_codes, numbers[item_codes]], axis=1).astype(np.int64, copy=False)
    kept = rows_that_count(pairs, ratings, times)
    marks = {} if ratings is None else {"rating": ratings[kept]}
    if times is not None:
        marks["time"] = whole_seconds(times[kept])
    work = Catalogue(
        entities=entities.to_numpy(dtype=object),
        relations=relations.to_numpy(dtype=object),
        users=user_names.to_numpy(dtype=object),
        triples=np.stack([heads, relation_codes, tails], axis=1).astype(np.int64),
        preset=preset_codes(triples),
        interactions=pairs[kept],
        linked=np.flatnonzero(np.bincount(linked_codes, minlength=len(entities))),
        marks=marks,
        repeated=len(pairs) - len(kept),
    )
    for note in notes:
        work.note(*note)
    work.note("interactions", work.repeated, "the same user and item again")
    _drop_repeated_triples(work)
    return work


def _entities_of(
    links: pd.DataFrame, items: pd.Series, notes: list[tuple[str, int, str]]
) -> tuple[pd.Series, pd.Series]:
    """The entities that links (item, entity) lead to, and the one of each of ``items``, null where it has none."""
    distinct = links.drop_duplicates()
    first = distinct.drop_duplicates("item")
    notes.append(("links", len(distinct) - len(first), "item linked before: its first link in file order counts"))
    merged = int(first["entity"].duplicated().sum())
    notes.append(("items", merged, "another item is linked to the same entity: they became one node"))
    entities = first.set_index("item")["entity"].astype(object).reindex(items.to_numpy())
    notes.append(("items", int(entities.isna().sum()), "item without a link to an entity"))
    return first["entity"], entities


def preset_codes(triples: pd.DataFrame) -> np.ndarray:
    """Split codes int64 (N,) of the source's split column; OPEN where it has none."""
    if "split" not in triples:
        return np.full(len(triples), OPEN, dtype=np.int64)
    codes = triples["split"].map({"": OPEN, **{str(split): code for code, split in enumerate(SPLITS)}})
    if codes.isna().any():
        value = triples.loc[codes.isna(), "split"].iloc[0]
        raise DataError(f"the source has a triple of split {shown(value)}; allowed: {', '.join(SPLITS)} or empty")
    return codes.to_numpy(dtype=np.int64)


def _drop_repeated_triples(work: Catalogue) -> None:
    """Keep each triple once, from the first split that has it: train, valid, test, then those to be drawn."""
    rank = np.where(work.preset == OPEN, len(SPLITS), work.preset)
    order = np.lexsort((rank, work.triples[:, 2], work.triples[:, 1], work.triples[:, 0]))
    work.triples, work.preset = work.triples[order], work.preset[order]
    if not len(order):
        raise DataError("the source has no triple; a graph needs at least one")
    work.keep_triples(~same_as_before(work.triples), "the same triple again")
