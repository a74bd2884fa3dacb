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
from upgan.render.templates import escaped
from upgan.reproduce.measure import ranking_of

BASELINE, QUALITY, SHUFFLED = "ComplEx-N3", "quality", "shuffled users"
GROUPS = {"sparsity": "frequency", "hops": "hops", "side": "asked for"}


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
    """MRR and Hits of each system, its difference to ComplEx, and that of the quality preset to it."""
    by_name = {system.name: system for system in systems}
    lines = ["| system | seeds | MRR | H@1 | H@3 | H@10 | minus ComplEx-N3 | relative | quality minus it |"]
    lines.append("| --- " * 9 + "|")
    for system in systems:
        told = summarise(system.all)
        spread = "" if np.isnan(told.mrr_std) else f" ± {100 * told.mrr_std:.2f}"
        hits = " | ".join(f"{100 * told.metrics.hits[k]:.1f}" for k in (1, 3, 10))
        first = change_of(by_name.get(BASELINE), system)
        second = change_of(system, by_name[QUALITY]) if QUALITY in by_name else None
        lines.append(
            f"| {system.name} | {len(system.rankings)} | {100 * told.metrics.mrr:.2f}{spread} | {hits} "
            f"| {interval(first.to_dict()) if first else ''} | {f'{100 * first.relative:+.1f}%' if first else ''} "
            f"| {interval(second.to_dict()) if second else ''} |"
        )
    return lines


def grouped(systems: Sequence[System], predictor: Predictor) -> list[str]:
    """MRR by the answer's frequency and hops and by side, and what the users are worth there."""
    lines = [f"| group | queries | {' | '.join(system.name for system in systems)} | quality minus shuffled users |"]
    lines.append("| --- " * (len(systems) + 3) + "|")
    by_name = {system.name: system for system in systems}
    for grouping, title in GROUPS.items():
        names = GROUPINGS[grouping](systems[0].all[0], predictor.dataset, predictor.graph)
        for group in sorted(set(names.tolist())):
            mask = names == group
            values = " | ".join(f"{100 * summarise(system.all, mask).metrics.mrr:.2f}" for system in systems)
            told = change_of(by_name.get(SHUFFLED), by_name[QUALITY], mask) if QUALITY in by_name else None
            change = interval(told.to_dict()) if told else ""
            lines.append(f"| {title} {group} | {int(mask.sum())} | {values} | {change} |")
    return lines


def spread(base: System, quality: System, predictor: Predictor) -> list[str]:
    """For each relation and side: what the preset gains over the base, and how far its seeds lie apart."""
    seeds = sorted(base.rankings.keys() & quality.rankings.keys())
    lines = [
        "| relation | asked for | queries | ComplEx-N3 | quality | gain | least gain of a seed |",
        "| --- " * 7 + "|",
    ]
    relations = GROUPINGS["relation"](base.all[0], predictor.dataset, predictor.graph)
    sides = GROUPINGS["side"](base.all[0], predictor.dataset, predictor.graph)
    for relation in sorted(set(relations.tolist())):
        for side in ("tail", "head"):
            mask = (relations == relation) & (sides == side)
            before, after = (
                np.array([100 * (1.0 / system.rankings[seed].ranks[mask]).mean() for seed in seeds])
                for system in (base, quality)
            )
            shown = [f"{each.mean():.1f} ± {each.std(ddof=min(1, len(seeds) - 1)):.1f}" for each in (before, after)]
            gain = after - before
            name = f"{escaped(relation)} | {side} | {int(mask.sum())}"
            lines.append(f"| {name} | {' | '.join(shown)} | {gain.mean():+.1f} | {gain.min():+.1f} |")
    return lines


def main() -> None:
    """Print the tables."""
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
    if BASELINE in systems and QUALITY in systems:
        print("\n".join(["", *spread(systems[BASELINE], systems[QUALITY], whole)]))


if __name__ == "__main__":
    main()
