"""Markdown from templates that lie beside the code that fills them; a label is text there, never a link or a tag."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from upgan.escapes import markdown
from upgan.evaluation.cells import metric_cells, metric_heads, number, percent
from upgan.render.words import clean, coefficient, rank_text, shorten, signed

_LONGEST = 200


@cache
def template(package: str, name: str) -> Template:
    """A template of a package, to be filled with ``render``; a name that is missing then is an error.

    Nothing is escaped by itself: what comes from data goes through ``text`` (a name), ``code`` or ``quoted`` (a string
    of YAML or JSON).
    """
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        **{"text": escaped, "code": code, "quoted": _quoted},
        **{"number": number, "percent": percent, "metrics": metric_cells, "count": "{:,}".format},
        **{"coefficient": coefficient, "signed": signed, "rank": rank_text},
    }
    environment.globals |= {"table": table, "metric_heads": metric_heads()}
    return environment.from_string((files(package) / name).read_text(encoding="utf-8"))


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def escaped(text: str, longest: int | None = _LONGEST) -> str:
    """A label as plain text of one line, of a length that a table bears."""
    return markdown(text if longest is None else shorten(clean(text), longest))


def code(text: str) -> str:
    """A command as code of one line, whole; a fence longer than any in it keeps all of it code."""
    line = clean(text)
    fence = "`" * (1 + max(map(len, re.findall(r"`+", line)), default=0))
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
