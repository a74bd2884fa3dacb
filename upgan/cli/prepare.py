"""`upgan data prepare`: raw files of any format to a prepared dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upgan.cli.output import note
from upgan.data.read import format_names
from upgan.errors import ConfigError

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.data.prepare.prepare import PrepareSettings
    from upgan.data.raw.source import RawSource
    from upgan.data.raw.text_stream import ReadOptions

Out = Annotated[Path, typer.Option(help="Folder for the prepared dataset.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the split (and of the simulated readers).")]
Source = Annotated[list[Path], typer.Argument(help="Folders or files of raw data.")]
Format = Annotated[str, typer.Option(help=f"auto, {', '.join(format_names()[:-1])} or {format_names()[-1]}.")]
Preset = Annotated[
    str | None,
    typer.Option(
        help="The paper's preparation of a domain: movie, music or book; options given beside it override it."
    ),
]
MinInteractions = Annotated[int | None, typer.Option(help="k-core: users and items with fewer go. [default: 5]")]
MaxInteractions = Annotated[
    int | None, typer.Option(help="Users with more interactions go, before the k-core. [default: none do]")
]
MinRating = Annotated[
    float | None, typer.Option(help="Interactions rated lower are dropped. [default: every rating counts]")
]
Since = Annotated[
    str | None,
    typer.Option("--from", help="Interactions before this date are dropped; those without a timestamp stay."),
]
Until = Annotated[str | None, typer.Option(help="Interactions after this date (inclusive, UTC) are dropped.")]
MinTriples = Annotated[int | None, typer.Option(help="Entities in fewer triples are dropped. [default: 3]")]
MaxHops = Annotated[
    int | None, typer.Option(help="Entities farther than this from every item are dropped. [default: 4]")
]
KeepReverse = Annotated[bool, typer.Option("--keep-reverse", help="Keep relations that reverse or repeat another.")]
Symmetric = Annotated[
    str, typer.Option(help="together: (h, r, t) and (t, r, h) share a split; random: drawn one by one.")
]
Labels = Annotated[list[Path] | None, typer.Option(help="TSV of id and label; may repeat.")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the raw files, such as latin-1. [default: utf-8]")]
SkipBadLines = Annotated[
    bool, typer.Option("--skip-bad-lines", help="Leave out and count lines that do not fit their format.")
]
NoValue = Annotated[
    str | None,
    typer.Option(
        help="Words that say there is no value, between commas; rows with one as an id are left out, and '' keeps all. "
        "[default: N/A, unknown, none, -, ? and the like]"
    ),
]
Relations = Annotated[
    str | None,
    typer.Option(
        help="Freebase dump: follow and keep only properties of these domains, such as film,people. "
        "[default: all but housekeeping]"
    ),
]
Wikidata = Annotated[
    Path | None,
    typer.Option(
        help="Wikidata dump (truthy .nt or JSON, .gz or .bz2): labels of Freebase topics without a name, by P646."
    ),
]
Work = Annotated[
    Path | None, typer.Option(help="Folder where finished passes over dumps are kept. [default: OUT.work]")
]
Split = Annotated[str | None, typer.Option(help="Shares of train, valid and test. [default: 0.8,0.1,0.1]")]


def prepare(
    source: Source,
    out: Out,
    format: Format = "auto",
    preset: Preset = None,
    min_interactions: MinInteractions = None,
    max_interactions: MaxInteractions = None,
    min_rating: MinRating = None,
    since: Since = None,
    until: Until = None,
    min_triples: MinTriples = None,
    max_hops: MaxHops = None,
    keep_reverse: KeepReverse = False,
    symmetric: Symmetric = "together",
    labels: Labels = None,
    encoding: Encoding = None,
    skip_bad_lines: SkipBadLines = False,
    no_value: NoValue = None,
    relations: Relations = None,
    wikidata: Wikidata = None,
    work: Work = None,
    split: Split = None,
    seed: Seed = 0,
) -> None:
    """Make a prepared dataset of raw files.

    Link, filter, split, and report what was dropped and why.
    """
    from upgan.cli.progress import counts
    from upgan.data.dataset import check_replaceable
    from upgan.data.prepare.domains import domain_settings
    from upgan.data.prepare.prepare import PrepareSettings
    from upgan.data.prepare.prepare import prepare as prepare_source
    from upgan.data.raw.no_value import NO_VALUES, folded
    from upgan.data.raw.text_stream import ReadOptions

    options = {
        "min_interactions": min_interactions,
        "max_interactions": max_interactions,
        "min_triples": min_triples,
        "max_hops": max_hops,
        "keep_reverse": keep_reverse,
        "symmetric": symmetric,
        "split": None if split is None else _shares(split),
        "seed": seed,
        "min_rating": min_rating,
        "since": since,
        "until": until,
        "preset": preset or "",
    }
    settings = PrepareSettings(**domain_settings(preset, options))
    # Reading may take hours: what would stand in the way of the result is said before.
    check_replaceable(out)
    words = NO_VALUES if no_value is None else no_value.split(",")
    progress = counts("reading {} (MiB)", 1 << 20)
    reading = ReadOptions(encoding, skip_bad_lines, progress, no_value=folded(word for word in words if word.strip()))
    dumps = work or out.with_name(f"{out.name}.work")
    raw = _read(source, format, labels or [], settings, reading, relations or "", wikidata, dumps)
    dataset = prepare_source(raw, out, settings, progress=note)
    _say_what_became(dataset, out)


def _say_what_became(dataset: KGDataset, out: Path) -> None:
    """What was left out and why, and what is kept of each kind of thing."""
    for entry in dataset.manifest["dropped"]:
        note(f"left out {entry['count']:,} {entry['what']}: {entry['reason']}")
    kept = (f"{each['kept']:,} of {each['read']:,} {what}" for what, each in dataset.manifest["accounts"].items())
    note(f"kept {', '.join(kept)}")
    note(f"wrote {dataset} to {out}; manifest.json there says what was dropped and why")


def _read(
    source: list[Path],
    format: str,
    labels: list[Path],
    settings: PrepareSettings,
    reading: ReadOptions,
    relations: str,
    wikidata: Path | None,
    work: Path,
) -> RawSource:
    """The raw source; finished passes over dumps are kept in ``work``."""
    from upgan.data.formats import read_sources
    from upgan.data.prepare.window import refuse_window_without_times
    from upgan.data.raw.format import DumpReading

    shared = {
        name: getattr(settings, name) for name in ("min_interactions", "min_rating", "since", "until", "max_hops")
    }
    dump = DumpReading(**shared, relations=tuple(relations.replace(",", " ").split()), work=work, say=note)
    note("reading " + ", ".join(map(str, source)))
    raw = read_sources(source, format=format, labels=labels, options=reading, dump=dump)
    if settings.since or settings.until:
        refuse_window_without_times(raw)
    if wikidata:
        from upgan.data.dump.wikidata import with_wikidata_labels

        raw = with_wikidata_labels(raw, wikidata, work, note)
    return raw


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, valid, test = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--split {text!r}: three numbers that sum to 1, for example 0.8,0.1,0.1") from None
    return train, valid, test
