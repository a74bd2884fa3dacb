"""`upgan data`: raw files and the embedded catalogue to prepared datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.check import check
from upgan.cli.importing import import_tables
from upgan.cli.options import Dataset, JsonFlag
from upgan.cli.output import note, print_result, say
from upgan.cli.prepare import Out, Seed, prepare
from upgan.cli.review import apply
from upgan.errors import ConfigError

app = typer.Typer(help="Prepare and describe datasets.", no_args_is_help=True, rich_markup_mode=None)
app.command()(prepare)
app.command("import")(import_tables)


@app.command()
def demo(out: Out, seed: Seed = 0) -> None:
    """Make a prepared dataset of the embedded book catalogue.

    Its readers are simulated.
    """
    from upgan.data.demo.demo import write_demo

    dataset = write_demo(out, seed=seed)
    note(f"wrote {dataset} to {out} (its readers are simulated)")


app.command()(check)
app.command()(apply)


@app.command()
def describe(dataset: Dataset, json: JsonFlag = False) -> None:
    """Count what a dataset holds, as the paper's Table 1 does.

    Layers, degrees and relations too.
    """
    from upgan.data.dataset import load_dataset
    from upgan.data.describe import describe as describe_dataset

    description = describe_dataset(load_dataset(dataset))
    print_result(json, description.to_dict(), description.to_text())


@app.command()
def synth(
    like: Annotated[str, typer.Option(help="The dataset of the paper whose size it has: movie, music or book.")],
    out: Out,
    scale: Annotated[float, typer.Option(help="Multiple of the sizes of Table 1, from 0.01 to 20.")] = 1.0,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Write raw text tables for `upgan data prepare` instead of a prepared dataset."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random draw.")] = 0,
) -> None:
    """Generate a dataset of the size of the paper's datasets.

    Taste is planted in it: it is for tests of scale, not for results.
    """
    from upgan.cli.progress import CountProgress
    from upgan.data.dataset import check_replaceable, copy_dataset
    from upgan.data.synth.generate import generate
    from upgan.data.synth.write import check_raw_replaceable, write_raw

    (check_raw_replaceable if raw else check_replaceable)(out)
    dataset = generate(like, scale, seed, note, CountProgress("interactions"))
    note(f"writing {out}")
    if raw:
        write_raw(dataset, out, seed)
        note(f"wrote raw tables to {out}; next: upgan data prepare {out} --out DIR")
    else:
        copy_dataset(dataset, out)
        note(f"wrote {dataset} to {out} (nothing in it was observed)")


@app.command()
def download(
    name: Annotated[str | None, typer.Argument(help="movie, music or book.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; data/raw/NAME if not given.")] = None,
    accept_licence: Annotated[bool, typer.Option("--accept-licence", help="Accept the licence that is shown.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="List the sources and do nothing.")] = False,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", envvar="UPGAN_DOWNLOAD_BASE", help="Take the files from here: a mirror of your own."
        ),
    ] = None,
) -> None:
    """Download the public files of a real dataset.

    An interrupted download goes on where it stopped.
    """
    from upgan.cli.progress import CountProgress
    from upgan.data.download.fetch import fetch_source
    from upgan.data.download.sources import all_sources, find_source

    if listing:
        for source in all_sources().values():
            say(f"{source.name}: {source.title}")
            for file in source.files:
                say(f"  {file.url}  ({file.hash or 'hash recorded at the first download'})")
        return
    if name is None:
        raise ConfigError(f"name a source ({', '.join(all_sources())}), or use --list")
    source = find_source(name)
    if not accept_licence:
        say(source.licence)
        raise ConfigError(f"{name}: read the licence and add --accept-licence")
    note(source.licence)
    folder = out or Path("data/raw") / name
    if folder.is_file():
        raise ConfigError(f"--out {folder} is a file; give a folder")
    folders = fetch_source(source, folder, base_url=base_url, say=note, progress=CountProgress)
    note(f"wrote {', '.join(map(str, folders))}")
    if source.note:
        note(source.note)
