"""A generated dataset in a folder: prepared, or as raw text tables on which preparation can be tried at scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from upgan.data.dataset import KGDataset
from upgan.data.tables import Coded, pair_columns, plain_columns, triple_columns
from upgan.errors import DataError
from upgan.files import folder_written_whole
from upgan.types import SPLITS

NAMES = ("triples", "interactions", "links", "labels", "kinds")
#: Traps of the raw files, which preparation has to find: items that are linked to no entity, this share of all, with
#: as many interactions each as the default k-core asks for ...
UNLINKED, UNLINKED_INTERACTIONS = 0.01, 5
#: ... and the reverse of the relation with the most triples of those in which a head has one tail.
REVERSE_PREFIX = "reverse_of_"


def write_raw(dataset: KGDataset, out: Path, seed: int) -> None:
    """triples.tsv, interactions.tsv, links.tsv, labels.tsv and kinds.tsv in ``out``, with headers, whole or not at all.

    Splits are left out: preparation draws them. Items have ids of their own (``links.tsv``). A reverse relation and
    items without a link are added. ``out`` may be absent, empty or hold such files already; otherwise DataError.
    """
    check_raw_replaceable(out)
    rows = np.concatenate([dataset.triples(split) for split in SPLITS])
    reverse = _to_reverse(dataset, rows)
    mirrored = rows[rows[:, 1] == reverse][:, [2, 1, 0]]
    mirrored[:, 1] = dataset.num_relations
    rows = np.concatenate([rows, mirrored])
    relations = [*dataset.relations, REVERSE_PREFIX + dataset.relations[reverse]]
    items = dataset.items
    rng = np.random.default_rng([seed, 8])
    unlinked = max(1, int(UNLINKED * len(items)))
    item_ids = [f"item-{number:07d}" for number in range(len(items) + unlinked)]
    pairs = np.stack([dataset.interactions[:, 0], np.searchsorted(items, dataset.interactions[:, 1])], axis=1)
    others = np.stack(
        [
            rng.integers(dataset.num_users, size=unlinked * UNLINKED_INTERACTIONS),
            np.repeat(np.arange(len(items), len(items) + unlinked), UNLINKED_INTERACTIONS),
        ],
        axis=1,
    )
    pairs = np.concatenate([pairs, others])
    # In no order that tells anything, as logs are.
    rows, pairs = rng.permutation(rows), rng.permutation(pairs)
    tables: dict[str, dict[str, Coded]] = {
        "triples": triple_columns(rows, dataset.entities, relations),
        "interactions": pair_columns(pairs, dataset.users, item_ids),
        "links": {"item": Coded(np.arange(len(items)), item_ids), "entity": Coded(items, dataset.entities)},
        "labels": plain_columns({"id": dataset.entities, "label": dataset.entity_labels}),
        "kinds": plain_columns({"id": dataset.entities, "kind": dataset.entity_kinds}),
    }
    with folder_written_whole(out) as folder:
        for name in NAMES:
            _write_tsv(folder / f"{name}.tsv", tables[name])


def check_raw_replaceable(out: Path) -> None:
    """Raise DataError unless ``out`` is absent, empty or holds nothing but raw tables of these names."""
    if not out.exists():
        return
    if not out.is_dir() or {path.name for path in out.iterdir()} - {f"{name}.tsv" for name in NAMES}:
        raise DataError(f"{out} is not an empty folder and not one of raw tables written here: give another --out")


def _to_reverse(dataset: KGDataset, rows: np.ndarray) -> int:
    """The largest relation in which no head has two tails."""
    single: Sequence[int] = [
        relation
        for relation in range(dataset.num_relations)
        if len(np.unique(rows[rows[:, 1] == relation, 0])) == (rows[:, 1] == relation).sum()
    ]
    return max(single, key=lambda relation: int((rows[:, 1] == relation).sum()))


def _write_tsv(path: Path, columns: dict[str, Coded]) -> None:
    table = pa.table({name: column.strings() for name, column in columns.items()})
    options = pa_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with path.open("wb") as stream:
        stream.write(("\t".join(columns) + "\n").encode("utf-8"))
        pa_csv.write_csv(table, stream, options)
