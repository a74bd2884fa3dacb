"""The review's database: decisions that are kept, undone, counted, and made by several people at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from upgan.errors import ConfigError, DataError
from upgan.review.agreement import agreement
from upgan.review.store import Filter, ReviewStore


def line(number, **more):
    """A made-up line, number 0 the surest."""
    usual = {
        "head": f"film:{number}", "relation": "director", "tail": f"person:{number % 7}",
        "head_label": f"Film {number}", "relation_label": "director", "tail_label": f"Person {number % 7}",
        "asked": "tail", "kind": "film", "slot": "further" if number % 2 else "empty", "sure": 0.99 - number / 20_000,
        "score": 1.5, "users": 0.25, "decides": number % 3 == 0, "reason": "Because.",
    }  # fmt: skip
    return usual | more


def new_list(store, count=10, **more):
    number = store.add_list(
        catalogue="c", dataset="d", name="films", run="demo", model="m", options={}, promise={},
        lines=[line(n, **more) for n in range(count)],
    )  # fmt: skip
    return next(each for each in store.lists() if each.id == number)


@pytest.fixture
def store(tmp_path):
    return ReviewStore(tmp_path / "reviews.sqlite")


def verdicts(store, shown):
    return {each.place: each.verdict for each in store.lines(shown) if each.verdict}


def test_decisions_stand_survive_and_can_be_taken_back_one_by_one(store):
    shown = new_list(store)
    store.decide(shown, 1, "yes", "Anna")
    store.decide(shown, 2, "no", "Anna")
    store.decide(shown, 2, "yes", " Anna ")
    assert verdicts(ReviewStore(store.path), shown) == {1: "yes", 2: "yes"}
    assert store.undo("c", "Anna")["verdict"] == "yes"
    assert verdicts(store, shown) == {1: "yes", 2: "no"}, "what she said before stands again"
    assert store.undo("c", "Ben") is None
    assert [store.undo("c", "Anna")["place"] for _ in range(2)] == [2, 1]
    assert verdicts(store, shown) == {}
    with sqlite3.connect(store.path) as raw:
        assert raw.execute("SELECT count(*), count(undone) FROM decisions").fetchone() == (3, 3), "nothing is removed"
        kept = raw.execute('SELECT who, model, score, sure, reason, "when" FROM decisions').fetchone()
    assert kept[:5] == ("Anna", "m", 1.5, pytest.approx(0.99), "Because.")
    assert kept[5].startswith("20")


def test_the_last_word_counts_and_other_opinions_are_said(store):
    shown = new_list(store)
    store.decide(shown, 3, "yes", "Anna")
    store.decide(shown, 3, "no", "Ben")
    store.decide(shown, 3, "no", "Cleo")
    (judged,) = store.lines(shown, Filter(state="judged"))
    assert (judged.verdict, judged.who, judged.against) == ("no", "Cleo", 1)
    store.decide(shown, 3, "no", "Anna")
    assert store.lines(shown)[2].against == 0, "she changed her mind"
    assert store.people("c") == {"Anna": 2, "Ben": 1, "Cleo": 1}


def test_another_model_of_the_same_catalogue_knows_what_was_decided(store):
    first = new_list(store)
    store.decide(first, 4, "yes", "Anna")
    again = new_list(store, 6)
    assert verdicts(store, again) == {4: "yes"}


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (Filter(slot="empty"), [1, 3, 5, 7, 9]),
        (Filter(decides=True), [1, 4, 7, 10]),
        (Filter(state="open", decides=True), [4, 7, 10]),
        (Filter(state="no"), [1]),
        (Filter(text="film 3"), [4]),
        (Filter(text="%"), []),
        (Filter(least_sure=0.99 - 2.5 / 20_000), [1, 2, 3]),
        (Filter(kind="book"), []),
        (Filter(relation="director", kind="film"), list(range(1, 11))),
    ],
)
def test_filters_leave_what_they_say(store, chosen, left):
    shown = new_list(store)
    store.decide(shown, 1, "no", "Anna")
    assert [each.place for each in store.lines(shown, chosen)] == left


def test_promises_and_what_was_found_stand_beside_each_other(store):
    shown = new_list(store, 6, sure=0.95)
    for place, verdict in enumerate(("yes", "yes", "no", "unsure"), start=1):
        store.decide(shown, place, verdict, "Anna")
    found = agreement(store.outcomes(shown))
    assert (found.lines, found.judged, found.yes, found.no, found.unsure) == (6, 4, 2, 1, 1)
    top = found.levels[0]
    assert (top.lines, top.judged, top.right) == (6, 3, 2)
    assert top.promised == pytest.approx(0.95)
    assert sum(level.lines for level in found.levels[1:]) == 0


WRITER = """
import sys
from pathlib import Path
from upgan.review.store import ReviewStore
store = ReviewStore(Path(sys.argv[1]))
shown = store.lists()[0]
for place in range(1, 13):
    store.decide(shown, place, "yes", sys.argv[2])
"""


def test_all_that_are_sure_enough_are_accepted_at_once_and_taken_back_at_once(store):
    shown = new_list(store)
    store.decide(shown, 2, "no", "Ben")
    least = 0.99 - 4.5 / 20_000
    assert store.accept_all(shown, least, "Anna") == 4
    assert verdicts(store, shown) == {1: "yes", 2: "no", 3: "yes", 4: "yes", 5: "yes"}
    store.decide(shown, 6, "yes", "Anna")
    assert store.undo("c", "Anna")["together"] == 1
    assert store.undo("c", "Anna")["together"] == 4
    assert verdicts(store, shown) == {2: "no"}
    assert store.accept_all(shown, 1.0, "Anna") == 0
    assert store.undo("c", "Anna") is None


def test_processes_and_threads_that_judge_at_once_lose_nothing(store):
    shown = new_list(store, 12)
    others = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(store.path), who], stderr=subprocess.PIPE)
        for who in ("P1", "P2")
    ]
    with ThreadPoolExecutor(4) as threads:
        jobs = [
            threads.submit(store.decide, shown, place, "no", f"T{thread}")
            for place in range(1, 13)
            for thread in (1, 2)
        ]
        assert len({job.result() for job in jobs}) == 24
    for process in others:
        _, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
    assert store.people("c") == {"P1": 12, "P2": 12, "T1": 12, "T2": 12}
    assert len(store.lines(shown, Filter(state="judged"))) == 12


def test_ten_thousand_lines_are_filtered_in_a_moment(store):
    shown = new_list(store, 10_000)
    for place in range(1, 21):
        store.decide(shown, place, "yes", "Anna")
    took = []
    for chosen in (Filter(), Filter(state="open", slot="empty"), Filter(text="99"), Filter(decides=True, state="yes")):
        began = time.process_time()
        assert store.lines(shown, chosen)
        took.append(time.process_time() - began)
    assert max(took) < 0.3, took


def test_what_is_wrong_is_said(store, tmp_path):
    shown = new_list(store)
    with pytest.raises(ConfigError, match=r"maybe.*yes, no, unsure"):
        store.decide(shown, 1, "maybe", "Anna")
    with pytest.raises(ConfigError, match="who decides"):
        store.decide(shown, 1, "yes", " \n ")
    with pytest.raises(DataError, match="no line 11"):
        store.decide(shown, 11, "yes", "Anna")
    assert verdicts(store, shown) == {}
    (tmp_path / "other.sqlite").write_bytes(b"something else, long enough to be a header" * 9)
    with pytest.raises(DataError, match=r"other\.sqlite: not a review"):
        ReviewStore(tmp_path / "other.sqlite")
    with sqlite3.connect(tmp_path / "newer.sqlite") as raw:
        raw.execute("PRAGMA user_version = 9")
        raw.execute("CREATE TABLE t (a)")
    with pytest.raises(DataError, match="but 9"):
        ReviewStore(tmp_path / "newer.sqlite")
    broken = [line(0), {**line(1), "score": None}]
    with pytest.raises(DataError):
        store.add_list(catalogue="c", dataset="d", name="n", run="r", model="m", options={}, promise={}, lines=broken)
    assert len(store.lists()) == 1, "nothing half-written"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("lines", "score", "much"), ("lines", "sure", b"\x00"), ("lines", "decides", "maybe"),
        ("lists", "options", "[" * 9_000), ("lists", "options", "[1]"), ("lists", "promise", "no json"),
    ],
)  # fmt: skip
def test_a_damaged_row_is_said_with_its_place(store, table, column, value):
    """SQLite keeps anything in any column."""
    shown = new_list(store, 3)
    with sqlite3.connect(store.path) as raw:
        raw.execute(f"UPDATE {table} SET {column} = ?", (value,))
    with pytest.raises(DataError, match=r"reviews\.sqlite: damaged, or changed by another program \(row 0"):
        store.lines(store.lists()[0] if table == "lists" else shown)


def test_ten_thousand_lines_are_read_and_counted_in_a_moment_though_all_are_judged(store):
    """Each line finds its own decision: held against all of them, this took minutes."""
    shown = new_list(store, 10_000)
    assert store.waiting(shown, 0.9) == (1801, pytest.approx(0.945))
    assert store.accept_all(shown, 0.0, "Anna") == 10_000
    assert store.waiting(shown, 0.9) == (0, 0.0)
    for place in range(1, 101):
        store.decide(shown, place, "no", "Ben")
    began = time.process_time()
    places = store.places(shown)
    lines = store.lines(shown)
    found = agreement(store.outcomes(shown))
    assert time.process_time() - began < 2.0
    assert [tuple(each) for each in places] == [(each.place, each.verdict) for each in lines]
    assert [(each.verdict, each.against) for each in lines] == [("no", 1)] * 100 + [("yes", 0)] * 9_900
    assert (found.yes, found.no, found.disputed) == (9_900, 100, 100)
    assert store.lines(shown, places=[7, 9_000]) == [lines[6], lines[8_999]]
    assert len(store.places(shown, Filter(state="no"))) == 100
