"""A prepared dataset: four parquet tables and a manifest in a folder, and the same in memory as numbered arrays.

E entities, R relations, U users, N triples of a split, M interactions. An id's number is its place in the sorted list
of ids, and rows are sorted too, so equal content gives equal arrays whatever the order of rows in the files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from upgan.data import marks, tables
from upgan.data.kinds import inferred_kinds
from upgan.data.manifest import FORMAT_VERSION, read_manifest
from upgan.data.tables import Coded
from upgan.errors import DataError
from upgan.files import folder_written_whole, write_json, write_text
from upgan.types import SPLITS


@dataclass(frozen=True, eq=False)
class KGDataset:
    """A knowledge graph split into train, valid and test, and who interacted with which of its entities.

    Shapes: ``train``, ``valid``, ``test`` int64 (N, 3) head, relation, tail; ``interactions`` int64 (M, 2) user,
    entity. All arrays are read-only and sorted by row. ``ratings`` float64 (M,) and ``times`` int64 (M,) go with the
    rows of ``interactions`` (see upgan.data.marks); None where no interaction has one.
    """

    name: str
    #: The folder it was read from or written to; None in memory.
    path: Path | None
    #: SHA-256 over the content of the four tables, whatever wrote the files.
    fingerprint: str
    manifest: dict[str, Any]
    entities: list[str]
    entity_labels: list[str]
    entity_kinds: list[str]
    relations: list[str]
    relation_labels: list[str]
    users: list[str]
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    interactions: np.ndarray
    #: How the users rated, NaN where that is not known.
    ratings: np.ndarray | None = None
    #: Seconds since 1970, or places in an order; marks.NO_TIME where that is not known.
    times: np.ndarray | None = None
    #: What people said of proposed facts (tables.COLUMNS["reviewed"]), one row a fact; None where nobody did.
    reviewed: pd.DataFrame | None = None
    #: Known non-facts, int64 (N, 3), sorted by row.
    rejected: np.ndarray = field(default_factory=lambda: np.empty((0, 3), dtype=np.int64))

    @property
    def num_entities(self) -> int:
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        return len(self.relations)

    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def simulated_users(self) -> bool:
        """True where the interactions were generated, not observed."""
        return bool(self.manifest.get("simulated_users", False))

    @property
    def catalogue(self) -> str:
        """What all versions of a dataset have in common: the fingerprint of the first one."""
        return str(self.manifest.get("catalogue") or self.fingerprint)

    def triples(self, split: str) -> np.ndarray:
        """The (N, 3) array of one split; an unknown name is a DataError."""
        if split not in SPLITS:
            raise DataError(f"there is no split {split!r}; allowed: {', '.join(SPLITS)}")
        array: np.ndarray = {"train": self.train, "valid": self.valid, "test": self.test}[split]
        return array

    @cached_property
    def entity_index(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.entities)}

    @cached_property
    def relation_index(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.relations)}

    @cached_property
    def user_index(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.users)}

    @cached_property
    def items(self) -> np.ndarray:
        """The entities that users interacted with, int64 (items,), sorted."""
        # Counted, not sorted: np.unique takes seconds for millions of rows.
        return np.flatnonzero(np.bincount(self.interactions[:, 1]))

    @cached_property
    def kinds(self) -> list[str]:
        """(E,) the kind of each entity: as given, else inferred from the training triples (upgan.data.kinds)."""
        return inferred_kinds(self.train, self.items, self.entity_kinds, self.relation_labels)

    def to_frame(self) -> pd.DataFrame:
        """The triples of all splits: head, relation, tail by id, head_label, relation_label, tail_label, and split."""
        return pd.concat([self._frame(self.triples(split), split) for split in SPLITS], ignore_index=True)

    def _frame(self, triples: np.ndarray, split: str) -> pd.DataFrame:
        columns = {}
        entities, relations = (self.entities, self.entity_labels), (self.relations, self.relation_labels)
        for end, names in enumerate(("", "_label")):
            for place, (side, texts) in enumerate({"head": entities, "relation": relations, "tail": entities}.items()):
                columns[side + names] = np.asarray(texts[end], dtype=object)[triples[:, place]]
        return pd.DataFrame(columns | {"split": split})

    def _repr_html_(self) -> str:
        counts = pd.DataFrame([counts_of(self)]).to_html(index=False, border=0)
        made = "Its users are simulated: nothing here says what real users choose. " if self.simulated_users else ""
        first = self._frame(self.train[:5], "train").to_html(index=False, border=0)
        return f"<h4>{escape(self.name)}</h4>{counts}<p>{made}The first training triples:</p>{first}"

    def __repr__(self) -> str:
        return (
            f"KGDataset({self.name!r}, {self.num_entities} entities, {self.num_relations} relations, "
            f"{self.num_users} users, {len(self.train)}/{len(self.valid)}/{len(self.test)} triples)"
        )


def build_dataset(
    *,
    name: str,
    triples: tables.Table,
    interactions: tables.Table | None = None,
    entities: tables.Table | None = None,
    relations: tables.Table | None = None,
    reviewed: pd.DataFrame | None = None,
    manifest: Mapping[str, Any] | None = None,
    path: Path | None = None,
) -> KGDataset:
    """Number the ids of string tables and check that they fit together.

    ``triples``: head, relation, tail, split. ``interactions``: user, item and optionally rating, time (None: no users).
    ``entities``: id and optionally label, kind; ``relations``: id and optionally label; None takes the ids that the
    triples use. ``reviewed``: what people said of proposed facts. An empty label becomes the id. Raises DataError
    naming the table, row and value where an id is empty, repeated or unknown, a split has another name, a row is
    repeated, a rating or a time is no number, or no training triple is there.
    """
    rows = tables.checked_columns("triples", triples)
    if interactions is None:
        interactions = pd.DataFrame({"user": [], "item": []}, dtype=object)
    pairs = tables.checked_columns("interactions", interactions)
    if entities is None:
        entities = pd.DataFrame({"id": pd.unique(np.concatenate([rows["head"].cells(), rows["tail"].cells()]))})
    if relations is None:
        relations = pd.DataFrame({"id": pd.unique(rows["relation"].cells())})
    entity = tables.Vocabulary.of("entities", tables.checked_columns("entities", entities))
    relation = tables.Vocabulary.of("relations", tables.checked_columns("relations", relations))
    numbered = np.stack(
        [
            entity.number("triples", "head", rows["head"]),
            relation.number("triples", "relation", rows["relation"]),
            entity.number("triples", "tail", rows["tail"]),
        ],
        axis=1,
    )
    user_numbers, users = tables.numbered_by_name(pairs["user"])
    items = entity.number("interactions", "item", pairs["item"])
    chosen = np.stack([user_numbers, items], axis=1)
    content: dict[str, Any] = {
        "entities": entity.ids,
        "entity_labels": entity.column("label", empty_is_id=True),
        "entity_kinds": entity.column("kind", empty_is_id=False),
        "relations": relation.ids,
        "relation_labels": relation.column("label", empty_is_id=True),
        "users": users,
        "interactions": tables.unique_rows("interactions", chosen),
        **marks.marks_of(interactions, chosen),
        **tables.split_rows(numbered, rows["split"]),
    }
    judged: dict[str, Any] = {}
    if reviewed is not None and len(reviewed):
        content["rejected"] = _rejected(reviewed, entity, relation)
        judged = {"reviewed": reviewed.reset_index(drop=True)}
        if not len(content["rejected"]):
            del content["rejected"]  # the same data as without: it keeps its fingerprint
    fingerprint = tables.fingerprint_of(content)
    return KGDataset(name=name, path=path, fingerprint=fingerprint, manifest=dict(manifest or {}), **content, **judged)


def _rejected(reviewed: pd.DataFrame, entity: tables.Vocabulary, relation: tables.Vocabulary) -> np.ndarray:
    """The (N, 3) triples that people said no to."""
    rows = tables.checked_columns("reviewed", reviewed[reviewed["verdict"] == "no"])
    numbers = [
        vocabulary.number("reviewed", name, rows[name])
        for name, vocabulary in (("head", entity), ("relation", relation), ("tail", entity))
    ]
    return tables.distinct_rows(np.stack(numbers, axis=1))


def counts_of(dataset: KGDataset) -> dict[str, int]:
    """The counts that a manifest states and that loading compares with the tables."""
    ranges = marks.ranges_of(dataset.ratings, dataset.times)
    return {
        "users": dataset.num_users,
        "items": len(dataset.items),
        "interactions": len(dataset.interactions),
        "entities": dataset.num_entities,
        "relations": dataset.num_relations,
        "triples": len(dataset.train) + len(dataset.valid) + len(dataset.test),
        "train": len(dataset.train),
        "valid": len(dataset.valid),
        "test": len(dataset.test),
        **{name: found["rows"] for name, found in ranges.items()},
    }


def load_dataset(path: Path | str) -> KGDataset:
    """Read a prepared dataset and check it whole.

    Raises DataError naming the file and what to do where the folder, a table, a column or the manifest is missing or
    damaged, an id is unknown, a split has another name, or counts or fingerprint differ from the manifest's.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    there = [
        key for key in tables.COLUMNS if key not in tables.OPTIONAL_TABLES or (folder / f"{key}.parquet").is_file()
    ]
    frames = {key: tables.read_table(folder, key) for key in there}
    try:
        dataset = build_dataset(name=str(manifest.get("name") or folder.name), manifest=manifest, path=folder, **frames)
    except DataError as error:
        # In memory a mistake is in a "table"; here the table is a file.
        place = re.sub(r"\btable (\w+)", r"\1.parquet", str(error))
        raise DataError(f"{folder}: {place}") from error
    stated = manifest.get("counts", {})
    for key, count in counts_of(dataset).items():
        if key in stated and stated[key] != count:
            raise DataError(
                f"{folder / 'manifest.json'} states {stated[key]} {key}, the tables hold {count}; "
                "the files do not belong together: prepare the dataset again"
            )
    expected = manifest.get("fingerprint")
    if expected is not None and expected != dataset.fingerprint:
        raise DataError(
            f"{folder}: the tables have fingerprint {dataset.fingerprint[:12]}…, manifest.json states "
            f"{str(expected)[:12]}…; the tables were changed after preparation: prepare the dataset again, or, if "
            "the change is intended, remove fingerprint and counts from manifest.json"
        )
    return dataset


def copy_dataset(dataset: KGDataset, out: Path, beside: Mapping[str, str] | None = None) -> None:
    """Write ``dataset`` as a prepared folder, whole or not at all; the same content gives the same bytes.

    ``format_version``, ``name``, ``counts``, ``marks`` and ``fingerprint`` of the manifest are set here. ``out`` may be
    absent, empty or a prepared dataset, which is replaced; anything else is a DataError. Written from memory, so the
    copy is what was loaded even if the folder it came from has changed since. ``beside``: names and texts of further
    files in the folder.
    """
    check_replaceable(out)
    rows = np.concatenate([dataset.triples(split) for split in SPLITS])
    lengths = [len(dataset.triples(split)) for split in SPLITS]
    splits = Coded(np.repeat(np.arange(len(SPLITS)), lengths), SPLITS)
    triples = tables.triple_columns(rows, dataset.entities, dataset.relations) | {"split": splits}
    interactions = tables.pair_columns(dataset.interactions, dataset.users, dataset.entities)
    entities = tables.plain_columns(
        {"id": dataset.entities, "label": dataset.entity_labels, "kind": dataset.entity_kinds}
    )
    relations = tables.plain_columns({"id": dataset.relations, "label": dataset.relation_labels})
    fixed = {"format_version": FORMAT_VERSION, "name": dataset.name}
    counted = {"counts": counts_of(dataset), **_marks(dataset), "fingerprint": dataset.fingerprint}
    manifest = {**fixed, **dataset.manifest, **fixed, **counted}
    numbers = {"interactions": marks.columns_of(dataset.ratings, dataset.times)}
    written = {"triples": triples, "interactions": interactions, "entities": entities, "relations": relations}
    if dataset.reviewed is not None:
        written["reviewed"] = {name: Coded.of(dataset.reviewed[name]) for name in tables.COLUMNS["reviewed"]}
    with folder_written_whole(out) as folder:
        for key, columns in written.items():
            tables.write_table(folder, key, columns, numbers.get(key))
        write_json(folder / "manifest.json", manifest)
        for name, text in (beside or {}).items():
            write_text(folder / name, text)


def _marks(dataset: KGDataset) -> dict[str, Any]:
    """What the manifest says of ratings and times; nothing where there are none."""
    ranges = marks.ranges_of(dataset.ratings, dataset.times)
    return {"marks": {**ranges, "words": marks.range_words(ranges, len(dataset.interactions))}} if ranges else {}


def check_replaceable(out: Path) -> None:
    """Raise DataError unless ``out`` is absent, an empty folder or a prepared dataset: nothing else is overwritten."""
    if not out.exists():
        return
    if not out.is_dir():
        raise DataError(f"{out} is a file; a prepared dataset is a folder: give another --out")
    if any(out.iterdir()) and not ((out / "manifest.json").is_file() and (out / "triples.parquet").is_file()):
        raise DataError(f"{out} is not empty and not a prepared dataset, so it is not overwritten: give another --out")
