"""`upgan vectors`: the learned vectors of a run with their ids."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.output import note, refuse_folder
from upgan.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".tsv", ".parquet")


def vectors(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    out: Annotated[Path, typer.Option(help=f"The file to write; its name ends in {', '.join(FORMATS)}.")],
) -> None:
    """Write the learned vectors with the ids they belong to.

    One row for each: of (entity, relation, ...), id, label, v0, v1, ...; what each kind of vector is, is said on
    stderr. In CSV and TSV an id or label that a spreadsheet would run starts with an apostrophe; parquet has it as it
    is.
    """
    if out.suffix.lower() not in FORMATS:
        raise ConfigError(f"--out {out}: the file's name must end in {', '.join(FORMATS)}")
    refuse_folder("--out", out)
    from upgan.predict.predictor import load

    found = load(run).vectors()
    _write(found, out)
    for name, count in found["of"].value_counts(sort=False).items():
        note(f"{count:,} of {name}: {found.attrs['about'][name]}")
    note(f"wrote {len(found):,} vectors to {out}")


def _write(found: pd.DataFrame, out: Path) -> None:
    from upgan.escapes import spreadsheet
    from upgan.files import write_bytes

    if out.suffix.lower() == ".parquet":
        write_bytes(out, found.to_parquet(index=False))
        return
    texts = {name: found[name].map(spreadsheet) for name in ("id", "label")}
    separator = "\t" if out.suffix.lower() == ".tsv" else ","
    written = found.assign(**texts).to_csv(index=False, sep=separator, lineterminator="\n")
    write_bytes(out, written.encode("utf-8-sig"))  # as our other tables: the mark is for Excel
