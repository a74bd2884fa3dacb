"""What the pages do, without Streamlit: list checkpoints, understand a question, find candidates and explanations."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ui.search import SearchIndex
from upgan.errors import QueryError
from upgan.explanation import Explanation
from upgan.paper_cases import find_cases
from upgan.render.words import clean, sentence, shorten

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset
    from upgan.predictor import Predictor

Direction = Literal["tail", "head"]
#: The names of a question's parts in the address bar.
PARAMETERS = ("checkpoint", "entity", "relation", "direction", "answer")


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

    def ends(self) -> dict[str, str]:
        """The known entity as the keyword that the predictor takes."""
        return {"tail" if self.inverse else "head": self.entity}

    def parameters(self) -> dict[str, str]:
        """For the address bar: ids, never labels, so that the link survives a renaming."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Case:
    """A question worth asking first, with why."""

    question: Question
    text: str
    why: str


@dataclass(frozen=True)
class Candidates:
    """Ranked rows of the predictor; ``hidden`` known answers were left out of them."""

    rows: tuple[dict[str, Any], ...]
    hidden: int


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


def read_link(
    predictor: Predictor, checkpoint: str, link: Mapping[str, str], first: Question
) -> tuple[Question, list[str]]:
    """The question that a link names, and what in it this dataset does not know (said, not guessed)."""
    dataset, problems = predictor.dataset, []

    def known(name: str, index: Mapping[str, int]) -> str | None:
        value = link.get(name)
        if value is not None and value not in index:
            problems.append(f"The link's {name} “{shorten(clean(value), 60)}” is not in this dataset.")
            return None
        return value

    entity, relation = known("entity", dataset.entity_index), known("relation", dataset.relation_index)
    answer = known("answer", dataset.entity_index)
    direction = link.get("direction", "tail")
    if direction not in ("tail", "head"):
        problems.append(f"The link's direction “{shorten(clean(direction), 60)}” is neither “tail” nor “head”.")
        direction = "tail"
    if entity is None:
        if "relation" in link and "entity" not in link:
            problems.append("The link names no entity.")
        return first, [*problems, "Showing the first example instead."] if problems else []
    question = about(predictor, checkpoint, entity)
    if relation is not None:
        question = replace(question, relation=relation, direction="head" if direction == "head" else "tail")
    return replace(question, answer=answer if relation is not None else None), problems


# ---- first questions ------------------------------------------------------------------------------------------------


def paper_cases(predictor: Predictor, checkpoint: str) -> list[Case]:
    """The cases of section 5.6 that this dataset holds with the triple that links their ends."""
    cases = []
    for found in find_cases(predictor.dataset):
        if found.how == "linked":
            asked = found.questions[0]
            question = Question(checkpoint, found.entity, asked.relation, asked.direction, answer=found.answer)
            cases.append(Case(question, question_text(predictor.dataset, question), found.case.why))
    return cases


def first_question(predictor: Predictor, checkpoint: str) -> Question:
    """What a first visit shows: the paper's first case, otherwise a held-out fact about an entity with users."""
    cases = paper_cases(predictor, checkpoint)
    return cases[0].question if cases else random_question(predictor, checkpoint, seed=0)


def random_question(predictor: Predictor, checkpoint: str, seed: int | None = None) -> Question:
    """A held-out fact (a training one where none is), preferably about an entity that users interacted with."""
    dataset = predictor.dataset
    triples = next((part for part in (dataset.test, dataset.valid, dataset.train) if len(part)), dataset.train)
    with_users = triples[np.isin(triples[:, 0], dataset.items)]
    pool = with_users if len(with_users) else triples
    head, relation, _tail = pool[random.Random(seed).randrange(len(pool))].tolist()
    return Question(checkpoint, dataset.entities[head], dataset.relations[relation], "tail")


def search_index(dataset: KGDataset) -> SearchIndex:
    """All entities by name, the most connected first."""
    counts = np.bincount(dataset.train[:, [0, 2]].ravel(), minlength=dataset.num_entities)
    counts += np.bincount(dataset.interactions[:, 1], minlength=dataset.num_entities)
    return SearchIndex(dataset.entities, dataset.entity_labels, counts.tolist())


# ---- answers --------------------------------------------------------------------------------------------------------


def candidates(predictor: Predictor, question: Question, k: int, *, hide_known: bool) -> Candidates:
    """The k best candidates; with ``hide_known`` the k best of those that the dataset does not hold already."""
    asked = k
    while True:
        rows: Sequence[dict[str, Any]] = predictor.predict(**question.ends(), relation=question.relation, k=asked)
        kept = [row for row in rows if not (hide_known and row["known"])]
        if not hide_known or len(kept) >= k or asked >= len(predictor.entities):
            shown = kept[:k]
            last = shown[-1]["rank"] if shown else len(rows)
            return Candidates(tuple(shown), sum(bool(row["known"]) for row in rows[:last]) if hide_known else 0)
        asked = min(len(predictor.entities), asked * 2)


def with_answer(found: Candidates, explanation: Explanation | None) -> Candidates:
    """The list with the explained answer at its place where it is not among the best."""
    if explanation is None or any(row["id"] == explanation.answer.id for row in found.rows):
        return found
    row = {
        "rank": explanation.rank,
        "id": explanation.answer.id,
        "label": explanation.answer.label,
        "score": explanation.score,
        "known": explanation.known,
        "rank_without_users": explanation.rank_without_users,
        "filtered_rank": explanation.filtered_rank,
    }
    return replace(found, rows=tuple(sorted([*found.rows, row], key=lambda row: int(row["rank"]))))


def explain(predictor: Predictor, question: Question, answer: str, top_users: int) -> Explanation:
    """Why ``answer`` stands where it does; QueryError where the run cannot say."""
    if answer not in predictor.dataset.entity_index:
        raise QueryError(f"the dataset has no entity {shorten(clean(answer), 60)!r}")
    ends = question.ends()
    return predictor.explain(ends.get("head"), question.relation, answer, ends.get("tail"), top_users)
