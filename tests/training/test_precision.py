"""bfloat16 in training: as near to float32 as its eight bits allow, and metrics that stay within the noise of seeds."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest
import torch

from tests.conftest import toy_tables
from upgan.config.settings import make_config
from upgan.data.dataset import build_dataset
from upgan.data.demo.demo import write_demo
from upgan.experiment.inputs import prepare_training
from upgan.model.build import build_discriminator
from upgan.model.generator import Generator
from upgan.objectives import losses
from upgan.objectives.batches import BatchSampler
from upgan.objectives.losses import BLOCKS, one_to_n
from upgan.training.adversarial import AdversarialTrainer

#: Half a unit in the last of bfloat16's eight bits.
ROUNDING = 2.0**-9
NARROW = [f"--set={phase}.precision=bfloat16" for phase in ("initialisation", "pretrain", "adversarial")]


@pytest.mark.parametrize("kind", sorted(BLOCKS))
def test_the_one_to_n_loss_rounds_its_products_and_nothing_else(kind, monkeypatch):
    monkeypatch.setattr(losses, "SCORES_PER_BLOCK", 1500)  # several blocks
    torch.manual_seed(0)
    row, answer = torch.arange(20).repeat(2), torch.randint(300, (40,))
    found = {}
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(1)
        vector, table = torch.randn(20, 16, requires_grad=True), torch.randn(300, 16, requires_grad=True)
        loss = one_to_n(kind, vector, table, row, answer, row, answer, precision=precision)
        found[precision] = [loss.detach(), *torch.autograd.grad(loss, [vector, table])]
        assert all(value.dtype == torch.float32 for value in found[precision])
    for exact, narrow in zip(found["float32"], found["bfloat16"], strict=True):
        apart = float((narrow - exact).norm() / exact.norm())
        # Scores of about 4 are off by 4 / 512: so much a probability changes, and gradients with it.
        assert 0 < apart < 8 * ROUNDING


def test_a_step_of_the_game_in_bfloat16_is_nearly_that_in_float32():
    tables = {**toy_tables()}
    data = build_dataset(name="toy", triples=tables["triples"], interactions=tables["interactions"])
    told = {}
    for precision in ("float32", "bfloat16"):
        settings = ["model.dim=4", "device=cpu", "adversarial.n_c=5", "adversarial.n_g=3"]
        config = make_config("paper", assignments=[*settings, f"adversarial.precision={precision}"])
        prepared = prepare_training(data, config)
        sizes = data.num_entities, data.num_relations
        model, generator = build_discriminator(config, *sizes, data.num_users), Generator(*sizes, 4, 2, 1.0)
        before = copy.deepcopy(model.state_dict())
        trainer = AdversarialTrainer(model, generator, prepared.graph, config.adversarial, prepared.random)
        sampler = BatchSampler(prepared.triples, prepared.train, 9, prepared.random)
        told[precision] = trainer.step(sampler.batch(sampler.order()))
        assert all(value.dtype == torch.float32 for value in model.state_dict().values())
        assert not torch.equal(before["entity"], model.entity)
    for name, value in told["float32"].items():
        if name != "reward":  # near zero by construction: it is a difference of probabilities
            assert float(told["bfloat16"][name]) == pytest.approx(float(value), rel=0.03)
    assert float(told["bfloat16"]["loss_d"]) != float(told["float32"]["loss_d"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_metrics_on_the_demo_stay_within_the_noise_of_seeds(tmp_path):
    """Three seeds each: the mean MRR moves by less than three standard errors of the difference."""
    write_demo(tmp_path / "demo", 0)
    mrr: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for seed in range(3):
        for precision, more in (("float32", []), ("bfloat16", NARROW)):
            run = tmp_path / f"{precision}-{seed}"
            command = ["train", tmp_path / "demo", "--preset", "demo", "--seed", seed, "--run", run, "--force", *more]
            subprocess.run([sys.executable, "-m", "upgan", *map(str, command)], check=True, capture_output=True)
            mrr[precision].append(json.loads((run / "metrics.json").read_text())["mrr"])
    exact, narrow = (torch.tensor(mrr[precision]) for precision in ("float32", "bfloat16"))
    error = float((exact.var() / 3 + narrow.var() / 3).sqrt())
    assert abs(float(exact.mean() - narrow.mean())) < 3 * error
    assert float(narrow.mean()) > 0.45
