"""`upgan bench`: how fast this is here, each part beside a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from upgan.cli.output import JsonFlag, note, print_json, refuse_folder
from upgan.cli.progress import CountProgress


def register(app: typer.Typer) -> None:
    """Add the command to the main application."""
    app.command()(bench)


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
            "explanation, serving; repeatable. Without it all (serving only with --growth)."
        ),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=1000, help="Repetitions, of which the median counts.")] = 5,
    preset: Annotated[str, typer.Option(help="Settings of the model and its training.")] = "paper",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", help="One setting as key=value, for example pretrain.precision=bfloat16; repeatable."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads of the arithmetic.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, batches and generated data.")] = 0,
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
    from upgan.bench.suite import chosen_names, run_bench
    from upgan.files import write_json

    _check_together(growth, page, [*(data or []), *(assignments or []), *([] if preset == "paper" else [preset])])
    refuse_folder("--out", out)
    refuse_folder("--page", page)
    if growth:
        _growth(chosen_names(only) if only else [], repeat, threads, seed, page, out, json)
        return
    note("measuring; the first lines of progress come with the first results")
    found = run_bench(
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
    if out is not None:
        write_json(out, found)
    print_json(found) if json else typer.echo(as_text(found))


def _check_together(growth: bool, page: Path | None, chosen: list[str]) -> None:
    from upgan.errors import ConfigError

    if page is not None and not growth:
        raise ConfigError("--page shows the curves of --growth: give both")
    if growth and chosen:
        raise ConfigError("--growth measures graphs of its own with preset paper: leave out --data, --preset and --set")


def _growth(
    only: list[str], repeat: int, threads: int, seed: int, page: Path | None, out: Path | None, json: bool
) -> None:
    import torch

    from upgan.bench.growth import growth
    from upgan.bench.growth_page import as_table, write_page
    from upgan.files import write_json

    torch.set_num_threads(threads)
    found = growth(repeat, seed, only, progress=CountProgress("curves"))
    if page is not None:
        write_page(found, page)
    if out is not None:
        write_json(out, found)
    print_json(found) if json else typer.echo(as_table(found))


def as_text(found: dict[str, Any]) -> str:
    """The document as a Markdown table, so that it can be pasted as it is."""
    machine = found["hardware"]
    settings = " ".join([found["preset"], *found["set"]])
    lines = [
        f"{found['date']}, {machine['cpu']}, torch {machine['torch']}, {found['threads']} thread(s), "
        f"load before {found['load_before']}, preset {settings}, seed {found['seed']}; {found['time']}"
    ]
    for dataset in found["datasets"]:
        counts = ", ".join(f"{value:,} {key.replace('_', ' ')}" for key, value in dataset["counts"].items())
        lines += ["", f"{dataset['data']}: {counts}", "", _HEADER, "| --- | --- | ---: | ---: | --- | ---: | ---: |"]
        lines += [_row(line) for line in dataset["measurements"]]
    if found["serving"] is not None:
        lines += ["", *_serving(found["serving"])]
    return "\n".join(lines)


_HEADER = "| what | one | CPU s (spread) | epoch, CPU s | reference, CPU s | ratio | peak MB |"


def _row(line: dict[str, Any]) -> str:
    own, other, epoch, ratio = (
        line["cpu_seconds"],
        line["reference_cpu_seconds"],
        line["epoch_cpu_seconds"],
        line["ratio"],
    )
    beside = "–" if other is None else f"{line['reference']}: {other['median']:.3g}"
    told = f" ({line['note']})" if line["note"] else ""
    cells = [
        line["name"],
        line["unit"],
        _spread(own),
        "–" if epoch is None else f"{epoch:.3g}",
        beside + told,
        "–" if ratio is None else f"{ratio:.3g}",
        f"{line['peak_memory_mb']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _serving(served: dict[str, Any]) -> list[str]:
    lines = [
        f"serving the {served['k']} best of {served['candidates']:,} candidates, {served['width']} wide, to "
        f"{served['queries']} queries; in float32 {served['float32_mb']:,.0f} MB, in float16 "
        f"{served['float16_mb']:,.0f} MB; peak of the process {served['peak_memory_mb']:,.0f} MB"
    ]
    for form in served["forms"]:
        lines += ["", f"{form['form']}:", "", "| how | CPU s (spread) | recall |", "| --- | ---: | ---: |"]
        for name in ("bare_product", "exact", "float16", "float16_rescored"):
            spent, found = form[f"{name}_cpu_seconds"], form.get(f"{name}_recall")
            told = "–" if found is None else f"{found:.3f}"
            lines.append(f"| {name.replace('_', ' ')} | {_spread(spent)} | {told} |")
        index = form["approximate"]
        if index is None:
            lines += ["", "approximate: not measured, faiss is not installed (pip install 'upgan[index]')"]
            continue
        lines += [
            f"| {effort['lists_read']} lists read | {effort['cpu_seconds']:.3g} | {effort['recall']:.3f} |"
            for effort in index["efforts"]
        ]
        built = f"{index['train_cpu_seconds']:.3g} s of training, {index['add_cpu_seconds']:.3g} s of adding"
        lines += ["", f"{index['index']}: {built}, {index['index_mb']:,.0f} MB"]
    return lines


def _spread(spent: dict[str, Any]) -> str:
    return f"{spent['median']:.3g} ({spent['min']:.3g}–{spent['max']:.3g})"
