"""`upgan compare`: systems side by side, and whether their differences are more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upgan.cli.output import JsonFlag, note, print_json, refuse_folder
from upgan.errors import ConfigError, RunError

if TYPE_CHECKING:
    from upgan.config.settings import Config
    from upgan.evaluation.compare import Mask
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor

#: Runs that differ in nothing else are one system: another draw of it, or the same draw made elsewhere.
NEUTRAL = frozenset({"seed", "device", "threads", "max_seconds"})


@dataclass(frozen=True)
class System:
    """Runs of the same settings, one per seed, in the order they were named."""

    name: str
    runs: list[Path]
    seeds: list[int]
    rankings: list[Ranking]


def register(app: typer.Typer) -> None:
    """Add the command to the main application."""
    app.command()(compare)


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders; the first's system is the baseline.")],
    split: Annotated[str, typer.Option(help="test or valid.")] = "test",
    by: Annotated[str | None, typer.Option(help="Break down by relation, sparsity, hops or side.")] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap's draws.")] = 0,
    json: JsonFlag = False,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the figures, as fractions, to this file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
) -> None:
    """Compare systems: metrics, and differences with 95% intervals.

    Each is compared with the first one.

    Runs whose settings differ only in the seed are one system: its mean and its standard deviation over the seeds are
    shown. Intervals come from a paired bootstrap over triples, a triple's two queries drawn together; of several seeds
    the mean of each triple is resampled, so that an interval is over triples and not over trainings. With --by hops
    the hops are those of the first run's graph, for all systems alike.
    """
    if split not in ("test", "valid"):
        raise ConfigError(f"--split {split!r}: choose test or valid")
    if json and markdown:
        raise ConfigError("--json and --markdown: choose one of them")
    refuse_folder("--csv", table)
    _check_distinct(runs)
    from upgan.cli.comparison import print_tables, to_csv, to_markdown
    from upgan.evaluation.groups import GROUPINGS

    if by is not None and by not in GROUPINGS:
        raise ConfigError(f"--by {by!r}: choose one of {', '.join(GROUPINGS)}")
    predictors = _opened(runs)
    first = predictors[0]
    systems = _ranked(_named(predictors), split)
    if len(systems) > 1:
        note(f"drawing {resamples:,} resamples")
    document: dict[str, Any] = {
        "split": split,
        "dataset": {"name": first.dataset.name, "fingerprint": first.dataset.fingerprint},
        "baseline": systems[0].name,
        "resamples": resamples,
        "seed": seed,
        "systems": _whole(systems, resamples, seed),
    }
    if by is not None:
        names = GROUPINGS[by](systems[0].rankings[0], first.dataset, first.graph)
        document["groups"] = {
            name: _group(systems, resamples, seed, names == name) for name in sorted(set(names.tolist()))
        }
    if table is not None:
        from upgan.files import write_text

        write_text(table, to_csv(document))
    if json:
        print_json(document)
    elif markdown:
        typer.echo(to_markdown(document))
    else:
        print_tables(document)


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


def _named(predictors: Sequence[Predictor]) -> list[tuple[str, list[Predictor]]]:
    """Each system's name and its runs, in the order they were named; no seed twice in one system."""
    systems: dict[tuple[str, ...], list[Predictor]] = {}
    for predictor in predictors:
        systems.setdefault(tuple(_settings(predictor.config).values()), []).append(predictor)
    names = _names([_settings(members[0].config) for members in systems.values()])
    for name, members in zip(names, systems.values(), strict=True):
        seen: dict[int, Path] = {}
        for member in members:
            if member.config.seed in seen:
                raise RunError(
                    f"{seen[member.config.seed]} and {member.run_path} are both seed {member.config.seed} of {name}: "
                    "name one of them, a repeated seed tells nothing new"
                )
            seen[member.config.seed] = member.run_path
    return list(zip(names, systems.values(), strict=True))


def _names(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """Model, preset, and what a system changed of its preset, unless all systems have that in common."""
    named = {"model_name", "preset"}
    common = {key for key, value in settings[0].items() if all(other[key] == value for other in settings)}
    names = []
    for own in settings:
        base = _preset_settings(own["preset"])
        changed = [f"{k}={v}" for k, v in own.items() if k not in common | named and base.get(k) != v]
        names.append(" ".join([own["model_name"], own["preset"], *changed]))
    return names


def _preset_settings(preset: str) -> dict[str, str]:
    from upgan.config.settings import make_config

    try:
        return _settings(make_config(preset))
    except ConfigError:
        # A preset of another version: then every setting counts as the system's own.
        return {}


def _settings(config: Config) -> dict[str, str]:
    """Dotted key -> value as --set takes it, of all settings that make a system."""
    from upgan.config.settings import setting_keys

    values = {key: reduce(getattr, key.split("."), config) for key in setting_keys() if key not in NEUTRAL}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}


def _ranked(systems: Sequence[tuple[str, Sequence[Predictor]]], split: str) -> list[System]:
    from upgan.cli.progress import CountProgress

    def ranking(predictor: Predictor) -> Ranking:
        return predictor.rank(split, CountProgress(f"ranking {split} with {predictor.run_path}"))  # type: ignore[arg-type]

    return [
        System(
            name,
            [member.run_path for member in members],
            [member.config.seed for member in members],
            [ranking(member) for member in members],
        )
        for name, members in systems
    ]


# Systems to figures --------------------------------------------------------------------------------------------------


def _figures(systems: Sequence[System], resamples: int, seed: int, queries: Mask | None = None) -> list[dict[str, Any]]:
    """Metrics, deviation and difference of each system, as JSON has them."""
    from upgan.evaluation.compare import compare_systems, positive_seeds, summarise

    baseline = systems[0]
    others = [system.rankings for system in systems[1:]]
    differences = compare_systems(baseline.rankings, others, resamples, seed, queries)
    figures = []
    for system, difference in zip(systems, [None, *differences], strict=True):
        summary = summarise(system.rankings, queries)
        entry: dict[str, Any] = {"metrics": summary.metrics.to_dict(), "std": summary.std_dict(), "difference": None}
        if difference is not None:
            mine = dict(zip(system.seeds, system.rankings, strict=True))
            paired = positive_seeds(dict(zip(baseline.seeds, baseline.rankings, strict=True)), mine, queries)
            entry["difference"] = {**difference.to_dict(), "positive_seeds": None if paired is None else list(paired)}
        figures.append(entry)
    return figures


def _whole(systems: Sequence[System], resamples: int, seed: int) -> list[dict[str, Any]]:
    """Each system on all queries."""
    return [
        {"name": system.name, "runs": [str(run) for run in system.runs], "seeds": system.seeds, **figures}
        for system, figures in zip(systems, _figures(systems, resamples, seed), strict=True)
    ]


def _group(systems: Sequence[System], resamples: int, seed: int, queries: Mask) -> dict[str, Any]:
    """Each system on one group's queries, and how many triples they come from."""
    figures = _figures(systems, resamples, seed, queries)
    return {
        "queries": int(queries.sum()),
        "triples": int(queries.reshape(2, -1).any(axis=0).sum()),
        "systems": [{"name": system.name, **entry} for system, entry in zip(systems, figures, strict=True)],
    }
