"""The fit of the weights of evidence: the sparse loss against a dense one over all candidates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
import scipy.optimize
import torch

import upgan.training.fuse as fuse
from tests.oracles.cointeraction import evidence
from tests.training.evidence_worlds import meaningless, planted
from upgan.config.sections import FusionConfig, ModelConfig
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.evidence import CHANNELS

SIZE = len(CHANNELS)


@dataclass
class Dense:
    """All candidates of all queries: b (Q, E), -inf where filtered, and x (Q, E, C), by loops."""

    base: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    relation: npt.NDArray[np.int64]
    answer: npt.NDArray[np.int64]
    prior: float
    relations: int

    @staticmethod
    def of(world):
        heads, relations, answers = (column.tolist() for column in world.validation.queries)
        count = world.facts.by_relation.num_relations
        splits = [world.train, world.validation.triples.tolist(), world.test.triples.tolist()]
        known = {tuple(fact) for facts in splits for fact in facts}
        base = world.model.queries(*world.validation.queries[:2], p := world.model.preferences(world.graph))
        base = base.against(world.model.table(p)).detach().numpy()
        common = world.dense_common
        value = np.zeros((*base.shape, len(CHANNELS)))
        for query, (h, r, a) in enumerate(zip(heads, relations, answers, strict=True)):
            for e in range(base.shape[1]):
                fact = (h, r, e) if r < count else (e, r - count, h)
                if fact in known and e != a:
                    base[query, e] = -math.inf
                f = evidence(common, world.train, count, h, r, e)
                value[query, e] = [math.log(1 + part / world.config.smoothing) for part in f]
        return Dense(base, value, np.array(relations), np.array(answers), world.config.prior, count)

    def fit(self, chosen):
        """(2R, C) gamma and the loss it reaches, over the ``chosen`` queries alone."""
        rows = np.flatnonzero(chosen)
        base, value = self.base[rows], torch.from_numpy(self.value[rows])
        relation, answer = torch.from_numpy(self.relation[rows]), torch.from_numpy(self.answer[rows])
        place = torch.arange(len(rows))
        nll = {}
        for sharp in (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6):
            logits = torch.from_numpy(base * sharp)
            nll[sharp] = torch.nn.functional.cross_entropy(logits, answer).item()
        self.sharp = min(nll, key=nll.__getitem__)
        logits = torch.from_numpy(base * self.sharp)

        def objective(flat):
            parameters = torch.tensor(flat, requires_grad=True)
            mean, own = parameters[:SIZE], parameters[SIZE:].view(2 * self.relations, SIZE)
            added = (value * (mean + own)[relation].unsqueeze(1)).sum(2)
            full = torch.logsumexp(logits + added, 1) - (logits + added)[place, answer]
            loss = full.sum() + self.prior * own.square().sum() + 0.01 * mean.square().sum()
            loss.backward()
            assert parameters.grad is not None
            return loss.item(), parameters.grad.numpy()

        self.objective = objective
        start = np.zeros(SIZE + 2 * SIZE * self.relations)
        found = scipy.optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-9}
        )
        gamma = found.x[:SIZE] + found.x[SIZE:].reshape(-1, SIZE)
        return gamma / self.sharp, float(found.fun)

    def loss_at(self, gamma):
        """The loss of the last fit's queries at another gamma, split into mean and rest as is best for the priors."""
        gamma = gamma * self.sharp
        mean = self.prior * gamma.sum(0) / (0.01 + self.prior * len(gamma))
        return self.objective(np.concatenate([mean, (gamma - mean).ravel()]))[0]


@pytest.mark.parametrize(
    ("world", "settings", "times", "sharp"),
    [
        (planted, {"prior": 0.3}, 1.0, 0.5),
        (planted, {"scale": 0.3, "signal": 0.8, "smoothing": 1.0}, 0.3, 1.4),
        (planted, {"scale": 0.3, "signal": 0.8}, 0.1, 4.0),
        (meaningless, {"smoothing": 0.5}, 1.0, 0.5),
    ],
)
def test_the_fit_over_entities_with_evidence_equals_a_fit_over_all_candidates(world, settings, times, sharp):
    """Of all queries and of half of them; base scores are first sharpened or flattened as validation likes best."""
    made = world(1, **settings)
    with torch.no_grad():
        made.model.relation.mul_(times)
    dense, fit = Dense.of(made), made.collect()
    assert sorted(fit.query.tolist()) == list(range(len(dense.answer)))
    assert not torch.equal(fit.query, fit.query.sort().values), "in a random order"
    everything = np.ones(len(dense.answer), dtype=bool)
    for chosen in (everything, everything & (np.arange(len(everything)) % 2 == 0)):
        expected, least = dense.fit(chosen)
        if chosen.all():
            assert dense.sharp == sharp
        fuse.set_weights(made.model, fit, torch.from_numpy(chosen), made.config)
        gamma = made.model.fusion.gamma.numpy()
        assert np.abs(expected).max() > 0.1
        assert -1e-9 < dense.loss_at(gamma) - least < 1e-5 * chosen.sum()
        np.testing.assert_allclose(gamma, expected, rtol=0, atol=1e-2)


def test_the_fit_in_single_precision_finds_the_same_weights():
    made = planted(2, scale=0.3, signal=0.8)
    expected, _ = Dense.of(made).fit(np.ones(len(made.ranks()), dtype=bool))
    made.model.float()
    fuse.set_weights(made.model, made.collect(), torch.ones(len(made.ranks()), dtype=torch.bool), made.config)
    assert made.model.fusion.gamma.dtype == torch.float32
    np.testing.assert_allclose(made.model.fusion.gamma.numpy(), expected, rtol=0, atol=2e-2)


@pytest.mark.parametrize("log_probability", [-5.0, -15.0, -40.0, -120.0])
@pytest.mark.parametrize("queries", [20, 500])
def test_weights_stay_finite_where_evidence_separates_answers_that_the_scores_think_impossible(
    log_probability, queries
):
    """Only the answers have evidence, so that nothing but the prior holds the weight: it ends where both balance."""
    config = FusionConfig()
    model = BilinearDiscriminator(10, 1, ModelConfig(dim=2, score="bilinear"), config)
    sharpness = torch.tensor(fuse.SHARPNESS)
    answer = torch.full((queries,), log_probability / 0.5)
    fit = fuse.Fit(
        query=torch.arange(queries),
        log_total=torch.log(9 + torch.exp(answer.unsqueeze(1) * sharpness)),
        answer_score=answer,
        row=torch.arange(queries),
        relation=torch.zeros(queries, dtype=torch.long),
        base=answer,
        value=torch.eye(SIZE)[0].repeat(queries, 1),
        is_answer=torch.ones(queries, dtype=torch.bool),
    )
    fuse.set_weights(model, fit, torch.ones(queries, dtype=torch.bool), config)
    weight = float(model.fusion.gamma[0, 0]) * 0.5

    def loss(gamma):
        # The one relation's weight is the mean and its own part, whose priors 0.01 and 1 share it.
        mean = gamma / 1.01
        nll = np.logaddexp(math.log(9), log_probability + gamma) - (log_probability + gamma)
        return queries * nll + 0.01 * mean**2 + (gamma - mean) ** 2

    best = scipy.optimize.minimize_scalar(loss, bounds=(0, 300), method="bounded", options={"xatol": 1e-6}).x
    assert weight == pytest.approx(best, abs=0.1)


def test_weights_found_on_one_half_do_not_depend_on_the_other_halfs_answers():
    """Other answers in the second half change neither the first half's weights nor, then, the second half's ranks."""
    made = planted(3)
    fit = made.collect()
    chosen = torch.arange(len(fit.query)) % 2 == 0
    fuse.set_weights(made.model, fit, chosen, made.config)
    before = made.model.fusion.gamma.clone()
    outside = ~chosen[fit.query]
    fit.answer_score[outside] += 3.0
    fit.is_answer[outside[fit.row]] = False
    fuse.set_weights(made.model, fit, chosen, made.config)
    assert torch.equal(made.model.fusion.gamma, before)
