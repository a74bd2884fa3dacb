"""A planted signal that only readers carry comes out of training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.evaluation.evaluator import Evaluator
from upgan.experiment.train import prepare_training, train
from upgan.training.checkpoint import load_run

MAKERS = 12
#: Mean reciprocal rank of drawing the maker at random once it is known to be a maker.
CHANCE = sum(1 / rank for rank in range(1, MAKERS + 1)) / MAKERS


def catalogue(seed, *, permuted=False, items=240, users=240, reads=10):
    """Items have a maker, a series and a publisher. The publisher follows from the series, the maker from nothing in
    the graph; but nine in ten items that a user reads are of one maker. A third of the makers is held out.

    ``permuted``: the same lists with the items renamed at random, so that they tell nothing.
    """
    rng = np.random.default_rng(seed)
    maker, series = np.arange(items) % MAKERS, rng.integers(items // 8, size=items)
    publisher = rng.integers(6, size=items // 8)
    rows = []
    for place, item in enumerate(rng.permutation(items).tolist()):
        split = "train" if place >= items // 3 else "valid" if place % 3 == 0 else "test"
        other = str(rng.choice(["train", "valid", "test"], p=[0.8, 0.1, 0.1]))
        rows += [(f"i{item:03d}", "made by", f"m{maker[item]:02d}", split)]
        rows += [(f"i{item:03d}", "series", f"s{series[item]:02d}", "train")]
        rows += [(f"i{item:03d}", "publisher", f"p{publisher[series[item]]}", other)]
    pairs = set()
    for user in range(users):
        liked = np.flatnonzero(maker == user % MAKERS)
        drawn = np.where(rng.random(reads) < 0.1, rng.integers(items, size=reads), rng.choice(liked, size=reads))
        pairs |= {(user, int(item)) for item in drawn}
    renamed = rng.permutation(items) if permuted else np.arange(items)
    return build_dataset(
        name="planted",
        triples=pd.DataFrame(rows, columns=["head", "relation", "tail", "split"]),
        interactions=pd.DataFrame(
            [(f"u{u:03d}", f"i{renamed[i]:03d}") for u, i in sorted(pairs)], columns=["user", "item"]
        ),
    )


def reciprocal_ranks(dataset, run, *settings):
    """1/rank of the held-out makers by <item, made by, ?>, with the users and with p = 0; same order every time.

    An epoch of the initialisation is two steps here: with the preset's patience of two evaluations it may end before it
    has begun to learn.
    """
    config = make_config(
        "demo",
        assignments=[
            "model.dim=32",
            "initialisation.patience=6",
            "pretrain.batch=64",
            "pretrain.epochs=12",
            "adversarial.epochs=1",
            "device=cpu",
            *settings,
        ],
    )
    prepared = prepare_training(dataset, config)
    train(prepared, config, run)
    asked = dataset.test[dataset.test[:, 1] == dataset.relation_index["made by"]]
    scorer = load_run(run).model.on(prepared.graph)
    evaluator = Evaluator(asked, prepared.test.index)
    with_users = evaluator.rank(scorer.scores).ranks[: len(asked)]
    without = evaluator.rank(partial(scorer.scores, users=False)).ranks[: len(asked)]
    return 1 / with_users, 1 / without


@pytest.mark.parametrize("seed", [0, 1])
def test_readers_reveal_what_the_graph_does_not(tmp_path, seed):
    """Real users beat the same model with p_h = 0, a model trained without users, and one trained on shuffled users;
    the controls are no better than chance, or something leaks."""
    catalogues, number = (catalogue(seed), catalogue(seed, permuted=True)), f"seed={seed}"
    real, silenced = reciprocal_ranks(catalogues[0], tmp_path / "real", number)
    shuffled, _ = reciprocal_ranks(catalogues[1], tmp_path / "shuffled", number)
    nobody, _ = reciprocal_ranks(catalogues[0], tmp_path / "nobody", number, "model.use_users=false")
    assert len(real) > 40
    told = {
        name: round(float(ranks.mean()), 3)
        for name, ranks in {"real": real, "p = 0": silenced, "shuffled": shuffled, "no users": nobody}.items()
    }
    assert real.mean() > 2 * CHANCE, told
    for control in (silenced, shuffled, nobody):
        assert control.mean() < CHANCE + 4 * control.std() / len(control) ** 0.5, told
        difference = real - control
        assert difference.mean() > 6 * difference.std() / len(difference) ** 0.5, told
