"""The query that a training follows: names made into ids, and a held-out fact to begin with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ui.services.questions import Direction, Question
from upgan.data.lookup import resolve_entity, resolve_relation
from upgan.errors import UpganError

if TYPE_CHECKING:
    from pathlib import Path

    from upgan.data.dataset import KGDataset


@dataclass(frozen=True)
class Pinned:
    """A query with its answer, by ids or names."""

    relation: str
    direction: Direction
    entity: str
    answer: str

    def settings(self) -> dict[str, str]:
        """As upgan.config.settings has it."""
        known = "pinned.tail" if self.direction == "head" else "pinned.head"
        return {"pinned.relation": self.relation, known: self.entity, "pinned.answer": self.answer}

    def question(self, checkpoint: str) -> Question:
        """The same as a question to a checkpoint."""
        return Question(checkpoint, self.entity, self.relation, self.direction, self.answer)

    def parameters(self, checkpoint: str) -> dict[str, str]:
        """The address that asks a checkpoint the same."""
        return self.question(checkpoint).parameters()


def by_ids(dataset: KGDataset, asked: Pinned) -> Pinned:
    """The same with ids for names; QueryError for a name that the dataset does not hold, or holds more than once."""
    return Pinned(
        dataset.relations[resolve_relation(dataset, asked.relation.strip())],
        asked.direction,
        dataset.entities[resolve_entity(dataset, asked.entity.strip())],
        dataset.entities[resolve_entity(dataset, asked.answer.strip())],
    )


def held_out(dataset: KGDataset, seed: int | None = None) -> Pinned | None:
    """A fact of the validation part, preferably about an entity that users interacted with; None where none is."""
    import numpy as np

    triples = dataset.valid if len(dataset.valid) else dataset.test
    if not len(triples):
        return None
    liked = triples[np.isin(triples[:, 0], dataset.items)]
    pool = liked if len(liked) else triples
    head, relation, tail = pool[random.Random(seed).randrange(len(pool))].tolist()
    return Pinned(dataset.relations[relation], "tail", dataset.entities[head], dataset.entities[tail])


def pinned_of(run: Path, dataset: KGDataset | None) -> Pinned | None:
    """The query that a run pinned, by ids where its data can be read; None where it pinned none."""
    from upgan.runs.settings import settings_of

    try:
        told = settings_of(run)
    except UpganError:
        return None
    if not told.get("pinned.relation"):
        return None
    tail = str(told.get("pinned.tail") or "")
    asked = Pinned(
        str(told["pinned.relation"]),
        "head" if tail else "tail",
        tail or str(told.get("pinned.head") or ""),
        str(told["pinned.answer"]),
    )
    if dataset is None:
        return asked
    try:
        return by_ids(dataset, asked)
    except UpganError:
        return asked
