"""A record of speed beside PyKEEN and beside bare products: python scripts/speed_record.py DATASET [--repeat 2]

    python scripts/speed_record.py data/music && python scripts/records.py

Every pair runs in turn within one process, on one thread; seconds are processor seconds. PyKEEN's ComplEx alone trains
here: its DistMult multiplies number by number, which says more of that than of this (scripts/epoch_speed.py has both).
"""

from __future__ import annotations

import logging
import statistics
from pathlib import Path

import torch

from bench_pykeen import pykeen_evaluation
from epoch_speed import Turns, own_epoch, pykeen_training
from measuring import ROOT, options
from records import KNOWN, Cell, Table, write_record
from upgan.bench.suite import Bench, run_bench
from upgan.bench.workload import Workload
from upgan.data.dataset import KGDataset, load_dataset

PARTS = ("initialisation", "pretrain", "evaluation")


def main() -> None:
    """Measure, and write the record."""
    parser = options(__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--triples", type=int, default=200)
    parser.add_argument("--record", type=Path, default=ROOT / "docs/records", metavar="FOLDER")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    data = load_dataset(given.dataset)
    beside = [epochs(data, given.repeat), ranking(data, given.repeat, given.triples)]
    pykeen = Table({"what": "text", "PyKEEN, s": "seconds", "upgan, s": "seconds", "times as fast": "times"}, beside)
    measured = run_bench([str(given.dataset)], only=PARTS, repeat=given.repeat)["datasets"][0]["measurements"]
    lines = [[each["name"], each["unit"], each["cpu_seconds"]["median"], each["ratio"]] for each in measured]
    bare = Table({"what": "text", "one": "text", "upgan, s": "seconds", "times the bare products": "times"}, lines)
    command = f"python scripts/speed_record.py data/{KNOWN.get(data.name, data.name)} --repeat {given.repeat}"
    path = write_record(
        given.record, "speed", title=f"Speed on {data.name}", command=command,
        data={"name": data.name, "fingerprint": data.fingerprint, "entities": data.num_entities}, seeds=[0],
        tables={"pykeen": pykeen, "bare": bare}, notes={"threads": 1, "repeat": given.repeat},
    )  # fmt: skip
    print(f"{path}\n{pykeen.markdown()}\n{bare.markdown()}")


def epochs(data: KGDataset, repeat: int) -> list[Cell]:
    """A 1-N epoch of ComplEx: theirs, ours, their ratio."""
    turns = Turns(own_epoch(data, "complex"))
    losses = pykeen_training(data, "ComplEx", 1 + repeat, turns)
    if len(set(losses)) != 1 + repeat:
        raise SystemExit(f"PyKEEN's ComplEx did not train in every epoch: {losses}")
    theirs, ours = statistics.median(turns.theirs), statistics.median(turns.ours)
    return ["an epoch of ComplEx, 1-N", theirs, ours, theirs / ours]


def ranking(data: KGDataset, repeat: int, triples: int) -> list[Cell]:
    """Filtered ranks of as many test triples, both directions."""
    work = Workload.of(data, "paper", threads=1, seed=0)
    test, rival = work.test(triples), ("PyKEEN DistMult", pykeen_evaluation(data, work, triples))
    name = f"filtered ranks of {len(test.triples):,} test triples"
    line = Bench(work, repeat).line(name, "", lambda: test.rank(work.scorer.scores), rival)
    assert line.reference is not None
    ours, theirs = line.own.median, line.reference.median
    return [name, theirs, ours, theirs / ours]


if __name__ == "__main__":
    main()
