"""A question by ids, in words, and the questions that could be asked instead."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ui.services.search import SearchIndex
from upgan.render.words import clean, sentence

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predict.predictor import Predictor

Direction = Literal["tail", "head"]
#: The names of a question's parts in the address bar.
PARTS = ("checkpoint", "entity", "relation", "direction", "answer")


@dataclass(frozen=True)
class Question:
    """What is asked, by ids. ``direction`` is the end that is missing: "tail" is <entity, relation, ?>."""

    checkpoint: str
    entity: str
    relation: str
    direction: Direction
    #: The candidate to explain; None is the first of the list.
    answer: str | None = None

    @property
    def inverse(self) -> bool:
        """Whether the head is what is missing."""
        return self.direction == "head"

    @property
    def head(self) -> str | None:
        """The known entity where the tail is missing."""
        return None if self.inverse else self.entity

    @property
    def tail(self) -> str | None:
        """The known entity where the head is missing."""
        return self.entity if self.inverse else None

    def parameters(self) -> dict[str, str]:
        """For the address bar: ids, never labels, so that the link survives a renaming."""
        values = {name: getattr(self, name) for name in PARTS}
        return {name: value for name, value in values.items() if value is not None}


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


def question_text(dataset: KGDataset, question: Question) -> str:
    """The question as a sentence with a gap."""
    label, relation = label_of(dataset, question.entity), relation_label(dataset, question.relation)
    return sentence(label, relation, inverse=question.inverse)


def direction_words(dataset: KGDataset, question: Question) -> str:
    """Which end is missing, for someone who has never heard of heads and tails."""
    relation = relation_label(dataset, question.relation)
    if question.inverse:
        return f"Missing: the start of “{relation}”. Which entities have “{label_of(dataset, question.entity)}” there?"
    return f"Missing: the end of “{relation}”. What stands there for “{label_of(dataset, question.entity)}”?"


def swapped(question: Question, answer: str | None) -> Question:
    """The same relation from its other end: asked about ``answer`` where there is one, otherwise about the entity."""
    direction: Direction = "tail" if question.inverse else "head"
    other = answer if answer is not None else question.entity
    return replace(question, entity=other, direction=direction, answer=question.entity if answer is not None else None)


def choices(predictor: Predictor, question: Question, *, everything: bool) -> dict[tuple[str, Direction], str]:
    """(relation, direction) -> sentence, for the entity in question; always with the question itself among them.

    Only relations seen with this kind of entity, unless ``everything``.
    """
    dataset = predictor.dataset
    seen = predictor.relations_of(question.entity)
    relations = {"tail": list(predictor.relations), "head": list(predictor.relations)}
    if not everything:
        relations = {"tail": seen["head"], "head": seen["tail"]}
    keys: list[tuple[str, Direction]] = [(relation, "tail") for relation in relations["tail"]]
    keys += [(relation, "head") for relation in relations["head"]]
    if (question.relation, question.direction) not in keys:
        keys.insert(0, (question.relation, question.direction))
    texts = {
        (relation, side): question_text(dataset, replace(question, relation=relation, direction=side))
        for relation, side in keys
    }
    # Two relations may have one label; then the ids tell them apart.
    count = Counter(texts.values())
    return {key: f"{text}  ({clean(key[0])})" if count[text] > 1 else text for key, text in texts.items()}


def unlike_training(predictor: Predictor, question: Question) -> bool:
    """Whether no thing of this kind stands at this end of the relation in training; where kinds are not known, no."""
    if not kind_of(predictor.dataset, question.entity):
        return False
    seen = predictor.relations_of(question.entity)
    return question.relation not in seen["tail" if question.inverse else "head"]


def about(predictor: Predictor, checkpoint: str, entity: str, like: Question | None = None) -> Question:
    """A question about another entity: the relation asked before where it fits, otherwise one that it has."""
    seen = predictor.relations_of(entity)
    if like is not None and like.relation in seen["tail" if like.inverse else "head"]:
        return Question(checkpoint, entity, like.relation, like.direction)
    for own in (_relations_with(predictor.dataset, entity), None):
        for side, direction in (("head", "tail"), ("tail", "head")):
            for relation in seen[side]:
                if own is None or relation in own[side]:
                    return Question(checkpoint, entity, relation, "tail" if direction == "tail" else "head")
    return Question(checkpoint, entity, predictor.relations[0], "tail")


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
    triples = next((part for part in (dataset.test, dataset.valid, dataset.train) if len(part)), dataset.train)
    with_users = triples[np.isin(triples[:, 0], dataset.items)]
    pool = with_users if len(with_users) else triples
    head, relation, _tail = pool[random.Random(seed).randrange(len(pool))].tolist()
    return Question(checkpoint, dataset.entities[head], dataset.relations[relation], "tail")


def nearest(index: SearchIndex, dataset: KGDataset, typed: str, most: int = 3) -> list[str]:
    """Labels of entities whose names an unknown id resembles; the first word of an id often says only what it is."""
    words = re.findall(r"[^\W_]+", typed[:200])
    for text in (" ".join(words), " ".join(words[1:])):
        found = index.suggest(text, most) if text else None
        numbers = [] if found is None else [*found.exact, *found.similar]
        if numbers:
            return [label_of(dataset, dataset.entities[number]) for number in numbers[:most]]
    return []


def search_index(dataset: KGDataset) -> SearchIndex:
    """All entities by name, the most connected first."""
    counts = np.bincount(dataset.train[:, [0, 2]].ravel(), minlength=dataset.num_entities)
    counts += np.bincount(dataset.interactions[:, 1], minlength=dataset.num_entities)
    return SearchIndex(dataset.entities, dataset.entity_labels, counts.tolist())
