"""`upgan refresh`: new users, items and interactions without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.options import RUNS, JsonFlag, RunFolder
from upgan.cli.output import note, print_json, say


def refresh(
    run: RunFolder,
    interactions: Annotated[
        Path, typer.Option(help="New interactions: .csv, .tsv or .parquet with user, item and optionally rating, time.")
    ],
    items: Annotated[
        Path | None, typer.Option(help="New items: id and optionally label, kind. Others get their id as label.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--run", help="Folder of the refreshed run; default checkpoints/RUN-refreshed.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Let a run take up new interactions, its weights frozen.

    Items that it has never seen are asked about through their users alone. The result is a run of its own.
    """
    from upgan.experiment.refresh import refresh as refreshed
    from upgan.runs.launch import free_folder

    out = to or free_folder(RUNS, f"{run.resolve().name}-refreshed")
    found = refreshed(run, interactions, out, items)
    note(
        f"{found.interactions:,} new interactions, {found.users:,} new users, {found.items:,} new items "
        f"({found.unnamed:,} of them only by their id); {found.known:,} interactions were there already"
    )
    for words in found.left_out():
        note(f"left out {words}")
    if json:
        print_json({"run": str(out), **found.to_dict()})
    else:
        say(str(out))
