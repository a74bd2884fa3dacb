"""The tables of accuracy: python scripts/accuracy.py [--cache FOLDER] [--record docs/records] RUN [RUN ...]

Runs of one dataset or of several: ComplEx (the baseline), the quality preset, its controls, other systems, in as many
seeds as there are. The cache keeps each run's test ranks, so that a second call takes seconds. --record writes a record
for each dataset and keeps the runs' ranks beside it (scripts/kept_ranks.py); a later call takes those of other systems
and seeds from there, so that a table can grow run by run. scripts/records.py then writes the tables into the pages.
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from kept_ranks import Made, keep, kept

import upgan
from measuring import options
from records import KNOWN, Cell, Table, write_record
from upgan.config.settings import Config
from upgan.config.systems import MODEL_NAMES
from upgan.evaluation.compare import Change, compare_rankings, summarise
from upgan.evaluation.evaluator import Ranking
from upgan.evaluation.groups import GROUPINGS
from upgan.predict.predictor import Predictor
from upgan.render.templates import escaped
from upgan.reproduce.measure import ranking_of

BASELINE, QUALITY, PERMUTED = "ComplEx-N3", "quality", "permuted users"
GROUPS = {"sparsity": "frequency", "hops": "hops", "side": "asked for"}


@dataclass(frozen=True)
class System:
    """One system and its rankings of the test split by seed."""

    name: str
    rankings: dict[int, Ranking]

    @property
    def all(self) -> list[Ranking]:
        return [self.rankings[seed] for seed in sorted(self.rankings)]


@dataclass
class Runs:
    """All runs on one dataset."""

    predictor: Predictor
    systems: dict[str, System] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)

    @property
    def name(self) -> str:
        name = self.predictor.dataset.name
        return KNOWN.get(name, name)

    @property
    def ordered(self) -> list[System]:
        """The baseline first, the preset second."""
        return sorted(self.systems.values(), key=lambda system: (system.name != BASELINE, system.name != QUALITY))

    def add(self, made: Made, ranking: Ranking) -> None:
        """A run; where its system has that seed already, the first one counts."""
        system = self.systems.setdefault(made.system, System(made.system, {}))
        if made.seed not in system.rankings:
            system.rankings[made.seed] = ranking
            self.made.append(made)

    def tables(self) -> dict[str, Table]:
        """Name -> table, those that these runs have."""
        tables = {"overall": overall(self.ordered), "groups": grouped(self.ordered, self.predictor)}
        if {BASELINE, QUALITY} <= self.systems.keys():
            tables["relations"] = spread(self.systems[BASELINE], self.systems[QUALITY], self.predictor)
        return tables


def change_of(base: System | None, system: System | None, queries: np.ndarray | None = None) -> Change | None:
    """MRR of ``system`` minus the base's, over the seeds that both have."""
    if base is None or system is None or base is system or not (seeds := base.rankings.keys() & system.rankings.keys()):
        return None
    before, after = ([each.rankings[seed] for seed in sorted(seeds)] for each in (base, system))
    return compare_rankings(before, after, queries=queries).mrr


def system_name(config: Config) -> str:
    """What sets a run apart from the quality preset."""
    if config.model_name != "upgan":
        return BASELINE if config.model_name == "complex" else MODEL_NAMES[config.model_name]
    changed = []
    if not config.model.use_users:
        changed.append("without users")
    if config.graph.interactions == "shuffled":
        changed.append(PERMUTED)
    if not config.adversarial.use_generator:
        changed.append("without generator")
    return ", ".join(changed) or config.preset


def overall(systems: Sequence[System]) -> Table:
    """MRR and Hits of each system, its difference to ComplEx, and that of the quality preset to it."""
    by_name = {system.name: system for system in systems}
    rows: list[list[Cell]] = []
    for system in systems:
        summary = summarise(system.all)
        first = change_of(by_name.get(BASELINE), system)
        second = change_of(system, by_name.get(QUALITY))
        rows.append(
            [
                *(system.name, len(system.rankings), {"mean": summary.metrics.mrr, "std": _known(summary.mrr_std)}),
                *(summary.metrics.hits[k] for k in (1, 3, 10)),
                *(first.to_dict() if first else None, first.relative if first else None),
                second.to_dict() if second else None,
            ]
        )
    columns = {
        "system": "text", "seeds": "count", "MRR": "percent2", "H@1": "percent", "H@3": "percent", "H@10": "percent",
        "minus ComplEx-N3": "change", "relative": "relative", "quality minus it": "change",
    }  # fmt: skip
    return Table(columns, rows)


def grouped(systems: Sequence[System], predictor: Predictor) -> Table:
    """MRR by the answer's frequency and hops and by side, and what the users are worth there."""
    by_name = {system.name: system for system in systems}
    rows: list[list[Cell]] = []
    for grouping, title in GROUPS.items():
        names = GROUPINGS[grouping](systems[0].all[0], predictor.dataset, predictor.graph)
        for group in sorted(set(names.tolist())):
            mask = names == group
            values = [summarise(system.all, mask).metrics.mrr for system in systems]
            change = change_of(by_name.get(PERMUTED), by_name.get(QUALITY), mask)
            rows.append([f"{title} {group}", int(mask.sum()), *values, change.to_dict() if change else None])
    means = {system.name: "percent2" for system in systems}
    return Table({"group": "text", "queries": "count", **means, "quality minus permuted users": "change"}, rows)


def spread(base: System, quality: System, predictor: Predictor) -> Table:
    """For each relation and side: what the preset gains over the base, and how far its seeds lie apart."""
    seeds = sorted(base.rankings.keys() & quality.rankings.keys())
    relations = GROUPINGS["relation"](base.all[0], predictor.dataset, predictor.graph)
    sides = GROUPINGS["side"](base.all[0], predictor.dataset, predictor.graph)
    rows: list[list[Cell]] = []
    for relation in sorted(set(relations.tolist())):
        for side in ("tail", "head"):
            mask = (relations == relation) & (sides == side)
            if not mask.any():
                continue
            before, after = (
                np.array([(1.0 / system.rankings[seed].ranks[mask]).mean() for seed in seeds])
                for system in (base, quality)
            )
            shown: list[Cell] = [
                {"mean": float(each.mean()), "std": float(each.std(ddof=1)) if len(seeds) > 1 else None}
                for each in (before, after)
            ]
            gain = after - before
            rows.append([escaped(relation), side, int(mask.sum()), *shown, float(gain.mean()), float(gain.min())])
    columns = {
        "relation": "text", "asked for": "text", "queries": "count", BASELINE: "percent", QUALITY: "percent",
        "gain": "gain", "least gain of a seed": "gain",
    }  # fmt: skip
    return Table(columns, rows)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def made_by(run: Path, predictor: Predictor) -> Made:
    """What a run was; seconds and memory are those of all its phases."""
    stages = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["stages"].values()
    return Made(
        run=run.name,
        system=system_name(predictor.config),
        seed=predictor.config.seed,
        threads=predictor.config.threads,
        cpu_seconds=round(sum(stage.get("cpu_seconds", 0.0) for stage in stages), 1),
        peak_memory_mb=max((stage.get("peak_memory_mb", 0.0) for stage in stages), default=0.0),
        data=predictor.dataset.fingerprint,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def main() -> None:
    """Rank, print the tables, write the records."""
    parser = options(__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--record", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    by_data: dict[str, Runs] = {}
    for run in arguments.runs:
        predictor = upgan.load(run)
        print(f"ranking {run} ({system_name(predictor.config)})", file=sys.stderr)
        runs = by_data.setdefault(predictor.dataset.fingerprint, Runs(predictor))
        ranking = ranking_of(run, runs.predictor.dataset, arguments.cache)
        runs.add(made_by(run, predictor), ranking)
        if arguments.record:
            keep(arguments.record / "ranks" / runs.name, runs.made[-1], ranking)
    for fingerprint, runs in by_data.items():
        if arguments.record:
            folder = arguments.record / "ranks" / runs.name
            for made, ranking in kept(folder, fingerprint, runs.predictor.dataset.test):
                runs.add(made, ranking)
        tables = runs.tables()
        print("\n".join([f"## {runs.name}\n", *(table.markdown() for table in tables.values())]))
        if arguments.record:
            print(f"{record(arguments.record, runs, tables)}: written; python scripts/records.py shows it in the pages")


def record(folder: Path, runs: Runs, tables: dict[str, Table]) -> Path:
    """The record of a dataset's runs."""
    data = runs.predictor.dataset
    facts = {
        "name": data.name, "fingerprint": data.fingerprint, "entities": data.num_entities,
        "test_triples": len(data.test), "simulated_users": data.simulated_users,
    }  # fmt: skip
    made = sorted(runs.made, key=lambda each: (each.system, each.seed))
    return write_record(
        folder, f"accuracy-{runs.name}", title=f"Test metrics on {runs.name}", data=facts,
        command=f"python scripts/accuracy.py --record docs/records {' '.join(f'runs/{each.run}' for each in made)}",
        seeds=sorted({each.seed for each in made}), tables=tables, notes={"runs": [asdict(each) for each in made]},
    )  # fmt: skip


if __name__ == "__main__":
    main()
