"""Systems side by side on one dataset, and whether their differences are more than chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from upgan.config.settings import Config, make_config, system_settings
from upgan.config.sized import MANY, Size, sized
from upgan.errors import ConfigError, RunError
from upgan.evaluation.compare import Mask, compare_systems, positive_seeds, summarise
from upgan.evaluation.evaluator import Progress, Ranking
from upgan.evaluation.groups import GROUPINGS
from upgan.predict.predictor import Predictor, load
from upgan.render.comparison import flat_rows, sections
from upgan.render.notebook import shown
from upgan.runs.settings import learned_by
from upgan.types import SplitName


@dataclass(frozen=True)
class System:
    """Runs of one system by their seeds, in the order they were named."""

    name: str
    runs: dict[int, Path]
    rankings: dict[int, Ranking]


class Comparison:
    """What `upgan compare` finds: the first run's system is the baseline of all differences."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def to_dict(self) -> dict[str, Any]:
        """The document of `upgan compare --json`."""
        return self._document

    def to_frame(self) -> pd.DataFrame:
        """A row for each group (the first is "all") and system; fractions, NaN for what is not known."""
        return pd.DataFrame(flat_rows(self._document))

    def __repr__(self) -> str:
        best = (f"{each['name']} {each['metrics']['mrr'] or 0:.4f}" for each in self._document["systems"])
        return f"Comparison({self._document['split']} MRR: {', '.join(best)})"

    def _repr_html_(self) -> str:
        return shown("", sections=sections(self._document))


def compare(
    runs: Sequence[str | Path],
    *,
    split: SplitName = "test",
    by: str | None = None,
    resamples: int = 10_000,
    seed: int = 0,
    progress: Callable[[Path], Progress] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Rank a split with every run and set the systems side by side, with 95% intervals (docs/records/accuracy.md).

    ``by``: a grouping of upgan.evaluation.groups. ``progress`` gives what hears how far a run is; ``tell`` hears what
    is done. Raises RunError for runs of different datasets, and for the same seed of a system twice; ConfigError for
    fewer than two runs.
    """
    if by is not None and by not in GROUPINGS:
        raise ConfigError(f"by = {by!r}: choose one of {', '.join(GROUPINGS)}")
    folders = [Path(run) for run in runs]
    _check_distinct(folders)
    predictors = _opened(folders)
    first = predictors[0]
    systems = _ranked(predictors, split, progress or (lambda _: lambda _done, _total: None))
    if len(systems) > 1:
        tell(f"drawing {resamples:,} resamples")
    document: dict[str, Any] = {
        "split": split,
        "dataset": {"name": first.dataset.name, "fingerprint": first.dataset.fingerprint},
        "baseline": systems[0].name,
        "resamples": resamples,
        "seed": seed,
        "systems": [
            {"name": system.name, "runs": [str(run) for run in system.runs.values()], "seeds": list(system.runs)}
            | figures
            for system, figures in zip(systems, _figures(systems, resamples, seed), strict=True)
        ],
    }
    if by is not None:
        names = GROUPINGS[by](next(iter(systems[0].rankings.values())), first.dataset, first.graph)
        document["groups"] = {
            name: _group(systems, resamples, seed, names == name) for name in sorted(set(names.tolist()))
        }
    return Comparison(document)


# Runs to systems -----------------------------------------------------------------------------------------------------


def _check_distinct(runs: Sequence[Path]) -> None:
    if not runs:
        raise ConfigError("no run to compare: name two or more")
    if len(runs) < 2:
        raise ConfigError(f"{runs[0]}: one run is nothing to compare; name two or more, or use `upgan evaluate`")
    seen: dict[Path, Path] = {}
    for run in runs:
        other = seen.setdefault(run.resolve(), run)
        if other is not run:
            raise ConfigError(f"{other} and {run} are the same folder: name every run once")


def _opened(runs: Sequence[Path]) -> list[Predictor]:
    """All runs, before any is ranked: what is wrong with the last is told at once and not after minutes."""
    predictors = [load(run) for run in runs]
    first = predictors[0]
    for other in predictors[1:]:
        mine, yours = first.dataset, other.dataset
        if mine.fingerprint != yours.fingerprint:
            raise RunError(
                f"{first.run_path} and {other.run_path} are of different datasets, {mine.name} "
                f"({mine.fingerprint[:12]}) and {yours.name} ({yours.fingerprint[:12]}): compare runs of one dataset"
            )
    return predictors


def _ranked(predictors: Sequence[Predictor], split: SplitName, progress: Callable[[Path], Progress]) -> list[System]:
    """The systems that the runs are of, in the order they were named; no seed twice in one system."""
    members: dict[str, dict[int, Predictor]] = {}
    learned = [learned_by(predictor.config, predictor.metrics or {}) for predictor in predictors]
    names = _names([predictor.config for predictor in predictors], learned)
    for name, predictor in zip(names, predictors, strict=True):
        other = members.setdefault(name, {}).setdefault(predictor.config.seed, predictor)
        if other is not predictor:
            raise RunError(
                f"{other.run_path} and {predictor.run_path} are both seed {predictor.config.seed} of {name}: "
                "leave one out; the same seed twice adds nothing"
            )

    def ranking(predictor: Predictor) -> Ranking:
        return predictor.rank(split, progress(predictor.run_path))

    return [
        System(
            name,
            {seed: predictor.run_path for seed, predictor in by_seed.items()},
            {seed: ranking(predictor) for seed, predictor in by_seed.items()},
        )
        for name, by_seed in members.items()
    ]


def _names(configs: Sequence[Config], learned: Sequence[dict[str, Any]]) -> list[str]:
    """Model, preset, and what a system changed of its preset, unless all systems have that in common.

    Runs that ``learned`` by the same have the same name, whichever preset the later ones started from.
    """
    shared = {key for key, value in learned[0].items() if all(other.get(key) == value for other in learned)}
    names: list[str] = []
    for config, own in zip(configs, learned, strict=True):
        usual = _usual_settings(config)
        apart = {key: value for key, value in own.items() if key not in shared and key != "model_name"}
        # What the preset has for large data is the preset too.
        by_size = sized(config.preset, Size(MANY + 1, bfloat16=True))
        changed = {key: value for key, value in apart.items() if value not in (usual.get(key), by_size.get(key))}
        texts = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in changed.items()]
        same = [name for name, other in zip(names, learned, strict=False) if other == own]
        names.append(same[0] if same else " ".join([config.model_name, config.preset, *texts]))
    return names


def _usual_settings(config: Config) -> dict[str, Any]:
    """What the model has with the run's preset alone; nothing for a preset of another version."""
    try:
        return system_settings(make_config(config.preset, overrides={"model_name": config.model_name}))
    except ConfigError:
        return {}


# Systems to figures --------------------------------------------------------------------------------------------------


def _figures(systems: Sequence[System], resamples: int, seed: int, queries: Mask | None = None) -> list[dict[str, Any]]:
    """Metrics, deviation and difference of each system, as JSON has them."""
    baseline, *others = [list(system.rankings.values()) for system in systems]
    differences = compare_systems(baseline, others, resamples, seed, queries)
    figures = []
    for system, difference in zip(systems, [None, *differences], strict=True):
        summary = summarise(list(system.rankings.values()), queries)
        entry: dict[str, Any] = {"metrics": summary.metrics.to_dict(), "std": summary.std_dict(), "difference": None}
        if difference is not None:
            paired = positive_seeds(systems[0].rankings, system.rankings, queries)
            entry["difference"] = {**difference.to_dict(), "positive_seeds": paired}
        figures.append(entry)
    return figures


def _group(systems: Sequence[System], resamples: int, seed: int, queries: Mask) -> dict[str, Any]:
    """Each system on one group's queries, and how many triples they come from."""
    figures = _figures(systems, resamples, seed, queries)
    return {
        "queries": int(queries.sum()),
        "triples": int(queries.reshape(2, -1).any(axis=0).sum()),
        "systems": [{"name": system.name, **entry} for system, entry in zip(systems, figures, strict=True)],
    }
