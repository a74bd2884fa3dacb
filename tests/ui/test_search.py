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


def edits(left: str, right: str) -> int:
    """Optimal string alignment distance by its recursion: one letter too much, too few, wrong, or two changed."""
    table = [
        [row + column if not row * column else 0 for column in range(len(right) + 1)] for row in range(len(left) + 1)
    ]
    for row in range(1, len(left) + 1):
        for column in range(1, len(right) + 1):
            wrong = left[row - 1] != right[column - 1]
            best = min(table[row - 1][column] + 1, table[row][column - 1] + 1, table[row - 1][column - 1] + wrong)
            if row > 1 and column > 1 and left[row - 2 : row] == right[column - 2 : column][::-1]:
                best = min(best, table[row - 2][column - 2] + 1)
            table[row][column] = best
    return table[-1][-1]


class TestSlips:
    @pytest.mark.parametrize(
        "typed", ["riftwra", "riftwr", "rifftwar", "tiftwar", "riftwar cylce", "the rifwtar", "ryftwer cycle"]
    )
    def test_a_slip_or_two_still_finds_the_name(self, index, typed):
        suggested = index.suggest(typed)
        assert "The Riftwar Cycle" in [LABELS[number] for number in (*suggested.exact, *suggested.similar)]

    def test_short_words_must_be_right(self, index):
        index = SearchIndex(["a", "b"], ["ox tail", "oxtail"], [0, 0])
        assert index.similar("ax") == []
        assert index.similar("axt") == [1], "from three letters on one slip is let pass"
        assert index.similar("") == []

    def test_what_holds_the_words_is_not_repeated_as_similar(self, index):
        suggested = index.suggest("riftwar")
        assert {LABELS[number] for number in suggested.exact} == {"Riftwar", "The Riftwar Cycle"}
        assert {*suggested.exact} <= {*index.similar("riftwar")}
        assert not {*suggested.exact} & {*suggested.similar}

    def test_where_many_names_hold_it_none_is_offered_as_similar(self):
        index = SearchIndex([str(n) for n in range(9)], [f"Book {n}" for n in range(8)] + ["Boot"], [0] * 9)
        assert index.suggest("book").similar == ()

    def test_agrees_with_the_distance_by_its_definition(self):
        rng = random.Random(4)
        words = ["".join(rng.choices("abcd", k=rng.randint(3, 9))) for _ in range(200)]
        index = SearchIndex([f"#{n}" for n in range(200)], words, [0] * 200)
        for typed in ["".join(rng.choices("abcd", k=length)) for length in (3, 4, 5, 6, 7, 8)]:
            allowed = 1 if len(typed) <= 5 else 2
            expected = {
                number
                for number, word in enumerate(words)
                if edits(typed, word[: len(typed)]) <= allowed
                or word.startswith(typed)
                or (
                    word[0] == typed[0]
                    and min(edits(typed, word[: len(typed) + 1]), edits(typed, word[: len(typed) - 1])) <= allowed
                )
            }
            assert set(index.similar(typed, most=1000)) == expected

    def test_the_nearest_come_first(self):
        index = SearchIndex(["a", "b", "c"], ["wintermoon", "wintermoan", "wantermoan"], [1, 1, 1])
        assert index.similar("wintermoom") == [0, 1]

    def test_an_id_s_beginning_finds_it(self):
        index = SearchIndex(["m.0bth54", "m.0bzz"], ["One", "Two"], [0, 0])
        assert index.find("m.0bt") == [0]
        assert set(index.find("M.0B")) == {0, 1}


def test_a_misspelt_name_among_80_000_takes_no_time():
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 11))) for _ in range(60_000)]
    labels = [" ".join(rng.choices(words, k=2)) for _ in range(79_682)]
    index = SearchIndex([f"e{n}" for n in range(len(labels))], labels, [rng.random() for _ in labels])
    slowest = 0.0
    for number in rng.sample(range(len(labels)), 8):
        name = labels[number]
        typed = name[:3] + "x" + name[4:]
        started = time.process_time()
        index.suggest(typed)
        slowest = max(slowest, time.process_time() - started)
    assert slowest < 0.15
