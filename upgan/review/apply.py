"""Decisions into the data: accepted facts join a new version of the dataset, rejected ones become known non-facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from upgan.data import tables
from upgan.data.dataset import KGDataset, build_dataset, check_replaceable, copy_dataset
from upgan.data.named_columns import read_named
from upgan.data.tables import Coded
from upgan.errors import DataError
from upgan.escapes import from_spreadsheet
from upgan.files import sha256_of_file
from upgan.review.store import ReviewStore
from upgan.types import SPLITS, Document

#: What a file of decisions has to have; the rest of tables.COLUMNS["reviewed"] may be missing.
NEEDED = ("head", "relation", "tail", "verdict")
_SETTLED = ("yes", "no")


@dataclass(frozen=True)
class Applied(Document):
    """What became of the decisions."""

    accepted: int
    rejected: int
    #: Accepted facts that the data held already; decisions that are neither yes nor no.
    already: int
    unsettled: int
    fingerprint: str
    #: Decisions that say again what another row of the file says.
    repeated: int = 0


def read_decisions(review: Path, data: KGDataset) -> list[dict[str, Any]]:
    """The decisions about a dataset in a review's database, or in a CSV or TSV that was exported from one.

    DataError where the file is missing, something else, or holds nothing about this dataset.
    """
    if not review.is_file():
        raise DataError(
            f"{review}: no such file; give a review's database (reviews.sqlite) or an exported .csv or .tsv"
        )
    if review.suffix.lower() in (".csv", ".tsv"):
        return _read_table(review)
    store = ReviewStore(review)
    found = store.decisions(data.catalogue)
    if not found:
        others = sorted({shown.name for shown in store.lists()})
        hint = f"; it holds lists of {', '.join(others)}" if others else ""
        raise DataError(f"{review}: no decision about {data.name}{hint}")
    return [row | {"place_in_file": f"decision {row['id']}"} for row in found]


def _read_table(path: Path) -> list[dict[str, Any]]:
    optional = [name for name in tables.COLUMNS["reviewed"] if name not in NEEDED]
    table = read_named(path, NEEDED, optional)
    rows: list[dict[str, Any]] = [
        {str(name): from_spreadsheet(value) if isinstance(value, str) else value for name, value in row.items()}
        | {"place_in_file": f"line {row['line']}"}
        for row in table.to_dict("records")
    ]
    for row in rows:
        if row["verdict"] not in ("yes", "no", "unsure"):
            raise DataError(f"{path}, {row['place_in_file']}: verdict {row['verdict']!r}; allowed: yes, no, unsure")
    return rows


def apply(review: Path, to: KGDataset, out: Path) -> Applied:
    """Write the next version of a dataset to ``out``, whole or not at all.

    Accepted facts are training triples of it; every settled decision stands in its table ``reviewed`` with who, when,
    which run, how sure and why. Raises DataError where ``out`` is taken, and for a fact whose entity or relation the
    data no longer hold, that is a fact already and was rejected, or that was decided both ways.
    """
    check_replaceable(out)
    if out.exists() and to.path is not None and out.resolve() == to.path.resolve():
        raise DataError(f"--out {out}: the new version would replace the old one; give another folder")
    decided = read_decisions(review, to)
    settled = [row for row in decided if row["verdict"] in _SETTLED]
    if not settled:
        raise DataError(f"{review}: nothing is accepted or rejected yet, so there is nothing to apply")
    numbers = _numbers(review, to, settled)
    held = {tuple(row) for name in SPLITS for row in to.triples(name).tolist()}
    known = {"yes": held, "no": {tuple(row) for row in to.rejected.tolist()}}
    for row, fact in zip(settled, numbers, strict=True):
        if row["verdict"] == "no" and fact in held:
            raise DataError(
                f"{_where(review, row)}: {_named(row)} was rejected, but {to.name} holds it; remove it there"
            )
    last = {fact: place for place, fact in enumerate(numbers)}
    decisions = [
        (row, fact) for place, (row, fact) in enumerate(zip(settled, numbers, strict=True)) if last[fact] == place
    ]
    new = [row for row, fact in decisions if fact not in known[row["verdict"]]]
    if not new:
        raise DataError(f"{review}: {to.name} has all {len(settled):,} decisions already, so there is nothing to apply")
    version = _version(to, new)
    made = build_dataset(
        name=to.name,
        triples=_triples(to, [row for row in new if row["verdict"] == "yes"]),
        interactions=_interactions(to),
        entities=tables.plain_columns({"id": to.entities, "label": to.entity_labels, "kind": to.entity_kinds}),
        relations=tables.plain_columns({"id": to.relations, "label": to.relation_labels}),
        reviewed=version,
        manifest=to.manifest,
    )
    count = Counter(row["verdict"] for row in new)
    summary = {
        "from": to.fingerprint,
        "review": {"file": review.name, "sha256": sha256_of_file(review)},
        "accepted": count["yes"],
        "rejected": count["no"],
        "people": dict(Counter(str(row.get("who", "")) for row in new)),
    }
    made.manifest.update(catalogue=to.catalogue, versions=[*to.manifest.get("versions", []), summary])
    copy_dataset(made, out)
    return Applied(
        accepted=count["yes"],
        rejected=count["no"],
        already=len(decisions) - len(new),
        unsettled=len(decided) - len(settled),
        fingerprint=made.fingerprint,
        repeated=len(settled) - len(decisions),
    )


def _numbers(review: Path, data: KGDataset, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, int, int]]:
    """The facts of decisions by number; DataError for one that the data no longer hold the names of."""
    numbers: list[tuple[int, int, int]] = []
    verdicts: dict[tuple[int, int, int], str] = {}
    for row in rows:
        fact = []
        for column, index, what in (
            ("head", data.entity_index, "entity"),
            ("relation", data.relation_index, "relation"),
            ("tail", data.entity_index, "entity"),
        ):
            if row[column] not in index:
                raise DataError(
                    f"{_where(review, row)}, column {column}: {row[column]!r} is no {what} of {data.name} any more; "
                    "take the decision back (undo), or export the others and apply that file"
                )
            fact.append(index[row[column]])
        head, relation, tail = fact
        if verdicts.setdefault((head, relation, tail), row["verdict"]) != row["verdict"]:
            raise DataError(f"{_where(review, row)}: {_named(row)} is both accepted and rejected; keep one of them")
        numbers.append((head, relation, tail))
    return numbers


def _version(data: KGDataset, new: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table ``reviewed`` with what was decided before, one row a fact; the last decision counts."""
    columns = tables.COLUMNS["reviewed"]
    rows = pd.DataFrame([{name: _text(row.get(name)) for name in columns} for row in new], columns=list(columns))
    if data.reviewed is not None:
        rows = pd.concat([data.reviewed.astype(object), rows], ignore_index=True)
    kept: pd.DataFrame = rows.astype(object).drop_duplicates(["head", "relation", "tail"], keep="last")
    return kept.reset_index(drop=True)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _triples(data: KGDataset, accepted: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    parts = []
    for name in SPLITS:
        rows = data.triples(name)
        columns = tables.triple_columns(rows, data.entities, data.relations)
        parts.append(pd.DataFrame({key: column.cells() for key, column in columns.items()} | {"split": name}))
    parts.append(pd.DataFrame([{**{key: row[key] for key in NEEDED[:3]}, "split": "train"} for row in accepted]))
    return pd.concat(parts, ignore_index=True).drop_duplicates(["head", "relation", "tail"])


def _interactions(data: KGDataset) -> dict[str, Coded | np.ndarray]:
    columns: dict[str, Coded | np.ndarray] = dict(tables.pair_columns(data.interactions, data.users, data.entities))
    if data.ratings is not None:
        columns["rating"] = data.ratings
    if data.times is not None:
        columns["time"] = data.times
    return columns


def _where(review: Path, row: Mapping[str, Any]) -> str:
    return f"{review.name}, {row['place_in_file']}"


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['head']!r} {row['relation']!r} {row['tail']!r}"
