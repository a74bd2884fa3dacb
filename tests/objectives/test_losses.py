"""The losses against the printed equations, pair by pair; the policy gradient against its exact expectation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracles
from upgan.objectives import losses
from upgan.objectives.losses import BLOCKS, discriminator_loss, generator_loss, half_squared_norm, rewards

FINITE = st.floats(-20, 20)


def double(*size):
    return torch.randn(*size, dtype=torch.float64)


# Eq. 9 ---------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    positive=st.lists(FINITE, min_size=1, max_size=6),
    negative=st.lists(st.tuples(FINITE, FINITE, FINITE), min_size=1, max_size=5),
    weights=st.lists(st.integers(0, 4), min_size=5, max_size=5),
    smoothing=st.sampled_from([0.0, 0.1, 0.9]),
)
def test_discriminator_loss_is_equation_9_pair_by_pair(positive, negative, weights, smoothing):
    weight = weights[: len(negative)]
    real, fake = discriminator_loss(
        torch.tensor(positive, dtype=torch.float64),
        torch.tensor(negative, dtype=torch.float64),
        torch.tensor(weight),
        smoothing,
    )
    expected = oracles.discriminator_loss(positive, negative, weight, smoothing)
    # The oracle's 1 - D cancels for large scores; 1e-7 of the loss is what is left of its digits there.
    np.testing.assert_allclose([float(real), float(fake)], expected, rtol=1e-7, atol=1e-9)


def test_discriminator_loss_equals_the_oracle_to_the_last_digits_at_moderate_scores():
    positive, negative, weight = double(7), double(4, 3), torch.tensor([3, 0, 2, 2])
    found = discriminator_loss(positive, negative, weight, 0.1)
    expected = oracles.discriminator_loss(positive.tolist(), negative.tolist(), weight.tolist(), 0.1)
    np.testing.assert_allclose([float(part) for part in found], expected, rtol=1e-13)


def test_a_query_of_weight_0_has_no_say():
    positive, negative = double(3), double(2, 4).requires_grad_()
    _, fake = discriminator_loss(positive, negative, torch.tensor([3, 0]))
    fake.backward()
    assert negative.grad is not None
    assert negative.grad[1].tolist() == [0.0] * 4
    assert bool((negative.grad[0] > 0).all())


def test_without_smoothing_the_loss_stays_finite_at_extreme_scores():
    real, fake = discriminator_loss(torch.tensor([-1e4, 1e4]), torch.tensor([[1e4], [-1e4]]), torch.tensor([1, 1]))
    assert (float(real), float(fake)) == (5e3, 5e3)


def test_discriminator_loss_pulls_true_answers_up_and_draws_down():
    positive, negative = double(3).requires_grad_(), double(2, 4).requires_grad_()
    torch.stack(discriminator_loss(positive, negative, torch.tensor([2, 1]), 0.1)).sum().backward()
    assert positive.grad is not None
    assert negative.grad is not None
    assert bool((positive.grad < 0).all())
    assert bool((negative.grad > 0).all())


# Eq. 13 --------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-300, 300), st.booleans()), min_size=1, max_size=8).filter(
        lambda pool: not all(known for _, known in pool)
    )
)
def test_rewards_are_a_softmax_over_the_whole_pool_minus_one_over_its_size(pool):
    """Over the pool they sum to 0; true answers are not in it."""
    scores, known = [score for score, _ in pool], [is_known for _, is_known in pool]
    expected = oracles.rewards(scores, known)
    members = torch.tensor([[place for place, is_known in enumerate(known) if not is_known]])
    found = rewards(torch.tensor([scores], dtype=torch.float64), torch.tensor([known]), members)[0]
    np.testing.assert_allclose(found, [expected[place] for place in members[0].tolist()], rtol=0, atol=1e-13)
    assert abs(float(found.sum())) < 1e-13


def test_rewards_are_read_at_the_draws_in_their_order_and_repeatedly():
    scores, known = double(3, 6), torch.zeros(3, 6, dtype=torch.bool)
    known[1, :3] = True
    drawn = torch.tensor([[5, 0, 5, 2], [3, 4, 5, 3], [0, 1, 2, 3]])
    found = rewards(scores, known, drawn)
    for row in range(3):
        expected = oracles.rewards(scores[row].tolist(), known[row].tolist())
        np.testing.assert_allclose(found[row], [expected[place] for place in drawn[row].tolist()], atol=1e-14)


def test_the_reward_of_a_pool_of_one_is_zero():
    assert rewards(torch.tensor([[3.0, 9.0]]), torch.tensor([[False, True]]), torch.tensor([[0, 0]])).tolist() == [
        [0, 0]
    ]


def test_rewards_leave_the_scores_as_they_were():
    scores, known = double(2, 4), torch.tensor([[True, False, False, False]] * 2)
    before = scores.clone()
    rewards(scores, known, torch.tensor([[1], [2]]))
    assert torch.equal(scores, before)


# Eq. 14 --------------------------------------------------------------------------------------------------------------


def test_generator_loss_is_minus_the_weighted_mean_of_reward_times_log_probability():
    log_probability, reward, weight = double(3, 4), double(3, 4), torch.tensor([2, 0, 5])
    expected = 0.0
    for row in range(3):
        terms = [float(reward[row, n] * log_probability[row, n]) for n in range(4)]
        expected -= int(weight[row]) / 7 * sum(terms) / 4
    assert float(generator_loss(log_probability, reward, weight)) == pytest.approx(expected, abs=1e-14)


def test_no_gradient_flows_into_rewards():
    reward, log_probability = double(2, 3).requires_grad_(), double(2, 3).requires_grad_()
    generator_loss(log_probability, reward, torch.ones(2, dtype=torch.long)).backward()
    assert reward.grad is None
    assert log_probability.grad is not None


def test_queries_that_all_weigh_nothing_give_zero_and_not_nan():
    log_probability = double(2, 3).requires_grad_()
    loss = generator_loss(log_probability, double(2, 3), torch.tensor([0, 0]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert log_probability.grad is not None
    assert not log_probability.grad.any()


def test_the_mean_gradient_over_draws_is_that_of_minus_the_expected_reward():
    """-grad E_{a~G}[R(a)] by exact summation over a pool of 6, one member known, against 400 x 64 x 4 draws."""
    logits = torch.tensor([0.5, -1.0, 0.2, 1.0, -0.3, 0.0], dtype=torch.float64, requires_grad=True)
    scores = torch.tensor([2.0, 0.0, -1.0, 1.0, 3.0, 9.0], dtype=torch.float64)
    known = torch.tensor([False] * 5 + [True])
    reward = torch.tensor(oracles.rewards(scores.tolist(), known.tolist()), dtype=torch.float64)

    def log_probability():
        return torch.log_softmax(logits.masked_fill(known, -torch.inf), 0)

    (exact,) = torch.autograd.grad(-(log_probability()[~known].exp() * reward[~known]).sum(), logits)
    random = torch.Generator().manual_seed(0)
    rows, repeats, per_row = 64, 400, 4
    estimates = []
    for _ in range(repeats):
        log_g = log_probability()
        drawn = torch.multinomial(log_g.detach().exp().expand(rows, 6), per_row, replacement=True, generator=random)
        loss = generator_loss(
            log_g.expand(rows, 6).gather(1, drawn),
            rewards(scores.expand(rows, 6), known.expand(rows, 6), drawn),
            torch.full((rows,), 3),
        )
        estimates.append(torch.autograd.grad(loss, logits)[0])
    sample = torch.stack(estimates)
    error = sample.std(0) / repeats**0.5
    assert exact[5] == sample[:, 5].abs().max() == 0, "a known answer is neither drawn nor moved"
    assert bool(((sample.mean(0) - exact).abs()[:5] < 4 * error[:5]).all())
    assert float(error[:5].max()) < 0.05 * float(exact.abs().max()), "the bound is sharp enough to see a wrong factor"


def test_a_step_against_the_gradient_draws_rewarded_entities_more_often():
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    scores, known = torch.tensor([[0.0, 5.0, 0.0, 0.0]], dtype=torch.float64), torch.zeros(1, 4, dtype=torch.bool)
    drawn = torch.arange(4).unsqueeze(0)
    loss = generator_loss(torch.log_softmax(logits, 0).unsqueeze(0), rewards(scores, known, drawn), torch.tensor([1]))
    (grad,) = torch.autograd.grad(loss, logits)
    after = torch.softmax(logits.detach() - 0.1 * grad, 0)
    assert after[1] > 0.25
    assert bool((after[[0, 2, 3]] < 0.25).all())


# The 1-N loss --------------------------------------------------------------------------------------------------------

#: row and answer of each pair, row and entity of each known answer; 5 queries, 6 entities.
CASES = {
    "plain": ([(0, 1), (1, 2), (2, 0), (3, 3), (4, 5)], [(0, 1), (1, 2), (2, 0), (3, 3), (4, 5)]),
    "several answers of a query": ([(0, 1), (0, 2), (3, 3)], [(0, 1), (0, 2), (0, 4), (3, 3)]),
    "a pair asked for twice": ([(2, 1), (2, 1), (2, 3)], [(2, 1), (2, 3), (2, 5)]),
    "unsorted": ([(4, 0), (0, 1), (2, 2), (0, 5)], [(4, 3), (0, 1), (4, 0), (2, 2), (0, 5)]),
    "answers not among the known": ([(0, 1), (0, 2), (1, 4)], [(0, 3), (2, 2)]),
    "queries without a pair": ([(1, 0)], [(0, 1), (1, 0), (1, 1), (3, 2)]),
    "all entities known": ([(0, 1), (0, 2), (1, 1)], [*((0, e) for e in range(6)), (1, 1)]),
    "all but one known": ([(0, 1)], [(0, e) for e in range(5)]),
    "known twice": ([(0, 1)], [(0, 1), (0, 2), (0, 2)]),
    "nothing known": ([(0, 1), (1, 1)], []),
}


KINDS = sorted(BLOCKS)


def one_to_n(vector, entity, pairs, known, kind="cross_entropy_filtered"):
    pair = torch.tensor(pairs).reshape(-1, 2)
    other = torch.tensor(known, dtype=torch.long).reshape(-1, 2)
    return losses.one_to_n(kind, vector, entity, pair[:, 0], pair[:, 1], other[:, 0], other[:, 1])


@pytest.mark.parametrize("chunk", [16_000_000, 13, 6, 1], ids=lambda chunk: f"chunk {chunk}")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_one_to_n_equals_a_loop_in_value_and_gradient(case, kind, chunk, monkeypatch):
    """Whatever the size of the blocks it is computed in: all at once, two rows, one row, less than a row."""
    monkeypatch.setattr(losses, "SCORES_PER_BLOCK", chunk)
    pairs, known = CASES[case]
    vector, entity = double(5, 3).requires_grad_(), double(6, 3).requires_grad_()
    loss = one_to_n(vector, entity, pairs, known, kind)
    expected, grad_scores = oracles.one_to_n((vector @ entity.T).detach().numpy(), pairs, known, kind)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)
    found = torch.autograd.grad(2.0 * loss, [vector, entity])
    grad = torch.tensor(grad_scores)
    torch.testing.assert_close(found[0], 2.0 * grad @ entity.detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(found[1], 2.0 * grad.T @ vector.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["several answers of a query", "all entities known", "a pair asked for twice"])
def test_one_to_n_passes_gradcheck(case, kind):
    pairs, known = CASES[case]
    inputs = (double(5, 3).requires_grad_(), double(6, 3).requires_grad_())
    assert torch.autograd.gradcheck(lambda vector, entity: one_to_n(vector, entity, pairs, known, kind), inputs)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(KINDS), st.data())
def test_one_to_n_equals_a_loop_on_random_pairs(kind, data):
    place = st.tuples(st.integers(0, 3), st.integers(0, 4))
    pairs, known = data.draw(st.lists(place, min_size=1, max_size=8)), data.draw(st.lists(place, max_size=12))
    vector, entity = double(4, 2), double(5, 2)
    expected, _ = oracles.one_to_n((vector @ entity.T).numpy(), pairs, known, kind)
    assert float(one_to_n(vector, entity, pairs, known, kind)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_one_to_n_leaves_its_arguments_as_they_were(kind):
    vector, entity = double(2, 3), double(4, 3)
    before = vector.clone(), entity.clone()
    one_to_n(vector, entity, [(1, 2), (0, 1)], [(0, 1)], kind)
    assert torch.equal(vector, before[0])
    assert torch.equal(entity, before[1])


@pytest.mark.parametrize("score", [-200.0, -50.0, 50.0, 200.0])
def test_a_query_all_of_whose_entities_are_known_costs_nothing_and_moves_nothing(score):
    """There is nothing it could be mistaken for, however low its answers' scores are (float32)."""
    vector, entity = torch.tensor([[score]], requires_grad=True), torch.ones(2, 1, requires_grad=True)
    loss = one_to_n(vector, entity, [(0, 0)], [(0, 0), (0, 1)])
    found = torch.autograd.grad(loss, [vector, entity])
    assert float(loss.detach()) == 0.0
    assert found[0].tolist() == [[0.0]]
    assert found[1].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e3, 1e4])
def test_one_to_n_stays_finite_at_extreme_scores(scale, kind):
    vector, entity = (torch.randn(4, 3) * scale).requires_grad_(), torch.randn(6, 3).requires_grad_()
    loss = one_to_n(vector, entity, [(0, 1), (1, 2), (3, 0)], [(0, 1), (1, 2), (1, 3)], kind)
    loss.backward()
    assert bool(torch.isfinite(loss))
    for part in (vector, entity):
        assert part.grad is not None
        assert bool(torch.isfinite(part.grad).all())


@pytest.mark.parametrize("kind", ["cross_entropy", "cross_entropy_filtered"])
def test_one_to_n_of_plain_queries_is_torchs_cross_entropy(kind):
    vector, entity, answer = double(50, 4), double(30, 4), torch.randint(30, (50,))
    pairs = list(enumerate(answer.tolist()))
    expected = torch.nn.functional.cross_entropy(vector @ entity.T, answer)
    torch.testing.assert_close(one_to_n(vector, entity, pairs, pairs, kind), expected, rtol=0, atol=1e-13)


def test_the_unfiltered_softmax_is_torchs_cross_entropy_pair_by_pair():
    """A query with several answers is a row of its own for each of them; what else is known has no say."""
    vector, entity, row, answer = double(9, 4), double(30, 4), torch.randint(9, (40,)), torch.randint(30, (40,))
    pairs = list(zip(row.tolist(), answer.tolist(), strict=True))
    expected = torch.nn.functional.cross_entropy((vector @ entity.T)[row], answer)
    for known in (pairs, [(0, entity) for entity in range(30)]):
        found = one_to_n(vector, entity, pairs, known, "cross_entropy")
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_bce_is_torchs_own_with_known_answers_weighing_nothing():
    vector, entity, target, weight = double(7, 4), double(20, 4), torch.zeros(7, 20).double(), torch.ones(7, 20)
    asked = torch.rand(7, 20) < 0.1
    known = asked | (torch.rand(7, 20) < 0.2)
    target[asked], weight[known & ~asked] = 1.0, 0.0
    scores = (vector @ entity.T).requires_grad_()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        scores, target, weight.double(), reduction="sum"
    ) / int(asked.sum())
    inputs = vector.requires_grad_(), entity.requires_grad_()
    found = one_to_n(*inputs, asked.nonzero().tolist(), known.nonzero().tolist(), "bce")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    (by_scores,) = torch.autograd.grad(expected, scores)
    by_vector, _ = torch.autograd.grad(found, inputs)
    torch.testing.assert_close(by_vector, by_scores @ entity.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("kind", "moved"), [("cross_entropy", True), ("cross_entropy_filtered", False), ("bce", False)]
)
def test_only_the_plain_softmax_pushes_a_query_s_other_known_answers_away(kind, moved):
    """With the identity as query vectors the gradient in the table is that of the scores: one row asks for entity 1,
    entity 3 is known too, the others are wrong."""
    vector, entity = torch.eye(1, dtype=torch.float64), double(5, 1).requires_grad_()
    (grad,) = torch.autograd.grad(one_to_n(vector, entity, [(0, 1)], [(0, 1), (0, 3)], kind), entity)
    assert grad[1] < 0
    assert bool((grad[[0, 2, 4]] > 0).all())
    assert bool(grad[3] > 0) == moved
    assert moved or grad[3] == 0


# Regularisation ------------------------------------------------------------------------------------------------------


def test_half_squared_norm_and_its_gradient():
    parts = [double(2, 3).requires_grad_(), double(0, 3).requires_grad_(), double(4).requires_grad_()]
    penalty = half_squared_norm(parts)
    expected = sum(value**2 for part in parts for value in part.detach().flatten().tolist()) / 2
    assert float(penalty.detach()) == pytest.approx(expected, abs=1e-13)
    penalty.backward()
    assert torch.equal(parts[0].grad, parts[0])
