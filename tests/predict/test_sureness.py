"""What promises are learned from, against a loop over all slots of the toy catalogue; datasets that hold out none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import upgan
from tests.command_line import here
from tests.predict.toy import QUERIES, make_run
from tests.predict.toy import RELATIONS as NAMES
from upgan.data.dataset import build_dataset
from upgan.predict.completion import complete
from upgan.predict.slots import Slots
from upgan.predict.sureness import judged, report, sureness


@pytest.mark.parametrize("split", ["valid", "test"])
def test_hidden_facts_are_asked_for_again_and_found_or_not(predictor, split):
    data, hidden = predictor.dataset, {tuple(row) for row in predictor.dataset.triples(split).tolist()}
    known = {tuple(row) for name in ("train", "valid", "test") if name != split for row in data.triples(name).tolist()}
    slots, full = Slots.of(data, np.array(sorted(known))), Slots.of(data)
    expected = []
    for entity, end in sorted(QUERIES, key=lambda query: (query[1], query[0])):
        turned, relation = divmod(end, len(NAMES))
        held = {h if turned else t for h, r, t in hidden if (r, t if turned else h) == (relation, entity)}
        answers = {h if turned else t for h, r, t in known if (r, t if turned else h) == (relation, entity)}
        empty = bool(slots.empty[end, entity])
        if not slots.fit[end, entity]:
            continue
        kind = [e for e in range(9) if data.kinds[e] == data.kinds[entity]]
        weight, most = 1.0, 1.0
        if empty:
            ours = {e for e in kind if slots.empty[end, e]}
            hides = {e for e in ours if any((r, t if turned else h) == (relation, e) for h, r, t in hidden)}
            filled = np.mean([full.known[end, e] >= full.usual[end, full.kind[e]] for e in kind])
            most = (1 + filled) / 2
            # Together the bare ones are to those that hide a fact as the unfilled of the kind to the filled.
            weight = 1.0 if held else len(hides) * (1 - filled) / filled / len(ours - hides)
        if not weight:
            continue
        ask = predictor.score_heads if turned else predictor.score_tails
        names = ([data.relations[relation]], [data.entities[entity]])
        scores = np.exp(ask(*(names if turned else names[::-1]))[0].double().numpy())
        fits = [a for a in range(9) if slots.candidates[end, a] and a not in answers and a != entity]
        whole = sum(scores[answer] for answer in fits)
        best = sorted(fits, key=lambda answer: -scores[answer])[:1]
        left = scores[best[0]] / whole if best else 0.0
        expected.append((end, empty, left, bool(best and best[0] in held), weight, most))
    found = judged(predictor, split)
    assert len(found.end) == len(expected) > 5
    assert list(zip(found.end.tolist(), found.empty.tolist(), found.right[:, 0].tolist(), strict=True)) == [
        (end, empty, right) for end, empty, _, right, _, _ in expected
    ]
    np.testing.assert_allclose(found.left[:, 0], [row[2] for row in expected], rtol=1e-5)
    np.testing.assert_allclose(found.weight, [row[4] for row in expected])
    np.testing.assert_allclose(found.most, [row[5] for row in expected])
    assert found.right.any() or split == "valid"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Twelve books: nine have a series, of which validation hides three; all but the last have an author."""
    books, rows = [f"b{n:02}" for n in range(12)], []
    for n, book in enumerate(books):
        if n < 9:
            rows.append((book, "series", f"s{n % 3}", "valid" if n >= 6 else "train"))
        if n < 11:
            rows.append((book, "author", f"a{n % 3}", "train"))
    ends = [f"{letter}{n}" for letter in "sa" for n in range(3)]
    data = build_dataset(
        name="shelf",
        triples=pd.DataFrame(rows, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame([(f"u{n % 5}", book) for n, book in enumerate(books)], columns=["user", "item"]),
        entities=pd.DataFrame(
            [(book, book, "book") for book in books] + [(name, name, name[0]) for name in ends],
            columns=["id", "label", "kind"],
        ),
        relations=pd.DataFrame([("series", "series"), ("author", "author")], columns=["id", "label"]),
    )
    return upgan.load(make_run(tmp_path_factory.mktemp("shelf") / "run", data))


def test_books_without_a_series_stand_for_their_part_of_all_books(shelf):
    found, series = judged(shelf, "valid"), shelf.dataset.relation_index["series"]
    gaps = found.empty & (found.end == series)
    assert sorted(found.weight[gaps]) == pytest.approx([1 / 3] * 3 + [1.0] * 3), "3 of 12 are to 9 of 12 as 1 is to 3"
    np.testing.assert_allclose(found.most[gaps], 0.875)
    assert not found.right[gaps & (found.weight < 1)].any(), "there is nothing to find"


def test_gaps_in_what_only_a_part_has_are_less_sure(shelf):
    table = complete(shelf, top=1000)
    gaps = table[table["slot"] == "empty"]
    share = {"series": 9 / 12, "author": 11 / 12}
    assert set(gaps["relation"]) == set(share)
    np.testing.assert_allclose(gaps["filled"], gaps["relation"].map(share))
    assert (gaps["sure"] < (1 + gaps["filled"]) / 2).all()


def test_the_report_counts_what_was_asked(predictor):
    sure = sureness(predictor)
    found = report(predictor, sure, "test")
    assert found.all.examples == found.empty.examples + found.further.examples == len(judged(predictor, "test").end)
    assert sum(each.reliability.examples for each in found.relations) == found.all.examples


def test_without_held_out_facts_the_order_stays_and_nothing_is_promised(toy_frames, tmp_path):
    toy_frames["triples"] = toy_frames["triples"][toy_frames["triples"]["split"] == "train"]
    run = make_run(tmp_path / "run", build_dataset(name="toy", **toy_frames))
    table = complete(upgan.load(run), top=10)
    assert len(table) == 10
    assert table["sure"].isna().all()
    assert set(table["slot"]) == {"empty", "further"}
    done = here("complete", run, "--out", tmp_path / "missing.csv")
    assert done.returncode == 0, done.stderr
    assert "no fact is held out" in done.stderr
