"""Which relations repeat each other: overlaps against Python sets, and the rule that drops one of a pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgan.data.prepare.relations import compare_relations, partner_classes

NAMES = ["r0", "r1", "r2", "r3"]
NO_ITEMS = np.zeros(0, dtype=np.int64)
TRIPLES = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=60)


def array(triples):
    return np.array(sorted(triples), dtype=np.int64).reshape(-1, 3)


def pairs_of(triples, relation):
    return {(h, t) for h, r, t in triples if r == relation}


def compared(triples, **options):
    """Report for {name: [(head, tail), ...]} with entities as numbers."""
    names = sorted(triples)
    rows = [(h, names.index(name), t) for name, pairs in triples.items() for h, t in pairs]
    return compare_relations(array(rows), names, options.pop("items", NO_ITEMS), **options)


@given(TRIPLES)
def test_overlaps_equal_those_of_sets(triples):
    report = compare_relations(array(triples), NAMES, NO_ITEMS, keep_reverse=True)
    found = {(pair.first, pair.second): (pair.same, pair.reversed) for pair in report.pairs}
    expected: dict[tuple[str, str], object] = {}
    for a in range(4):
        for b in range(a + 1, 4):
            one, other = pairs_of(triples, a), pairs_of(triples, b)
            smaller = min(len(one), len(other))
            # A triple from an entity to itself is no evidence of a reversal.
            turned = {(t, h) for h, t in other if h != t}
            if one & other or one & turned:
                expected[NAMES[a], NAMES[b]] = (
                    pytest.approx(len(one & other) / smaller, abs=1e-4),
                    pytest.approx(len(one & turned) / smaller, abs=1e-4),
                )
    assert found == expected
    for r, name in enumerate(NAMES):
        own = pairs_of(triples, r)
        mirrored = sum((t, h) in own and h != t for h, t in own)
        assert report.symmetric.get(name, 0.0) == pytest.approx(mirrored / max(len(own), 1), abs=1e-4)


def test_a_reverse_keeps_the_relation_that_starts_at_items():
    forward = [(item, 10 + item) for item in range(6)]
    report = compared({"a_of": [(t, h) for h, t in forward], "by": forward}, items=np.arange(6))
    (pair,) = report.pairs
    assert (pair.kind, pair.reversed, pair.same) == ("reverse", 1.0, 0.0)
    assert report.dropped == ("a_of",)
    assert "starts at catalogue items" in pair.reason


def test_a_reverse_of_equals_keeps_the_first_by_name():
    chain = [(n, n + 1) for n in range(6)]
    report = compared({"previous": chain, "subsequent": [(t, h) for h, t in chain]}, items=np.arange(7))
    assert report.dropped == ("subsequent",)


def test_half_reversed_is_a_reverse_pair_and_less_is_not():
    chain = [(n, n + 1) for n in range(10)]
    other = [(n, n + 20) for n in range(6)]
    assert compared({"a": chain, "b": [(t, h) for h, t in chain[:5]] + other[:5]}).dropped == ("b",)
    assert compared({"a": chain, "b": [(t, h) for h, t in chain[:4]] + other}).dropped == ()


def test_a_duplicate_is_dropped_and_a_small_subset_of_a_large_relation_stays():
    pairs = [(n, n + 50) for n in range(40)]
    assert compared({"band": pairs, "artist": pairs[:38]}).dropped == ("band",)
    assert compared({"nominated": pairs, "won": pairs[:10]}).dropped == ()


def test_the_far_smaller_relation_goes_whatever_its_name():
    pairs = [(n, n + 50) for n in range(40)]
    report = compared({"actor.film": [(t, h) for h, t in pairs[:5]], "film.actor": pairs})
    assert report.dropped == ("actor.film",)
    assert "less than half" in report.pairs[0].reason


def test_of_three_that_repeat_each_other_one_stays():
    pairs = [(n, n + 50) for n in range(10)]
    turned = [(t, h) for h, t in pairs]
    report = compared({"a": pairs, "b": turned, "c": pairs})
    assert report.dropped == ("b", "c")
    assert any("already" in pair.reason for pair in report.pairs)


def test_keep_reverse_finds_the_pairs_and_drops_none():
    pairs = [(n, n + 50) for n in range(10)]
    report = compared({"a": pairs, "b": [(t, h) for h, t in pairs]}, keep_reverse=True)
    assert report.dropped == ()
    assert report.partners() == [("a", "b")]


def test_partners_chain_into_one_class():
    classes = partner_classes(["a", "b", "c", "d"], [("a", "b"), ("b", "d")])
    assert classes[0] == classes[1] == classes[3] != classes[2]


def test_the_report_states_the_rule_and_plain_values():
    report = compared({"a": [(0, 1)], "b": [(1, 0)]}).to_dict()
    assert report["rule"].startswith("The rule.")
    assert report["dropped"] == ["b"]
    assert report["pairs"][0]["reversed"] == 1.0


def books(extra: int = 40, turned: bool = False):
    """Author, publisher and genre of 60 books, and a link relation with all their pairs and ``extra`` of its own."""
    typed = {
        "author": [(n, 100 + n % 20) for n in range(60)],
        "publisher": [(n, 200 + n % 9) for n in range(60)],
        "genre": [(n, 300 + n % 4) for n in range(60)],
    }
    pairs = [pair for those in typed.values() for pair in those]
    own = [(n, n + 1) for n in range(extra)]
    return typed, [(t, h) if turned and n % 2 else (h, t) for n, (h, t) in enumerate(pairs + own)]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["aLink", "seeAlso"])
def test_a_relation_that_holds_others_is_dropped_and_those_with_a_meaning_stay(name, turned):
    typed, link = books(turned=turned)
    report = compared({**typed, name: link})
    assert report.dropped == (name,)
    reason = report.drops()[name]
    for kept in typed:
        assert kept in reason
    # 220 of 400 triples are links, and the 40 of its own stand nowhere else.
    assert "55% of all triples; 40 of its 220 pairs stand nowhere else" in reason


@pytest.mark.parametrize("name", ["aLink", "seeAlso"])
@pytest.mark.parametrize(("large", "small"), [(60, 60), (60, 30), (60, 12)])
def test_a_relation_that_is_most_of_a_link_relation_stays_too(name, large, small):
    """Whatever the names are: one of two that are half of it each, and one of which it is the larger part."""
    typed = {
        "author": [(n, 100 + n % 20) for n in range(large)],
        "publisher": [(n, 200 + n % 9) for n in range(small)],
    }
    report = compared({**typed, name: [pair for those in typed.values() for pair in those]})
    assert report.dropped == (name,)
    assert "it holds the pairs of author, publisher" in report.drops()[name]


def test_a_relation_that_is_nearly_all_of_another_repeats_it():
    author = [(n, 100 + n % 20) for n in range(96)]
    report = compared({"author": author, "writer": author + [(n, 300) for n in range(4)]})
    assert report.drops() == {"writer": "duplicate of author"}


def test_a_symmetric_link_relation_does_not_make_the_others_its_reverses():
    typed, link = books()
    both_ways = sorted({*link, *((t, h) for h, t in link)})
    assert compared({**typed, "link": both_ways}).dropped == ("link",)


def test_what_holds_relations_to_the_same_things_has_a_meaning_and_stays():
    won, lost = [(n, 100 + n % 8) for n in range(40)], [(n, 100 + (n + 1) % 8) for n in range(40)]
    drawn = [(n, 100 + (n + 3) % 8) for n in range(40)]
    assert compared({"played": won + lost + drawn, "won": won, "lost": lost}).dropped == ()


def test_one_relation_inside_a_mirrored_one_stays_and_shares_its_split():
    pairs = [(n, n + 50) for n in range(40)]
    report = compared({"related": pairs + [(t, h) for h, t in pairs], "married": pairs[:20]})
    assert report.dropped == ()
    assert report.partners() == [("married", "related")]
    assert "share a split" in report.pairs[0].reason


def test_on_request_the_link_relation_stays_in_one_split_with_the_others():
    typed, link = books()
    report = compared({**typed, "link": link}, keep_reverse=True)
    assert report.dropped == ()
    assert report.partners() == [("author", "link"), ("genre", "link"), ("link", "publisher")]


@pytest.mark.parametrize("size", [3, 9])
def test_a_few_triples_that_happen_to_lie_in_others_do_not_count(size):
    typed, _ = books()
    tiny = {f"tiny{n}": typed[name][:size] for n, name in enumerate(("author", "publisher"))}
    report = compared({"things": [pair for those in typed.values() for pair in those], **tiny})
    assert report.dropped == ()
