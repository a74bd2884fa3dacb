"""The 1-N losses over drawn candidates against loops over single entities, and over every pool that can be drawn."""

from __future__ import annotations

import itertools
import math
import tomllib
from typing import Any

import pytest
import torch

from tests import oracles
from tests.conftest import toy_tables
from tests.training.small import no_scores
from upgan.config.settings import make_config, to_toml
from upgan.data.dataset import build_dataset
from upgan.errors import ConfigError
from upgan.evaluation.metrics import Metrics
from upgan.experiment.inputs import prepare_training
from upgan.model.build import build_discriminator, build_factorisation
from upgan.objectives import losses
from upgan.objectives.batches import BatchSampler, Drawn, QuerySampler, draw_candidates
from upgan.objectives.losses import BLOCKS
from upgan.objectives.sampled import sampled_one_to_n
from upgan.training.initialise import initialisation
from upgan.training.loop import Context, Reporter, run_phase
from upgan.training.pretrain import pretraining

KINDS = sorted(BLOCKS)
E, B = 6, 5
#: (query, answer) pairs asked for, and all known answers, each once; query 2 is asked nothing.
PAIRS = [(0, 1), (3, 3), (0, 2), (1, 5), (4, 0)]
KNOWN = [(0, 1), (0, 2), (0, 4), (1, 5), (3, 3), (4, 0), (4, 5)]


def inputs(seed=0):
    random = torch.Generator().manual_seed(seed)
    vector, table = (torch.randn(rows, 3, generator=random, dtype=torch.float64) for rows in (B, E))
    return vector.requires_grad_(), table.requires_grad_()


def loss_of(kind, pool, vector, table, pairs=PAIRS, known=KNOWN):
    asked, other = torch.tensor(pairs), torch.tensor(known)
    drawn = pool if pool is None or isinstance(pool, Drawn) else Drawn(pool)
    return sampled_one_to_n(kind, drawn, vector, table, asked[:, 0], asked[:, 1], other[:, 0], other[:, 1])


def by_loops(kind, pool, scores, pairs=PAIRS, known=KNOWN):
    """The module's equations, entity by entity; differentiable in ``scores``."""
    knows = {query: {e for row, e in known if row == query} for query in range(len(scores))}
    function = torch.nn.functional.softplus if kind == "bce" else torch.exp
    sums = []
    for query in range(len(scores)):
        drawn = [e for e in pool if e not in knows[query]]
        weight = (scores.shape[1] - len(knows[query])) / len(drawn) if drawn else 0.0
        sums.append(sum((weight * function(scores[query, e]) for e in drawn), scores.new_zeros(())))
    total = sum(sums) if kind == "bce" else scores.new_zeros(())
    for query, answer in pairs:
        own = scores[query, answer]
        if kind == "bce":
            total = total + torch.nn.functional.softplus(-own)
        elif kind == "cross_entropy":
            known_sum = sum(scores[query, e].exp() for e in knows[query])
            total = total + torch.log(known_sum + sums[query]) - own
        else:
            total = total + torch.log(own.exp() + sums[query]) - own
    return total / len(pairs)


@pytest.mark.parametrize("chunk", [16_000_000, 9, 1], ids=lambda chunk: f"chunk {chunk}")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pool", [[4, 0, 3], [2], [1, 2, 4], [5, 3, 1, 0, 4, 2]], ids=str)
def test_value_and_gradient_are_those_of_a_loop(pool, kind, chunk, monkeypatch):
    """A pool of known answers only ([1, 2, 4] for query 0) is among them; whatever the size of the blocks."""
    monkeypatch.setattr(losses, "SCORES_PER_BLOCK", chunk)
    vector, table = inputs()
    found, expected = loss_of(kind, torch.tensor(pool), vector, table), by_loops(kind, pool, vector @ table.T)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    ours = torch.autograd.grad(3.0 * found, [vector, table])
    theirs = torch.autograd.grad(3.0 * expected, [vector, table])
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_by_finite_differences(kind):
    pool = torch.tensor([4, 0, 3])
    assert torch.autograd.gradcheck(lambda *parts: loss_of(kind, pool, *parts), inputs())


@pytest.mark.parametrize("kind", KINDS)
def test_a_pool_of_all_entities_gives_the_exact_loss_and_gradient(kind):
    vector, table = inputs()
    expected, by_scores = oracles.one_to_n((vector @ table.T).detach().numpy(), PAIRS, KNOWN, kind)
    if kind == "cross_entropy":  # where the oracle counts every entity too, known or not
        assert expected == pytest.approx(float(loss_of(kind, None, vector, table).detach()), abs=1e-12)
    found = loss_of(kind, torch.tensor([5, 3, 1, 0, 4, 2]), vector, table)
    assert float(found.detach()) == pytest.approx(expected, abs=1e-12)
    grad = torch.tensor(by_scores)
    ours = torch.autograd.grad(found, [vector, table])
    torch.testing.assert_close(ours[0], grad @ table.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(ours[1], grad.T @ vector.detach(), rtol=0, atol=1e-12)


def assert_unbiased(draws):
    """Of (chance, draw) for all draws there are: "bce" in value and gradient, the softmax's S_q in value, exactly."""
    vector, table = inputs()
    assert sum(chance for chance, _ in draws) == pytest.approx(1.0)
    mean = torch.stack([chance * loss_of("bce", drawn, vector, table) for chance, drawn in draws]).sum()
    exact = loss_of("bce", None, vector, table)
    torch.testing.assert_close(mean, exact, rtol=0, atol=1e-12)
    for own, other in zip(
        torch.autograd.grad(mean, [vector, table]), torch.autograd.grad(exact, [vector, table]), strict=True
    ):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12)
    fixed = vector.detach(), table.detach()
    scores = fixed[0] @ fixed[1].T
    for query, answer in PAIRS:
        own_known = [(row, e) for row, e in KNOWN if row == query]
        full = sum(math.exp(scores[query, e]) for e in range(E) if (query, e) not in own_known)
        sums = [
            math.expm1(float(loss_of("cross_entropy_filtered", drawn, *fixed, [(query, answer)], own_known)))
            * math.exp(scores[query, answer])
            for _, drawn in draws
        ]
        assert sum(chance * each for (chance, _), each in zip(draws, sums, strict=True)) == pytest.approx(
            full, rel=1e-12
        )
        assert max(sums) > min(sums)


@pytest.mark.parametrize("size", [4, 5])
def test_over_all_pools_the_estimated_sum_is_the_full_sum(size):
    """Every pool of ``size`` > |K_q| as often as any other."""
    pools = [torch.tensor(pool) for pool in itertools.combinations(range(E), size)]
    assert_unbiased([(1 / len(pools), pool) for pool in pools])


@pytest.mark.parametrize(
    ("kind", "moved"), [("cross_entropy", True), ("cross_entropy_filtered", False), ("bce", False)]
)
def test_only_the_plain_softmax_pushes_other_known_answers_away(kind, moved):
    """Drawn (3) or not (4), a known answer counts the same."""
    vector, table = inputs()
    found = loss_of(kind, torch.tensor([0, 3]), vector[:1], table, [(0, 1)], [(0, 1), (0, 3), (0, 4)])
    (grad,) = torch.autograd.grad(found, table)
    for known in (3, 4):
        assert bool(grad[known].abs().sum() > 0) == moved
    assert bool(grad[0].abs().sum() > 0)
    assert not grad[[2, 5]].any()  # neither drawn nor known


def test_bfloat16_is_near_and_keeps_float32():
    random = torch.Generator().manual_seed(0)
    vector, table = torch.randn(20, 16, generator=random), torch.randn(300, 16, generator=random)
    row, answer = torch.arange(20), torch.arange(20) * 7
    pool = torch.randperm(300, generator=random)[:50]
    for kind in KINDS:
        exact, narrow = (
            sampled_one_to_n(kind, Drawn(pool), vector, table, row, answer, row, answer, precision)
            for precision in ("float32", "bfloat16")
        )
        assert narrow.dtype == torch.float32
        assert 0 < abs(float(narrow - exact)) < 0.02 * float(exact)


def test_nothing_is_drawn_where_all_entities_are_candidates():
    random = torch.Generator().manual_seed(0)
    before = random.get_state()
    for size in (0, 9, 10):
        assert draw_candidates(size, 9, random, torch.device("cpu")) is None
    assert torch.equal(before, random.get_state())
    pool = draw_candidates(8, 9, random, torch.device("cpu"))
    assert pool is not None
    assert len(set(pool.tolist())) == 8


def test_every_entity_is_drawn_as_often_as_any_other():
    random, counts = torch.Generator().manual_seed(0), torch.zeros(9)
    for _ in range(3000):
        pool = draw_candidates(3, 9, random, torch.device("cpu"))
        assert pool is not None
        counts[pool] += 1
    assert float((counts - 1000).abs().max()) < 5 * math.sqrt(3000 * 2 / 9)


def test_settings_without_candidates_take_all():
    values = tomllib.loads(to_toml(make_config("paper")))
    assert values["initialisation"].pop("candidates") == values["pretrain"].pop("candidates") == 0


@pytest.mark.parametrize("value", ["-1", "2.5", "many", "1000000000"])
def test_other_numbers_of_candidates_are_refused(value):
    with pytest.raises(ConfigError, match=r"pretrain\.candidates"):
        make_config("paper", assignments=[f"pretrain.candidates={value}"])


class Quiet:
    """An evaluator that ranks nothing."""

    metrics = Metrics(1.0, 1.0, {}, 0)

    def rank(self, *_):
        return self


@pytest.mark.parametrize("by", ["triples", "queries"])
def test_both_phases_read_the_setting(by):
    """Losses of the first epoch differ from the exact ones with 3 of 9 candidates, and are the same with all 9."""
    tables: dict[str, Any] = {**toy_tables()}
    data = build_dataset(name="toy", **tables)

    class Told(Reporter):
        losses: list[float]

        def epoch(self, phase, epoch, values, metrics):
            if epoch == 1:
                self.losses.append(values["loss"])

    told = {}
    for size in (0, 3, 9):
        settings = [f"{phase}.candidates={size}" for phase in ("initialisation", "pretrain")]
        settings += [f"{phase}.epochs=1" for phase in ("initialisation", "pretrain")]
        config = make_config("paper", assignments=["model.dim=4", "device=cpu", f"pretrain.batch_by={by}", *settings])
        prepared, reporter = prepare_training(data, config), Told()
        reporter.losses = []
        start = build_factorisation(config, data.num_entities, data.num_relations)
        model = build_discriminator(config, data.num_entities, data.num_relations, data.num_users)
        sampler = (
            BatchSampler(prepared.triples, prepared.train, 4, prepared.random)
            if by == "triples"
            else QuerySampler(prepared.train, 4, prepared.random)
        )
        for phase in (
            initialisation(start, prepared.train, config.initialisation, prepared.random),
            pretraining(model, prepared.graph, sampler, config.pretrain, no_scores),
        ):
            unasked: Any = Quiet()
            run_phase(phase, Context(validation=unasked, reporter=reporter))
        told[size] = reporter.losses
    assert len(told[0]) == 2
    assert told[0] == told[9]
    assert all(one != other for one, other in zip(told[0], told[3], strict=True))
