"""What the paper prints in its tables, to stand beside what is measured."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from upgan.evaluation.cells import HEADS

#: The paper's datasets, in the order of the columns here.
PAPER_DATASETS = ("book", "music", "movie")
#: Metrics of Tables 3 and 6 in the paper's order; all but MR are in percent there.
PAPER_METRICS = tuple(HEADS)

#: Words in a dataset's name that say which of the paper's domains it is of.
_DOMAINS = {
    "book": {"book", "books", "bookcrossing", "goodreads", "librarything"},
    "music": {"music", "lastfm"},
    "movie": {"movie", "movies", "movielens", "film", "films", "ml"},
}


def domain_of(dataset: str) -> str | None:
    """The paper's dataset of the same domain as the one of that name; None where the name tells none, or several."""
    words = set(re.findall(r"[a-z]+", re.sub(r"last[ ._-]fm", "lastfm", dataset.lower())))
    domains = [domain for domain, known in _DOMAINS.items() if words & known]
    return domains[0] if len(domains) == 1 else None


@cache
def _tables() -> dict[str, dict[str, dict[str, list[float]]]]:
    return tomllib.loads((files("upgan.reproduce") / "paper.toml").read_text(encoding="utf-8"))


def paper_metrics(table: str, key: str) -> dict[str, dict[str, float]]:
    """Dataset -> metric -> the paper's figure as a fraction (MR: as it is); empty where the paper has none."""
    return paper_groups(table, key, PAPER_METRICS)


def paper_groups(table: str, key: str, groups: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Dataset -> group -> Hits@3 as a fraction; empty where the paper has none."""
    return {
        dataset: {
            name: value if name == "mr" else round(value / 100, 6) for name, value in zip(groups, values, strict=True)
        }
        for dataset, values in _tables().get(table, {}).get(key, {}).items()
    }
