"""`upgan train` and `upgan evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upgan.cli.options import (
    RUNS,
    Assignments,
    By,
    Dataset,
    Device,
    Force,
    JsonFlag,
    Model,
    Preset,
    RunFolder,
    SettingsFile,
    Split,
)
from upgan.cli.output import check_choice, note, print_result, refuse_folder, say
from upgan.errors import ConfigError, TrainingError
from upgan.evaluation.cells import HEADS, SHARES, number

if TYPE_CHECKING:
    from upgan.config.settings import Config
    from upgan.config.sized import Size
    from upgan.data.dataset import KGDataset

NewRun = Annotated[Path | None, typer.Option(help="Run folder; default checkpoints/DATASET-MODEL-PRESET-sSEED.")]
Start = Annotated[
    Path | None,
    typer.Option(
        help="A finished run to go on from (upgan only): a complex or distmult run of the same data, or an "
        "upgan run of this or an earlier version of the data, whose settings then count where none are given."
    ),
]


def train(
    dataset: Dataset,
    run: NewRun = None,
    model: Model = "upgan",
    preset: Preset = None,
    config: SettingsFile = None,
    assignments: Assignments = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random draw; 0 unless the settings name one.")] = None,
    device: Device = None,
    start: Start = None,
    pin_head: Annotated[str | None, typer.Option(help="Follow <head, relation, ?> through training.")] = None,
    pin_tail: Annotated[str | None, typer.Option(help="Follow <?, relation, tail> through training.")] = None,
    pin_relation: Annotated[str | None, typer.Option(help="Relation of the query that is followed.")] = None,
    pin_answer: Annotated[str | None, typer.Option(help="Answer whose rank is followed.")] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Train in a process of its own and return at once; see `upgan status`.")
    ] = False,
    force: Force = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run already in the folder.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Print time, memory and disk of every phase, and start nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the estimate as one JSON document.")] = False,
) -> None:
    """Train, evaluate on test, and leave a self-contained run folder.

    Ctrl-C finishes the step and saves; `upgan resume` goes on.
    """
    from upgan.cli.training import train_new
    from upgan.config.settings import flat_settings, make_config
    from upgan.config.sized import told
    from upgan.data.dataset import load_dataset
    from upgan.training.workers import leads

    config = config or _settings_of(start, preset)
    if json and not estimate:
        raise ConfigError("--json: a training prints its folder; what it costs is printed by --estimate --json")
    pinned = {"head": pin_head, "tail": pin_tail, "relation": pin_relation, "answer": pin_answer}
    overrides = _given(model, seed, device, pinned)
    named: dict[str, Any] = {"file": config, "assignments": assignments or [], "overrides": overrides}
    make_config(preset, **named)  # what is wrong with it is said before the data are read
    data = load_dataset(dataset)
    settings, size = _sized(data, preset, named)
    if start is not None and settings.model_name != "upgan":
        raise ConfigError("--start: only --model upgan goes on from another run")
    if by_size := told(flat_settings(settings), size, settings.preset):
        note(by_size)
    if estimate:
        _print_estimate(data, settings, json, force=force)
        return
    name = f"{data.name}-{settings.model_name}-{settings.preset}-s{settings.seed}"
    # Another worker may come so late that the first one's run is there already.
    folder = _run_folder(run, name, overwrite) if leads() else run or RUNS / name
    note(f"training {settings.model_name} (preset {settings.preset}) on {data} into {folder}")
    if detach:
        _detach(folder, data, settings, start, force=force, overwrite=overwrite)
        return
    metrics = train_new(data, settings, folder, start, force=force)
    note(f"test MRR {number(metrics['mrr'], '.4f')}, Hits@10 {number(metrics['hits@10'], '.4f')}; run: {folder}")
    say(str(folder))


def _given(model: str, seed: int | None, device: str | None, pinned: dict[str, str | None]) -> dict[str, Any]:
    """The settings that options of their own name."""
    given = {"model_name": model, "seed": seed, "device": device, **{f"pinned.{key}": pinned[key] for key in pinned}}
    return {key: value for key, value in given.items() if value is not None}


def _sized(data: KGDataset, preset: str | None, named: dict[str, Any]) -> tuple[Config, Size]:
    """The settings with the preset's values for the size of the data, and that size."""
    from upgan.config.settings import make_config
    from upgan.config.sized import Size
    from upgan.machine import has_bfloat16

    size = Size(data.num_entities, has_bfloat16(make_config(preset, **named).device))
    return make_config(preset, size=size, **named), size


def _settings_of(start: Path | None, preset: str | None) -> Path | None:
    """The settings of a run of the model itself that is to be gone on from, where no others are named."""
    from upgan.errors import RunError
    from upgan.training.checkpoint import load_config

    if start is None or preset is not None:
        return None
    try:
        return start / "config.toml" if load_config(start).model_name == "upgan" else None
    except RunError:  # told of later, where the run is opened
        return None


def estimate_cost(
    dataset: Dataset,
    model: Model = "upgan",
    preset: Preset = None,
    config: SettingsFile = None,
    assignments: Assignments = None,
    device: Device = None,
    json: JsonFlag = False,
) -> None:
    """Tell what a training would cost: time, memory and disk.

    The same as `upgan train --estimate`. The time is that of a short rehearsal on this machine.
    """
    from upgan.config.settings import make_config
    from upgan.data.dataset import load_dataset

    chosen = {"model_name": None if config is not None else model, "device": device}
    overrides = {key: value for key, value in chosen.items() if value is not None}
    named: dict[str, Any] = {"file": config, "assignments": assignments or [], "overrides": overrides}
    make_config(preset, **named)  # what is wrong with it is said before the data are read
    data = load_dataset(dataset)
    settings, _ = _sized(data, preset, named)
    _print_estimate(data, settings, json, force=False)


def _print_estimate(data: Any, settings: Any, json: bool, *, force: bool) -> None:
    """Time, memory and disk of every phase; what does not fit is refused, as its rehearsal would not fit either."""
    from upgan.experiment.estimate import estimate
    from upgan.experiment.room import check_room

    if not force:
        check_room(data, settings, RUNS)
    whole = estimate(data, settings)
    print_result(json, whole.to_dict(), whole.to_text())


def _run_folder(named: Path | None, name: str, overwrite: bool) -> Path:
    """The folder asked for, or the first free one of the default's names."""
    from upgan.runs.launch import check_free, free_folder

    if named is None and not overwrite:
        return free_folder(RUNS, name)
    folder = named or RUNS / name
    check_free(folder, overwrite=overwrite)
    return folder


def _detach(folder: Path, data: Any, settings: Any, start: Path | None, *, force: bool, overwrite: bool) -> None:
    """Train in a process of its own; the folder's name is the result."""
    from upgan.runs import launch

    if start is not None:
        from upgan.experiment.train import load_start

        load_start(start, data, settings)  # refused here, where somebody reads it
    if not force:
        from upgan.experiment.room import check_room

        check_room(data, settings, folder)
    status = launch.start(folder, data, settings, start_from=start, force=force, overwrite=overwrite)
    if status.state == "failed":
        raise TrainingError(f"{folder}: {status.message}")
    note(f"{status.state} as process {status.pid}; see `upgan status {folder}`, `upgan stop {folder}`")
    say(str(folder))


def evaluate(
    run: RunFolder,
    split: Split = "test",
    by: By = None,
    ranks: Annotated[Path | None, typer.Option(help="Write every query's rank to this parquet file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Rank the test queries and print MRR and Hits@k.

    Filtered ranking over all entities, both directions pooled, ties at their mean rank. Scores tie that differ by at
    most 1e-5, of the score where it is above 1: what rounding changes.
    """
    check_choice("--split", split, ("test", "valid"))
    refuse_folder("--ranks", ranks)
    from upgan.cli.progress import CountProgress
    from upgan.evaluation.groups import GROUPINGS, group_metrics, ranks_table
    from upgan.predict.predictor import load

    if by is not None:
        check_choice("--by", by, GROUPINGS)
    predictor = load(run)
    ranking = predictor.rank(split, CountProgress(f"ranking {split}"))  # type: ignore[arg-type]
    result: dict[str, Any] = dict(ranking.metrics.to_dict())
    if by is not None:
        groups = group_metrics(ranking, predictor.dataset, predictor.graph, by)
        result["groups"] = {name: metrics.to_dict() for name, metrics in groups.items()}
    if ranks is not None:
        from upgan.files import write_bytes

        table = ranks_table(ranking, predictor.dataset)
        write_bytes(ranks, table.to_parquet(index=False))
    print_result(json, result, f"{split}, filtered\n\n{_metrics_table(result)}")


def _metrics_table(result: dict[str, Any]) -> str:
    from upgan.render.table import Table

    heads = ("group", "queries", *(head.replace("H@", "Hits@") for head in HEADS.values()))
    rows = [
        (name, str(row["queries"]), number(row["mr"], ".1f"), *(number(row[key], ".4f") for key in SHARES))
        for name, row in {"all": result, **result.get("groups", {})}.items()
    ]
    return Table(heads, rows, frozenset(range(1, len(heads)))).text()
