"""What the dataset says about one node of a figure: an entity's facts and neighbours, a user's items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ui.services import questions
from upgan.render.words import clean, sentence, user_noun

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predict.predictor import Predictor

#: How many facts a look at a node shows; a hub has thousands.
MOST = 12
#: Stands for the node itself in its facts.
_THIS = "…"


@dataclass(frozen=True)
class Fact:
    """One line: the fact in words, and the entity at its other end with its name."""

    text: str
    neighbour: str
    name: str


@dataclass(frozen=True)
class NodeFacts:
    """A node in words. ``entity`` is its id, None for a user."""

    title: str
    summary: str
    entity: str | None
    facts: tuple[Fact, ...]
    #: Facts that are not among ``facts``.
    more: int


def node_facts(predictor: Predictor, node: str, most: int = MOST) -> NodeFacts:
    """Facts of a node named as figures do: "e:ID" or "u:ID", which the dataset must hold."""
    name = node[2:]
    return _user(predictor.dataset, name, most) if node.startswith("u:") else _entity(predictor, name, most)


def _user(dataset: KGDataset, name: str, most: int) -> NodeFacts:
    rows = dataset.interactions[dataset.interactions[:, 0] == dataset.user_index[name], 1].tolist()
    items = [dataset.entities[item] for item in rows]
    names = [questions.label_of(dataset, item) for item in items[:most]]
    facts = tuple(Fact(name, item, name) for name, item in zip(names, items, strict=False))
    noun = user_noun(dataset.simulated_users, 1)
    return NodeFacts(
        title=f"{noun} {clean(name)}",
        summary=f"interacted with {len(items):,} item{'' if len(items) == 1 else 's'}",
        entity=None,
        facts=facts,
        more=len(items) - len(facts),
    )


def _entity(predictor: Predictor, name: str, most: int) -> NodeFacts:
    dataset = predictor.dataset
    number = dataset.entity_index[name]
    at_head, at_tail = (np.flatnonzero(dataset.train[:, column] == number) for column in (0, 2))
    facts = []
    for rows, other, inverse in ((at_head, 2, False), (at_tail, 0, True)):
        for triple in dataset.train[rows[:most]].tolist():
            neighbour = dataset.entities[triple[other]]
            relation = questions.relation_label(dataset, dataset.relations[triple[1]])
            label = questions.label_of(dataset, neighbour)
            text = sentence(_THIS, relation, inverse=inverse, answer=label)
            facts.append(Fact(text.replace(f" {_THIS}", f"\N{NO-BREAK SPACE}{_THIS}"), neighbour, label))
    listed = tuple(facts[:most])
    total = len(at_head) + len(at_tail)
    parts = [questions.kind_of(dataset, name), f"{total:,} training fact{'' if total == 1 else 's'}"]
    users = int((dataset.interactions[:, 1] == number).sum())
    if users:
        parts.append(f"{users:,} {user_noun(dataset.simulated_users, users)}")
    layer = predictor.layer(name)
    parts.append("no user reaches it" if layer < 0 else f"{layer} hop{'' if layer == 1 else 's'} from a user")
    return NodeFacts(
        questions.label_of(dataset, name), " · ".join(part for part in parts if part), name, listed, total - len(listed)
    )
