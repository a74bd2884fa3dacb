"""Markdown made from names and numbers: a label is text there, never a link, a tag or a table's border."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from upgan.render.words import clean, shorten

_LONGEST = 200


def escaped(text: str) -> str:
    """A label as plain text of one line, of a length that a table bears."""
    return re.sub(r"([\\`*_{}\[\]()<>#|!~$&])", r"\\\1", shorten(clean(text), _LONGEST))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
