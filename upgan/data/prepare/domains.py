"""The paper's preparation (5.1), per domain.

"The subset from year 2012" (music) and "from year 2005 to 2015" (movie); "10 for the music dataset and 5 for the other
two" (k-core); "the maximum BFS hop to be four"; "3 for the book dataset and 10 for the other two" (triples per
entity); "training set, validation set and test set with a ratio of 8:1:1". Every interaction counts, whatever its
rating: the paper names no threshold.
"""

from __future__ import annotations

from typing import Any

from upgan.errors import ConfigError

_SHARED: dict[str, Any] = {"max_hops": 4, "keep_reverse": False, "split": (0.8, 0.1, 0.1)}
#: Domain -> settings of preparation (see PrepareSettings).
DOMAINS: dict[str, dict[str, Any]] = {
    "movie": {**_SHARED, "min_interactions": 5, "min_triples": 10, "since": "2005-01-01", "until": "2015-12-31"},
    "music": {**_SHARED, "min_interactions": 10, "min_triples": 10, "since": "2012-01-01", "until": "2012-12-31"},
    "book": {**_SHARED, "min_interactions": 5, "min_triples": 3},
}


def domain_settings(preset: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The settings of ``preset`` (None: none) with ``options`` over them; a given None leaves the preset's value."""
    if preset is not None and preset not in DOMAINS:
        raise ConfigError(f"unknown preset {preset!r}; allowed: {', '.join(DOMAINS)}")
    chosen = dict(DOMAINS[preset]) if preset else {}
    return {**chosen, **{name: value for name, value in options.items() if value is not None}}
