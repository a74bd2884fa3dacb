"""From a domain and a scale to a dataset in memory; the same seed gives the same dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from upgan.data import tables
from upgan.data.dataset import KGDataset, build_dataset
from upgan.data.prepare.split import OPEN, answers_in_training, draw_split, units_of, unseen_in_training
from upgan.data.synth.graph import make_triples
from upgan.data.synth.names import make_names
from upgan.data.synth.schema import Schema, load_schema
from upgan.data.synth.taste import make_interactions
from upgan.data.synth.world import World, make_world
from upgan.types import SPLITS

SPLIT = (0.8, 0.1, 0.1)
_RULES = (
    "Nothing here was observed: users, items, graph and names are generated. Every entity has a place in taste; "
    "triples and interactions join what stands near each other with fixed probabilities, otherwise by popularity. "
    "See upgan.data.synth."
)


def generate(
    like: str,
    scale: float = 1.0,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    counted: Callable[[int, int], None] | None = None,
) -> KGDataset:
    """A dataset of the paper's Table 1 size times ``scale``, with planted taste and a split of 8:1:1.

    ``like``: movie, music or book. ``progress`` is told each step, ``counted`` the interactions drawn and wanted.
    Raises ConfigError where ``like`` or ``scale`` is out of bounds.
    """
    say = progress or (lambda message: None)
    schema = load_schema(like, scale)
    say(f"drawing {schema.entities:,} entities and {schema.triples:,} triples")
    world = make_world(schema, seed)
    triples = make_triples(world, seed)
    codes = _split(world, triples, seed)
    say(f"drawing {schema.interactions:,} interactions")
    interactions = make_interactions(world, seed, counted)
    say("naming and numbering")
    return _assembled(world, triples, codes, interactions, seed)


def entity_ids(schema: Schema) -> list[str]:
    """Ids such as "author:00042", in the order of the numbers, which is sorted order too."""
    return [f"{kind.name}:{number:0{len(str(kind.count))}d}" for kind in schema.kinds for number in range(kind.count)]


def entity_labels(schema: Schema, seed: int) -> list[str]:
    labels: list[str] = []
    for number, kind in enumerate(schema.kinds):
        labels += make_names(kind.names, kind.count, np.random.default_rng([seed, 6, number]))
    return labels


def _split(world: World, triples: np.ndarray, seed: int) -> np.ndarray:
    """Split codes (N,); -1 for validation and test triples with an entity that training does not have."""
    units = units_of(triples, np.arange(len(world.schema.relations)), together=True)
    codes = draw_split(units, np.full(len(triples), OPEN), SPLIT, np.random.default_rng([seed, 7]))
    assert not answers_in_training(units, codes)
    return np.where(unseen_in_training(triples, codes), OPEN, codes)


def _assembled(world: World, triples: np.ndarray, codes: np.ndarray, interactions: np.ndarray, seed: int) -> KGDataset:
    """What is left, by the ids."""
    schema = world.schema
    drawn = codes != OPEN
    used = np.zeros(schema.entities, dtype=bool)
    used[triples[drawn][:, [0, 2]]] = True
    kinds = np.repeat([kind.name for kind in schema.kinds], [kind.count for kind in schema.kinds])
    ids, width = entity_ids(schema), len(str(schema.users))
    users = [f"user-{user:0{width}d}" for user in range(1, schema.users + 1)]
    relations = {
        "id": [relation.id for relation in schema.relations],
        "label": [relation.label for relation in schema.relations],
    }
    splits = {"split": tables.Coded(codes[drawn], SPLITS)}
    return build_dataset(
        name=f"synth-{schema.domain}",
        triples=tables.triple_columns(triples[drawn], ids, relations["id"]) | splits,
        interactions=tables.pair_columns(interactions[used[interactions[:, 1]]], users, ids),
        entities=pd.DataFrame({"id": ids, "label": entity_labels(schema, seed), "kind": kinds}, dtype=object)[used],
        relations=tables.plain_columns(relations),
        manifest=_manifest(schema, seed, dropped=int((~drawn).sum())),
    )


def _manifest(schema: Schema, seed: int, dropped: int) -> dict[str, Any]:
    sizes = {key: value for key, value in asdict(schema).items() if isinstance(value, int)}
    reason = "validation or test triple with an entity that training does not have"
    return {
        "format": "synth",
        "sources": [],
        "settings": {"like": schema.domain, "scale": schema.scale, "seed": seed, "split": list(SPLIT)},
        "wanted": {**sizes, "relations": len(schema.relations)},
        "rules": _RULES,
        "dropped": [{"what": "triples", "count": dropped, "reason": reason}] if dropped else [],
        "simulated_users": True,
    }
