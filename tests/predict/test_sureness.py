"""What promises are learned from, against a loop over all slots of the toy catalogue; datasets that hold out none."""

from __future__ import annotations

import numpy as np
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
    slots = Slots.of(data, np.array(sorted(known)))
    expected = []
    for entity, end in sorted(QUERIES, key=lambda query: (query[1], query[0])):
        turned, relation = divmod(end, len(NAMES))
        held = {h if turned else t for h, r, t in hidden if (r, t if turned else h) == (relation, entity)}
        answers = {h if turned else t for h, r, t in known if (r, t if turned else h) == (relation, entity)}
        empty = bool(slots.empty[end, entity])
        if not slots.fit[end, entity] or (empty and not held):
            continue
        ask = predictor.score_heads if turned else predictor.score_tails
        names = ([data.relations[relation]], [data.entities[entity]])
        scores = np.exp(ask(*(names if turned else names[::-1]))[0].double().numpy())
        fits = [a for a in range(9) if slots.candidates[end, a] and a not in answers and a != entity]
        whole = sum(scores[answer] for answer in fits)
        best = sorted(fits, key=lambda answer: -scores[answer])[:1]
        expected.append((end, empty, scores[best[0]] / whole if best else 0.0, bool(best and best[0] in held)))
    found = judged(predictor, split)
    assert len(found.end) == len(expected) > 5
    assert list(zip(found.end.tolist(), found.empty.tolist(), found.right[:, 0].tolist(), strict=True)) == [
        (end, empty, right) for end, empty, _, right in expected
    ]
    np.testing.assert_allclose(found.left[:, 0], [left for _, _, left, _ in expected], rtol=1e-5)
    assert found.right.any() or split == "valid"


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
    assert "no fact was held out" in done.stderr
