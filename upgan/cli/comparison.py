"""The document of `upgan compare` as tables: for a terminal, in Markdown, as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upgan.render.words import clean

#: Columns of texts: aligned to the left, the figures to the right.
TEXTS = frozenset({"system", "group"})


@dataclass(frozen=True)
class Block:
    """A titled table of texts, and what its reader has to know."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""


def print_tables(document: Mapping[str, Any]) -> None:
    """To stdout; where that is no terminal, as wide as the tables are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Off a terminal rich assumes 80 columns and would fold the names.
    console = Console(width=None if sys.stdout.isatty() else 1000)
    for place, block in enumerate(_blocks(document)):
        table = Table()
        for name in block.header:
            table.add_column(name, justify="left" if name in TEXTS else "right")
        for row in block.rows:
            # As Text: a name in square brackets is a name, not a style.
            table.add_row(*(Text(cell) for cell in row))
        if place:
            console.print()
        console.print(block.title, markup=False, highlight=False)
        console.print(table)
        if block.note:
            console.print(block.note, markup=False, highlight=False)


def to_markdown(document: Mapping[str, Any]) -> str:
    """Titles, pipe tables and notes, to be pasted into a text."""
    parts = []
    for block in _blocks(document):
        rules = [":---" if name in TEXTS else "---:" for name in block.header]
        rows = [[cell.replace("|", "\\|") for cell in row] for row in (block.header, rules, *block.rows)]
        parts += [block.title, "\n".join("| " + " | ".join(row) + " |" for row in rows), block.note]
    return "\n\n".join(part for part in parts if part)


def to_csv(document: Mapping[str, Any]) -> str:
    """One row per group and system, group "all" first, fractions; what is not known is empty."""
    groups = [("all", document["systems"])]
    groups += [(name, group["systems"]) for name, group in document.get("groups", {}).items()]
    rows = []
    for group, entries in groups:
        for entry, system in zip(entries, document["systems"], strict=True):
            seeds = " ".join(map(str, system["seeds"]))
            row = {"group": group, "system": entry["name"], "seeds": seeds, **entry["metrics"]}
            row |= {f"{key}_std": (entry["std"] or {}).get(key) for key in ("mrr", "hits@10")}
            difference = entry["difference"] or {}
            for key in ("mrr", "hits@10"):
                change = difference.get(key, {})
                row |= {f"delta_{key}_{part}": change.get(part) for part in ("value", "low", "high", "relative")}
            row["positive_seeds"], row["paired_seeds"] = difference.get("positive_seeds") or (None, None)
            rows.append(row)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _blocks(document: Mapping[str, Any]) -> list[Block]:
    systems = document["systems"]
    several = any(len(system["seeds"]) > 1 for system in systems)
    blocks = [
        Block(
            f"{document['split']} of {clean(document['dataset']['name'])}, filtered; percent, but MR"
            + ("; mean ± standard deviation over the seeds" if several else ""),
            ["system", "seeds", "MRR", "H@1", "H@3", "H@10", "MR"],
            [[entry["name"], ", ".join(map(str, entry["seeds"])), *_metric_cells(entry)] for entry in systems],
        )
    ]
    if len(systems) > 1:
        blocks.append(
            Block(
                f"minus {document['baseline']}: percentage points [95% interval]",
                ["system", "ΔMRR", "relative", "ΔH@10", "seeds with ΔMRR > 0"],
                [[entry["name"], *_difference_cells(entry["difference"])] for entry in systems[1:]],
                _method(document, several),
            )
        )
    if "groups" in document:
        rows = [
            [clean(name), str(group["queries"]), str(group["triples"]), entry["name"], *_group_cells(entry)]
            for name, group in document["groups"].items()
            for entry in group["systems"]
        ]
        header = ["group", "queries", "triples", "system", "MRR", "ΔMRR"]
        blocks.append(Block("groups of queries; each interval over the triples that have a query there", header, rows))
    return blocks


def _method(document: Mapping[str, Any], several: bool) -> str:
    text = (
        f"Intervals: paired bootstrap over {document['split']} triples, a triple's two queries together; "
        f"{document['resamples']:,} resamples, seed {document['seed']}."
    )
    if several:
        text += " Of several seeds each triple's mean is resampled: the intervals are over triples, not over trainings."
    return text


def _metric_cells(entry: Mapping[str, Any]) -> list[str]:
    metrics, std = entry["metrics"], entry["std"] or {}
    cells = []
    for key in ("mrr", "hits@1", "hits@3", "hits@10"):
        spread = f" ± {100 * std[key]:.2f}" if key in std else ""
        cells.append(_percent(metrics[key]) + spread)
    return [*cells, "–" if metrics["mr"] is None else f"{metrics['mr']:.1f}"]


def _difference_cells(difference: Mapping[str, Any]) -> list[str]:
    relative, paired = difference["mrr"]["relative"], difference["positive_seeds"]
    return [
        _change(difference["mrr"]),
        "–" if relative is None else f"{100 * relative:+.1f}%",
        _change(difference["hits@10"]),
        "–" if paired is None else f"{paired[0]} of {paired[1]}",
    ]


def _group_cells(entry: Mapping[str, Any]) -> list[str]:
    difference = entry["difference"]
    return [_percent(entry["metrics"]["mrr"]), "" if difference is None else _change(difference["mrr"])]


def _change(change: Mapping[str, float | None]) -> str:
    value, low, high = change["value"], change["low"], change["high"]
    if value is None:
        return "–"
    interval = "–" if low is None or high is None else f"{100 * low:+.2f}, {100 * high:+.2f}"
    return f"{100 * value:+.2f} [{interval}]"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
