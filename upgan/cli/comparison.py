"""The document of `upgan compare` as tables: for a terminal, in Markdown, as CSV."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upgan.evaluation.cells import SHARES, UNKNOWN, csv_text, interval, metric_cells, metric_heads, percent
from upgan.render.words import clean

#: Columns of texts: aligned to the left, the figures to the right.
TEXTS = frozenset({"system", "group"})
#: Metrics that have a deviation and a difference.
TESTED = ("mrr", "hits@10")


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
    console = Console(width=None if sys.stdout.isatty() else 1000, markup=False, highlight=False)
    for place, block in enumerate(_blocks(document)):
        table = Table()
        for name in block.header:
            table.add_column(name, justify="left" if name in TEXTS else "right")
        for row in block.rows:
            # As Text: a name in square brackets is a name, not a style.
            table.add_row(*(Text(cell) for cell in row))
        if place:
            console.print()
        console.print(block.title)
        console.print(table)
        if block.note:
            console.print(block.note)


def to_markdown(document: Mapping[str, Any]) -> str:
    """Titles, pipe tables and notes, to be pasted into a text."""
    parts = []
    for block in _blocks(document):
        rules = [":---" if name in TEXTS else "---:" for name in block.header]
        rows = [[cell.replace("|", "\\|") for cell in row] for row in (block.header, rules, *block.rows)]
        parts += [block.title, "\n".join(f"| {' | '.join(row)} |" for row in rows), block.note]
    return "\n\n".join(part for part in parts if part)


def to_csv(document: Mapping[str, Any]) -> str:
    """One row per group and system, group "all" first, fractions; what is not known is empty."""
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
    return csv_text(rows, list(rows[0]))


def _blocks(document: Mapping[str, Any]) -> list[Block]:
    systems = document["systems"]
    several = any(len(system["seeds"]) > 1 for system in systems)
    blocks = [
        Block(
            f"{document['split']} of {clean(document['dataset']['name'])}, filtered; percent, but MR"
            + ("; mean ± standard deviation over the seeds" if several else ""),
            ["system", "seeds", *metric_heads()],
            [[entry["name"], ", ".join(map(str, entry["seeds"])), *_with_deviations(entry)] for entry in systems],
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
            [
                *(clean(name), str(group["queries"]), str(group["triples"]), entry["name"]),
                percent(entry["metrics"]["mrr"]),
                "" if entry["difference"] is None else interval(entry["difference"]["mrr"]),
            ]
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
