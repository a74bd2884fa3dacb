"""`upgan export` and `upgan import`: a run as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.options import RUNS, RunFolder
from upgan.cli.output import note, say
from upgan.errors import RunError


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The archive to write.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if there is one.")] = False,
) -> None:
    """Write a run, with its dataset and checksums, to one file."""
    from upgan.runs.archive import export_run

    if out.exists() and not overwrite:
        raise RunError(f"{out}: exists already; choose another name, or add --overwrite")
    export_run(run, out)
    note(
        f"{out.stat().st_size / 1e6:.1f} MB; it holds a copy of the dataset, whose licence applies when you pass it on"
    )
    say(str(out))


def import_(
    archive: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What upgan export wrote.")],
    to: Annotated[Path | None, typer.Option(help="The run folder to make; default checkpoints/NAME.")] = None,
) -> None:
    """Check an archive and unpack it as a run.

    Nothing in it is executed.
    """
    from upgan.runs.archive import import_run
    from upgan.training.checkpoint import load_run

    folder = import_run(archive, to, RUNS, check=load_run)
    say(str(folder))
