"""From finished runs to the numbers of a table: metrics over seeds, groups, UPGAN minus each with intervals."""

from __future__ import annotations

import math
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from upgan.config.phases import HELD_OUT, ON_VALIDATION
from upgan.data.dataset import KGDataset
from upgan.errors import UpganError
from upgan.evaluation.compare import compare_rankings
from upgan.evaluation.evaluator import Ranking
from upgan.files import write_atomic
from upgan.predict.predictor import load
from upgan.reproduce.document import FORMAT_VERSION, Document, Row, Run, Statistics, Values
from upgan.reproduce.execute import Outcome, Tell
from upgan.reproduce.paper import PAPER_METRICS, paper_groups, paper_metrics
from upgan.reproduce.plan import TARGETS, Request
from upgan.reproduce.reuse import FinishedRun
from upgan.training.checkpoint import run_fingerprint

#: Broken down for every table: what Tables 4 and 5 are about.
GROUPED = ("sparsity", "hops")


def measure(outcomes: Sequence[Outcome], dataset: KGDataset, request: Request, out: Path, tell: Tell) -> Document:
    """The whole document of a target; ranks are kept in ``out``, so that none is found twice."""
    target = TARGETS[request.target]
    by_row: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_row.setdefault(outcome.planned.row, []).append(outcome)
    rankings: dict[str, dict[int, Ranking]] = {}
    rows, began = [], time.monotonic()
    for place, (name, of_row) in enumerate(by_row.items()):
        if target.compared:
            spent = time.monotonic() - began
            eta = f"; ETA {spent / place * (len(by_row) - place):.0f} s" if place else ""
            tell(f"[{place}/{len(by_row)}] ranking the test split: {name}{eta}")
        row, rankings[name] = _row(name, of_row, dataset, request, out)
        rows.append(row)
    for row in [row for row in rows if row["row"] != "upgan"] if rankings.get("upgan") else []:
        tell(f"setting UPGAN against {row['row']}")
        row["upgan_minus"] = _minus(rankings["upgan"], rankings[row["row"]])
    return {
        "format_version": FORMAT_VERSION,
        "target": request.target,
        "title": target.title,
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "simulated_users": bool(dataset.simulated_users),
        },
        "preset": request.upgan_preset,
        "seeds": list(request.seeds),
        "budget_seconds": request.budget or None,
        "axis": target.axis or None,
        "axis_title": target.axis_title or None,
        "by": target.by or None,
        "rows": rows,
    }


def _row(
    name: str, outcomes: Sequence[Outcome], dataset: KGDataset, request: Request, out: Path
) -> tuple[Row, dict[int, Ranking]]:
    target, planned = TARGETS[request.target], outcomes[0].planned
    rankings: dict[int, Ranking] = {}
    runs = [_run(outcome, rankings if target.compared else None, dataset, out) for outcome in outcomes]
    good = [
        outcome.finished for outcome, run in zip(outcomes, runs, strict=True) if outcome.finished and "metrics" in run
    ]
    groups = {by: _by_group([run.metrics.get("groups", {}).get(by, {}) for run in good]) for by in GROUPED if good}
    table = paper_groups(request.target, name, target.groups) if target.by else paper_metrics(request.target, name)
    row: Row = {
        "row": name,
        "system": planned.system,
        "label": planned.label,
        "x": planned.x,
        "runs": runs,
        **_over_seeds([run["metrics"] for run in runs if "metrics" in run]),
        "groups": groups,
        "paper": table,
        "mrr_before_fusion": _before_fusion(good),
        "upgan_minus": None,
    }
    return row, rankings


def _before_fusion(runs: Sequence[FinishedRun]) -> float | None:
    """Mean test MRR before weights were fitted on validation triples; None where none were."""
    stages = [run.metrics.get("stages", {}) for run in runs]
    if not any(of.get(name, {}).get("best_epoch") for of in stages for name in ON_VALIDATION):
        return None
    after = (*ON_VALIDATION, HELD_OUT)
    before = [[stage["test"]["mrr"] for name, stage in of.items() if name not in after][-1] for of in stages]
    return None if None in before else float(np.mean(before))


def _run(outcome: Outcome, rankings: dict[int, Ranking] | None, dataset: KGDataset, out: Path) -> Run:
    """What is said of one run; its ranking is added to ``rankings``. A run that cannot be opened has failed."""
    run: Run = {"seed": outcome.planned.seed, "how": outcome.how, "problem": outcome.problem or None}
    finished = outcome.finished
    if finished is None:
        return run
    try:
        if rankings is not None:
            rankings[outcome.planned.seed] = ranking_of(finished.folder, dataset, out / "ranks")
    except UpganError as error:
        return {**run, "how": "failed", "problem": str(error)}
    return {
        **run,
        "run": str(finished.folder),
        "seconds": finished.metrics.get("seconds"),
        "out_of_time": finished.out_of_time,
        "not_begun": finished.not_begun,
        "metrics": {key: finished.metrics[key] for key in (*PAPER_METRICS, "queries")},
    }


def ranking_of(run: Path, dataset: KGDataset, cache: Path) -> Ranking:
    """Test ranks of a run of the dataset, from the folder of ranks where they are there, and kept there."""
    kept = cache / f"{run_fingerprint(run)}.npz"
    ranks = _kept_ranks(kept)
    if ranks is not None and ranks.shape == (2 * len(dataset.test),):
        return Ranking(dataset.test, ranks)  # the same content is in the same order, whoever wrote it
    ranking = load(run).rank("test")

    def write(path: Path) -> None:
        with path.open("wb") as stream:  # to a path numpy would add its own suffix
            np.savez(stream, ranks=ranking.ranks)

    write_atomic(kept, write)
    return ranking


def _kept_ranks(path: Path) -> np.ndarray | None:
    """Ranks kept before, None where there are none that are whole: the file's checksum is of all its bytes."""
    try:
        with np.load(path, allow_pickle=False) as content:
            ranks: np.ndarray = content["ranks"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError, TypeError):
        return None
    return ranks if ranks.dtype.kind in "fi" and bool((ranks >= 1).all()) else None


def _over_seeds(each: Sequence[Values]) -> Statistics:
    """Mean and sample standard deviation, metric by metric; a metric that one run lacks is unknown."""
    if not each:
        return {"mean": None, "std": None}
    values = {key: np.array([metrics[key] for metrics in each], dtype=np.float64) for key in PAPER_METRICS}
    mean = {key: _known(numbers.mean()) for key, numbers in values.items()} | {"queries": each[0]["queries"]}
    std = {key: _known(numbers.std(ddof=1)) for key, numbers in values.items()} if len(each) > 1 else None
    return {"mean": mean, "std": std}


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _by_group(each: Sequence[dict[str, Values]]) -> dict[str, Statistics]:
    """Of the groups that every seed has: a seed draws which share of the graph is seen."""
    names = [name for name in each[0] if all(name in of for of in each)]
    return {name: _over_seeds([of[name] for of in each]) for name in names}


def _minus(upgan: dict[int, Ranking], other: dict[int, Ranking]) -> dict[str, Any] | None:
    """UPGAN minus the row's system, over the seeds that both have; None without a common seed."""
    seeds = sorted(upgan.keys() & other.keys())
    if not seeds or not len(upgan[seeds[0]].triples):
        return None
    difference = compare_rankings([other[seed] for seed in seeds], [upgan[seed] for seed in seeds])
    return {"seeds": seeds, **difference.to_dict()}
