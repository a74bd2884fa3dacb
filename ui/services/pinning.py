"""The query that a training follows: names made into ids, and a held-out fact to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ui.services.questions import Question, random_fact
from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity, resolve_query
from upgan.data.query import Query
from upgan.errors import UpganError


@dataclass(frozen=True)
class Pinned:
    """A query with its answer, by ids or names."""

    query: Query
    answer: str

    def settings(self) -> dict[str, str]:
        """As upgan.config.settings has it."""
        known = "pinned.tail" if self.query.inverse else "pinned.head"
        return {"pinned.relation": self.query.relation, known: self.query.entity, "pinned.answer": self.answer}

    def parameters(self, checkpoint: str) -> dict[str, str]:
        """The address that asks a checkpoint the same."""
        return Question(checkpoint, self.query, self.answer).parameters()


def by_ids(dataset: KGDataset, pinned: Pinned) -> Pinned:
    """The same with ids for names; QueryError for a name that the dataset does not hold, or holds more than once."""
    query = resolve_query(dataset, **pinned.query.names)
    return Pinned(query, dataset.entities[resolve_entity(dataset, pinned.answer)])


def held_out(dataset: KGDataset, seed: int | None = None) -> Pinned | None:
    """A fact of the validation part, preferably about an entity that users interacted with; None where none is."""
    triples = dataset.valid if len(dataset.valid) else dataset.test
    return Pinned(*random_fact(dataset, triples, seed)) if len(triples) else None


def pinned_of(run: Path, dataset: KGDataset | None) -> Pinned | None:
    """The query that a run pinned, by ids where its data can be read; None where it pinned none."""
    from upgan.runs.settings import settings_of

    try:
        settings = settings_of(run)
    except UpganError:
        return None
    relation, head, tail, answer = (
        str(settings.get(f"pinned.{name}") or "") for name in ("relation", "head", "tail", "answer")
    )
    if not relation:
        return None
    pinned = Pinned(Query.about(tail or head, relation, "head" if tail else "tail"), answer)
    try:
        return pinned if dataset is None else by_ids(dataset, pinned)
    except UpganError:
        return pinned
