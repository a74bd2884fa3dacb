"""`upgan data import`: a shop's own export, one row an item, as a prepared dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.output import note, say
from upgan.cli.prepare import Seed


def import_tables(
    files: Annotated[
        list[Path], typer.Argument(help="A table of items (one row for each item) and tables of who chose what.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for the prepared dataset.")] = None,
    map: Annotated[
        Path | None,
        typer.Option("--map", help="What each column is (map.toml of an earlier import). [default: guessed]"),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of text tables, such as cp1252. [default: detected]")
    ] = None,
    separator: Annotated[
        str | None, typer.Option(help="Separator of text tables, such as ';' or 'tab'. [default: detected]")
    ] = None,
    min_rating: Annotated[
        float | None, typer.Option(help="Interactions rated lower are dropped. [default: every rating counts]")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show the mapping and ten rows as facts; write nothing.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Make a prepared dataset of tables of your own.

    Columns are guessed; correct them in the map.toml that is written, and give it by --map. Nothing is filtered out.
    """
    from upgan.cli.progress import counts
    from upgan.data.dataset import check_replaceable
    from upgan.data.wide.mapping import load_mapping
    from upgan.data.wide.run import read_import, write_import
    from upgan.errors import ConfigError

    if out is None and not preview:
        raise ConfigError("give --out DIR, or --preview to look only")
    if out is not None:
        check_replaceable(out)
    sign = {"tab": "\t", "\\t": "\t", "space": " "}.get(separator or "", separator or "")
    note("reading " + ", ".join(str(file) for file in files))
    progress = counts("reading {} (MiB)", 1 << 20)
    mapping = load_mapping(map) if map else None
    imported = read_import(files, mapping, encoding=encoding or "", separator=sign, progress=progress)
    if preview or out is None:
        say(imported.mapping.to_toml())
        say("# The first rows as facts:")
        for row in imported.preview().itertuples(index=False):
            say(f"# {row.where}: {row.subject} | {row.relation} | {row.object}")
        for notice in imported.source.notices:
            note(f"warning: {notice.text}")
        return
    dataset = write_import(imported, out, seed=seed, min_rating=min_rating, progress=note)
    for entry in dataset.manifest["dropped"]:
        note(f"left out {entry['count']:,} {entry['what']}: {entry['reason']}")
    kept = (f"{each['kept']:,} of {each['read']:,} {what}" for what, each in dataset.manifest["accounts"].items())
    note(f"kept {', '.join(kept)}")
    note(
        f"wrote {dataset} to {out}; map.toml there says what each column was taken for: correct it and import again "
        "with --map"
    )
