"""Markdown from templates that lie beside the code that fills them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from upgan.evaluation.cells import metric_cells, metric_heads, number, percent
from upgan.render.markdown import code, escaped, table
from upgan.render.words import coefficient, rank_text, signed


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
