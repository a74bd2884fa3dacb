"""`upgan complete`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import RunFolder
from upgan.cli.output import note, refuse_folder
from upgan.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".tsv", ".json", ".parquet")


def complete(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="File to write: .csv, .tsv, .json or .parquet.")],
    relation: Annotated[str | None, typer.Option(help="Only this relation (id or label).")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only what is missing of this kind of entity (book, item, ...).")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many triples.")] = 100,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Also entities of a kind never seen at that end of the relation.")
    ] = False,
) -> None:
    """List the most plausible facts that the graph lacks.

    Empty slots first (nothing is there where such entities usually have it), then further values; each with how sure it
    is (the share of such lines that were right on held-out facts) and the reason in a sentence.
    """
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(f"--out {out}: the file's name must end in {', '.join(FORMATS)}")
    refuse_folder("--out", out)
    from upgan.cli.progress import CountProgress
    from upgan.predict.completion import complete as complete_graph
    from upgan.predict.predictor import load
    from upgan.predict.sureness import sureness

    predictor = load(run)
    sure = sureness(predictor, CountProgress("learning how sure the scores are, questions"))
    table = complete_graph(
        predictor, relation, top, kind=kind, anywhere=anywhere, sure=sure, progress=CountProgress("scoring queries")
    )
    _write(table, out)
    empty = int((table["slot"] == "empty").sum())
    note(f"wrote {len(table)} triples to {out}: {empty} for empty slots, {len(table) - empty} further values")
    if table["sure"].isna().any():
        note("no fact is held out for validation, so it is not known how sure the lines are: sure is empty")


def _write(table: pd.DataFrame, out: Path) -> None:
    """In the format that the name asks for; in CSV, text that a spreadsheet would run is marked as text."""
    from upgan.files import write_bytes, write_text
    from upgan.render.csv_tables import to_csv

    kind = out.suffix.lower()
    if kind == ".parquet":
        write_bytes(out, table.to_parquet(index=False))
    elif kind == ".json":
        write_text(out, table.to_json(orient="records", indent=2, force_ascii=False, double_precision=15) + "\n")
    else:
        rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
        write_text(out, to_csv(rows, list(table.columns), separator="\t" if kind == ".tsv" else ","))
