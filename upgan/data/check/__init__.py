"""What is wrong or suspicious in raw data or in a prepared dataset, before it costs a training.

    check_source(paths) -> CheckReport      raw files of any format that can be read
    check_dataset(dataset) -> CheckReport   a prepared dataset

Nothing is written and nothing repaired. Every check is a function of a ``Catalogue`` (or, for lines, of the files)
that returns ``Finding``s; docs/reference/check.md says what each means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from upgan.data import formats
from upgan.data.check import items, scan, text, triples
from upgan.data.check.alignment import NOT_CHECKED, check_alignment
from upgan.data.check.catalogue import Catalogue, of_dataset, of_source
from upgan.data.check.report import CheckReport, Finding, Severity, finding, ordered
from upgan.data.check.scan import Progress
from upgan.data.dataset import KGDataset
from upgan.data.lacking import lacking
from upgan.data.prepare.split import OPEN
from upgan.data.raw.archives import unpacked
from upgan.data.raw.joins import labels_of_nothing, low_ratings
from upgan.data.raw.ratings import rated_at_least
from upgan.data.raw.roles import LABELS, read_role
from upgan.data.raw.source import Notice, RawSource
from upgan.data.raw.text_stream import STRICT, ReadOptions
from upgan.data.raw.text_tables import read_table
from upgan.errors import ConfigError, DataError
from upgan.types import SPLITS

__all__ = ["CheckReport", "Finding", "Progress", "Severity", "check_dataset", "check_raw", "check_source"]


def check_source(
    paths: Sequence[Path | str],
    format: str = "auto",
    labels: Sequence[Path | str] = (),
    *,
    options: ReadOptions = STRICT,
    min_rating: float | None = None,
    min_interactions: int = 5,
    examples: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Check raw files, in the formats that ``upgan.data.formats`` reads.

    ``options``, ``min_rating``: how files are read, and which ratings count, as in preparation.

    ``labels``: tables of id and name of entities; titles of items that the source has are set against them.
    ``min_interactions``: the k of the k-core. ``examples``: most examples a finding shows. ``seed``: of the shuffles of
    the alignment check. ``progress`` is called with (what, done, total). Raises ConfigError for an unknown format or a
    limit out of bounds, DataError for a source that is missing, or that cannot be read for another reason than single
    bad lines.
    """
    _check_limits(min_interactions, examples)
    named = [Path(path) for path in paths]
    say = progress or _silent
    with unpacked(named, formats.archives_of(named)) as opened:
        return _check(opened, format, labels, options, min_rating, min_interactions, examples, seed, say)


def _check(
    paths: Sequence[Path],
    format: str,
    labels: Sequence[Path | str],
    options: ReadOptions,
    min_rating: float | None,
    min_interactions: int,
    examples: int,
    seed: int,
    say: Progress,
) -> CheckReport:
    chosen, sources = formats.chosen_format(paths, format, options)
    if chosen.layout is None:
        checked = ", ".join(name for name, each in formats.FORMATS.items() if each.layout)
        raise ConfigError(
            f"format {chosen.name}: prepare it, then check the dataset; files can be checked of {checked}"
        )
    scans = scan.scan(sources, chosen.layout, say)
    of_lines = scan.findings_of(scans, examples)
    options = replace(options, progress=lambda name, done, total: say(f"reading {name}", done, total))
    names = _names(labels, options)
    try:
        readable = scan.without_bad_lines(scans, options)
        source = formats.read_sources(sources.named, format=chosen.name, options=readable)
    except DataError as error:
        # Without bad lines the reader's message is all there is to say, and it is the caller's mistake.
        if not any(result.bad for result in scans):
            raise
        return _unreadable(sources.named, chosen.name, of_lines, error)
    if min_rating is None:
        source = source.with_notices(*low_ratings(source))
    catalogue = of_source(rated_at_least(source, min_rating)[0])
    given = (labels_of_nothing(source, _names([path], options), Path(path).name) for path in labels)
    of_lines += noticed([*source.notices, *(notice for each in given for notice in each)], examples)
    repeated = any(catalogue.repeated.values())
    of_lines += triples.repeated(catalogue, scan.repeats(scans, examples, options) if repeated else {})
    return _report(catalogue, of_lines, names, source.format, sources.named, min_interactions, examples, seed, say)


def check_raw(
    source: RawSource,
    paths: Sequence[Path],
    *,
    min_interactions: int = 5,
    examples: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Check a source that was read already; arguments and errors as of ``check_source``."""
    _check_limits(min_interactions, examples)
    catalogue = of_source(source)
    of_lines = noticed([*source.notices, *low_ratings(source)], examples)
    of_lines += triples.repeated(catalogue, {})
    names, say = _names([], STRICT), progress or _silent
    return _report(catalogue, of_lines, names, source.format, paths, min_interactions, examples, seed, say)


def check_dataset(
    dataset: KGDataset,
    labels: Sequence[Path | str] = (),
    *,
    min_interactions: int = 5,
    examples: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Check a prepared dataset; arguments and errors as of ``check_source``."""
    _check_limits(min_interactions, examples)
    paths = [] if dataset.path is None else [dataset.path]
    catalogue = of_dataset(dataset)
    names = _names(labels, STRICT)
    return _report(catalogue, [], names, "prepared", paths, min_interactions, examples, seed, progress or _silent)


def _report(
    catalogue: Catalogue,
    of_lines: list[Finding],
    names: pd.DataFrame,
    format_name: str,
    paths: Sequence[Path],
    min_interactions: int,
    examples: int,
    seed: int,
    say: Progress,
) -> CheckReport:
    """All checks that work on numbered rows."""
    relations = triples.relations_of(catalogue)
    labelled = pd.concat([catalogue.labels["id"], names["id"]])
    findings = [
        *of_lines,
        *triples.alike_relations(catalogue, relations, examples),
        *triples.held_out(catalogue, relations, examples),
        *noticed(_lacking(catalogue), examples),
        *triples.shapes(catalogue, examples),
        *items.links(catalogue, examples),
        *items.marks(catalogue),
        *items.core(catalogue, min_interactions, examples),
        *items.heavy(catalogue, examples),
        *items.layers(catalogue, examples),
        *items.hubs(catalogue, examples),
        *text.spelling(catalogue, examples),
        *items.missing_labels(catalogue, labelled, examples),
    ]
    aligned, alignment = check_alignment(catalogue, relations, names, seed, examples, say)
    return CheckReport(
        name=catalogue.name,
        kind=catalogue.kind,
        format=format_name,
        paths=tuple(str(path) for path in paths),
        findings=ordered([*aligned, *findings]),
        alignment=alignment,
        counts=catalogue.counts(),
    )


def noticed(notices: Sequence[Notice], limit: int) -> list[Finding]:
    """What reading found worth a word, one finding for each code."""
    findings = []
    for code in dict.fromkeys(notice.code for notice in notices):
        those = [notice for notice in notices if notice.code == code]
        examples = [notice.text for notice in those] if len(those) > 1 else list(those[0].examples or [those[0].text])
        count = sum(notice.count for notice in those)
        total = those[0].total if len(those) == 1 else None
        findings.append(finding(code, count, total=total, examples=examples[: max(limit, len(those))] if limit else ()))
    return findings


def _lacking(catalogue: Catalogue) -> list[Notice]:
    """No users, no validation, no test; triples whose split preparation draws are of all."""
    drawn = int((catalogue.split == OPEN).sum())
    counts = {split: int((catalogue.split == SPLITS.index(split)).sum()) + drawn for split in ("valid", "test")}
    return lacking(users=len(catalogue.users), **counts)


def _unreadable(paths: Sequence[Path], format_name: str, of_lines: list[Finding], error: DataError) -> CheckReport:
    """The report where not even the remaining lines make a source."""
    return CheckReport(
        name=paths[0].resolve().name,
        kind="source",
        format=format_name,
        paths=tuple(str(path) for path in paths),
        findings=ordered([*of_lines, finding("unreadable-source", 1, examples=[str(error)])]),
        alignment=NOT_CHECKED,
        counts={},
    )


def _names(paths: Sequence[Path | str], options: ReadOptions) -> pd.DataFrame:
    """id, label of all label tables; a later one counts."""
    tables = [read_role(read_table(Path(path), options=options), LABELS) for path in paths]
    empty = pd.DataFrame({"id": [], "label": []}, dtype=object)
    names = pd.concat([empty, *tables], ignore_index=True).astype(str)
    return names[names["label"] != ""].drop_duplicates("id", keep="last", ignore_index=True)


def _check_limits(min_interactions: int, examples: int) -> None:
    for name, value, low in (("min_interactions", min_interactions, 1), ("examples", examples, 0)):
        if type(value) is not int or value < low:
            raise ConfigError(f"{name} is {value!r}; allowed: a whole number from {low}")


def _silent(what: str, done: int, total: int) -> None:
    """No one is watching."""
