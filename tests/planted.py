"""Catalogues whose links are right, wrong, or half wrong by construction: what the alignment check is judged on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from upgan.data.raw.source import RawSource


def planted_catalogue(
    seed: int,
    *,
    items: int = 400,
    users: int = 300,
    per_user: int = 20,
    taste: float = 0.7,
    topics: int = 12,
    wrong: float = 0.0,
    wrong_among: str = "all",
) -> RawSource:
    """Items of ``topics``; users choose from their own two topics with probability ``taste``, otherwise by popularity.

    Facts: an author (of one topic mostly), two genres (one of the topic, one at random), a publisher at random.
    ``wrong`` of the items change their entities among each other, with ``wrong_among`` "popularity" only between items
    of neighbouring popularity.
    """
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, topics, items)
    popularity = (1.0 + rng.permutation(items)) ** -0.8
    rows = []
    for user in range(users):
        liked = rng.choice(topics, 2, replace=False)
        of_taste = popularity * np.isin(topic, liked)
        weight = taste * of_taste / max(of_taste.sum(), 1e-9) + (1 - taste) * popularity / popularity.sum()
        count = min(items, 1 + rng.poisson(per_user - 1))
        rows += [(f"u{user}", f"i{item}") for item in rng.choice(items, count, replace=False, p=weight / weight.sum())]
    authors_per_topic = max(2, items // (topics * 6))
    author = topic * authors_per_topic + rng.integers(0, authors_per_topic, items)
    facts = [(f"e{item}", "author", f"author{author[item]}") for item in range(items)]
    facts += [(f"e{item}", "genre", f"genre{topic[item]}") for item in range(items)]
    facts += [(f"e{item}", "genre", f"genre{genre}") for item, genre in enumerate(rng.integers(0, topics, items))]
    facts += [(f"e{item}", "publisher", f"house{house}") for item, house in enumerate(rng.integers(0, 20, items))]
    return RawSource(
        name=f"planted-{seed}",
        format="tsv",
        triples=pd.DataFrame(facts, columns=["head", "relation", "tail"]).drop_duplicates().assign(split=""),
        interactions=pd.DataFrame(rows, columns=["user", "item"]).drop_duplicates(),
        links=pd.DataFrame(
            {
                "item": [f"i{item}" for item in range(items)],
                "entity": [f"e{item}" for item in _linked(popularity, wrong, wrong_among, rng)],
            }
        ),
        labels=pd.DataFrame({"id": [], "label": []}, dtype=object),
        kinds=pd.DataFrame({"id": [], "kind": []}, dtype=object),
        files=(),
    )


def _linked(popularity: np.ndarray, wrong: float, among: str, rng: np.random.Generator) -> np.ndarray:
    """The entity number of each item."""
    count = len(popularity)
    chosen = np.sort(rng.permutation(count)[: round(wrong * count)])
    if among == "popularity":
        chosen = chosen[np.argsort(popularity[chosen], kind="stable")]
        blocks = np.array_split(chosen, max(1, len(chosen) // 10))
    else:
        blocks = [chosen]
    entity = np.arange(count)
    for block in blocks:
        entity[block] = rng.permutation(block)
    return entity
