"""Markdown made from names and numbers: a label is text there, never a link, a tag or a table's border."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from upgan.render.words import clean, shorten

_LONGEST = 200


def escaped(text: str, longest: int | None = _LONGEST) -> str:
    """A label as plain text of one line, of a length that a table bears."""
    line = clean(text)
    return re.sub(r"([\\`*_{}\[\]()<>#|!~$&])", r"\\\1", line if longest is None else shorten(line, longest))


def code(text: str) -> str:
    """A command as code of one line, whole; a fence longer than any in it keeps all of it code."""
    line = clean(text)
    fence = "`" * (1 + max(map(len, re.findall(r"`+", line)), default=0))
    return f"{fence}{line}{fence}" if len(fence) == 1 else f"{fence} {line} {fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
