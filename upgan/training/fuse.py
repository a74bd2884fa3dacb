"""The last phase: how much evidence in plain facts counts, per relation, fitted on validation.

The training triples cannot tell: the vectors have memorised them, so that evidence would seem to be worth nothing.
Validation queries were never trained on. With base scores b (sharpened by the temperature that validation likes best)
and transformed evidence x, the loss of a query with answer a is convex in gamma and needs only the entities with
evidence:

    -log softmax = log( sum_e exp b_e + sum_{e with evidence} exp(b_e) (exp(gamma . x_e) - 1) ) - b_a - gamma . x_a

gamma_r = mu + delta_r, delta_r pulled to zero by a prior, so that a relation with few validation triples follows the
others. Whether evidence helps at all is judged by two-fold cross-validation: each half of the validation queries is
ranked with weights fitted on the other half. Where that is no better than without, gamma stays zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from upgan.config.sections import FusionConfig
from upgan.evaluation.evaluator import Evaluator
from upgan.evaluation.metrics import Metrics
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.evidence import CHANNELS, blocks, gather_evidence
from upgan.training.loop import Context, PhaseResult
from upgan.training.state import PhaseState
from upgan.types import FloatArray

#: Inverse temperatures the base scores are tried at.
SHARPNESS = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6)
#: Entities with evidence that are held for the fit: bounds its memory to about 0.5 GB. Beyond it, queries are sampled.
MOST_ENTRIES = 6_000_000
#: Weak prior of the relations' common mean: keeps it finite where nothing speaks about it.
COMMON_PRIOR = 0.01


@dataclass(frozen=True)
class Fit:
    """Q validation queries and their M entities with evidence; Q of them may be fewer than all."""

    query: Tensor  # (Q,) which of the evaluator's queries
    #: (Q, S) log of the sum of exp(b * sharpness) over the query's candidates, and (Q,) b of the answer.
    log_total: Tensor
    answer_score: Tensor
    row: Tensor  # (M,) position in query
    relation: Tensor  # (M,) relation of that query
    base: Tensor  # (M,) b
    value: Tensor  # (M, C) transformed evidence
    is_answer: Tensor  # (M,) bool


def fuse_evidence(
    model: BilinearDiscriminator, graph: LayeredGraph, facts: Facts, config: FusionConfig, context: Context
) -> PhaseResult:
    """Fit gamma and set it in ``model.fusion`` where cross-validation is for it; gamma is 0 after the deadline.

    A phase of one epoch with two steps, the halves. The validation metrics returned are the cross-validated ones: no
    query is ranked with weights fitted on it.
    """
    state = context.state
    at = context.begin("fusion", 1)
    if at.best is None:
        model.fusion.gamma.zero_()
        at.best = context.rank(model.on(graph, facts).scores)
        context.report(at, 0, {}, at.best)
    queries = len(context.validation.queries[0])
    late = not at.ended and context.out_of_time()
    if graph.cointeraction is not None and queries > 1 and not at.ended and not late:
        if at.order is None:
            at.order = torch.randperm(queries, generator=state.random, device=state.random.device)
            at.totals = {"ranks": torch.zeros(queries, dtype=torch.float64)}
        fit = collect(model, graph, facts, context.validation, at.order)
        crossed = Metrics.of(_crossed_ranks(at, model, graph, facts, fit, config, context))
        if crossed.mrr > at.best.mrr:
            at.best, at.best_epoch = crossed, 1
            set_weights(model, fit, torch.ones(queries, dtype=torch.bool), config)
            state.team.align([model.fusion.gamma.detach()])  # several workers go on with the first one's fit
        else:
            model.fusion.gamma.zero_()
        context.report(at, 1, {"gamma": float(model.fusion.gamma.abs().mean())}, crossed)
    if not at.ended:
        at.epoch, at.order, at.done, at.totals = int(not late), None, 0, {}
        at.ended = "stopped" if late else "completed"
    return context.end(at)


def _crossed_ranks(
    at: PhaseState,
    model: BilinearDiscriminator,
    graph: LayeredGraph,
    facts: Facts,
    fit: Fit,
    config: FusionConfig,
    context: Context,
) -> FloatArray:
    """Ranks (Q,) of the validation queries, each with weights fitted on the other half; a half is a step to save at."""
    validation = context.validation
    while at.done < 2:
        context.state.keeper.between_steps(context.state)
        context.reporter.beat()
        triples = np.arange(len(validation.triples)) % 2 == at.done
        fold = torch.from_numpy(np.tile(triples, 2))  # both queries of a triple in the same half
        set_weights(model, fit, ~fold, config)
        context.state.team.align([model.fusion.gamma.detach()])
        half = Evaluator(validation.triples[triples], validation.index, validation.team)
        ranks = half.rank(model.on(graph, facts).scores, lambda *_: context.reporter.beat()).ranks
        at.totals["ranks"] = at.totals["ranks"].cpu().masked_scatter(fold, torch.from_numpy(ranks).double())
        at.done += 1
    return at.totals["ranks"].cpu().numpy()


@torch.no_grad()
def collect(
    model: BilinearDiscriminator,
    graph: LayeredGraph,
    facts: Facts,
    validation: Evaluator,
    order: Tensor,
) -> Fit:
    """Base scores and evidence of the validation queries, as many as ``MOST_ENTRIES`` allows, in a random ``order``."""
    assert graph.cointeraction is not None
    model.fusion.gamma.zero_()
    scorer = model.on(graph, facts)
    heads, relations, answers = validation.queries
    order = order.to(heads.device)
    parts: list[Fit] = []
    rows = entries = 0
    for block in blocks(graph.cointeraction.common, facts, heads[order]):
        part = order[block]
        if entries > MOST_ENTRIES:
            break
        scores = validation.filtered(scorer.scores(heads[part], relations[part]), part)
        evidence = gather_evidence(graph.cointeraction.common, facts, heads[part], relations[part])
        base = scores[evidence.row, evidence.entity]
        competes = ~torch.isneginf(base)
        row, entity = evidence.row[competes], evidence.entity[competes]
        parts.append(
            Fit(
                query=part,
                log_total=torch.stack([torch.logsumexp(scores * sharp, 1) for sharp in SHARPNESS], 1),
                answer_score=scores.gather(1, answers[part].unsqueeze(1)).squeeze(1),
                row=row + rows,
                relation=relations[part][row],
                base=base[competes],
                value=model.fusion.transformed(evidence.value[competes]),
                is_answer=entity == answers[part][row],
            )
        )
        rows, entries = rows + len(part), entries + len(row)
    return Fit(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def set_weights(model: BilinearDiscriminator, fit: Fit, chosen: Tensor, config: FusionConfig) -> None:
    """Fit gamma on the ``chosen`` (all validation queries,) bool and leave it in the model."""
    picked = chosen.to(fit.query.device)[fit.query]
    nll = fit.log_total - fit.answer_score.unsqueeze(1) * fit.log_total.new_tensor(SHARPNESS)
    best = int(nll[picked].mean(0).argmin()) if bool(picked.any()) else SHARPNESS.index(1.0)
    sharp = SHARPNESS[best]
    inside = picked[fit.row]
    row, relation, value = fit.row[inside], fit.relation[inside], fit.value[inside]
    log_share = fit.base[inside] * sharp - fit.log_total[:, best][row]
    covered = log_share.new_zeros(len(fit.query)).index_add_(0, row, torch.exp(log_share))
    # The share of the entities without evidence; rounding may take it below zero by an epsilon.
    log_rest = torch.log((1.0 - covered).clamp(min=torch.finfo(covered.dtype).eps))
    answered = fit.is_answer[inside]

    common = value.new_zeros(len(CHANNELS), requires_grad=True)
    own = value.new_zeros(model.fusion.gamma.shape, requires_grad=True)
    optimizer = torch.optim.LBFGS([common, own], max_iter=30, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        added = (value * (common + own).index_select(0, relation)).sum(1)
        raised = log_share + added
        # Relative to each query's largest term: on the way to the optimum the line search may go far beyond it.
        peak = log_rest.scatter_reduce(0, row, raised.detach(), "amax")
        grown = torch.exp(log_rest - peak).index_add(0, row, torch.exp(raised - peak.index_select(0, row)))
        total = (peak + torch.log(grown)).sum() - added[answered].sum()
        total = total + config.prior * own.square().sum() + COMMON_PRIOR * common.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        optimizer.step(loss)
    # The scores that are ranked are not sharpened, so the weights are scaled back.
    model.fusion.gamma.copy_((common + own).detach() / sharp)
