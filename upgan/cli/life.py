"""`upgan resume`, `upgan stop` and `upgan status`: the life of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import RUNS, Force, JsonFlag, RunFolder
from upgan.cli.output import note, print_json, print_result, say
from upgan.errors import TrainingError
from upgan.evaluation.cells import number

if TYPE_CHECKING:
    from upgan.runs.status import RunStatus


def resume(
    run: RunFolder,
    detach: Annotated[bool, typer.Option("--detach", help="Go on in a process of its own and return at once.")] = False,
    force: Force = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Go on with a run that was stopped, interrupted or failed.

    The end is that of an uninterrupted run.
    """
    if detach:
        from upgan.runs import launch

        begun = launch.resume(run, force=force)
        if begun.state == "failed":
            raise TrainingError(f"{run}: {begun.message}")
        note(f"{begun.state} as process {begun.pid}; see `upgan status {run}`")
    else:
        from upgan.cli.training import train_on

        metrics = train_on(run, force=force, quiet=quiet)
        note(f"test MRR {number(metrics['mrr'], '.4f')}; run: {run}")
    if not quiet:
        say(str(run))


def stop(
    run: RunFolder,
    force: Annotated[
        bool, typer.Option("--force", help="End its process at once; it goes on from its last save.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return only when it has ended.")] = False,
    json: JsonFlag = False,
) -> None:
    """Ask a run to save and end.

    It finishes its step first; `upgan resume` goes on.
    """
    from upgan.runs import control

    state = control.kill(run) if force else control.request_stop(run)
    if wait:
        state = control.wait_until_over(run)
    print_result(json, state.to_dict(), _line(state))


def status(
    run: Annotated[Path | None, typer.Argument(help="A run folder; without one, all runs.")] = None,
    root: Annotated[Path, typer.Option(help="The folder of all runs.")] = RUNS,
    json: JsonFlag = False,
) -> None:
    """What a run, or every run, is doing now."""
    from upgan.runs.status import list_runs, run_state

    if run is None:
        runs = list_runs(root)
        if json:
            print_json({"runs": [each.to_dict() for each in runs]})
        elif runs:
            say("\n".join(map(_line, runs)))
        else:
            note(f"no runs in {root}; `upgan train DATASET` makes one")
        return
    one = run_state(run)
    details = {
        "phases": " → ".join(f"[{name}]" if name == one.phase else name for name in one.phases),
        "heartbeat": "" if one.heartbeat_age is None or not one.active else f"{one.heartbeat_age:.1f} s ago",
        "trained": "" if one.seconds is None else f"{one.seconds:.0f} s, {one.step} steps",
        "process": str(one.pid) if one.active else "",
        "resumable": f"upgan resume {run}" if one.resumable else "",
    }
    lines = [_line(one), *(f"  {name:<10} {text}" for name, text in details.items() if text)]
    print_result(json, one.to_dict(), "\n".join(lines))


def _line(status: RunStatus) -> str:
    """One run in one line."""
    parts = [f"{status.state:<11} {status.folder}"]
    if status.phase and status.state != "finished":
        share = "" if status.progress is None else f" ({100 * status.progress:.0f}%)"
        parts.append(f"{status.phase} epoch {status.epoch}/{status.epochs}{share}")
    if status.eta is not None:
        parts.append(f"phase ends in at most {status.eta:.0f} s")
    if status.test_mrr is not None:
        parts.append(f"test MRR {status.test_mrr:.4f}")
    elif status.best_valid_mrr is not None:
        parts.append(f"best valid MRR {status.best_valid_mrr:.4f}")
    if status.message:
        parts.append(status.message)
    return " · ".join(parts)
