"""At which size a training no longer fits: python scripts/memory_limits.py [--preset quality] [--counted] [--json]

Five trainings in processes of their own, on random graphs: one of the base size, and one for each of entities, training
triples, users and interactions with that number grown. Each reads its data into the graph, takes a step of every phase
of the preset (small batches: their scores are bounded whatever the data) and keeps a copy of the best weights;
its peak memory less the base's, divided by what was added, is bytes per entity, triple, user, interaction. Linear, as
all of it is tables and lists of edges. From these: the size at which each limit is reached, for data with the shape of
the paper's three datasets, and how far one number alone can grow while the others stay Book's. For a GPU the same bytes
are counted; its memory was not measured.

``--counted`` takes what `upgan train` expects before it starts (upgan.experiment.footprint, all phases, within a
quarter of measured peaks) in place of measured peaks, which takes seconds instead of minutes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from measuring import options
from upgan.bench.random_data import distinct
from upgan.bench.workload import Workload
from upgan.config.settings import make_config
from upgan.config.sized import Size
from upgan.data.dataset import KGDataset
from upgan.experiment.footprint import MB, expected
from upgan.training.loop import snapshot

BASE = {"entities": 20_000, "triples": 40_000, "users": 20_000, "interactions": 40_000}
GROWN = {"entities": 220_000, "triples": 1_040_000, "users": 420_000, "interactions": 2_040_000}
#: Gigabytes.
LIMITS = {"8 GB RAM": 8, "16 GB RAM": 16, "64 GB RAM": 64, "128 GB RAM": 128, "80 GB GPU": 80}
#: As `upgan data synth` writes them, after Table 1 of the paper; triples are those of training.
SHAPES = {
    "Book": {"entities": 79_525, "triples": 320_629, "users": 75_639, "interactions": 830_464},
    "Movie": {"entities": 56_779, "triples": 762_878, "users": 61_859, "interactions": 9_901_684},
}
ONE = {"entities": "entity", "triples": "training triple", "users": "user", "interactions": "interaction"}
RELATIONS = 20
SETTINGS = ("initialisation.batch=64", "pretrain.batch=64", "adversarial.batch=64", "adversarial.n_c=64")


def random_data(size: dict[str, int]) -> KGDataset:
    """A random graph of this size, without held-out triples."""
    random = np.random.default_rng(0)
    entities, users = size["entities"], size["users"]
    return KGDataset(
        name="random",
        path=None,
        fingerprint="",
        manifest={},
        entities=[f"e{number}" for number in range(entities)],
        entity_labels=[f"label {number}" for number in range(entities)],
        entity_kinds=[""] * entities,
        relations=[str(number) for number in range(RELATIONS)],
        relation_labels=[str(number) for number in range(RELATIONS)],
        users=[f"u{number}" for number in range(users)],
        train=distinct(random, size["triples"], entities, RELATIONS, entities),
        valid=np.empty((0, 3), dtype=np.int64),
        test=np.empty((0, 3), dtype=np.int64),
        interactions=distinct(random, size["interactions"], users, entities),
    )


def counted(size: dict[str, int], preset: str, dim: int) -> int:
    """Bytes that a training of this size is expected to need."""
    config = make_config(preset, assignments=[f"model.dim={dim}", "threads=1"], size=Size(size["entities"]))
    return round(expected(random_data(size), config).memory * MB)


def measure(size: dict[str, int], preset: str, dim: int) -> int:
    """Peak memory of this process, in bytes, after a step of each phase on a random graph of this size."""
    data = random_data(size)
    work = Workload.of(data, preset, 1, 0, [*SETTINGS, f"model.dim={dim}"])
    work.initialisation_step()
    best = snapshot(work.model)
    work.pretrain_step()
    work.adversarial_step()
    assert best
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def in_a_process(size: dict[str, int], preset: str, dim: int) -> int:
    """``measure`` in a process that holds nothing else."""
    command = [sys.executable, __file__, "--preset", preset, "--dim", str(dim), "--measure", json.dumps(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)


def bytes_each(
    preset: str, dim: int, shrink: int, needed: Callable[[dict[str, int], str, int], int]
) -> dict[str, float]:
    """Bytes per entity, triple, user, interaction, and what is needed before any ("fixed")."""
    base = {name: count // shrink for name, count in BASE.items()}
    peak = needed(base, preset, dim)
    found = {}
    for name, grown in GROWN.items():
        added = grown // shrink - base[name]
        found[name] = (needed({**base, name: grown // shrink}, preset, dim) - peak) / added
    return {**found, "fixed": peak - sum(found[name] * count for name, count in base.items())}


def limits(each: dict[str, float]) -> list[dict[str, Any]]:
    """For each limit: how many datasets of each shape fit, and how far each number alone grows beside Book's others."""
    book = SHAPES["Book"]
    lines = []
    for limit, gigabytes in LIMITS.items():
        room = gigabytes * 1e9 - each["fixed"]
        times = {
            shape: room / sum(each[name] * count for name, count in counts.items()) for shape, counts in SHAPES.items()
        }
        left = room - sum(each[name] * count for name, count in book.items())
        alone = {name: book[name] + left / each[name] for name in book}
        lines.append({"limit": limit, "times": times, "alone": alone})
    return lines


def as_text(each: dict[str, float], lines: list[dict[str, Any]]) -> str:
    told = ", ".join(f"{each[name]:,.0f} per {one}" for name, one in ONE.items())
    rows = [
        f"bytes: {told}; fixed {each['fixed'] / 1e6:,.0f} MB",
        "",
        "| limit | times Book | times Movie | entities alone | triples alone | users alone | interactions alone |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for line in lines:
        alone = " | ".join(f"{count / 1e6:,.1f} M" for count in line["alone"].values())
        times = " | ".join(f"{count:,.0f}" for count in line["times"].values())
        rows.append(f"| {line['limit']} | {times} | {alone} |")
    return "\n".join(rows)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--preset", default="quality")
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--shrink", type=int, default=1, help="divide all measured sizes, for a quick look")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--counted", action="store_true", help="what is expected instead of what is measured")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(measure(json.loads(given.measure), given.preset, given.dim))
        return
    each = bytes_each(given.preset, given.dim, given.shrink, counted if given.counted else in_a_process)
    lines = limits(each)
    print(json.dumps({"bytes": each, "limits": lines}, indent=2) if given.json else as_text(each, lines))


if __name__ == "__main__":
    main()
