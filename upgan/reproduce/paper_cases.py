"""The two cases of section 5.6 (Fig. 4) in a dataset: found by label, asked even where no triple links their ends.

A dataset that holds the linking triple answers the paper's own question. Where it holds both ends but no such triple,
the question is asked over every relation that could join them. Where even the entity asked about is missing, a book of
that series stands in for it, and the finding says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from upgan.data.dataset import KGDataset
from upgan.data.query import Direction, Query

#: How a case was found, the closest to the paper first.
How = Literal["linked", "asked", "stand-in"]
#: Columns of the entity that is named and of the one that is asked for, and how that is called.
SIDES: tuple[tuple[int, int, Direction], ...] = ((0, 2, "tail"), (2, 0, "head"))


@dataclass(frozen=True)
class PaperCase:
    """A case as the paper tells it; labels are alternatives, the first that a dataset holds counts."""

    key: str
    why: str
    entity: tuple[str, ...]
    answer: tuple[str, ...]
    #: The candidate that must not win, and what joins the users to the answer.
    rival: tuple[str, ...] = ()
    bridges: tuple[tuple[str, ...], ...] = ()
    #: Books of the series asked about, for a dataset that does not hold the series itself.
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundCase:
    """A case in a dataset, by ids."""

    case: PaperCase
    how: How
    entity: str
    answer: str
    rival: str | None
    bridges: tuple[str, ...]
    #: The question to explain first, then other ways to ask; one alone where a triple links the two.
    questions: tuple[Query, ...]
    #: The split of the linking triple; None without one.
    split: str | None


PAPER_CASES = (
    PaperCase(
        key="case1",
        why="The paper's first case: the graph knows next to nothing about this book, its readers know its author.",
        entity=("Part of the Bargain", "Part of Bargain"),
        answer=("Linda Lael Miller",),
        bridges=(("Snowflakes on the Sea", "Snowflakes On The Sea"), ("Just Kate", "Just Kate (Desire)")),
    ),
    PaperCase(
        key="case2",
        why="The paper's second case: which smaller series belongs to this one? The most popular candidate does not.",
        entity=("The Riftwar Cycle", "Riftwar Cycle", "Riftwar"),
        answer=("The Serpentwar Saga", "Serpentwar Saga"),
        rival=("The Wheel of Time", "Wheel of Time"),
        bridges=(("Legends of the Riftwar",),),
        stand_ins=("A Darkness at Sethanon", "Silverthorn", "Silverthorn (novel)"),
    ),
)


def find_cases(dataset: KGDataset, cases: tuple[PaperCase, ...] = PAPER_CASES) -> list[FoundCase]:
    """Those of the paper's cases that the dataset holds in some form, in the paper's order."""
    number_of: dict[str, int] = {}
    for number, label in enumerate(dataset.entity_labels):
        number_of.setdefault(label.strip(), number)

    def named(labels: tuple[str, ...]) -> int | None:
        return next((number_of[label] for label in labels if label in number_of), None)

    found = []
    for case in cases:
        entity, answer, rival = named(case.entity), named(case.answer), named(case.rival)
        stands_in = entity is None
        entity = named(case.stand_ins) if entity is None else entity
        if entity is None or answer is None:
            continue
        link = None if stands_in else _link(dataset, entity, answer)
        questions = [link[0]] if link else _plausible(dataset, entity, answer, worst=0 if stands_in else 2)
        if not questions:
            continue
        bridges = [bridge for labels in case.bridges if (bridge := named(labels)) is not None]
        found.append(
            FoundCase(
                case=case,
                how="linked" if link else "stand-in" if stands_in else "asked",
                entity=dataset.entities[entity],
                answer=dataset.entities[answer],
                rival=None if rival is None else dataset.entities[rival],
                bridges=tuple(dataset.entities[bridge] for bridge in bridges),
                questions=tuple(questions),
                split=link[1] if link else None,
            )
        )
    return found


def _link(dataset: KGDataset, entity: int, answer: int) -> tuple[Query, str] | None:
    """The relation between two entities in any split, which end the answer stands at, and the split."""
    for split in ("test", "valid", "train"):
        triples = dataset.triples(split)
        for ask, other, direction in SIDES:
            rows = np.flatnonzero((triples[:, ask] == entity) & (triples[:, other] == answer))
            if len(rows):
                relation = dataset.relations[int(triples[rows[0], 1])]
                return Query.about(dataset.entities[entity], relation, direction), split
    return None


def _plausible(dataset: KGDataset, entity: int, answer: int, worst: int) -> list[Query]:
    """Ways to ask that training gives a meaning, the best first.

    0: the answer has stood at the end asked for, and the entity, or others like it, at its own; 1: the entity's end
    fits alone; 2: the answer's does. Ways worse than ``worst`` are left out.
    """
    train = dataset.train
    kinds = np.asarray(dataset.entity_kinds, dtype=object)
    # Without kinds an entity's neighbours in meaning are those that stand where it stands.
    alike = kinds == kinds[entity] if kinds[entity] else _same_place(dataset, entity)
    ranked: list[tuple[int, int, Query]] = []
    for ask, other, direction in SIDES:
        for number in range(dataset.num_relations):
            rows = train[train[:, 1] == number]
            fits_answer = bool((rows[:, other] == answer).any())
            fits_entity = bool((rows[:, ask] == entity).any())
            fits_kind = len(rows) > 0 and float(alike[rows[:, ask]].mean()) > 0.5
            rank = 0 if fits_answer and (fits_entity or fits_kind) else 1 if fits_entity else 2 if fits_answer else 3
            if rank <= worst:
                query = Query.about(dataset.entities[entity], dataset.relations[number], direction)
                ranked.append((rank, len(ranked), query))
    return [query for _, _, query in sorted(ranked, key=lambda item: item[:2])]


def _same_place(dataset: KGDataset, entity: int) -> np.ndarray:
    """(E,) which entities stand at the same end of some training relation as this one, it itself among them."""
    alike = np.zeros(dataset.num_entities, dtype=bool)
    alike[entity] = True
    for column in (0, 2):
        relations = np.unique(dataset.train[dataset.train[:, column] == entity, 1])
        alike[dataset.train[np.isin(dataset.train[:, 1], relations), column]] = True
    return alike
