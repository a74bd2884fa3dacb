"""Step 1 of preparation: a catalogue's ids become numbers, its items become entities, repeated rows go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.raw import RawSource
from upgan.data.split import OPEN
from upgan.data.tables import SPLITS
from upgan.errors import DataError, shown


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
    linked = interactions["item"]
    if source.links is not None:
        items_of_links = source.links.drop_duplicates()
        links = items_of_links.drop_duplicates("item")
        later = len(items_of_links) - len(links)
        notes.append(("links", later, "item linked before: its first link in file order counts"))
        linked = links["entity"]
        merged = int(linked.duplicated().sum())
        notes.append(("items", merged, "another item is linked to the same entity: they became one node"))
        found = interactions.merge(links, on="item", how="left")
        missing = found["entity"].isna()
        notes.append(("items", found.loc[missing, "item"].nunique(), "item without a link to an entity"))
        notes.append(("interactions", int(missing.sum()), "item without a link to an entity"))
        if len(found) and missing.all():
            example = interactions["item"].iloc[0]
            raise DataError(f"none of the {len(found)} interactions is of a linked item (first item: {shown(example)})")
        interactions = found.loc[~missing, ["user", "entity"]].rename(columns={"entity": "item"})
    codes, entities = pd.factorize(
        pd.concat([triples["head"], triples["tail"], interactions["item"], linked], ignore_index=True), sort=True
    )
    relation_codes, relations = pd.factorize(triples["relation"], sort=True)
    user_codes, users = pd.factorize(interactions["user"], sort=True)
    heads, tails, items, linked_codes = np.split(codes, np.cumsum([len(triples), len(triples), len(interactions)]))
    work = Catalogue(
        entities=entities.to_numpy(dtype=object),
        relations=relations.to_numpy(dtype=object),
        users=users.to_numpy(dtype=object),
        triples=np.stack([heads, relation_codes, tails], axis=1).astype(np.int64),
        preset=_preset_codes(triples),
        interactions=_unique_pairs(user_codes, items, len(entities)),
        linked=np.unique(linked_codes),
    )
    for note in notes:
        work.note(*note)
    work.note("interactions", len(interactions) - len(work.interactions), "the same user and item again")
    _drop_repeated_triples(work)
    return work


def _unique_pairs(users: np.ndarray, items: np.ndarray, num_entities: int) -> np.ndarray:
    """The pairs int64 (M, 2), each once and sorted; as one number each, ten million of them take a second."""
    keys = np.unique(users.astype(np.int64) * max(num_entities, 1) + items)
    return np.stack(np.divmod(keys, max(num_entities, 1)), axis=1)


def _preset_codes(triples: pd.DataFrame) -> np.ndarray:
    """Split codes int64 (N,) of the source's split column; OPEN where it has none."""
    if "split" not in triples:
        return np.full(len(triples), OPEN, dtype=np.int64)
    codes = triples["split"].map({"": OPEN, **{split: code for code, split in enumerate(SPLITS)}})
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
    first = np.ones(len(order), dtype=bool)
    first[1:] = (work.triples[1:] != work.triples[:-1]).any(axis=1)
    work.keep_triples(first, "the same triple again")
