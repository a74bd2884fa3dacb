"""From finished runs to the numbers of a table: metrics over seeds, groups, UPGAN minus each with intervals."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from upgan.data.dataset import KGDataset
from upgan.errors import UpganError
from upgan.evaluation.compare import compare_rankings
from upgan.evaluation.evaluator import Ranking
from upgan.files import write_bytes
from upgan.predict.predictor import load
from upgan.reproduce.execute import Outcome, Tell
from upgan.reproduce.names import FORMAT_VERSION
from upgan.reproduce.paper import PAPER_METRICS, paper_groups, paper_metrics
from upgan.reproduce.plan import TARGETS, Asked
from upgan.reproduce.reuse import FinishedRun
from upgan.training.checkpoint import run_fingerprint

#: Broken down for every table: what Tables 4 and 5 are about.
GROUPED = ("sparsity", "hops")
Metric = dict[str, Any]


def measure(outcomes: Sequence[Outcome], dataset: KGDataset, asked: Asked, out: Path, tell: Tell) -> dict[str, Any]:
    """The whole document of a target; ranks are kept in ``out``, so that none is found twice."""
    target = TARGETS[asked.target]
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
        row, rankings[name] = _row(name, of_row, dataset, asked, out)
        rows.append(row)
    for row in [row for row in rows if row["row"] != "upgan"] if rankings.get("upgan") else []:
        tell(f"setting UPGAN against {row['row']}")
        row["upgan_minus"] = _minus(rankings["upgan"], rankings[row["row"]])
    return {
        "format_version": FORMAT_VERSION,
        "target": asked.target,
        "title": target.title,
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "simulated_users": bool(dataset.simulated_users),
        },
        "preset": asked.upgan_preset,
        "seeds": list(asked.seeds),
        "budget_seconds": asked.budget or None,
        "axis": target.axis or None,
        "axis_title": target.axis_title or None,
        "by": target.by or None,
        "rows": rows,
    }


def _row(
    name: str, outcomes: Sequence[Outcome], dataset: KGDataset, asked: Asked, out: Path
) -> tuple[dict[str, Any], dict[int, Ranking]]:
    target, planned = TARGETS[asked.target], outcomes[0].planned
    rankings: dict[int, Ranking] = {}
    runs = [_run(outcome, rankings if target.compared else None, dataset, out) for outcome in outcomes]
    good = [
        outcome.finished for outcome, run in zip(outcomes, runs, strict=True) if outcome.finished and "metrics" in run
    ]
    each = [run["metrics"] for run in runs if "metrics" in run]
    groups = {by: _over_seeds([run.metrics.get("groups", {}).get(by, {}) for run in good]) for by in GROUPED if good}
    table = paper_groups(asked.target, name, target.groups) if target.by else paper_metrics(asked.target, name)
    row = {
        "row": name,
        "system": planned.system,
        "label": planned.label,
        "x": planned.x,
        "runs": runs,
        "mean": _mean(each),
        "std": _std(each),
        "groups": groups,
        "paper": table,
        "mrr_before_fusion": _before_fusion(good),
        "upgan_minus": None,
    }
    return row, rankings


def _before_fusion(runs: Sequence[FinishedRun]) -> float | None:
    """Mean test MRR before weights were fitted on validation triples (upgan.training.fuse); None where none were."""
    stages = [run.metrics.get("stages", {}) for run in runs]
    if not any(of.get("fusion", {}).get("best_epoch") for of in stages):
        return None
    before = [[stage["test"]["mrr"] for name, stage in of.items() if name != "fusion"][-1] for of in stages]
    return None if None in before else float(np.mean(before))


def _run(outcome: Outcome, rankings: dict[int, Ranking] | None, dataset: KGDataset, out: Path) -> dict[str, Any]:
    """What is said of one run; its ranking is added to ``rankings``. A run that cannot be opened has failed."""
    told: dict[str, Any] = {"seed": outcome.planned.seed, "how": outcome.how, "problem": outcome.problem or None}
    finished = outcome.finished
    if finished is None:
        return told
    try:
        if rankings is not None:
            rankings[outcome.planned.seed] = _ranking(finished.folder, dataset, out)
    except UpganError as error:
        return {**told, "how": "failed", "problem": str(error)}
    return {
        **told,
        "run": str(finished.folder),
        "seconds": finished.metrics.get("seconds"),
        "out_of_time": finished.out_of_time,
        "not_begun": finished.not_begun,
        "metrics": {key: finished.metrics[key] for key in (*PAPER_METRICS, "queries")},
    }


def _ranking(run: Path, dataset: KGDataset, out: Path) -> Ranking:
    """Test ranks of a run of the dataset, from the cache where they are there."""
    kept = out / "ranks" / f"{run_fingerprint(run)}.npy"
    if kept.is_file():
        ranks = np.load(kept, allow_pickle=False)
        if ranks.shape == (2 * len(dataset.test),):
            return Ranking(dataset.test, ranks)  # the same content is in the same order, whoever wrote it
    ranking = load(run).rank("test")
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, _npy(ranking.ranks))
    return ranking


def _npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _mean(each: Sequence[Metric]) -> Metric | None:
    """Metric by metric over the seeds; None without a run."""
    if not each:
        return None
    return {key: _value(np.mean([metrics[key] for metrics in each])) if _known(each, key) else None
            for key in PAPER_METRICS} | {"queries": each[0]["queries"]}  # fmt: skip


def _std(each: Sequence[Metric]) -> Metric | None:
    """Sample standard deviation over the seeds; None for fewer than two."""
    if len(each) < 2:
        return None
    return {key: _value(np.std([metrics[key] for metrics in each], ddof=1)) if _known(each, key) else None
            for key in PAPER_METRICS}  # fmt: skip


def _known(each: Sequence[Metric], key: str) -> bool:
    return all(metrics[key] is not None for metrics in each)


def _value(number: Any) -> float | None:
    return None if math.isnan(number) else float(number)


def _over_seeds(each: Sequence[dict[str, Metric]]) -> dict[str, dict[str, Metric | None]]:
    """Group -> mean and deviation, of groups that every seed has: a seed draws which share of the graph is seen."""
    names = [name for name in each[0] if all(name in of for of in each)]
    return {name: {"mean": _mean([of[name] for of in each]), "std": _std([of[name] for of in each])} for name in names}


def _minus(upgan: dict[int, Ranking], other: dict[int, Ranking]) -> dict[str, Any] | None:
    """UPGAN minus the row's system, over the seeds that both have; None without a common seed."""
    seeds = sorted(upgan.keys() & other.keys())
    if not seeds or not len(upgan[seeds[0]].triples):
        return None
    found = compare_rankings([other[seed] for seed in seeds], [upgan[seed] for seed in seeds])
    return {"seeds": seeds, **found.to_dict()}
