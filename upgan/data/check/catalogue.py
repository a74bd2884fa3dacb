"""What the checks look at: a raw source or a prepared dataset, in numbers, with nothing repaired or left out.

E entities, R relations, U users, I items, N distinct rows (triple and split), M distinct interactions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from upgan.data.dataset import KGDataset
from upgan.data.marks import ranges_of, whole_seconds
from upgan.data.prepare.numbering import preset_codes
from upgan.data.prepare.repeated import rows_that_count
from upgan.data.prepare.split import OPEN
from upgan.data.raw.source import RawSource
from upgan.types import SPLITS


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Ids and rows; arrays of ids hold str and are sorted."""

    name: str
    kind: Literal["source", "dataset"]
    entities: np.ndarray  # (E,) every id that stands in a triple or is linked
    relations: np.ndarray  # (R,)
    users: np.ndarray  # (U,)
    items: np.ndarray  # (I,) ids of items, by interactions and links
    triples: np.ndarray  # (N, 3) unique together with split
    split: np.ndarray  # (N,) split code, or OPEN where preparation decides
    interactions: np.ndarray  # (M, 2) user, item; unique
    #: (I,) the entity of each item by its first link, -1 without one.
    entity_of_item: np.ndarray
    #: item, entity as given; None where an item's id is its entity's id.
    links: pd.DataFrame | None
    labels: pd.DataFrame  # id, label
    #: item, title: names of items from a list of items, not of the graph.
    titles: pd.DataFrame
    #: Rows that stand there again, by role.
    repeated: dict[str, int] = field(default_factory=dict)
    #: Ratings and times of the interactions, how many and from where to where (see marks.ranges_of).
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def facts(self) -> np.ndarray:
        """Distinct triples (N', 3), whatever their split."""
        return _unique_rows(self.triples) if self.has_splits else self.triples

    @property
    def has_splits(self) -> bool:
        return bool((self.split != OPEN).any())

    @cached_property
    def degrees(self) -> np.ndarray:
        """How often each entity (E,) is head or tail of a distinct triple."""
        return np.bincount(self.facts[:, [0, 2]].ravel(), minlength=len(self.entities))

    def words(self, triple: np.ndarray) -> str:
        """A triple as its ids."""
        head, relation, tail = triple.tolist()
        return f"{self.entities[head]}  {self.relations[relation]}  {self.entities[tail]}"

    def counts(self) -> dict[str, int]:
        return {
            "users": len(self.users),
            "items": len(self.items),
            "interactions": len(self.interactions),
            "entities": len(self.entities),
            "relations": len(self.relations),
            "triples": len(self.facts),
        }


def of_source(source: RawSource) -> Catalogue:
    """Number a raw source. Items keep their own ids beside those of their entities."""
    triples, interactions, links = source.triples, source.interactions, source.links
    first = None if links is None else links.drop_duplicates("item")
    # Without links an item is the entity of its own id, even one that stands in no triple.
    linked = interactions["item"] if first is None else first["entity"]
    codes, entities = pd.factorize(pd.concat([triples["head"], triples["tail"], linked], ignore_index=True), sort=True)
    relation_codes, relations = pd.factorize(triples["relation"], sort=True)
    user_codes, users = pd.factorize(interactions["user"], sort=True)
    listed = interactions["item"] if first is None else pd.concat([interactions["item"], first["item"]])
    item_codes, items = pd.factorize(listed, sort=True)
    heads, tails, linked_codes = np.split(codes, [len(triples), 2 * len(triples)])
    entity_of_item = np.full(len(items), -1, dtype=np.int64)
    entity_of_item[item_codes if first is None else item_codes[len(interactions) :]] = linked_codes
    split = preset_codes(triples)
    rows = _unique_rows(np.stack([heads, relation_codes, tails, split], axis=1).astype(np.int64))
    pairs = np.stack([user_codes, item_codes[: len(interactions)]], axis=1).astype(np.int64)
    ratings, times = (
        interactions[name].to_numpy(dtype=np.float64) if name in interactions else None
        for name in ("rating", "timestamp")
    )
    kept = rows_that_count(pairs, ratings, times)
    return Catalogue(
        name=source.name,
        kind="source",
        entities=np.asarray(entities, dtype=object),
        relations=np.asarray(relations, dtype=object),
        users=np.asarray(users, dtype=object),
        items=np.asarray(items, dtype=object),
        triples=rows[:, :3],
        split=rows[:, 3],
        interactions=pairs[kept],
        entity_of_item=entity_of_item,
        links=links,
        labels=source.labels,
        titles=_titles(source, items),
        repeated={
            "triples": _dropped(source, "triples") + int(triples.duplicated().sum()),
            "interactions": _dropped(source, "interactions") + len(pairs) - len(kept),
        },
        marks=ranges_of(
            None if ratings is None or np.isnan(ratings[kept]).all() else ratings[kept],
            None if times is None or np.isnan(times[kept]).all() else whole_seconds(times[kept]),
        ),
    )


def of_dataset(dataset: KGDataset) -> Catalogue:
    """A prepared dataset: its items are entities already."""
    entities = np.array(dataset.entities, dtype=object)
    triples = np.concatenate([dataset.triples(split) for split in SPLITS])
    split = np.repeat(np.arange(len(SPLITS)), [len(dataset.triples(split)) for split in SPLITS])
    items = dataset.items
    # A label that is the id itself stands for none.
    labels = pd.DataFrame({"id": dataset.entities, "label": dataset.entity_labels}, dtype=object)
    return Catalogue(
        name=dataset.name,
        kind="dataset",
        entities=entities,
        relations=np.array(dataset.relations, dtype=object),
        users=np.array(dataset.users, dtype=object),
        items=entities[items],
        triples=triples,
        split=split,
        interactions=np.stack([dataset.interactions[:, 0], np.searchsorted(items, dataset.interactions[:, 1])], axis=1),
        entity_of_item=items,
        links=None,
        labels=labels[labels["id"] != labels["label"]],
        titles=pd.DataFrame({"item": [], "title": []}, dtype=object),
        marks=ranges_of(dataset.ratings, dataset.times),
    )


def _unique_rows(rows: np.ndarray) -> np.ndarray:
    """Distinct rows, in the order of their first appearance."""
    once: np.ndarray = rows[~pd.DataFrame(rows).duplicated().to_numpy()]
    return once


def _dropped(source: RawSource, role: str) -> int:
    """Repeated rows that the reader has left out already."""
    return source.dropped.get(f"{role}: the same row again", 0)


def _titles(source: RawSource, items: pd.Index[str]) -> pd.DataFrame:
    """The items' titles as the source lists them, else the labels whose id is a linked item's own."""
    if len(source.titles) or source.links is None:
        return source.titles
    own = source.labels[source.labels["id"].isin(items) & ~source.labels["id"].isin(source.links["entity"])]
    return own.set_axis(["item", "title"], axis=1)
