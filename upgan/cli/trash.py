"""`upgan delete` and `upgan trash`: runs are kept for 30 days after they were deleted, and come back until then."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.options import RUNS, JsonFlag, RunFolder
from upgan.cli.output import note, print_json, say
from upgan.errors import ConfigError
from upgan.runs import trash

app = typer.Typer(
    help=f"List deleted runs, bring one back, or empty the trash. Each is kept for {trash.KEPT_DAYS} days.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

RootOption = Annotated[
    Path, typer.Option("--checkpoints", envvar="UPGAN_CHECKPOINTS", help="Folder with the run folders.")
]


def delete(run: RunFolder) -> None:
    """Move a run to the trash.

    It is kept there for 30 days; `upgan trash restore NAME` brings it back.
    """
    deleted = trash.delete(run)
    note(f"{deleted.name} is deleted: {trash.promise(deleted.path.parents[2], deleted.name)}")


@app.command("list")
def list_(root: RootOption = RUNS, json: JsonFlag = False) -> None:
    """List the deleted runs, the latest first.

    Each is shown with the day until which it is kept, and its id. Those past their 30 days are removed.
    """
    _remove_expired(root)
    runs = trash.deleted_runs(root)
    if json:
        print_json({"trash": str(root / trash.TRASH), "runs": [deleted.to_dict() for deleted in runs]})
        return
    for each in runs:
        say(
            f"{each.name} · deleted {each.when:%Y-%m-%d %H:%M} UTC · kept until {each.until:%Y-%m-%d} · "
            f"{each.megabytes():.1f} MB · {each.id}"
        )
    if not runs:
        note(f"the trash of {root} is empty")


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="Name of a deleted run, or its id in `upgan trash list`.")],
    root: RootOption = RUNS,
) -> None:
    """Bring a deleted run back under its name. A run that has this name by now is not replaced."""
    say(str(trash.restore(trash.find_deleted(root, name).path)))


@app.command()
def empty(
    root: RootOption = RUNS,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    json: JsonFlag = False,
) -> None:
    """Remove every deleted run for good, at once."""
    _remove_expired(root)
    runs = trash.deleted_runs(root)
    agreed = yes or not runs or _confirmed(root, runs)
    removed = trash.empty_trash(root) if agreed else trash.Removed((), 0.0)
    if json:
        print_json({"removed": list(removed.names), "megabytes": round(removed.megabytes, 3)})
    elif removed.names:
        say(f"removed {_count(len(removed.names))}, {removed.megabytes:.1f} MB: {', '.join(removed.names)}")
    else:
        note(f"the trash of {root} is empty" if agreed else "nothing was removed")


def _confirmed(root: Path, runs: list[trash.Deleted]) -> bool:
    """Whether the person at the terminal agrees. Raises ConfigError where nobody answers."""
    size = sum(deleted.megabytes() for deleted in runs)
    names = ", ".join(deleted.name for deleted in runs)
    question = f"Remove {_count(len(runs))} ({size:.1f} MB) from {root / trash.TRASH} for good: {names}?"
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise ConfigError("nobody answered, so nothing was removed; --yes removes without asking") from None


def _remove_expired(root: Path) -> None:
    """Apply the rule of 30 days and say what it removed."""
    removed = trash.remove_expired(root)
    if removed.names:
        note(f"removed after {trash.KEPT_DAYS} days: {', '.join(removed.names)} ({removed.megabytes:.1f} MB)")


def _count(runs: int) -> str:
    return f"{runs} deleted run{'' if runs == 1 else 's'}"
