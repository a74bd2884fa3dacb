"""From finished runs to the numbers of a table: metrics over seeds, groups, and UPGAN minus each with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from upgan.checkpoint import run_fingerprint
from upgan.data.dataset import KGDataset
from upgan.evaluation.compare import compare_rankings
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.groups import group_metrics
from upgan.files import write_bytes
from upgan.predictor import load
from upgan.reproduce.execute import Outcome, Tell
from upgan.reproduce.paper import PAPER_METRICS, paper_groups, paper_metrics
from upgan.reproduce.plan import TARGETS, Asked

FORMAT_VERSION = 1
#: Broken down for every table: what Tables 4 and 5 are about.
GROUPED = ("sparsity", "hops")
Metric = dict[str, Any]


def measure(outcomes: Sequence[Outcome], dataset: KGDataset, asked: Asked, out: Path, tell: Tell) -> dict[str, Any]:
    """The whole document of a target; ranks are kept in ``out`` so that a second call need not rank again."""
    target = TARGETS[asked.target]
    by_row: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_row.setdefault(outcome.planned.row, []).append(outcome)
    rankings: dict[str, dict[int, Ranking]] = {}
    rows = []
    for name, of_row in by_row.items():
        tell(f"ranking the test split: {name}")
        row, rankings[name] = _row(name, of_row, asked, out)
        rows.append(row)
    for row in rows:
        row["upgan_minus"] = _minus(rankings.get("upgan", {}), rankings[row["row"]], row) if target.compared else None
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


def _row(name: str, outcomes: Sequence[Outcome], asked: Asked, out: Path) -> tuple[dict[str, Any], dict[int, Ranking]]:
    target, planned = TARGETS[asked.target], outcomes[0].planned
    runs, each, groups, rankings = [], [], [], {}
    for outcome in outcomes:
        told: dict[str, Any] = {"seed": outcome.planned.seed, "how": outcome.how, "problem": outcome.problem or None}
        if outcome.finished is not None:
            ranking, grouped = _ranked(outcome.finished.folder, out, grouped=not target.axis)
            rankings[outcome.planned.seed] = ranking
            metrics = _metrics(ranking)
            each.append(metrics)
            groups.append(grouped)
            told |= {
                "run": str(outcome.finished.folder),
                "seconds": outcome.finished.metrics.get("seconds"),
                "out_of_time": outcome.finished.out_of_time,
                "metrics": metrics,
            }
        runs.append(told)
    table = paper_groups(asked.target, name, target.groups) if target.by else paper_metrics(asked.target, name)
    row = {
        "row": name,
        "system": planned.system,
        "label": planned.label,
        "x": planned.x,
        "runs": runs,
        "mean": _mean(each),
        "std": _std(each),
        "groups": {by: _over_seeds([grouped[by] for grouped in groups]) for by in GROUPED if groups and groups[0]},
        "paper": table,
        "upgan_minus": None,
    }
    return row, rankings


def _ranked(run: Path, out: Path, *, grouped: bool) -> tuple[Ranking, dict[str, dict[str, Metric]]]:
    """Test ranks of a run, from the cache where they are there, and its groups as `upgan evaluate --by` has them."""
    predictor = load(run)
    kept = out / "ranks" / f"{run_fingerprint(run)}.npy"
    triples = predictor.dataset.test
    ranking = None
    if kept.is_file():
        ranks = np.load(kept, allow_pickle=False)
        ranking = Ranking(triples, ranks) if ranks.shape == (2 * len(triples),) else None
    if ranking is None:
        ranking = predictor.rank("test")
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(kept, _npy(ranking.ranks))
    if not grouped or not len(triples):
        return ranking, {}
    parts = ranking, predictor.dataset, predictor.graph
    found = {by: {name: told.to_dict() for name, told in group_metrics(*parts, by).items()} for by in GROUPED}
    return ranking, found


def _npy(values: np.ndarray) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def _metrics(ranking: Ranking) -> Metric:
    return ranking.metrics.to_dict()


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
    """Group -> mean and deviation. The groups are of the data, so every seed has the same."""
    names = each[0]
    return {name: {"mean": _mean([of[name] for of in each]), "std": _std([of[name] for of in each])} for name in names}


def _minus(upgan: dict[int, Ranking], other: dict[int, Ranking], row: dict[str, Any]) -> dict[str, Any] | None:
    """UPGAN minus the row's system, over the seeds that both have; None for UPGAN itself, or without a common seed."""
    seeds = sorted(upgan.keys() & other.keys())
    if not seeds or row["row"] == "upgan" or not len(upgan[seeds[0]].triples):
        return None
    found = compare_rankings([other[seed] for seed in seeds], [upgan[seed] for seed in seeds])
    return {"seeds": seeds, **found.to_dict()}
