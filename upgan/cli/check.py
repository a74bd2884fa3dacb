"""`upgan data check`: what is wrong with raw files or a prepared dataset."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.options import JsonFlag
from upgan.cli.output import print_json, say
from upgan.cli.prepare import Encoding, Format, MinRating
from upgan.escapes import terminal

if TYPE_CHECKING:
    from upgan.data.check import CheckReport

_STYLES = {"ERROR": "bold red", "WARNING": "yellow", "NOTE": "cyan", "->": "green"}


def check(
    source: Annotated[list[Path], typer.Argument(help="Folders or files of raw data, or one prepared dataset.")],
    format: Format = "auto",
    labels: Annotated[
        list[Path] | None, typer.Option(help="TSV of entity id and name; items' titles are compared with it.")
    ] = None,
    encoding: Encoding = None,
    min_rating: MinRating = None,
    min_interactions: Annotated[int, typer.Option(min=1, help="The k of the k-core.")] = 5,
    examples: Annotated[int, typer.Option(min=0, help="Most examples shown for a finding.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the shuffled links.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if an error was found.")] = False,
    json: JsonFlag = False,
) -> None:
    """Report what is wrong or suspicious in data.

    Whether items and entities fit together too. Writes nothing, and exits with 0 whatever was found, unless --strict.
    """
    from upgan.cli.progress import counts
    from upgan.data.check import check_dataset, check_source
    from upgan.data.dataset import load_dataset
    from upgan.data.raw.text_stream import ReadOptions

    progress, named = counts(), labels or []
    limits = {"min_interactions": min_interactions, "examples": examples, "seed": seed}
    if len(source) == 1 and format == "auto" and (source[0] / "manifest.json").is_file():
        report = check_dataset(load_dataset(source[0]), named, progress=progress, **limits)
    else:
        options = ReadOptions(encoding)
        report = check_source(
            source, format, named, options=options, min_rating=min_rating, progress=progress, **limits
        )
    if json:
        print_json(report.to_dict())
    else:
        _print(report)
    if strict and report.worst == "error":
        raise typer.Exit(1)


def _print(report: CheckReport) -> None:
    """Plain text into a pipe or file; colours by severity where a person watches."""
    if not sys.stdout.isatty():
        say(report.to_text())
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in terminal(report.to_text()).split("\n"):
        style = _STYLES.get(line.split(" ", 1)[0]) or _STYLES.get(line.strip()[:2], "")
        # Text, not markup: a name with brackets is shown as it is.
        console.print(Text(line, style=style), soft_wrap=True)
