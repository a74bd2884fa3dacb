"""Test ranks that are kept beside their record, so that intervals can be computed again without a training.

One file a run, docs/records/ranks/DATASET/SYSTEM-sSEED.npz: twice the rank of each query (a tie has half a place),
tails first, in the order of the test split, and as JSON what the run was. Later runs of a dataset join those kept
before.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from upgan.evaluation.evaluator import Ranking
from upgan.files import write_atomic


@dataclass(frozen=True)
class Made:
    """What a run was, and what it took."""

    run: str
    system: str
    seed: int
    threads: int
    cpu_seconds: float
    peak_memory_mb: float
    #: Of the dataset it was trained on.
    data: str
    date: str


def keep(folder: Path, made: Made, ranking: Ranking) -> Path:
    """Write the ranks of a run; those of the same system and seed are replaced."""
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', made.system.lower()).strip('-')}-s{made.seed}.npz"
    doubled = np.rint(2 * ranking.ranks)
    if not np.array_equal(doubled, 2 * ranking.ranks):
        raise ValueError(f"{made.run}: a rank that is neither whole nor a half")
    stream = io.BytesIO()
    np.savez_compressed(stream, doubled=doubled.astype(np.int32), made=np.array(json.dumps(asdict(made))))
    folder.mkdir(parents=True, exist_ok=True)

    def write(target: Path) -> None:
        target.write_bytes(stream.getvalue())

    write_atomic(path, write)
    return path


def kept(folder: Path, data: str, triples: np.ndarray) -> Iterator[tuple[Made, Ranking]]:
    """The runs kept in ``folder`` that were ranked on these (T, 3) test triples of the dataset."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            made, doubled = Made(**json.loads(str(arrays["made"]))), arrays["doubled"]
        if made.data == data and doubled.shape == (2 * len(triples),):
            yield made, Ranking(triples, doubled / 2.0)
