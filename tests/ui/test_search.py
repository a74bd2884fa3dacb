"""Finding entities by a part of their name."""

from __future__ import annotations

import random
import time

import pytest

from ui.services.search import MOST, SearchIndex, normalised

LABELS = [
    "The Riftwar Cycle", "Riftwar", "Arctic Drift", "Rift", "Linda Lael Miller", "Émile Zola", "zola", "Война и мир",
    "Part of the Bargain", "O'Brien, Patrick", "C++", "   ",
]  # fmt: skip


@pytest.fixture
def index() -> SearchIndex:
    return SearchIndex([f"id{n}" for n in range(len(LABELS))], LABELS, [1.0] * len(LABELS))


def found(index: SearchIndex, text: str) -> list[str]:
    return [LABELS[number] for number in index.find(text)]


def test_exact_then_beginning_then_word_then_part(index):
    assert found(index, "rift") == ["Rift", "Riftwar", "The Riftwar Cycle", "Arctic Drift"]


def test_case_accents_and_punctuation_do_not_matter(index):
    assert "Émile Zola" in found(index, "EMILE")
    assert found(index, "o brien") == ["O'Brien, Patrick"]
    assert found(index, "O'Brien") == ["O'Brien, Patrick"]
    assert found(index, "война") == ["Война и мир"]


def test_words_in_any_order(index):
    assert found(index, "miller linda") == ["Linda Lael Miller"]
    assert found(index, "bargain part") == ["Part of the Bargain"]


def test_an_id_finds_its_entity(index):
    assert index.find("id4") == [4]


@pytest.mark.parametrize("text", ["", "   ", "\n", "???", "\x00", "%", "zzzz", "a" * 10_000])
def test_nothing_and_nonsense_find_nothing(index, text):
    assert index.find(text) == []


def test_a_line_break_in_the_text_does_not_join_two_names(index):
    assert found(index, "Drift\nLinda") == []


def test_more_connected_entities_come_first():
    index = SearchIndex(["a", "b", "c"], ["Same Name", "Same Name", "Same Name"], [1, 5, 3])
    assert index.find("same") == [1, 2, 0]


def test_no_entity_is_listed_twice():
    index = SearchIndex(["a"], ["ab ab ab"], [1])
    assert index.find("ab") == [0]


def test_at_most_fifty():
    index = SearchIndex([str(n) for n in range(500)], [f"Book {n}" for n in range(500)], [0] * 500)
    assert len(index.find("book")) == MOST


def test_agrees_with_a_plain_scan():
    rng = random.Random(1)
    labels = ["".join(rng.choice("ab c") for _ in range(8)).strip() or "x" for _ in range(300)]
    index = SearchIndex([f"#{n}" for n in range(300)], labels, [0] * 300)
    for query in ("a", "ab", "b c", "aa", "cab", "c a"):
        parts = normalised(query).split()
        expected = {n for n, label in enumerate(labels) if all(part in normalised(label) for part in parts)}
        assert set(index.find(query, most=1000)) == expected


def test_a_keystroke_among_100_000_names_takes_no_time():
    rng = random.Random(0)
    words = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randint(2, 9))) for _ in range(5000)]
    labels = [" ".join(rng.choices(words, k=3)) for _ in range(100_000)]
    index = SearchIndex([f"e{n}" for n in range(100_000)], labels, [rng.random() for _ in labels])
    slowest = 0.0
    for query in ("a", "th", "the", "zzzzzz", labels[99_999], f"{words[1]} {words[0]}", "e q", "x y z"):
        started = time.perf_counter()
        matches = index.find(query)
        slowest = max(slowest, time.perf_counter() - started)
        assert len(matches) <= MOST
    assert slowest < 0.15
