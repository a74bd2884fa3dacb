"""Changes of the graph that a what-if asks about, as a link names them: a line of CSV each, as `upgan explain` does."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np

from ui.services import questions
from ui.services.view import MOST_NAMED, Parameter, Several, View
from upgan.explain.results import Changes
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.data.dataset import KGDataset

Row = tuple[str, ...]
CHOICE, FACT = ("user", "item"), ("head", "relation", "tail")
#: Facts of one entity that a list offers; a hub has thousands.
MOST_FACTS = 500


@dataclass(frozen=True)
class Rows(Parameter[tuple[Row, ...]]):
    """Facts (head, relation, tail) or choices (user, item), by their ids."""

    usual: tuple[Row, ...] = field(compare=False, default=())
    parts: Row = field(compare=False, default=FACT)
    #: What a list of them says before one.
    words: str = field(compare=False, default="")

    def read(self, texts: Sequence[str], dataset: KGDataset | None = None) -> tuple[tuple[Row, ...], str]:
        rows = [_fields(text) for text in dict.fromkeys(texts[:MOST_NAMED])]
        known = [row for row in rows if dataset is not None and self._known(row, dataset)]
        bad = next((text for text, row in zip(dict.fromkeys(texts), rows, strict=False) if row not in known), None)
        if bad is None:
            return tuple(known), ""
        named = shorten(clean(bad), 60)
        return tuple(known), f"The link's change “{named}” is not made of {', '.join(self.parts)} of this dataset."

    def _known(self, row: Row, dataset: KGDataset) -> bool:
        index: Mapping[str, Mapping[str, int]] = {"user": dataset.user_index, "relation": dataset.relation_index}
        whole = len(row) == len(self.parts)
        return whole and all(
            text in index.get(part, dataset.entity_index) for part, text in zip(self.parts, row, strict=True)
        )

    def write(self, value: tuple[Row, ...]) -> list[str]:
        return [_line(row) for row in value]

    def renamed(self, text: str, name: Callable[[str], str]) -> str:
        row = _fields(text)
        return _line((name(row[0]), *row[1:])) if self.parts == CHOICE and len(row) == len(CHOICE) else text


def _fields(text: str) -> Row:
    rows = list(csv.reader([text]))
    return tuple(rows[0]) if len(rows) == 1 else ()


def _line(row: Row) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row)
    return line.getvalue()


#: Users of the target that are left out.
WITHOUT = Several("without", lasts="question", called="left-out user")
#: What is taken out of the graph and put in beside that; what each is called as an action is in the panel.
REMOVE_FACT = Rows("remove_fact", lasts="question", words="without the fact")
ADD_FACT = Rows("add_fact", lasts="question", words="with the fact")
REMOVE_CHOICE = Rows("remove_interaction", lasts="question", parts=CHOICE, words="had not chosen")
ADD_CHOICE = Rows("add_interaction", lasts="question", parts=CHOICE, words="had chosen")
EDITS = (REMOVE_FACT, ADD_FACT, REMOVE_CHOICE, ADD_CHOICE)


def changes_of(view: View) -> Changes:
    """All changes that the view asks about."""
    without = view[WITHOUT]
    return Changes(
        remove_users=without,
        remove_triples=cast(tuple[tuple[str, str, str], ...], view[REMOVE_FACT]),
        add_triples=cast(tuple[tuple[str, str, str], ...], view[ADD_FACT]),
        remove_interactions=cast(tuple[tuple[str, str], ...], view[REMOVE_CHOICE]),
        add_interactions=cast(tuple[tuple[str, str], ...], view[ADD_CHOICE]),
    )


def in_words(edit: Rows, row: Row, dataset: KGDataset) -> str:
    """One change by labels."""
    if edit.parts == FACT:
        return f"{edit.words} {fact_words(dataset, row)}"
    return f"{clean(row[0])} {edit.words} {questions.label_of(dataset, row[1])}"


def fact_words(dataset: KGDataset, fact: Row) -> str:
    """A fact by labels."""
    head, relation, tail = fact
    words = questions.label_of(dataset, head), questions.relation_label(dataset, relation)
    return " — ".join((*words, questions.label_of(dataset, tail)))


def facts_of(dataset: KGDataset, entity: str) -> tuple[list[Row], int]:
    """The first training facts of an entity, and how many it has."""
    number, train = dataset.entity_index[entity], dataset.train
    rows = np.flatnonzero((train[:, 0] == number) | (train[:, 2] == number))
    facts: list[Row] = [
        (dataset.entities[head], dataset.relations[relation], dataset.entities[tail])
        for head, relation, tail in train[rows[:MOST_FACTS]].tolist()
    ]
    return facts, len(rows)


def items_of(dataset: KGDataset, user: str) -> list[str]:
    """What a user chose."""
    chosen = dataset.interactions[dataset.interactions[:, 0] == dataset.user_index[user], 1]
    return [dataset.entities[item] for item in chosen[:MOST_FACTS].tolist()]
