"""Labels as text: Streamlit reads Markdown in most places, and a label must never be read."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")


def plain(text: str) -> str:
    """``text`` so that Markdown shows it letter by letter: no links, emphasis, HTML, formulas, colours or icons."""
    return _PUNCTUATION.sub(r"\\\1", text)
