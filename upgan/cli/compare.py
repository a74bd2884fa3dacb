"""`upgan compare`: systems side by side, and whether their differences are more than chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.cli.options import By, JsonFlag, Split
from upgan.cli.output import check_choice, note, print_result, refuse_folder
from upgan.errors import ConfigError


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders; the first's system is the baseline.")],
    split: Split = "test",
    by: By = None,
    resamples: Annotated[int, typer.Option(min=1, help="Resamples of the bootstrap.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap's draws.")] = 0,
    json: JsonFlag = False,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the figures, as fractions, to this file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
) -> None:
    """Set systems side by side, differences with 95% intervals.

    Runs that learned by the same settings are one system: its mean and its standard deviation over the seeds are shown.
    Preset name, seed, device, threads, saves and a pinned query make no other system, nor does a time limit, unless it
    cut a training short; what began with another run's weights (--start) is another one. Intervals come from a paired
    bootstrap over triples, a triple's two queries drawn together; of several seeds the mean of each triple is
    resampled, so that an interval is over triples and not over trainings. With --by hops the hops are those of the
    first run's graph, for all systems alike.
    """
    check_choice("--split", split, ("test", "valid"))
    if json and markdown:
        raise ConfigError("--json and --markdown: choose one of them")
    refuse_folder("--csv", table)
    from upgan.cli.progress import CountProgress
    from upgan.evaluation.groups import GROUPINGS
    from upgan.predict.comparison import compare as compared
    from upgan.render.comparison import to_csv, to_markdown, to_text

    if by is not None:
        check_choice("--by", by, GROUPINGS)

    def told(run: Path) -> CountProgress:
        return CountProgress(f"ranking {split} with {run}")

    found = compared(runs, split=split, by=by, resamples=resamples, seed=seed, progress=told, tell=note)  # type: ignore[arg-type]
    document = found.to_dict()
    if table is not None:
        from upgan.files import write_text

        write_text(table, to_csv(document))
    print_result(json, document, to_markdown(document) if markdown else to_text(document))
