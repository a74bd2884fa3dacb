"""`upgan data check`: the body of the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from upgan.cli.output import print_json
from upgan.cli.progress import CountProgress
from upgan.data.check import CheckReport, check_dataset, check_source
from upgan.data.dataset import load_dataset
from upgan.data.raw.text_stream import ReadOptions

_STYLES = {"ERROR": "bold red", "WARNING": "yellow", "NOTE": "cyan", "->": "green"}


class StageProgress:
    """One CountProgress for each stage of a check."""

    def __init__(self) -> None:
        self._stages: dict[str, CountProgress] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._stages:
            self._stages[what] = CountProgress(what)
        if done:
            self._stages[what](done, total)


def run_check(
    source: Sequence[Path],
    format: str,
    labels: Sequence[Path],
    encoding: str | None,
    min_rating: float | None,
    limits: dict[str, int],
    *,
    strict: bool,
    json: bool,
) -> None:
    """Check, print, and exit with 1 under ``strict`` where an error was found.

    ``limits``: min_interactions, examples and seed of check_source and check_dataset.
    """
    progress = StageProgress()
    if len(source) == 1 and format == "auto" and (source[0] / "manifest.json").is_file():
        report = check_dataset(load_dataset(source[0]), labels, progress=progress, **limits)
    else:
        options = ReadOptions(encoding)
        report = check_source(
            source, format, labels, options=options, min_rating=min_rating, progress=progress, **limits
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
        typer.echo(report.to_text())
        return
    console = Console()
    for line in report.to_text().split("\n"):
        style = _STYLES.get(line.split(" ", 1)[0]) or _STYLES.get(line.strip()[:2], "")
        # Text, not markup: a name with brackets is shown as it is.
        console.print(Text(line, style=style), soft_wrap=True)
