"""Decisions as files: CSV and TSV for spreadsheets, N-Triples for graphs, a report to print; each with its reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template

from upgan.errors import ConfigError
from upgan.render.csv_tables import to_csv
from upgan.render.words import clean, percent
from upgan.review.agreement import Agreement

COLUMNS = (
    *("head", "head_label", "relation", "relation_label", "tail", "tail_label", "verdict", "who", "when"),
    *("slot", "sure", "score", "users", "reason", "run", "model", "against"),
)
#: What an absolute IRI begins with; ids that are none become one of these.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_OURS = "urn:upgan:"
Decisions = Sequence[Mapping[str, Any]]


def exported(decisions: Decisions, format: str) -> str:
    """The decisions in one of FORMATS; ConfigError for another."""
    if format not in FORMATS:
        raise ConfigError(f"format {format!r}: choose one of {', '.join(FORMATS)}")
    return FORMATS[format](decisions)


def _csv(decisions: Decisions) -> str:
    return to_csv(decisions, COLUMNS)


def _tsv(decisions: Decisions) -> str:
    return to_csv(decisions, COLUMNS, separator="\t")


def _ntriples(decisions: Decisions) -> str:
    """One statement a line, the reason in a comment before it. Rejected and unsure facts are comments themselves."""
    lines = []
    for row in decisions:
        lines.append(f"# {row['verdict']}, {clean(row['who'])}, {row['when']}: {clean(row['reason'])}")
        statement = " ".join(iri(str(row[name])) for name in ("head", "relation", "tail")) + " ."
        lines.append(statement if row["verdict"] == "yes" else f"# not stated: {statement}")
    return "\n".join([*lines, ""])


FORMATS: dict[str, Callable[[Decisions], str]] = {"csv": _csv, "tsv": _tsv, "nt": _ntriples}


def iri(name: str) -> str:
    """An id as an IRI of N-Triples: itself where it is one, else percent-encoded below ``urn:upgan:``."""
    return f"<{name}>" if _SCHEME.fullmatch(name) else f"<{_OURS}{quote(name, safe='')}>"


@cache
def _template() -> Template:
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"clean": clean, "percent": percent, "count": "{:,}".format}
    return environment.from_string((files("upgan.review") / "report.html.j2").read_text(encoding="utf-8"))


def report(title: str, decisions: Decisions, agreed: Agreement, people: Mapping[str, int]) -> str:
    """A page to print: progress, promises beside what was decided, and the decisions by relation with their reasons."""
    by_relation: dict[str, list[Mapping[str, Any]]] = {}
    for row in decisions:
        by_relation.setdefault(row["relation_label"], []).append(row)
    return _template().render(title=title, agreed=agreed, people=people, by_relation=by_relation)
