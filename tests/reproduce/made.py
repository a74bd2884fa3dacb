"""Documents of reproduced tables with made-up numbers, by the code that measures real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from upgan.config.settings import make_config
from upgan.reproduce.execute import Outcome
from upgan.reproduce.measure import measure
from upgan.reproduce.plan import Request, plan
from upgan.reproduce.reuse import FinishedRun

HOSTILE = "</script><script>alert(1)</script> | <img src=x onerror=alert(1)> [a](javascript:alert(1)) `x` **b**"
METRICS = ("mr", "mrr", "hits@1", "hits@3", "hits@10")


def drawn(random):
    values = np.sort(random.random(4))
    return dict(zip(METRICS, [float(random.integers(1, 500)), *values.tolist()], strict=True)) | {"queries": 40}


def outcomes(asked, random, broken=()):
    """A made-up result of each planned run; runs in ``broken`` (row, seed) have none."""
    made = []
    for each in plan(asked):
        groups = {"sparsity": {name: drawn(random) for name in "ABCDE"},
                  "hops": {name: drawn(random) for name in ("1", "2", ">=3", "unreachable")}}  # fmt: skip
        metrics = {**drawn(random), "groups": groups, "seconds": 1.0, "stages": {}}
        if (each.row, each.seed) in broken:
            made.append(Outcome(each, None, "failed", f"out of memory {HOSTILE}"))
        else:
            made.append(Outcome(each, FinishedRun(Path("run"), make_config("paper"), metrics), "trained"))
    return made


def document(dataset, target, random, tmp_path, **how):
    asked = Request(target, seeds=(0, 1, 2))
    made = outcomes(asked, random, **how)
    told = {**measure(made, dataset, asked, tmp_path, lambda _: None), "search": None, "command": "upgan reproduce"}
    return told, made
