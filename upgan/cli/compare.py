"""`upgan compare`: systems side by side, and whether their differences are more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upgan.cli.options import By, JsonFlag, Split
from upgan.cli.output import check_choice, note, print_result, refuse_folder
from upgan.errors import ConfigError, RunError

if TYPE_CHECKING:
    from upgan.config.settings import Config
    from upgan.evaluation.compare import Mask
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor


@dataclass(frozen=True)
class System:
    """Runs of one system by their seeds, in the order they were named."""

    name: str
    runs: dict[int, Path]
    rankings: dict[int, Ranking]


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders; the first's system is the baseline.")],
    split: Split = "test",
    by: By = None,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap's draws.")] = 0,
    json: JsonFlag = False,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the figures, as fractions, to this file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
) -> None:
    """Set systems side by side, differences with 95% intervals.

    Runs that learned by the same settings are one system: its mean and its standard deviation over the seeds are shown.
    Preset name, seed, device, threads, saves and a pinned query make no other system, nor does a time limit, unless it
    cut a training short; what began with another run's weights (--start) is another one. Intervals come from a paired
    bootstrap over triples, a triple's two queries drawn together; of several seeds the mean of each triple is
    resampled, so that an interval is over triples and not over trainings. With --by hops the hops are those of the
    first run's graph, for all systems alike.
    """
    check_choice("--split", split, ("test", "valid"))
    if json and markdown:
        raise ConfigError("--json and --markdown: choose one of them")
    refuse_folder("--csv", table)
    _check_distinct(runs)
    from upgan.cli.comparison import to_csv, to_markdown, to_text
    from upgan.evaluation.groups import GROUPINGS

    if by is not None:
        check_choice("--by", by, GROUPINGS)
    predictors = _opened(runs)
    first = predictors[0]
    systems = _ranked(predictors, split)
    if len(systems) > 1:
        note(f"drawing {resamples:,} resamples")
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
    if table is not None:
        from upgan.files import write_text

        write_text(table, to_csv(document))
    print_result(json, document, to_markdown(document) if markdown else to_text(document))


# Runs to systems -----------------------------------------------------------------------------------------------------


def _check_distinct(runs: Sequence[Path]) -> None:
    if len(runs) < 2:
        raise ConfigError(f"{runs[0]}: one run is nothing to compare; name two or more, or use `upgan evaluate`")
    seen: dict[Path, Path] = {}
    for run in runs:
        other = seen.setdefault(run.resolve(), run)
        if other is not run:
            raise ConfigError(f"{other} and {run} are the same folder: name every run once")


def _opened(runs: Sequence[Path]) -> list[Predictor]:
    """All runs, before any is ranked: what is wrong with the last is told at once and not after minutes."""
    from upgan.predict.predictor import load

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


def _ranked(predictors: Sequence[Predictor], split: str) -> list[System]:
    """The systems that the runs are of, in the order they were named; no seed twice in one system."""
    from upgan.cli.progress import CountProgress
    from upgan.runs.settings import learned_by

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
        return predictor.rank(split, CountProgress(f"ranking {split} with {predictor.run_path}"))  # type: ignore[arg-type]

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
    from upgan.config.sized import MANY, Size, sized

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
    from upgan.config.settings import make_config, system_settings

    try:
        return system_settings(make_config(config.preset, overrides={"model_name": config.model_name}))
    except ConfigError:
        return {}


# Systems to figures --------------------------------------------------------------------------------------------------


def _figures(systems: Sequence[System], resamples: int, seed: int, queries: Mask | None = None) -> list[dict[str, Any]]:
    """Metrics, deviation and difference of each system, as JSON has them."""
    from upgan.evaluation.compare import compare_systems, positive_seeds, summarise

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
