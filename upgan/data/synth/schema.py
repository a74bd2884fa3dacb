"""What a generated dataset is made of: sizes, kinds of entities and relations, read from a domain's TOML file."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from upgan.errors import ConfigError

DOMAINS = ("movie", "music", "book")
#: Below the smallest scale some kinds would not have an entity to choose from.
SMALLEST, LARGEST = 0.01, 20.0
#: Two relations to a handful of entities would repeat each other by chance.
FEWEST_OF_A_KIND = 6

Cells = Literal["circle", "topic", "all"]
Cardinality = Literal["N-1", "1-N", "1-1", "N-N", "symmetric"]


@dataclass(frozen=True)
class Kind:
    """A kind of entity: how many there are, how finely taste tells them apart, how they are named."""

    name: str
    count: int
    cells: Cells
    names: str
    #: The relation by which entities with too few triples get more.
    cover: str


@dataclass(frozen=True)
class Relation:
    """A relation and the kinds at its ends; what ``amount`` means depends on the cardinality (see book.toml)."""

    label: str
    head: str
    tail: str
    cardinality: Cardinality
    amount: float

    @property
    def id(self) -> str:
        return self.label.replace(" ", "_")


@dataclass(frozen=True)
class Schema:
    """The sizes to reach (U users, I items, M interactions, E entities, N triples), kinds and relations."""

    domain: str
    scale: float
    users: int
    items: int
    interactions: int
    entities: int
    triples: int
    item_kind: str
    kinds: tuple[Kind, ...]
    relations: tuple[Relation, ...]


def load_schema(domain: str, scale: float = 1.0) -> Schema:
    """The schema of ``domain`` with all sizes times ``scale``; ConfigError where either is out of bounds."""
    if domain not in DOMAINS:
        raise ConfigError(f"--like {domain!r}: choose one of {', '.join(DOMAINS)}")
    if not (math.isfinite(scale) and SMALLEST <= scale <= LARGEST):
        raise ConfigError(f"--scale {scale:g}: allowed is a number from {SMALLEST:g} to {LARGEST:g}")
    table = tomllib.loads((files("upgan.data.synth") / f"{domain}.toml").read_text(encoding="utf-8"))
    sizes = {key: round(table[key] * scale) for key in ("users", "items", "interactions", "entities", "triples")}
    rest = sizes["entities"] - sizes["items"]
    shares = {name: kind["share"] for name, kind in table["kinds"].items()}
    # Rounded so that they sum to `rest`: what is left over goes to the largest kind. A few at least, to choose between.
    counts = {name: max(FEWEST_OF_A_KIND, round(rest * share / sum(shares.values()))) for name, share in shares.items()}
    largest = max(counts, key=lambda name: counts[name])
    counts[largest] += rest - sum(counts.values())
    item = table["item_kind"]
    kinds = [Kind(item, sizes["items"], "circle", "title", table["cover"][item])]
    kinds += [
        Kind(name, counts[name], kind["cells"], kind["names"], table["cover"][name])
        for name, kind in table["kinds"].items()
    ]
    # Sorted by name, so that ids of kind and padded number are sorted as they are numbered.
    kinds.sort(key=lambda kind: kind.name)
    relations = tuple(sorted((Relation(*row) for row in table["relations"]["rows"]), key=lambda row: row.id))
    return Schema(domain, scale, **sizes, item_kind=item, kinds=tuple(kinds), relations=relations)
