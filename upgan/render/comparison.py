"""The document of `upgan compare` as tables: for a terminal, in Markdown, as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upgan.evaluation.cells import SHARES, UNKNOWN, csv_text, interval, metric_cells, metric_heads, percent
from upgan.render.table import Section, Table, Words
from upgan.render.words import clean

#: Columns of texts, which stand left; the figures stand right.
TEXTS = frozenset({"system", "group"})
#: Metrics that have a deviation and a difference.
TESTED = ("mrr", "hits@10")


def to_text(document: Mapping[str, Any]) -> str:
    """Titles, aligned tables and notes, for a terminal."""
    return "\n\n".join(section.text() for section in sections(document))


def to_markdown(document: Mapping[str, Any]) -> str:
    """Titles, pipe tables and notes, to be pasted into a text."""
    parts = []
    for section in sections(document):
        parts.append(section.title)
        parts += [_pipes(part) if isinstance(part, Table) else part.words for part in section.parts]
    return "\n\n".join(parts)


def _pipes(table: Table) -> str:
    rules = ["---:" if place in table.right else ":---" for place in range(len(table.head))]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in (table.head, rules, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def to_csv(document: Mapping[str, Any]) -> str:
    """One row per group and system, group "all" first, fractions; what is not known is empty."""
    rows = flat_rows(document)
    return csv_text(rows, list(rows[0]))


def flat_rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each group and system, fractions; None for what is not known."""
    seeds = {system["name"]: " ".join(map(str, system["seeds"])) for system in document["systems"]}
    groups = {"all": document, **document.get("groups", {})}
    rows = []
    for group, content in groups.items():
        for entry in content["systems"]:
            row = {"group": group, "system": entry["name"], "seeds": seeds[entry["name"]], **entry["metrics"]}
            row |= {f"{key}_std": (entry["std"] or {}).get(key) for key in TESTED}
            difference = entry["difference"] or {}
            for key in TESTED:
                change = difference.get(key, {})
                row |= {f"delta_{key}_{part}": change.get(part) for part in ("value", "low", "high", "relative")}
            row["positive_seeds"], row["paired_seeds"] = difference.get("positive_seeds") or (None, None)
            rows.append(row)
    return rows


def sections(document: Mapping[str, Any]) -> list[Section]:
    """What to_text and to_markdown write, and a notebook shows."""
    systems = document["systems"]
    several = any(len(system["seeds"]) > 1 for system in systems)
    title = f"{document['split']} of {clean(document['dataset']['name'])}, filtered; percent, but MR"
    rows = [[entry["name"], ", ".join(map(str, entry["seeds"])), *_with_deviations(entry)] for entry in systems]
    sections = [
        Section(
            title + ("; mean ± standard deviation over the seeds" if several else ""),
            [_table(["system", "seeds", *metric_heads()], rows)],
        )
    ]
    if len(systems) > 1:
        header = ["system", "ΔMRR", "relative", "ΔH@10", "seeds with ΔMRR > 0"]
        rows = [[entry["name"], *_difference_cells(entry["difference"])] for entry in systems[1:]]
        title = f"minus {document['baseline']}: percentage points [95% interval]"
        sections.append(Section(title, [_table(header, rows), Words(_method(document, several))]))
    if "groups" in document:
        rows = [
            [
                *(clean(name), str(group["queries"]), str(group["triples"]), entry["name"]),
                percent(entry["metrics"]["mrr"]),
                "" if entry["difference"] is None else interval(entry["difference"]["mrr"]),
            ]
            for name, group in document["groups"].items()
            for entry in group["systems"]
        ]
        header = ["group", "queries", "triples", "system", "MRR", "ΔMRR"]
        title = "groups of queries; each interval over the triples that have a query there"
        sections.append(Section(title, [_table(header, rows)]))
    return sections


def _table(header: list[str], rows: list[list[str]]) -> Table:
    return Table(header, rows, frozenset(place for place, name in enumerate(header) if name not in TEXTS))


def _method(document: Mapping[str, Any], several: bool) -> str:
    text = (
        f"Intervals: paired bootstrap over {document['split']} triples, a triple's two queries together; "
        f"{document['resamples']:,} resamples, seed {document['seed']}."
    )
    if several:
        text += " Of several seeds each triple's mean is resampled: the intervals are over triples, not over trainings."
    return text


def _with_deviations(entry: Mapping[str, Any]) -> list[str]:
    deviations = [(entry["std"] or {}).get(key) for key in (*SHARES, "mr")]
    cells = zip(metric_cells(entry["metrics"]), deviations, strict=True)
    return [cell if deviation is None else f"{cell} ± {percent(deviation)}" for cell, deviation in cells]


def _difference_cells(difference: Mapping[str, Any]) -> list[str]:
    relative, paired = difference["mrr"]["relative"], difference["positive_seeds"]
    return [
        interval(difference["mrr"]),
        UNKNOWN if relative is None else f"{100 * relative:+.1f}%",
        interval(difference["hits@10"]),
        UNKNOWN if paired is None else f"{paired[0]} of {paired[1]}",
    ]
