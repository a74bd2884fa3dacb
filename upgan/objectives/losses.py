"""The losses as pure functions of scores. Every function returns something to MINIMISE.

Letters: B queries, E entities, C candidates of a pool, N drawn negatives, P positive (query, answer) pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from upgan.config.section import OneToN
from upgan.config.sections import Precision

#: (b, E) scores, (row, entity) pairs asked for, pairs known, P -> the block's share of the loss and its gradient.
Block = Callable[[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor], int], tuple[Tensor, Tensor]]

#: Scores held at once by the 1-N loss, whatever E and B are: 64 MB in float32, in one buffer that every block of
#: queries uses again. New memory for each block costs more than the arithmetic on it: it comes page by page.
SCORES_PER_BLOCK = 16_000_000
#: On a GPU the whole mini-batch is one block where 2 GB hold it: large products, and nothing to ask the device about.
SCORES_PER_BLOCK_CUDA = 500_000_000


def discriminator_loss(
    positive: Tensor, negative: Tensor, weight: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor]:
    """The two expectations of Eq. 9, before regularisation.

    Args:
        positive: (P,) scores s of true answers.
        negative: (B, N) scores of the generator's draws for each distinct query.
        weight: (B,) how many positives each query stands for; 0 leaves a query without negatives out.
        smoothing: a positive's target is 1 - smoothing, a draw's is smoothing / N (label smoothing, 4.5).

    Returns:
        (positive part, negative part), each a mean over the P triples: -log D(t) and, summed over nothing but averaged
        over the draws, -log(1 - D(t')).
    """
    count = float(max(len(positive), 1))
    real = functional.binary_cross_entropy_with_logits(
        positive, torch.full_like(positive, 1.0 - smoothing), reduction="sum"
    )
    target = torch.full_like(negative, smoothing / negative.shape[1])
    fake = functional.binary_cross_entropy_with_logits(negative, target, reduction="none").mean(1)
    return real / count, (fake * weight).sum() / count


def rewards(scores: Tensor, known: Tensor, drawn: Tensor) -> Tensor:
    """Eq. 13 at the drawn entities: softmax over the pool of s(a | h, r), minus 1/|C|.

    Args:
        scores: (B, C) the discriminator's scores of the pool.
        known: (B, C) True for true answers; they are not in C_{h,r}.
        drawn: (B, N) positions in the pool, none of them known.

    Returns:
        (B, N) rewards. Over a row's whole pool they sum to 0.
    """
    log_total = torch.logsumexp(scores.masked_fill(known, -torch.inf), dim=1, keepdim=True)
    size = (~known).sum(1, keepdim=True).to(scores.dtype)
    return torch.exp(scores.gather(1, drawn) - log_total) - 1.0 / size


def generator_loss(log_probability: Tensor, reward: Tensor, weight: Tensor) -> Tensor:
    """REINFORCE (Eq. 14, with the sign that maximises the expected reward), before regularisation.

    Args:
        log_probability: (B, N) log G(a | h, r) of the draws.
        reward: (B, N) their rewards; no gradient flows into them.
        weight: (B,) how many training triples each query stands for.

    Returns:
        A scalar whose gradient is an unbiased estimate of -grad E_{a ~ G}[R(a)], averaged over triples.
    """
    per_query = -(reward.detach() * log_probability).mean(1)
    return (per_query * weight).sum() / weight.sum().clamp_min(1.0)


def once(table: Tensor, rows: Tensor) -> Tensor:
    """(N,) row numbers, repeated or not -> those (N, W) rows, one that comes c times divided by the root of c.

    Their squared norm is that of the distinct rows, without sorting, and without a size that a GPU would have to tell.
    """
    times = table.new_zeros(len(table)).index_add_(0, rows, table.new_ones(len(rows)))
    return table.index_select(0, rows) * times.index_select(0, rows).rsqrt().unsqueeze(1)


def half_squared_norm(parameters: list[Tensor]) -> Tensor:
    """||theta||^2 / 2 of Eq. 9 and 14."""
    return torch.stack([parameter.square().sum() for parameter in parameters]).sum() / 2


def mean_cubed_norm(factors: Sequence[Tensor]) -> Tensor:
    """N3 (Lacroix et al., ICML 2018) of real vectors: the cubes of all numbers in the (P, K) factors over P."""
    return torch.stack([factor.abs().pow(3).sum() for factor in factors]).sum() / max(len(factors[0]), 1)


def one_to_n(
    kind: OneToN,
    vector: Tensor,
    table: Tensor,
    row: Tensor,
    answer: Tensor,
    known_row: Tensor,
    known: Tensor,
    precision: Precision = "float32",
) -> Tensor:
    """Loss of queries scored against every entity: scores are vector @ table.T.

    Args:
        kind: "cross_entropy": -log softmax of each true answer over all entities, other true answers among them;
            "cross_entropy_filtered": the same with the query's other known answers left out of the softmax;
            "bce": binary cross-entropy of every entity, summed over entities.
        vector: (B, D) query vectors; table: (E, D) candidates' vectors.
        row, answer: (P,) query row and answer of each pair that is asked for.
        known_row, known: known answers of the queries: they are no negatives. They may hold the positives themselves.
        precision: "bfloat16" rounds the factors and results of the products with the table, forward and backward; what
            lies between them, and the sums over blocks, stay as they are.

    Returns:
        The sum over the P pairs (for "bce" over all B x E cells) divided by P. The B x E scores exist one block of
        queries at a time, forward and backward.
    """
    narrow = precision == "bfloat16"
    return cast(Tensor, _OneToN.apply(vector, table, row, answer, known_row, known, BLOCKS[kind], narrow))


class _OneToN(torch.autograd.Function):
    """Forward computes the gradients too, block by block, so that no B x E matrix outlives its block."""

    @staticmethod
    def forward(
        ctx: Any,
        vector: Tensor,
        entity: Tensor,
        positive_row: Tensor,
        positive: Tensor,
        known_row: Tensor,
        known: Tensor,
        block: Block,
        narrow: bool,
    ) -> Tensor:
        starts, products = in_blocks(vector, entity, narrow)
        pairs = by_block(positive_row, positive, starts)
        excluded = by_block(known_row, known, starts)
        total = vector.new_zeros(())
        count = max(len(positive), 1)
        for start, own_pairs, own_known in zip(starts, pairs, excluded, strict=True):
            loss, grad = block(products.scores(start), own_pairs, own_known, count)
            total += loss
            products.add_gradients(start, grad)
        ctx.save_for_backward(products.grad_vector, products.grad_entity)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        grad_vector, grad_entity = ctx.saved_tensors
        return grad_vector * grad, grad_entity * grad, *[None] * 6


class Products:
    """Scores of a block of queries, and its share of the gradients, from factors in ``dtype``; memory is used again."""

    def __init__(self, vector: Tensor, entity: Tensor, rows: int, dtype: torch.dtype) -> None:
        self._rows = rows
        self._vector, self._entity = vector.to(dtype), entity.to(dtype)
        self._buffer = vector.new_empty(rows, len(entity))
        #: The block in ``dtype``, where that is another one.
        self._narrow = self._buffer if dtype == vector.dtype else self._buffer.to(dtype)
        self.grad_vector, self.grad_entity = torch.empty_like(vector), torch.zeros_like(entity)

    def scores(self, start: int) -> Tensor:
        """(b, E) of the queries from ``start`` on."""
        own = self._vector[start : start + self._rows]
        scores = torch.mm(own, self._entity.T, out=self._narrow[: len(own)])
        return scores if self._narrow is self._buffer else self._buffer[: len(own)].copy_(scores)

    def add_gradients(self, start: int, grad: Tensor) -> None:
        """From d loss / d scores (b, E) of the same queries."""
        own, place = self._vector[start : start + self._rows], self.grad_vector[start : start + self._rows]
        if self._narrow is self._buffer:
            torch.mm(grad, self._entity, out=place)
            self.grad_entity.addmm_(grad.T, own)
            return
        narrow = self._narrow[: len(own)].copy_(grad)
        place.copy_(narrow @ self._entity)
        self.grad_entity += narrow.T @ own


def in_blocks(vector: Tensor, table: Tensor, narrow: bool) -> tuple[range, Products]:
    """The first query of each block, and all blocks' products with the table; ``narrow``: in bfloat16."""
    limit = SCORES_PER_BLOCK_CUDA if vector.device.type == "cuda" else SCORES_PER_BLOCK
    rows = min(len(vector), max(1, limit // max(len(table), 1)))
    products = Products(vector, table, rows, torch.bfloat16 if narrow else vector.dtype)
    return range(0, len(vector), max(rows, 1)), products


def by_block(row: Tensor, entity: Tensor, starts: range) -> list[tuple[Tensor, Tensor]]:
    """(P,) rows and entities -> the pairs of each block of queries, rows counted from the block's start."""
    if len(starts) <= 1:
        return [(row, entity)] * len(starts)
    order = torch.argsort(row, stable=True)
    row, entity = row[order], entity[order]
    bounds = torch.tensor([*starts[1:]], device=row.device)
    cuts = [0, *torch.searchsorted(row, bounds).tolist(), len(row)]
    return [
        (row[first:last] - start, entity[first:last])
        for start, first, last in zip(starts, cuts, cuts[1:], strict=False)
    ]


def _filtered_block(
    scores: Tensor, pairs: tuple[Tensor, Tensor], excluded: tuple[Tensor, Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """(b, E) scores -> loss summed over the block's pairs / count, and its gradient in the scores.

    For a pair (q, t) the normaliser is Z = exp s_t + N_q, N_q the sum of exp s over entities that are no known answer
    of q. Every pair of q shares it, so the gradient of all pairs of a query is one rank-one correction of the row's
    softmax.
    """
    positive = _set_aside(scores, pairs, excluded)
    weight = scores.new_ones(len(scores))
    loss, grad, by_positive, by_exact = softmax_of_pairs(scores, weight, pairs[0], positive, positive, count)
    grad.index_put_(pairs, (by_exact + by_positive) / count, accumulate=True)
    return loss, grad


def _set_aside(scores: Tensor, pairs: tuple[Tensor, Tensor], excluded: tuple[Tensor, Tensor]) -> Tensor:
    """(p,) scores of the pairs; they and the known answers are -inf among the scores from then on."""
    positive, nothing = scores[pairs], scores.new_full((), -torch.inf)
    scores.index_put_(excluded, nothing).index_put_(pairs, nothing)
    return positive


def softmax_of_pairs(
    scores: Tensor, weight: Tensor, row: Tensor, positive: Tensor, exact: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """log(exp exact + w_q N_q) - s_t over the block's pairs / count, where N_q is the sum of exp of the query's scores.

    Args:
        scores: (b, N), -inf where an entity is not summed; overwritten by their gradient.
        weight: (b,) w_q; row: (p,) query of each pair; positive: (p,) s_t; exact: (p,) the log of what else is summed.

    Returns:
        The loss and its gradient in ``scores``, and ``count`` times its gradients in ``positive`` and ``exact``.
    """
    # A query without an entity to be mistaken for: N_q = 0, not NaN.
    peak = scores.amax(1).nan_to_num_(neginf=0.0)
    exponential = torch.exp_(scores.sub_(peak.unsqueeze(1)))
    total = exponential.sum(1)
    log_sum = (torch.log(total * weight) + peak).index_select(0, row)
    log_z = torch.logaddexp(exact, log_sum)
    # d loss / d s_e: w_q exp(s_e) / S_q * sum over the pairs of q of S_q / Z, with S_q = w_q N_q, so w_q is in both.
    factor = torch.zeros_like(peak).index_add_(0, row, torch.exp(log_sum - log_z))
    factor = torch.where(total > 0, factor / total, 0.0) / count
    grad = exponential.mul_(factor.unsqueeze(1))
    return (log_z - positive).sum() / count, grad, torch.full_like(positive, -1.0), torch.exp(exact - log_z)


def _softmax_block(
    scores: Tensor, pairs: tuple[Tensor, Tensor], _excluded: tuple[Tensor, Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """The plain softmax: every pair of a query shares its normaliser, other true answers included."""
    row, answer = pairs
    positive = scores[row, answer]
    peak = scores.amax(1)
    exponential = torch.exp_(scores.sub_(peak.unsqueeze(1)))
    total = exponential.sum(1)
    loss = ((torch.log(total) + peak)[row] - positive).sum()
    pairs_of_row = torch.zeros_like(peak).index_add_(0, row, torch.ones_like(positive))
    grad = exponential.mul_((pairs_of_row / (total * count)).unsqueeze(1))
    grad.index_put_((row, answer), scores.new_full((), -1.0 / count), accumulate=True)
    return loss / count, grad


def _binary_block(
    scores: Tensor, pairs: tuple[Tensor, Tensor], excluded: tuple[Tensor, Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """-log sigmoid(s) of the answers asked for, -log(1 - sigmoid(s)) of every entity that is no known answer."""
    positive = _set_aside(scores, pairs, excluded)
    loss = functional.softplus(scores).sum() + functional.softplus(-positive).sum()
    grad = torch.sigmoid_(scores)
    grad.index_put_(pairs, torch.sigmoid(positive) - 1.0, accumulate=True)
    return loss / count, grad.div_(count)


BLOCKS: dict[OneToN, Block] = {
    "cross_entropy": _softmax_block,
    "cross_entropy_filtered": _filtered_block,
    "bce": _binary_block,
}
