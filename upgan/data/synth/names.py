"""Names for generated entities: plausible, mostly unique, made of word lists. They name nobody and nothing.

A pattern is a row of word lists; a number below the product of their lengths is one name (mixed radix). Numbers are
drawn without care for repeats: with a million possible names and tens of thousands drawn a few occur twice, as names
do in a real catalogue.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

import numpy as np


@cache
def _patterns(way: str) -> list[list[list[str]]]:
    """The patterns of one way of naming, each a row of word lists; a text between them is a list of one."""
    table = tomllib.loads((files(__package__) / "names.toml").read_text(encoding="utf-8"))
    words = {name: text.split(";") if ";" in text else text.split() for name, text in table["words"].items()}
    rows = [re.findall(r"\{(\w+)\}|([^{]+)", pattern) for pattern in table["patterns"][way]]
    return [[words[name] if name else [text] for name, text in row] for row in rows]


def make_names(way: str, count: int, rng: np.random.Generator) -> list[str]:
    """``count`` names of one way of naming ("person", "title", "place", ...)."""
    patterns = _patterns(way)
    sizes = np.array([np.prod([len(words) for words in pattern]) for pattern in patterns])
    # The square root lets short patterns be seen beside those with a hundred times as many names.
    which = rng.choice(len(patterns), count, p=np.sqrt(sizes) / np.sqrt(sizes).sum())
    names = np.empty(count, dtype=object)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which == number)
        names[rows] = _spelled(pattern, rng.integers(sizes[number], size=len(rows)))
    result: list[str] = names.tolist()
    return result


def _spelled(pattern: list[list[str]], numbers: np.ndarray) -> np.ndarray:
    """The names (n,) that ``numbers`` stand for in ``pattern``."""
    parts = np.full(len(numbers), "", dtype=object)
    for words in reversed(pattern):
        numbers, digit = np.divmod(numbers, len(words))
        parts = np.array(words, dtype=object)[digit] + parts
    return parts
