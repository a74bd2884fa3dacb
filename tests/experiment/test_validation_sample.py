"""A part of the validation split that decides; what is reported at the end is on all of test."""

from __future__ import annotations

import numpy as np

from upgan.bench.random_data import random_dataset
from upgan.config.settings import make_config
from upgan.experiment.inputs import drawn
from upgan.experiment.train import prepare_training, train

SMALL = [
    *("model.dim=4", "initialisation.epochs=1", "pretrain.epochs=1", "adversarial.epochs=1", "device=cpu"),
    *("initialisation.relax_epochs=0", "pretrain.relax_epochs=0", "adversarial.n_c=20", "adversarial.n_g=5"),
]
DATA = random_dataset({"entities": 200, "edges": 900, "interactions": 400}, 0)


def test_the_sample_is_a_part_in_its_order_and_depends_on_the_seed_alone():
    def of(seed, count):
        return drawn(DATA.test, make_config("quality", assignments=[f"seed={seed}", f"validation_triples={count}"]))

    assert of(0, 0) is DATA.test
    assert of(0, len(DATA.test)) is DATA.test
    rows = {tuple(row): place for place, row in enumerate(DATA.test.tolist())}
    places = [rows[tuple(row)] for row in of(3, 10).tolist()]
    assert len(places) == 10
    assert places == sorted(places)
    np.testing.assert_array_equal(of(3, 10), of(3, 10))
    assert not np.array_equal(of(3, 10), of(4, 10))


def test_phases_are_judged_on_the_sample_and_the_last_one_on_all_of_test(tmp_path):
    config = make_config("quality", assignments=[*SMALL, "validation_triples=10"])
    metrics = train(prepare_training(DATA, config), config, tmp_path / "run")
    *before, last = metrics["stages"].values()
    assert {stage["test"]["queries"] for stage in before} == {20}
    assert {stage["valid"]["queries"] for stage in metrics["stages"].values()} == {20}
    assert last["test"]["queries"] == metrics["queries"] == 2 * len(DATA.test)
    assert all(stage["cpu_seconds_test"] >= 0 for stage in metrics["stages"].values())
