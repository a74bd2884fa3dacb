"""New users, items and interactions for a dataset that is there: everything else of it stays as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from upgan.data import tables
from upgan.data.dataset import KGDataset, build_dataset
from upgan.data.marks import NO_TIME
from upgan.data.named_columns import numbers_of, read_named
from upgan.data.raw.no_value import NO_VALUES, folded, says_nothing
from upgan.errors import DataError, listed
from upgan.files import sha256_of_file
from upgan.types import SPLITS, Document


@dataclass(frozen=True)
class Extension(Document):
    """What was new in the files."""

    interactions: int
    users: int
    items: int
    #: Interactions that were there already (a new rating or time of one counts), and items that no file of items names.
    known: int
    unnamed: int
    #: Rows of interactions that another one of the same pair follows, and those with an id that says there is none.
    repeated: int
    without_id: int
    #: Items of the file that the dataset has already, whose label and kind stay as they are.
    items_known: int
    #: Columns of the files that were not read.
    unread: tuple[str, ...]

    def left_out(self) -> list[str]:
        """What of the files is not in the result, in words."""
        said = {
            f"{self.repeated:,} rows of interactions that a later one of the same user and item follows": self.repeated,
            f"{self.without_id:,} rows of interactions with an id that says there is no value": self.without_id,
            f"{self.items_known:,} items that are there already, with their labels and kinds": self.items_known,
            f"the columns {listed(self.unread)}": len(self.unread),
        }
        return [words for words, count in said.items() if count]


def extend(data: KGDataset, interactions: Path, items: Path | None = None) -> tuple[KGDataset, Extension]:
    """A dataset with the interactions of a file (user, item, optionally rating, time), and the items of another.

    ``items``: id, optionally label and kind. An item that neither the dataset nor that file has is taken up under its
    id, as the kind that most items are. Of repeated pairs the last counts, and rows with an id that says there is no
    value (NO_VALUES), which the dataset does not have, are left out. Raises DataError naming file, line and
    column for what is missing, empty, repeated or no number, and where nothing is new.
    """
    table = read_named(interactions, ("user", "item"), ("rating", "time"))
    rows = table[~(_nothing(table["user"], data.user_index) | _nothing(table["item"], data.entity_index))]
    listed_items, named = _items(data, items)
    chosen = set(rows["item"])
    unnamed = sorted(chosen - set(data.entity_index) - set(named["id"]))
    own = [kind for number in data.items if (kind := data.entity_kinds[int(number)])]
    usual = Counter(own).most_common(1)[0][0] if own else ""
    fresh = pd.concat([named, pd.DataFrame({"id": unnamed, "label": "", "kind": usual}, dtype=object)])
    fresh["kind"] = fresh["kind"].where(fresh["kind"] != "", usual)
    pairs = _pairs(data, interactions, rows)
    once = len(rows.drop_duplicates(["user", "item"]))
    known = len(data.interactions) + once - len(pairs)
    found = Extension(
        interactions=len(pairs) - len(data.interactions),
        users=len(set(rows["user"]) - set(data.user_index)),
        items=len(fresh),
        known=known,
        unnamed=len(unnamed),
        repeated=len(rows) - once,
        without_id=len(table) - len(rows),
        items_known=len(listed_items) - len(named),
        unread=_unread(interactions, table) + (() if items is None else _unread(items, listed_items)),
    )
    if not found.interactions and not found.items and not _marked(rows):
        without = "; ".join(found.left_out())
        raise DataError(
            f"{interactions}: all {len(rows):,} interactions are in {data.name} already"
            + (f" (left out: {without})" if without else "")
        )
    entities = {
        "id": [*data.entities, *fresh["id"]],
        "label": [*data.entity_labels, *fresh["label"]],
        "kind": [*data.entity_kinds, *fresh["kind"]],
    }
    triples = np.concatenate([data.triples(name) for name in SPLITS])
    splits = np.repeat(np.arange(len(SPLITS)), [len(data.triples(name)) for name in SPLITS])
    extended = build_dataset(
        name=data.name,
        triples={
            **tables.triple_columns(triples, data.entities, data.relations),
            "split": tables.Coded(splits, SPLITS),
        },
        interactions=pairs,
        entities=tables.plain_columns(entities),
        relations=tables.plain_columns({"id": data.relations, "label": data.relation_labels}),
        reviewed=data.reviewed,
        manifest=_manifest(data, [path for path in (interactions, items) if path is not None], found),
    )
    return extended, found


def _manifest(data: KGDataset, files: Sequence[Path], found: Extension) -> dict[str, Any]:
    """The dataset's own, and what was added from which files."""
    read = [{"name": path.name, "sha256": sha256_of_file(path)} for path in files]
    added = {"from": data.fingerprint, "files": read, **found.to_dict()}
    return {**data.manifest, "catalogue": data.catalogue, "extended": [*data.manifest.get("extended", []), added]}


def _unread(path: Path, table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(f"{name} of {path.name}" for name in table.attrs.get("unread", ()))


def _marked(rows: pd.DataFrame) -> bool:
    return bool({"rating", "time"} & set(rows.columns))


def _nothing(ids: pd.Series, known: Collection[str]) -> pd.Series:
    """Which ids say that there is no value, bool (N,); one that the dataset has was meant when it was made."""
    return says_nothing(ids, folded(NO_VALUES)) & ~ids.isin(known)


def _items(data: KGDataset, path: Path | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """id, label, kind of all items of a file, and of those that the dataset has not.

    An id that stands in two rows, or says that there is no value, is a DataError.
    """
    if path is None:
        none = pd.DataFrame({"id": [], "label": [], "kind": []}, dtype=object)
        return none, none
    table = read_named(path, ("id",), ("label", "kind"))
    twice = table[table["id"].duplicated()]
    if len(twice):
        raise DataError(f"{path}, line {twice.iloc[0]['line']}: id {twice.iloc[0]['id']!r} is in an earlier line too")
    silent = table[_nothing(table["id"], data.entity_index)]
    if len(silent):
        raise DataError(f"{path}, line {silent.iloc[0]['line']}: id {silent.iloc[0]['id']!r} says that there is none")
    columns = table.reindex(columns=["id", "label", "kind"], fill_value="")
    return table, columns[~columns["id"].isin(data.entity_index)].reset_index(drop=True)


def _pairs(data: KGDataset, path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """All interactions, old and new, each pair once, the last of them."""
    old = pd.DataFrame(
        {
            "user": np.asarray(data.users, dtype=object)[data.interactions[:, 0]],
            "item": np.asarray(data.entities, dtype=object)[data.interactions[:, 1]],
        }
    )
    new = rows[["user", "item"]].astype(object)
    if data.ratings is not None or "rating" in rows:
        old["rating"] = np.nan if data.ratings is None else data.ratings
        new["rating"] = numbers_of(path, rows, "rating") if "rating" in rows else np.nan
    if data.times is not None or "time" in rows:
        old["time"] = NO_TIME if data.times is None else data.times
        times = numbers_of(path, rows, "time") if "time" in rows else pd.Series(np.nan, index=rows.index)
        new["time"] = times.fillna(NO_TIME).astype(np.int64)
    both = pd.concat([old, new], ignore_index=True)
    return both.drop_duplicates(["user", "item"], keep="last").reset_index(drop=True)
