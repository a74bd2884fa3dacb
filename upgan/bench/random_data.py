"""Datasets drawn at random, of any size: for what cost depends on, not for results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from upgan.data.dataset import KGDataset
from upgan.data.tables import fingerprint_of

RELATIONS, USERS = 5, 2_000
#: Test triples, and half as many for validation, beside the training triples.
HELD_OUT = 64


def random_dataset(size: Mapping[str, int], seed: int) -> KGDataset:
    """Entities, training triples ("edges"), interactions, and "users" and "relations" where they are given.

    Every end of an edge is any entity or user with the same chance. Repeated rows are left out: of a number of edges
    that is small beside the possible ones nearly all remain. Users without an interaction are left out.
    """
    random = np.random.default_rng(seed)
    entities, users = size["entities"], size.get("users", USERS)
    relations = size.get("relations", RELATIONS)
    triples = distinct(random, size["edges"] + HELD_OUT + HELD_OUT // 2, entities, relations, entities)
    role = random.permutation(len(triples))
    test, valid, train = np.split(role, [HELD_OUT, HELD_OUT + HELD_OUT // 2])
    interactions = distinct(random, size["interactions"], users, entities)
    present, interactions[:, 0] = np.unique(interactions[:, 0], return_inverse=True)
    content: dict[str, Any] = {
        "entities": _names("e", range(entities)),
        "entity_labels": _names("thing ", range(entities)),
        "entity_kinds": ["thing"] * entities,
        "relations": _names("r", range(relations)),
        "relation_labels": _names("r", range(relations)),
        "users": _names("u", present.tolist()),
        "interactions": interactions,
        **{name: triples[np.sort(rows)] for name, rows in (("train", train), ("valid", valid), ("test", test))},
    }
    return KGDataset(name="random", path=None, fingerprint=fingerprint_of(content), manifest={}, **content)


def _names(letter: str, numbers: Iterable[int]) -> list[str]:
    """Names that sort as their numbers do."""
    return [f"{letter}{number:09d}" for number in numbers]


def distinct(random: np.random.Generator, count: int, *high: int) -> np.ndarray:
    """Up to ``count`` distinct rows, sorted, of numbers below ``high``."""
    code = np.unique(random.integers(0, np.prod(high), count))
    return np.stack(np.unravel_index(code, high), axis=1).astype(np.int64)
