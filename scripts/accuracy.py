"""The tables of docs/accuracy.md: python scripts/accuracy.py [--cache FOLDER] RUN [RUN ...]

All runs of one dataset: ComplEx (the baseline), the quality preset, its controls, in as many seeds as there are. The
cache keeps each run's test ranks, so that a second call takes seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import upgan
from measuring import options
from upgan.config.settings import Config
from upgan.evaluation.cells import interval
from upgan.evaluation.compare import Change, compare_rankings, summarise
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.groups import GROUPINGS
from upgan.predict.predictor import Predictor
from upgan.reproduce.measure import ranking_of

BASELINE, QUALITY, SHUFFLED = "ComplEx-N3", "quality", "shuffled users"
GROUPS = ("sparsity", "hops")


@dataclass(frozen=True)
class System:
    """One system and its rankings of the test split by seed."""

    name: str
    rankings: dict[int, Ranking]

    @property
    def all(self) -> list[Ranking]:
        return [self.rankings[seed] for seed in sorted(self.rankings)]


def change_of(base: System | None, system: System, queries: np.ndarray | None = None) -> Change | None:
    """MRR of ``system`` minus the base's, over the seeds that both have."""
    seeds = sorted(base.rankings.keys() & system.rankings.keys()) if base and base is not system else []
    if base is None or not seeds:
        return None
    pair = [base.rankings[seed] for seed in seeds], [system.rankings[seed] for seed in seeds]
    return compare_rankings(*pair, queries=queries).mrr


def system_name(config: Config) -> str:
    """What sets a run apart from the quality preset."""
    if config.model_name != "upgan":
        return BASELINE if config.model_name == "complex" else config.model_name
    changed = []
    if not config.model.use_users:
        changed.append("without users")
    if config.graph.interactions == "shuffled":
        changed.append(SHUFFLED)
    if not config.adversarial.use_generator:
        changed.append("without generator")
    return ", ".join(changed) or config.preset


def overall(systems: Sequence[System]) -> list[str]:
    """MRR and Hits of each system, and its difference to ComplEx and to shuffled users."""
    by_name = {system.name: system for system in systems}
    lines = ["| system | seeds | MRR | H@1 | H@3 | H@10 | minus ComplEx-N3 | relative | minus shuffled users |"]
    lines.append("| --- " * 9 + "|")
    for system in systems:
        told = summarise(system.all)
        spread = "" if np.isnan(told.mrr_std) else f" ± {100 * told.mrr_std:.2f}"
        hits = " | ".join(f"{100 * told.metrics.hits[k]:.1f}" for k in (1, 3, 10))
        first = change_of(by_name.get(BASELINE), system)
        second = change_of(by_name.get(SHUFFLED), system) if system.name == QUALITY else None
        lines.append(
            f"| {system.name} | {len(system.rankings)} | {100 * told.metrics.mrr:.2f}{spread} | {hits} "
            f"| {interval(first.to_dict()) if first else ''} | {f'{100 * first.relative:+.1f}%' if first else ''} "
            f"| {interval(second.to_dict()) if second else ''} |"
        )
    return lines


def grouped(systems: Sequence[System], predictor: Predictor) -> list[str]:
    """MRR by the answer's frequency and hops, and what the users are worth there."""
    lines = [f"| group | queries | {' | '.join(system.name for system in systems)} | quality minus shuffled users |"]
    lines.append("| --- " * (len(systems) + 3) + "|")
    by_name = {system.name: system for system in systems}
    for grouping in GROUPS:
        names = GROUPINGS[grouping](systems[0].all[0], predictor.dataset, predictor.graph)
        for group in sorted(set(names.tolist())):
            mask = names == group
            values = " | ".join(f"{100 * summarise(system.all, mask).metrics.mrr:.2f}" for system in systems)
            told = change_of(by_name.get(SHUFFLED), by_name[QUALITY], mask) if QUALITY in by_name else None
            change = interval(told.to_dict()) if told else ""
            title = f"frequency {group}" if grouping == "sparsity" else f"hops {group}"
            lines.append(f"| {title} | {int(mask.sum())} | {values} | {change} |")
    return lines


def main() -> None:
    """Print both tables."""
    parser = options(__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path)
    arguments = parser.parse_args()
    systems: dict[str, System] = {}
    whole: Predictor | None = None
    for run in arguments.runs:
        predictor = upgan.load(run)
        name = system_name(predictor.config)
        print(f"ranking {run} ({name})", file=sys.stderr)
        system = systems.setdefault(name, System(name, {}))
        system.rankings[predictor.config.seed] = ranking_of(run, predictor.dataset, arguments.cache)
        whole = whole or predictor
    ordered = sorted(systems.values(), key=lambda system: (system.name != BASELINE, system.name != QUALITY))
    assert whole is not None
    print("\n".join([*overall(ordered), "", *grouped(ordered, whole)]))


if __name__ == "__main__":
    main()
