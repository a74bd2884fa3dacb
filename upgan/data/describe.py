"""What a prepared dataset looks like: the counts of the paper's Table 1, layers, degrees and relations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.dataset import KGDataset
from upgan.data.marks import range_words, ranges_of
from upgan.data.prepare.filters import bfs_hops, entity_degrees
from upgan.data.prepare.split import unseen_in_training
from upgan.data.sparsity import GROUPS, answer_frequencies, frequency_groups
from upgan.types import SPLITS

_QUANTILES = (0, 25, 50, 75, 90, 99, 100)


@dataclass(frozen=True)
class RelationSummary:
    """One relation: its triples by split, and over all of them how many tails a head has and heads a tail has."""

    id: str
    label: str
    triples: int
    train: int
    valid: int
    test: int
    tails_per_head: float
    heads_per_tail: float


@dataclass(frozen=True)
class FrequencyGroup:
    """One of the paper's five groups of test queries, by the number of training triples that hold the answer."""

    group: str
    queries: int
    #: Fewest and most training triples of an answer in the group.
    fewest: int
    most: int


@dataclass(frozen=True)
class Description:
    """The counts of a dataset; quantiles are keyed by percent ("50" is the median)."""

    name: str
    fingerprint: str
    simulated_users: bool
    users: int
    items: int
    interactions: int
    entities: int
    relations: int
    triples: int
    splits: dict[str, int]
    #: Entities by layer d_n: smallest number of hops to any user over interactions and training triples read both
    #: ways. Users are layer 0, items 1.
    layers: dict[int, int]
    #: Entities that no user reaches that way.
    unreachable: int
    #: Degree of entities: how often each is head or tail of a triple of any split.
    degree_quantiles: dict[str, float]
    interactions_per_user: dict[str, float]
    interactions_per_item: dict[str, float]
    #: Share of the (user, item) pairs that were not observed; None without users.
    interaction_sparsity: float | None
    #: Share of the (entity, relation, entity) combinations that are not a triple.
    triple_sparsity: float
    #: The test queries of both directions from A (rarest answers) to E; groups without a query are left out.
    sparsity_groups: tuple[FrequencyGroup, ...]
    #: Validation and test triples with an entity or relation that training does not have.
    unseen: int
    relation_table: tuple[RelationSummary, ...]
    #: Ratings and times of the interactions: rows that have one, and from where to where (see marks.ranges_of).
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; layers keyed by their number as text."""
        return {**asdict(self), "layers": {str(layer): count for layer, count in self.layers.items()}}

    def to_text(self) -> str:
        """The same as lines for a terminal."""
        lines = [f"{self.name} ({self.fingerprint[:12]})" + (", simulated users" if self.simulated_users else "")]
        table = ("users", "items", "interactions", "entities", "relations", "triples")
        lines += [f"  #{_paper_name(key):<13}{getattr(self, key):>12,}" for key in table]
        lines.append("  triples by split: " + ", ".join(f"{key} {count:,}" for key, count in self.splits.items()))
        if self.unseen:
            lines.append(f"  {self.unseen:,} of them in valid and test have an entity or relation unseen in training")
        layers = [f"{layer}: {count:,}" for layer, count in self.layers.items()] + [
            f"unreachable: {self.unreachable:,}"
        ]
        lines.append("  nodes by layer: " + ", ".join(layers))
        for title, quantiles in (
            ("degree of entities", self.degree_quantiles),
            ("interactions per user", self.interactions_per_user),
            ("interactions per item", self.interactions_per_item),
        ):
            values = ", ".join(f"{percent}%: {value:g}" for percent, value in quantiles.items()) or "none"
            lines.append(f"  {title}: {values}")
        if self.interaction_sparsity is not None:
            lines.append(f"  sparsity of interactions: {self.interaction_sparsity:.4%}")
        lines.append(f"  sparsity of triples: {self.triple_sparsity:.6%}")
        lines += [f"  {name}: {text}" for name, text in range_words(self.marks, self.interactions).items()]
        for group in self.sparsity_groups:
            span = f"{group.fewest:,}" if group.fewest == group.most else f"{group.fewest:,} to {group.most:,}"
            lines.append(f"  test queries {group.group}: {group.queries:,}, answer in {span} training triples")
        width = max(len(row.label) for row in self.relation_table)
        lines.append(f"  {'relation':<{width}}{'triples':>10}{'tails/head':>12}{'heads/tail':>12}")
        lines += [
            f"  {row.label:<{width}}{row.triples:>10,}{row.tails_per_head:>12.2f}{row.heads_per_tail:>12.2f}"
            for row in self.relation_table
        ]
        return "\n".join(lines)


def describe(dataset: KGDataset) -> Description:
    """Count what ``dataset`` holds."""
    triples = np.concatenate([dataset.triples(split) for split in SPLITS])
    codes = np.repeat(range(len(SPLITS)), [len(dataset.triples(split)) for split in SPLITS])
    hops = bfs_hops(dataset.train[:, 0], dataset.train[:, 2], dataset.num_entities, dataset.items)
    reached = np.bincount(hops[hops >= 0])
    layers = {0: dataset.num_users} if dataset.num_users else {}
    layers |= {layer + 1: int(count) for layer, count in enumerate(reached)}
    degrees = entity_degrees(triples[:, 0], triples[:, 2], dataset.num_entities)
    per_user = np.bincount(dataset.interactions[:, 0], minlength=dataset.num_users)
    per_item = np.bincount(dataset.interactions[:, 1], minlength=dataset.num_entities)[dataset.items]
    pairs = dataset.num_users * len(dataset.items)
    combinations = dataset.num_entities**2 * dataset.num_relations
    return Description(
        name=dataset.name,
        fingerprint=dataset.fingerprint,
        simulated_users=dataset.simulated_users,
        users=dataset.num_users,
        items=len(dataset.items),
        interactions=len(dataset.interactions),
        entities=dataset.num_entities,
        relations=dataset.num_relations,
        triples=len(triples),
        splits={split: len(dataset.triples(split)) for split in SPLITS},
        layers=layers,
        unreachable=int((hops < 0).sum()),
        degree_quantiles=_quantiles(degrees),
        interactions_per_user=_quantiles(per_user),
        interactions_per_item=_quantiles(per_item),
        interaction_sparsity=1 - len(dataset.interactions) / pairs if pairs else None,
        triple_sparsity=1 - len(triples) / combinations,
        sparsity_groups=_sparsity_groups(dataset),
        unseen=int(unseen_in_training(triples, codes).sum()),
        relation_table=_relation_table(dataset, triples),
        marks=ranges_of(dataset.ratings, dataset.times),
    )


def _paper_name(key: str) -> str:
    return {"triples": "Triplets"}.get(key, key.capitalize())


def _quantiles(counts: np.ndarray) -> dict[str, float]:
    if not len(counts):
        return {}
    values = np.percentile(counts, _QUANTILES)
    return {str(percent): float(value) for percent, value in zip(_QUANTILES, values, strict=True)}


def _sparsity_groups(dataset: KGDataset) -> tuple[FrequencyGroup, ...]:
    answers = np.concatenate([dataset.test[:, 2], dataset.test[:, 0]])
    frequencies = answer_frequencies(dataset.train, answers, dataset.num_entities)
    places = frequency_groups(frequencies)
    members = [(name, frequencies[places == place]) for place, name in enumerate(GROUPS)]
    return tuple(
        FrequencyGroup(name, len(of_group), int(of_group.min()), int(of_group.max()))
        for name, of_group in members
        if len(of_group)
    )


def cardinalities(triples: np.ndarray) -> pd.DataFrame:
    """By number of the relations that occur: triples, tails_per_head, heads_per_tail (means)."""
    grouped = pd.DataFrame(triples, columns=["h", "r", "t"]).groupby("r")
    table = grouped.agg(triples=("h", "size"), heads=("h", "nunique"), tails=("t", "nunique"))
    size, heads, tails = (table.pop(name) for name in ("triples", "heads", "tails"))
    return table.assign(triples=size, tails_per_head=size / heads, heads_per_tail=size / tails)


def _relation_table(dataset: KGDataset, triples: np.ndarray) -> tuple[RelationSummary, ...]:
    """One row per relation, in the order of the dataset; a relation without triples has averages of 0."""
    count = dataset.num_relations
    table = cardinalities(triples).reindex(range(count), fill_value=0)
    by_split = {split: np.bincount(dataset.triples(split)[:, 1], minlength=count) for split in SPLITS}
    table = table.assign(id=dataset.relations, label=dataset.relation_labels, **by_split)
    columns = [each.name for each in fields(RelationSummary)]
    return tuple(RelationSummary(*row) for row in table[columns].itertuples(index=False, name=None))
