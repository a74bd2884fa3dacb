"""The 1-N losses over drawn candidates: cost grows with how many are drawn, no longer with how many entities there are.

A mini-batch shares one pool C of N of the E entities, drawn evenly and without replacement. Let K_q be a query's known
answers (those asked for among them) and s_e the score of entity e. What the query knows is scored as it is; the sum
over all other entities is estimated from those of them that were drawn, each standing for as many:

    S_q = sum over e not in K_q of f(s_e)  ~  w_q * sum over e in C without K_q of f(s_e),
    w_q = (E - |K_q|) / |C without K_q|

The right side is unbiased: given how many of the pool the query does not know, these are an even draw from the
E - |K_q| entities that it does not know. (Where it knows the whole pool nothing is left to estimate from, and the sum
is taken as 0. With N > |K_q| that cannot happen.) Two other weights were not taken. E / N is unbiased too, but also
varies with how many known answers happen to be drawn. Drawing known answers like all others, for the plain softmax,
varies most: a few answers with the highest scores of all would count either nothing or E / N times.

Where each entity has a chance pi_e of its own to be drawn (upgan.training.candidates), it stands for 1 / pi_e:

    S_q ~ sum over e in C without K_q of f(s_e) / pi_e              (Horvitz and Thompson, JASA 1952)

which is unbiased for every query, whatever the chances are.

The losses, for each pair (q, t) that is asked for, summed and divided by the number of pairs:

    cross_entropy_filtered   -s_t + log(exp s_t + S_q)                       f = exp
    cross_entropy            -s_t + log(sum over K_q of exp s_k + S_q)       f = exp
    bce                      softplus(-s_t), and S_q once a query            f = softplus

The sum S_q is unbiased in value and gradient, hence the whole of "bce". A logarithm of an unbiased estimate is a little
too small on average, by half its relative variance, so that the two softmaxes are biased by O(1 / N), as every sampled
softmax is. With a pool of all entities every w_q is 1, and loss and gradient are the exact ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from upgan.config.section import OneToN
from upgan.config.sections import Precision
from upgan.objectives.batches import Drawn, places_in
from upgan.objectives.losses import by_block, in_blocks, one_to_n, softmax_of_pairs

#: (b, N + 1) scores, (b,) w_q, (N + 1,) 1 / pi_e or None, (p,) query row of each pair, its s_t, and the log of what its
#: softmax knows exactly -> the block's sum, its gradient in the scores, in s_t and in that logarithm.
Block = Callable[[Tensor, Tensor, Tensor | None, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]


def sampled_one_to_n(
    kind: OneToN,
    drawn: Drawn | None,
    vector: Tensor,
    table: Tensor,
    row: Tensor,
    answer: Tensor,
    known_row: Tensor,
    known: Tensor,
    precision: Precision = "float32",
    num_entities: int = 0,
) -> Tensor:
    """The loss of queries scored against their answers and a pool of entities; see the module for its equations.

    Args:
        kind, vector, table, precision: as for ``losses.one_to_n``. "bfloat16" rounds the products with the pool; the
            answers' own scores are not rounded.
        drawn: the candidates, by their rows in the table; None: all entities, the exact loss.
        num_entities: E where the table holds only some of the entities, numbered by their rows in it; 0: it holds all.
        row, answer: (P,) query row and answer of each pair that is asked for.
        known_row, known: (M,) all known answers of the queries, each once, those that are asked for among them.

    Returns:
        The sum over the P pairs (for "bce" also over the estimated cells) divided by P.
    """
    if drawn is None:
        return one_to_n(kind, vector, table, row, answer, known_row, known, precision)
    pool, chance = drawn
    # One gather for the pool and all answers: its gradient is one sum into the table.
    plain = kind == "cross_entropy"
    gathered = torch.cat([pool, answer, known] if plain else [pool, answer])
    chosen, own, *others = table.index_select(0, gathered).split([len(pool), len(answer), len(known)][: 2 + plain])
    positive = exact = (vector.index_select(0, row) * own).sum(1)
    if plain:
        scores = (vector.index_select(0, known_row) * others[0]).sum(1)
        exact = log_sums(scores, known_row, len(vector)).index_select(0, row)
    place = places_in(pool, known, len(table))
    if chance is None:
        weight = _stands_for(place, len(pool), known_row, len(vector), num_entities or len(table), table.dtype)
    else:
        weight, chance = table.new_ones(len(vector)), torch.cat([chance, chance.new_ones(1)]).to(table.dtype)
    # One more candidate that is nobody: where the known answers outside the pool are put, and always left out.
    chosen = torch.cat([chosen, chosen.new_zeros(1, chosen.shape[1])])
    block = _binary_block if kind == "bce" else _softmax_block
    arguments = vector, chosen, positive, exact, row, known_row, place, weight, chance, block, precision == "bfloat16"
    return cast(Tensor, _Sampled.apply(*arguments)) / max(len(answer), 1)


def _stands_for(
    place: Tensor, drawn: int, known_row: Tensor, queries: int, num_entities: int, dtype: torch.dtype
) -> Tensor:
    """(B,) w_q of each query; ``place``: (M,) the column of each known answer, ``drawn`` where it was not drawn."""
    counts = torch.stack([torch.ones_like(place), (place < drawn).to(place.dtype)], dim=1)
    totals = place.new_zeros(queries, 2).index_add_(0, known_row, counts)
    return (num_entities - totals[:, 0]).to(dtype) / (drawn - totals[:, 1]).clamp_min(1)


def log_sums(scores: Tensor, row: Tensor, queries: int) -> Tensor:
    """(M,) scores -> (B,) the log of the sum of each row's exponentials."""
    peak = scores.new_full((queries,), -torch.inf).scatter_reduce_(0, row, scores.detach(), "amax")
    peak = peak.nan_to_num_(neginf=0.0)  # a query without known answers; nobody reads its sum
    parts = torch.exp(scores - peak.index_select(0, row))
    return torch.log(torch.zeros_like(peak).index_add(0, row, parts)) + peak


class _Sampled(torch.autograd.Function):
    """As in the exact loss, forward computes the gradients too, block by block."""

    @staticmethod
    def forward(
        ctx: Any,
        vector: Tensor,
        chosen: Tensor,
        positive: Tensor,
        exact: Tensor,
        row: Tensor,
        known_row: Tensor,
        place: Tensor,
        weight: Tensor,
        chance: Tensor | None,
        block: Block,
        narrow: bool,
    ) -> Tensor:
        starts, products = in_blocks(vector, chosen, narrow)
        each = None if chance is None else 1.0 / chance
        pairs = by_block(row, torch.arange(len(row), device=row.device), starts)
        known = by_block(known_row, place, starts)
        grad_positive, grad_exact = torch.zeros_like(positive), torch.zeros_like(exact)
        total, nothing = vector.new_zeros(()), vector.new_full((), -torch.inf)
        for start, (own, pair), excluded in zip(starts, pairs, known, strict=True):
            scores = products.scores(start)
            scores[:, -1].fill_(nothing)
            scores.index_put_(excluded, nothing)
            own_pairs = own, positive.index_select(0, pair), exact.index_select(0, pair)
            loss, grad, by_positive, by_exact = block(scores, weight[start : start + starts.step], each, *own_pairs)
            total += loss
            products.add_gradients(start, grad)
            grad_positive.index_copy_(0, pair, by_positive)
            grad_exact.index_copy_(0, pair, by_exact)
        ctx.save_for_backward(products.grad_vector, products.grad_entity, grad_positive, grad_exact)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        return *(own * grad for own in ctx.saved_tensors), *[None] * 7


def _softmax_block(
    scores: Tensor, weight: Tensor, each: Tensor | None, row: Tensor, positive: Tensor, exact: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """log(exp exact + S_q) - s_t over the block's pairs; with ``exact`` = s_t it is the filtered softmax."""
    if each is not None:
        scores.add_(each.log())
    return softmax_of_pairs(scores, weight, row, positive, exact, 1)


def _binary_block(
    scores: Tensor, weight: Tensor, each: Tensor | None, row: Tensor, positive: Tensor, exact: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """softplus(-s_t) of the block's pairs and w_q softplus(s_e), or softplus(s_e) / pi_e, of every drawn e."""
    parts = functional.softplus(scores)
    loss = ((parts.sum(1) if each is None else parts @ each) * weight).sum() + functional.softplus(-positive).sum()
    grad = torch.sigmoid_(scores).mul_(weight.unsqueeze(1))
    grad = grad if each is None else grad.mul_(each)
    return loss, grad, torch.sigmoid(positive) - 1.0, torch.zeros_like(exact)
