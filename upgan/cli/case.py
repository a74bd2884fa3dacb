"""`upgan case open`: compute a case file again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import RUNS, JsonFlag
from upgan.cli.output import print_result
from upgan.errors import CaseError, QueryError

if TYPE_CHECKING:
    from upgan.case import CaseFile, Reproduction

app = typer.Typer(help="Case files: one explanation each, to be checked anywhere.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `open` a command of its own as long as it is the only one."""


@app.command("open")
def open_case(
    file: Annotated[Path, typer.Argument(help="A case file (upgan explain ... --case FILE).")],
    run: Annotated[
        Path | None,
        typer.Option(help="The run to compute with; default the one in --checkpoints with its fingerprint."),
    ] = None,
    checkpoints: Annotated[Path, typer.Option(help="Where to look for the run.")] = RUNS,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 unless the case is reproduced.")] = False,
    json: JsonFlag = False,
) -> None:
    """Compute a case file again and compare.

    Says "reproduced", or by how much each group of numbers differs.
    """
    from upgan.case import read_case, reproduce
    from upgan.predict.predictor import load
    from upgan.render.words import clean

    case = read_case(file)
    predictor = load(run if run is not None else _find(case, checkpoints))
    outcome = reproduce(case, predictor)
    if outcome.verdict == "unknown":
        raise QueryError(f"{file}: {outcome.message}")
    text = f"{clean(case.question)}\n{outcome.message}\n\n{_differences(outcome)}"
    print_result(json, {"case": str(file), "run": str(predictor.run_path), **outcome.to_dict()}, text)
    if check and outcome.verdict != "reproduced":
        raise typer.Exit(1)


def _differences(outcome: Reproduction) -> str:
    """The groups of numbers as a table."""
    from upgan.render.table import Table

    rows = [
        (
            group.name,
            f"{group.compared:,}",
            f"{group.largest:.1e}" if group.largest else "0",
            "same" if group.within(outcome.tolerance) else group.unmatched or "differs",
        )
        for group in outcome.differences
        if group.compared or group.unmatched
    ]
    return Table(("compared", "values", "largest difference", ""), rows, frozenset({1, 2})).text()


def _find(case: CaseFile, checkpoints: Path) -> Path:
    """The run folder whose weights and settings have the case's fingerprint."""
    from upgan.render.words import clean, shorten
    from upgan.runs.files import CONFIG_FILE, MODEL_FILE
    from upgan.training.checkpoint import run_fingerprint

    whole = sorted(path.parent for path in checkpoints.glob(f"*/{MODEL_FILE}") if (path.parent / CONFIG_FILE).is_file())
    # The folder of that name first: then the others' weights need not be read.
    for folder in sorted(whole, key=lambda path: path.name != case.run.name):
        if run_fingerprint(folder) == case.run.fingerprint:
            return folder
    name, fingerprint = shorten(clean(case.run.name), 60), clean(case.run.fingerprint)[:12]
    raise CaseError(
        f"no run under {checkpoints} has the case's fingerprint (run {name!r}, {fingerprint}…); name one with --run"
    )
