"""`upgan bench`: how fast this is here, each part beside a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from upgan.cli.options import JsonFlag
from upgan.cli.output import note, print_result, refuse_folder
from upgan.errors import ConfigError


def bench(
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="demo (the default), a prepared dataset's folder, synth:book, synth:book@0.1 ...; repeatable."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="One measurement: preparation, initialisation, pretrain, adversarial, propagation, evaluation, query, "
            "explanation, serving; with --growth also walks, walked question; repeatable. Without it all (serving only "
            "with --growth)."
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Repetitions, of which the median counts.")] = 5,
    preset: Annotated[str, typer.Option(help="Settings of the model and its training.")] = "paper",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="One setting as key=value, for example pretrain.precision=bfloat16; repeatable."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of the arithmetic.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, batches and generated data.")] = 0,
    candidates: Annotated[
        int, typer.Option(min=1000, max=100_000_000, help="Candidates that serving searches.")
    ] = 1_000_000,
    growth: Annotated[
        bool, typer.Option("--growth", help="Cost against each size over two decades instead; --only chooses.")
    ] = False,
    page: Annotated[Path | None, typer.Option(help="With --growth: the curves as an HTML page.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the JSON document to this file.")] = None,
    json: JsonFlag = False,
) -> None:
    """Measure processor time and memory of every part.

    Each is set beside a reference that is run in turn with it. The weights are random: speed does not depend on them.
    """
    from upgan.bench.suite import run_bench
    from upgan.cli.progress import CountProgress

    _check_together(growth, page, [*(data or []), *(assignments or []), *([] if preset == "paper" else [preset])])
    refuse_folder("--out", out)
    refuse_folder("--page", page)
    if growth:
        document = _growth(only or [], repeat, threads, seed, page)
    else:
        note("measuring; the first lines of progress come with the first results")
        document = run_bench(
            data or ["demo"],
            only=only or (),
            preset=preset,
            repeat=repeat,
            threads=threads,
            seed=seed,
            assignments=assignments or (),
            candidates=candidates,
            progress=CountProgress("measurements"),
        )
    _write(document, "growth.md.j2" if growth else "bench.md.j2", out, json=json)


def _check_together(growth: bool, page: Path | None, chosen: list[str]) -> None:
    if page is not None and not growth:
        raise ConfigError("--page shows the curves of --growth: give both")
    if growth and chosen:
        raise ConfigError("--growth measures graphs of its own with preset paper: leave out --data, --preset and --set")


def _growth(only: list[str], repeat: int, threads: int, seed: int, page: Path | None) -> dict[str, Any]:
    import torch

    from upgan.bench.growth import PLANS, growth
    from upgan.bench.growth_page import write_page
    from upgan.bench.suite import chosen_names
    from upgan.cli.progress import CountProgress

    names = chosen_names(only, [plan.what for plan in PLANS])
    torch.set_num_threads(threads)
    document = growth(repeat, seed, names, progress=CountProgress("curves"))
    if page is not None:
        write_page(document, page)
    return document


def _write(document: dict[str, Any], name: str, out: Path | None, *, json: bool) -> None:
    """To the file where one is named, and to stdout: as JSON, or as Markdown that can be pasted as it is."""
    from upgan.bench.growth import ORDERS
    from upgan.files import write_json
    from upgan.render.templates import template

    if out is not None:
        write_json(out, document)
    print_result(json, document, template("upgan.bench", name).render(document, orders=ORDERS).strip())
