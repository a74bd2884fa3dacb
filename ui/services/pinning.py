"""The question that a training follows: names made into ids, and a held-out fact to begin with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ui.services.questions import Question, label_of, random_fact
from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity, resolve_query
from upgan.data.query import Query
from upgan.errors import UpganError


def settings(pinned: Question) -> dict[str, str | None]:
    """As upgan.config.settings has it."""
    known = "pinned.tail" if pinned.query.inverse else "pinned.head"
    return {"pinned.relation": pinned.query.relation, known: pinned.query.entity, "pinned.answer": pinned.answer}


def by_ids(dataset: KGDataset, pinned: Question) -> Question:
    """The same with ids for names; QueryError for a name that the dataset does not hold, or holds more than once."""
    query = resolve_query(dataset, **pinned.query.names)
    return replace(pinned, query=query, answer=dataset.entities[resolve_entity(dataset, pinned.answer)])


def named(dataset: KGDataset, entity: str) -> str:
    """An entity's label where it names this one alone, otherwise its id."""
    label = label_of(dataset, entity)
    try:
        return label if dataset.entities[resolve_entity(dataset, label)] == entity else entity
    except UpganError:
        return entity


def held_out(dataset: KGDataset, seed: int | None = None) -> Question | None:
    """A fact of the validation part, preferably about an entity that users interacted with; None where none is."""
    triples = dataset.valid if len(dataset.valid) else dataset.test
    return Question("", *random_fact(dataset, triples, seed)) if len(triples) else None


def pinned_of(run: Path, dataset: KGDataset | None) -> Question | None:
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
    pinned = Question(run.name, Query.about(tail or head, relation, "head" if tail else "tail"), answer)
    try:
        return pinned if dataset is None else by_ids(dataset, pinned)
    except UpganError:
        return pinned
