"""The paper's cases in datasets that hold all, some or none of what they need."""

from __future__ import annotations

import pandas as pd
import pytest

from upgan.data.dataset import build_dataset
from upgan.data.query import Query
from upgan.reproduce.paper_cases import find_cases

RIFTWAR = [("magician", "series", "r", "train"), ("dark", "series", "s", "train"), ("eye", "series", "w", "train")]
LABELS = {"r": "Riftwar", "s": "The Serpentwar Saga", "w": "The Wheel of Time", "dark": "Shadow of a Dark Queen"}


def dataset(triples, labels):
    names = sorted({row[0] for row in triples} | {row[2] for row in triples})
    entities = pd.DataFrame({"id": names, "label": [labels.get(name, name) for name in names], "kind": ""})
    return build_dataset(
        name="books",
        triples=pd.DataFrame(triples, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame([("u", "dark")], columns=["user", "item"]),
        entities=entities,
    )


@pytest.mark.parametrize("split", ["train", "valid", "test"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_linking_triple_is_the_question(split, turned):
    link = ("s", "part_of", "r", split) if turned else ("r", "has_part", "s", split)
    (found,) = find_cases(dataset([*RIFTWAR, link], LABELS))
    assert (found.case.key, found.how, found.split) == ("case2", "linked", split)
    assert (found.entity, found.answer, found.rival) == ("r", "s", "w")
    assert found.questions == (Query.about("r", "part_of", "head") if turned else Query.about("r", "has_part"),)


def test_without_a_link_it_is_asked_all_the_same_as_the_paper_asks_it_first():
    (found,) = find_cases(dataset(RIFTWAR, LABELS))
    assert (found.how, found.split) == ("asked", None)
    # What belongs to the series Riftwar? Then: to which series does it belong?
    assert found.questions == (Query.about("r", "series", "head"), Query.about("r", "series", "tail"))


def test_a_book_of_the_series_stands_in_for_it():
    triples = [("dark", "series", "s", "train"), ("eye", "series", "w", "train")]
    triples += [(book, "author", "a", "train") for book in ("dark", "eye", "sethanon")]
    (found,) = find_cases(dataset(triples, {**LABELS, "sethanon": "A Darkness at Sethanon"}))
    assert (found.how, found.entity, found.answer) == ("stand-in", "sethanon", "s")
    # Its author is no such question: no series was ever one.
    assert found.questions == (Query.about("sethanon", "series", "tail"),)


def test_a_dataset_with_neither_has_none():
    assert find_cases(dataset(RIFTWAR, {})) == []
    # Nor one that holds the entity asked about but not the answer.
    assert find_cases(dataset(RIFTWAR, {"r": "Riftwar"})) == []


def test_the_embedded_catalogue_holds_both(tmp_path):
    from upgan.data.dataset import load_dataset
    from upgan.data.demo.demo import write_demo

    write_demo(tmp_path / "demo")
    first, second = find_cases(load_dataset(tmp_path / "demo"))
    assert [found.how for found in (first, second)] == ["linked", "linked"]
    assert (first.split, second.split) == ("test", "test")
    assert len(first.bridges) == 2
    assert second.rival == "series:the-wheel-of-time"
