"""A question by ids, in words, and the questions that could be asked instead."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ui.services.search import SearchIndex
from upgan.data.query import Direction, Query
from upgan.render.words import clean, sentence

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predict.predictor import Predictor

#: The names of a question's parts in the address bar.
PARTS = ("checkpoint", "entity", "relation", "direction", "answer")


@dataclass(frozen=True)
class Question:
    """A query to one of the checkpoints, and the candidate to explain (None: the first of the list)."""

    checkpoint: str
    query: Query
    answer: str | None = None

    def parameters(self) -> dict[str, str]:
        """For the address bar: ids, never labels, so that the link survives a renaming."""
        query = self.query
        values = (self.checkpoint, query.entity, query.relation, query.direction, self.answer)
        return {name: value for name, value in zip(PARTS, values, strict=True) if value is not None}


# ---- understanding a question ---------------------------------------------------------------------------------------


def label_of(dataset: KGDataset, entity: str) -> str:
    """The entity's label, or its id where the label is blank."""
    return clean(dataset.entity_labels[dataset.entity_index[entity]]) or clean(entity)


def kind_of(dataset: KGDataset, entity: str) -> str:
    """The dataset's kind of an entity ("book"); may be empty."""
    return clean(dataset.entity_kinds[dataset.entity_index[entity]])


def relation_label(dataset: KGDataset, relation: str) -> str:
    """The relation in words."""
    return clean(dataset.relation_labels[dataset.relation_index[relation]]) or clean(relation)


def relation_labels(dataset: KGDataset) -> dict[str, str]:
    """Relation id -> label, as the drawings take it."""
    return dict(zip(dataset.relations, dataset.relation_labels, strict=True))


def question_text(dataset: KGDataset, query: Query) -> str:
    """The query as a sentence with a gap."""
    label, relation = label_of(dataset, query.entity), relation_label(dataset, query.relation)
    return sentence(label, relation, inverse=query.inverse)


def direction_words(dataset: KGDataset, query: Query) -> str:
    """Which end is missing, for someone who has never heard of heads and tails."""
    relation = relation_label(dataset, query.relation)
    if query.inverse:
        return f"Whose “{relation}” is “{label_of(dataset, query.entity)}”?"
    return f"What is the “{relation}” of “{label_of(dataset, query.entity)}”?"


def swapped(question: Question, answer: str | None) -> Question:
    """The same relation from its other end: asked about ``answer`` where there is one, otherwise about the entity."""
    query = question.query
    other = Query.about(query.entity if answer is None else answer, query.relation, "tail" if query.inverse else "head")
    return replace(question, query=other, answer=None if answer is None else query.entity)


def choices(predictor: Predictor, query: Query, *, everything: bool) -> dict[tuple[str, Direction], str]:
    """(relation, direction) -> sentence, for the entity of the query; always with the query itself among them.

    Only relations seen with this kind of entity, unless ``everything``.
    """
    seen = predictor.relations_of(query.entity)
    if everything:
        seen = {"head": predictor.relations, "tail": predictor.relations}
    keys: list[tuple[str, Direction]] = [(relation, "tail") for relation in seen["head"]]
    keys += [(relation, "head") for relation in seen["tail"]]
    if (query.relation, query.direction) not in keys:
        keys.insert(0, (query.relation, query.direction))
    texts = {key: question_text(predictor.dataset, Query.about(query.entity, *key)) for key in keys}
    # Two relations may have one label; then the ids tell them apart.
    count = Counter(texts.values())
    return {key: f"{text}  ({clean(key[0])})" if count[text] > 1 else text for key, text in texts.items()}


def unlike_training(predictor: Predictor, query: Query) -> bool:
    """Whether no thing of this kind stands at this end of the relation in training; where kinds are not known, no."""
    if not kind_of(predictor.dataset, query.entity):
        return False
    return query.relation not in predictor.relations_of(query.entity)["tail" if query.inverse else "head"]


def about(predictor: Predictor, entity: str, like: Query | None = None) -> Query:
    """A query about another entity: the relation asked before where it fits, otherwise one that it has."""
    seen = predictor.relations_of(entity)
    if like is not None and like.relation in seen["tail" if like.inverse else "head"]:
        return Query.about(entity, like.relation, like.direction)
    sides: tuple[tuple[str, Direction], ...] = (("head", "tail"), ("tail", "head"))
    for own in (_relations_with(predictor.dataset, entity), None):
        for side, direction in sides:
            for relation in seen[side]:
                if own is None or relation in own[side]:
                    return Query.about(entity, relation, direction)
    return Query.about(entity, predictor.relations[0])


def _relations_with(dataset: KGDataset, entity: str) -> dict[str, set[str]]:
    """The relations of the facts, of any split, at whose head and at whose tail this very entity stands."""
    number = dataset.entity_index[entity]
    triples = np.concatenate([dataset.train, dataset.valid, dataset.test])
    return {
        side: {dataset.relations[int(relation)] for relation in np.unique(triples[triples[:, column] == number, 1])}
        for side, column in (("head", 0), ("tail", 2))
    }


def random_question(predictor: Predictor, checkpoint: str, seed: int | None = None) -> Question:
    """A held-out fact (a training one where none is), preferably about an entity that users interacted with."""
    dataset = predictor.dataset
    parts = [part for part in (dataset.test, dataset.valid) if len(part)]
    query, _answer = random_fact(dataset, parts[0] if parts else dataset.train, seed)
    return Question(checkpoint, query)


def random_fact(dataset: KGDataset, triples: np.ndarray, seed: int | None = None) -> tuple[Query, str]:
    """The question that one of the (T, 3) triples answers and its answer, preferably about an item with users."""
    with_users = triples[np.isin(triples[:, 0], dataset.items)]
    pool = with_users if len(with_users) else triples
    head, relation, tail = pool[random.Random(seed).randrange(len(pool))].tolist()
    return Query.about(dataset.entities[head], dataset.relations[relation]), dataset.entities[tail]


def nearest(index: SearchIndex, dataset: KGDataset, typed: str, most: int = 3) -> list[str]:
    """Labels of entities whose names an unknown id resembles; the first word of an id often says only what it is."""
    words = re.findall(r"[^\W_]+", typed[:200])
    for text in (" ".join(words), " ".join(words[1:])):
        suggestions = index.suggest(text, most) if text else None
        numbers = [] if suggestions is None else [*suggestions.exact, *suggestions.similar]
        if numbers:
            return [label_of(dataset, dataset.entities[number]) for number in numbers[:most]]
    return []


def search_index(predictor: Predictor) -> SearchIndex:
    """All entities by name, the most connected first."""
    dataset = predictor.dataset
    counts = np.bincount(dataset.train[:, [0, 2]].ravel(), minlength=dataset.num_entities)
    counts += np.bincount(dataset.interactions[:, 1], minlength=dataset.num_entities)
    return SearchIndex(dataset.entities, dataset.entity_labels, counts.tolist())
