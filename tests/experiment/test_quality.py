"""The quality preset on the embedded catalogue: what readers chose helps, and only what they really chose."""

from __future__ import annotations

import pytest

from upgan.config.settings import make_config
from upgan.data.demo.demo import write_demo
from upgan.experiment.train import prepare_training, train

SHORT = ["initialisation.epochs=12", "initialisation.relax_epochs=0", "pretrain.epochs=6", "pretrain.relax_epochs=0"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_readers_help_and_shuffled_readers_do_not(tmp_path):
    data = write_demo(tmp_path / "demo")

    def trained(name, *settings):
        config = make_config("quality", assignments=[*SHORT, "threads=1", *settings])
        return train(prepare_training(data, config), config, tmp_path / name)

    real = trained("real")
    shuffled = trained("shuffled", "graph.interactions=shuffled")
    nobody = trained("nobody", "model.use_users=false", "fusion.enabled=false")
    assert real["mrr"] > nobody["mrr"] + 0.15
    assert abs(shuffled["mrr"] - nobody["mrr"]) < 0.03
    # The start is the same training, bit by bit: interactions have no part in it.
    starts = [run["stages"]["initialisation"]["test"] for run in (real, shuffled, nobody)]
    assert starts[0] == starts[1] == starts[2]
    # Users have their say first through p, then through evidence.
    assert real["stages"]["pretrain"]["valid"]["mrr"] > real["stages"]["initialisation"]["valid"]["mrr"] + 0.1
    assert real["stages"]["fusion"]["valid"]["mrr"] > real["stages"]["adversarial"]["valid"]["mrr"]
