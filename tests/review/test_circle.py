"""The whole circle on the demo: facts hidden, proposed, judged by an oracle, put into the data, trained on, again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import upgan
from upgan.config.settings import make_config
from upgan.data import tables
from upgan.data.dataset import build_dataset, copy_dataset, load_dataset
from upgan.data.demo.demo import write_demo
from upgan.experiment.train import load_start, prepare_training, train
from upgan.predict.slots import Slots
from upgan.predict.sureness import sureness
from upgan.review.apply import apply
from upgan.review.listing import make_list
from upgan.review.store import ReviewStore

#: Lines that the curator judges in each round.
JUDGED = 60
SMALL = [
    "model.dim=32", "initialisation.epochs=15", "pretrain.epochs=3", "adversarial.epochs=0", "walks.enabled=false",
    "initialisation.relax_epochs=0", "pretrain.relax_epochs=0", "device=cpu",
]  # fmt: skip


@dataclass
class Round:
    """What one list came to."""

    right: int
    lines: set
    gaps: int


def without_some(whole, out):
    """The demo without four fifths of its test facts, and those."""
    order = np.random.default_rng(0).permutation(len(whole.test))
    kept = order[: len(whole.test) // 5]
    rows = np.concatenate([whole.train, whole.valid, whole.test[kept]])
    splits = np.repeat(["train", "valid", "test"], [len(whole.train), len(whole.valid), len(kept)])
    columns = tables.triple_columns(rows, whole.entities, whole.relations)
    data = build_dataset(
        name="demo",
        triples={**columns, "split": tables.Coded(np.arange(len(splits)), splits.tolist())},
        interactions=tables.pair_columns(whole.interactions, whole.users, whole.entities),
        entities=tables.plain_columns({"id": whole.entities, "label": whole.entity_labels, "kind": whole.entity_kinds}),
        relations=tables.plain_columns({"id": whole.relations, "label": whole.relation_labels}),
        manifest={"simulated_users": True},
    )
    copy_dataset(data, out)
    return load_dataset(out)


def judge(store, run, truth):
    """The next list of a run, its first lines judged by who knows all facts."""
    predictor = upgan.load(run)
    number = make_list(store, predictor, sureness(predictor), top=JUDGED)
    shown = next(each for each in store.lists() if each.id == number)
    lines = store.lines(shown)
    for line in lines:
        store.decide(shown, line.place, "yes" if (line.head, line.relation, line.tail) in truth else "no", "oracle")
    facts = {(line.head, line.relation, line.tail) for line in lines}
    return Round(len(facts & truth), facts, int(Slots.of(predictor.dataset).empty.sum()))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_accepted_fills_gaps_and_what_is_rejected_does_not_come_back(tmp_path):
    whole = write_demo(tmp_path / "whole")
    truth = {
        (whole.entities[h], whole.relations[r], whole.entities[t])
        for split in ("train", "valid", "test")
        for h, r, t in whole.triples(split).tolist()
    }
    data = without_some(whole, tmp_path / "data")
    config = make_config("quality", assignments=SMALL)
    train(prepare_training(data, config), config, tmp_path / "first")
    store = ReviewStore(tmp_path / "reviews.sqlite")
    before = judge(store, tmp_path / "first", truth)
    assert before.right > JUDGED / 2, "the list is worth reading"

    applied = apply(store.path, data, tmp_path / "second-data")
    assert (applied.accepted, applied.rejected) == (before.right, JUDGED - before.right)
    second = load_dataset(tmp_path / "second-data")
    start = load_start(tmp_path / "first", second, config)
    metrics = train(prepare_training(second, config), config, tmp_path / "second", start_from=start)
    assert metrics["started_from"] == upgan.load(tmp_path / "first").fingerprint
    assert "initialisation" not in metrics["stages"], "it goes on, it does not begin again"

    after = judge(store, tmp_path / "second", truth)
    assert not after.lines & before.lines, "nothing is asked twice"
    assert after.gaps == before.gaps - gaps_filled(second, data), "the number of gaps falls by what was accepted"
    assert after.gaps < before.gaps
    assert after.right >= 0.7 * before.right, "precision at the top stays"


def gaps_filled(second, first):
    return int(Slots.of(first).empty.sum() - Slots.of(second).empty.sum())
