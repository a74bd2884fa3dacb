"""`upgan reproduce`: the paper's tables and figures on a dataset, the paper's own numbers beside them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upgan.cli.options import RUNS, JsonFlag
from upgan.cli.output import note, print_result, refuse_file
from upgan.errors import ConfigError, TrainingError
from upgan.reproduce.document import TARGET_NAMES

if TYPE_CHECKING:
    from upgan.reproduce.execute import Executor
    from upgan.reproduce.plan import Effort, Request

#: All of the paper's experiments.
PAPER = (*TARGET_NAMES, "fig4")


# The options, apart from the function so that it stays readable.
Target = Annotated[str, typer.Argument(help=f"What of the paper: {', '.join(PAPER)}.")]
Data = Annotated[Path, typer.Option(help="A prepared dataset.")]
Out = Annotated[Path, typer.Option(help="Folder for the page and its files; several may share it.")]
Seeds = Annotated[str | None, typer.Option(help="Such as 0,1,2, a run each.  [default: 0; fig4: any run there is]")]
Budget = Annotated[str | None, typer.Option(help="Time limit of each run: 600, 90s, 10m or 1.5h.  [default: none]")]
Systems = Annotated[
    str | None, typer.Option(help="Such as transe,upgan.  [default: those the paper shows; table3: and three more]")
]
Preset = Annotated[
    str | None, typer.Option(help="UPGAN's preset.  [default: quality; table6: paper; fig4: any run there is]")
]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value for each system that has the setting, such as model.dim=64; may repeat."),
]
Trials = Annotated[
    int | None,
    typer.Option(min=1, help="Trials that search each system's settings on validation.  [default: no search]"),
]
TrialBudget = Annotated[str | None, typer.Option(help="Time limit of each trial.  [default: that of --budget]")]
Jobs = Annotated[int, typer.Option(min=1, help="Runs trained at a time.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of each run.")]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Go on with runs that were interrupted, or train those anew.")
]
Checkpoints = Annotated[
    Path, typer.Option("--checkpoints", "--runs-root", help="Where runs are looked for, and trained into.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="List the runs, and which of them are there; train and write nothing.")
]
Runs = Annotated[
    list[Path] | None, typer.Option(help="fig4: a finished run of this dataset; may repeat, the first is drawn.")
]


def reproduce(
    target: Target,
    data: Data,
    out: Out,
    seeds: Seeds = None,
    budget: Budget = None,
    systems: Systems = None,
    preset: Preset = None,
    assignments: Assignments = None,
    search: Trials = None,
    search_budget: TrialBudget = None,
    jobs: Jobs = 1,
    threads: Threads = 1,
    resume: Resume = True,
    checkpoints: Checkpoints = RUNS,
    dry_run: DryRun = False,
    run: Runs = None,
    json: JsonFlag = False,
) -> None:
    """Reproduce a table or figure of the paper on a dataset.

    The paper's numbers stand beside it.

    Writes OUT/TARGET.md, .csv, .json and .html, and prints the page. Finished runs of the dataset with the same
    settings are used, the others are trained; what was killed goes on where it was. A run that fails is a row with its
    reason.
    """
    if target not in PAPER:
        raise ConfigError(f"{target!r} is not one of the paper's tables and figures; choose from {', '.join(PAPER)}")
    refuse_file("--out", out)
    numbers = None if seeds is None else parse_seeds(seeds)
    from upgan.data.dataset import load_dataset

    if target == "fig4":
        options = {"--budget": budget, "--systems": systems, "--set": assignments, "--search": search}
        options |= {"--jobs": jobs > 1, "--threads": threads > 1, "--no-resume": not resume}
        _refuse(target, {**options, "--search-budget": search_budget, "--dry-run": dry_run})
        from upgan.cli.fig4 import Runs, reproduce_fig4

        runs = Runs(load_dataset(data), run or [], preset, numbers, checkpoints)
        reproduce_fig4(runs.dataset, out, runs, _command(), json=json)
        return
    from upgan.config.sized import Size
    from upgan.machine import has_bfloat16
    from upgan.reproduce.plan import Request, parse_budget, plan

    _refuse(target, {"--run": run})
    limit = parse_budget(budget)
    effort = _effort(search, search_budget, limit, dry_run=dry_run)
    named = () if systems is None else parse_names(systems)
    request = Request(target, tuple(numbers or [0]), limit, named, preset or "", tuple(assignments or ()), threads)
    plan(request)  # a mistake in it is reported before the data are read
    from upgan.reproduce.execute import Executor

    executor = Executor(load_dataset(data), checkpoints, note, jobs=jobs, resume=resume)
    request = replace(request, size=Size(executor.dataset.num_entities, has_bfloat16()))
    if dry_run:
        _list_runs(request, executor, json=json)
    else:
        _reproduce_runs(request, executor, out, effort, json=json)


def parse_seeds(text: str) -> list[int]:
    """Whole numbers, each once; ConfigError otherwise."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len({int(part) for part in parts}) < len(parts):
        raise ConfigError(f"--seeds {text!r}: write different whole numbers with commas, such as 0,1,2")
    return [int(part) for part in parts]


def parse_names(text: str) -> tuple[str, ...]:
    """Names, each once; ConfigError otherwise."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts) or len(set(parts)) < len(parts):
        raise ConfigError(f"--systems {text!r}: write different names with commas, such as transe,upgan")
    return tuple(parts)


def _refuse(target: str, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if value:
            allowed = "--run, --preset, --seeds and --checkpoints are" if target == "fig4" else "it is fig4's"
            raise ConfigError(f"{name} does not apply to {target}; {allowed}")


def _command() -> str:
    """What was typed, for the page that it made."""
    return shlex.join(["upgan", *sys.argv[1:]])


def _effort(trials: int | None, budget: str | None, limit: float, *, dry_run: bool) -> Effort | None:
    """Trials of a search and seconds of each; None without a search."""
    from upgan.reproduce.plan import Effort, parse_budget

    if trials is None:
        if budget is not None:
            raise ConfigError("--search-budget: needs --search N, the number of trials")
        return None
    if dry_run:
        raise ConfigError("--dry-run: which runs there will be depends on what --search finds; leave one of them out")
    return Effort(trials, parse_budget(budget, "--search-budget") or limit)


def _list_runs(request: Request, executor: Executor, *, json: bool) -> None:
    """Which runs there are, and which there will be."""
    from upgan.reproduce.plan import plan

    rows = executor.states(plan(request))
    impossible = "{row} s{seed}: {problem}".format_map
    text = "\n".join(f"{row['state']:<10} {row['run'] or impossible(row)}" for row in rows)
    print_result(json, {"target": request.target, "runs": rows}, text)


def _reproduce_runs(request: Request, executor: Executor, out: Path, effort: Effort | None, *, json: bool) -> None:
    """A table or figure made of runs: train what is missing, measure, write, print."""
    from upgan.reproduce.produce import produce

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: no folder can be made there ({error.strerror}); choose another") from None
    document, page = produce(request, executor, out, _command(), effort)
    note(f"wrote {request.target}.md, .csv, .json and .html to {out}")
    print_result(json, document, page)
    if not any(row["mean"] for row in document["rows"]):
        raise TrainingError(f"{request.target}: every run failed; the reasons are in {out / request.target}.md")
