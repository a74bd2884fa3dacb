"""Figures as the cells of a table: metrics by their short names, in percent but for MR; what is not known is a dash."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from upgan.escapes import line, spreadsheet

#: Metric -> head of its column, in the order of the metrics JSON and of the paper's tables.
HEADS = {"mr": "MR", "mrr": "MRR", "hits@1": "H@1", "hits@3": "H@3", "hits@10": "H@10"}
#: The shares of 1 among them, of which more is better; tables of our own show these first.
SHARES = ("mrr", "hits@1", "hits@3", "hits@10")
UNKNOWN = "–"


def number(value: float | None, form: str) -> str:
    """A number in a format such as ".2f"."""
    return UNKNOWN if value is None else f"{value:{form}}"


def percent(value: float | None, form: str = ".2f") -> str:
    """A share of 1 in percent, without the sign."""
    return number(None if value is None else 100 * value, form)


def metric_cells(metrics: Mapping[str, Any], form: str = ".2f") -> list[str]:
    """The ``SHARES`` in percent, then MR, under ``metric_heads``."""
    return [*(percent(metrics[key], form) for key in SHARES), number(metrics["mr"], ".1f")]


def metric_heads() -> list[str]:
    """Heads of the columns of ``metric_cells``."""
    return [*(HEADS[key] for key in SHARES), HEADS["mr"]]


def interval(change: Mapping[str, Any] | None) -> str:
    """A difference in percentage points, with the 95% interval where there is one."""
    if not change or change["low"] is None:
        return percent(change["value"] if change else None, "+.2f")
    return f"{percent(change['value'], '+.2f')} [{percent(change['low'], '+.2f')}, {percent(change['high'], '+.2f')}]"


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], separator: str = ",") -> str:
    """Rows as CSV under a header; what a row does not have is empty, and no text is a formula of a spreadsheet."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n", delimiter=separator)
    writer.writerow({name: _text_cell(name) for name in columns})
    writer.writerows({name: _text_cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _text_cell(value: Any) -> Any:
    return spreadsheet(line(value)) if isinstance(value, str) else value
