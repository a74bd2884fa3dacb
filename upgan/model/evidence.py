"""What the users of one side are known to have chosen, as evidence for an answer: paths in plain facts.

For a query <h, r, ?> and a candidate t, with c of upgan.graph.cointeraction (a weighted count of shared users) and the
training triples:

    target:  f_1(t) = sum_j c_hj [(j, r, t) known]     what the items that h's users also chose have there
    answer:  f_2(t) = sum_j c_tj [(h, r, j) known]     how many of t's users chose the answers already known
    direct:  f_3(t) = c_ht                             how many of h's users chose t itself
    target_linked, answer_linked:  f_1 and f_2 with any relation, in either direction, in place of r

    s(h, r, t) += sum_c gamma_{r,c} log(1 + f_c(t) / epsilon)

Each f is a sum over paths t - j - user - h, hence over users. Counts instead of means: evidence from many users weighs
more than the same share of a few. c has no diagonal, so a triple never counts for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from upgan.graph.candidates import Candidates
from upgan.graph.cointeraction import ItemWeights
from upgan.graph.facts import Facts
from upgan.graph.queries import QueryIndex
from upgan.graph.sparse import spans

CHANNELS = ("target", "answer", "direct", "target_linked", "answer_linked")

#: Queries, and paths, whose evidence is gathered together: bounds memory to about 0.3 GB. A path takes some 200 bytes
#: while equal ends are found.
MOST_QUERIES, MOST_PATHS = 512, 1_000_000

#: Query's position in the batch, entity, weight: one entry per path.
Paths = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Evidence:
    """The entities with any evidence, query by query: position in the batch, entity, f of each channel."""

    row: Tensor  # (M,)
    entity: Tensor  # (M,)
    value: Tensor  # (M, C)


def gather_evidence(
    common: ItemWeights, facts: Facts, heads: Tensor, relations: Tensor, among: Candidates | None = None
) -> Evidence:
    """(B,) queries -> their evidence, for all entities or those ``among`` alone, by segment operations on blocks."""
    row, place = spans(common.pattern.row_start, heads)
    item, weight = common.pattern.column.index_select(0, place), common.weight.index_select(0, place)
    linked = torch.zeros_like(relations)
    parts: tuple[Paths, ...] = (
        _through_target(facts.by_relation, row, item, weight, relations),
        _through_answer(common, facts.by_relation, heads, relations),
        (row, item, weight),
        _through_target(facts.linked, row, item, weight, linked),
        _through_answer(common, facts.linked, heads, linked),
    )
    if among is not None:
        parts = tuple(_inside(part, among) for part in parts)
    size, device = facts.by_relation.num_entities, heads.device
    keys = torch.cat([part[0] * size + part[1] for part in parts])
    distinct, place = torch.unique(keys, return_inverse=True)
    value = torch.zeros(len(distinct) * len(CHANNELS), dtype=weight.dtype, device=device)
    channel = torch.repeat_interleave(
        torch.arange(len(CHANNELS), device=device), torch.tensor([len(part[0]) for part in parts], device=device)
    )
    value.index_add_(0, place * len(CHANNELS) + channel, torch.cat([part[2] for part in parts]))
    return Evidence(distinct // size, distinct % size, value.view(-1, len(CHANNELS)))


def blocks(common: ItemWeights, facts: Facts, heads: Tensor) -> tuple[Tensor, ...]:
    """(B,) queries of ``heads`` -> their numbers 0 .. B-1, in blocks whose paths can be held together."""
    items = common.pattern
    entities = torch.arange(facts.linked.num_entities, device=heads.device)
    row, place = spans(items.row_start, heads)
    item = items.column.index_select(0, place)
    # Every fact of an item may be one with the query's relation, so all links count twice; bounds do.
    facts_of = _answers(facts.linked, facts.linked.rows(entities, torch.zeros_like(entities)))
    paths = torch.zeros(len(heads), dtype=torch.long, device=heads.device)
    paths.index_add_(0, row, 1 + 2 * facts_of.index_select(0, item))
    row, known = facts.linked.answers_of(facts.linked.rows(heads, torch.zeros_like(heads)))
    paths.index_add_(0, row, 2 * torch.diff(items.column_start).index_select(0, known))
    ends = torch.cumsum(torch.clamp(paths, min=-(-MOST_PATHS // MOST_QUERIES)), 0)
    _, sizes = torch.unique_consecutive((ends - 1) // MOST_PATHS, return_counts=True)
    parts: tuple[Tensor, ...] = torch.arange(len(heads), device=heads.device).split(sizes.tolist())
    return parts


def _answers(index: QueryIndex, rows: Tensor) -> Tensor:
    """(B,) rows (-1: none) -> (B,) how many answers each has."""
    if not len(index):
        return torch.zeros_like(rows)
    return torch.where(rows < 0, 0, torch.diff(index.start).index_select(0, rows.clamp(min=0)))


def _inside(paths: Paths, among: Candidates) -> Paths:
    row, entity, weight = paths
    inside = among.column.index_select(0, entity) >= 0
    return row[inside], entity[inside], weight[inside]


def _through_target(index: QueryIndex, row: Tensor, item: Tensor, weight: Tensor, relations: Tensor) -> Paths:
    """h - user - j - fact - t: what the items in the rows of the heads have."""
    at, answer = index.answers_of(index.rows(item, relations.index_select(0, row)))
    return row.index_select(0, at), answer, weight.index_select(0, at)


def _through_answer(common: ItemWeights, index: QueryIndex, heads: Tensor, relations: Tensor) -> Paths:
    """h - fact - j - user - t: the items whose rows hold a known answer."""
    row, known = index.answers_of(index.rows(heads, relations))
    back, place = spans(common.pattern.column_start, known)  # the column of j: t and c_tj
    weight = common.weight.index_select(0, common.pattern.transposed_order.index_select(0, place))
    return row.index_select(0, back), common.pattern.transposed_row.index_select(0, place), weight


class EvidenceFusion(nn.Module):
    """gamma, one weight per relation (and direction) and channel; zero until it is fitted on validation."""

    def __init__(self, num_relations: int, smoothing: float) -> None:
        super().__init__()
        self.smoothing = smoothing
        self.gamma = nn.Parameter(torch.zeros(2 * num_relations, len(CHANNELS)), requires_grad=False)

    @property
    def silent(self) -> bool:
        return not bool(self.gamma.any())

    def transformed(self, value: Tensor) -> Tensor:
        """(M, C) f -> log(1 + f / epsilon)."""
        return torch.log1p(value / self.smoothing)

    def add(
        self,
        scores: Tensor,
        common: ItemWeights,
        facts: Facts,
        heads: Tensor,
        relations: Tensor,
        among: Candidates | None = None,
    ) -> Tensor:
        """(B, E) scores of the queries, or (B, C) of the candidates ``among``, with their evidence added, in place."""
        kinds = 2 * facts.by_relation.num_relations
        spoken = self.gamma.any(1).index_select(0, relations).nonzero().flatten()
        keys, inverse = torch.unique((heads * kinds + relations)[spoken], return_inverse=True)
        distinct_heads, distinct_relations = keys // kinds, keys % kinds
        order = torch.argsort(inverse, stable=True)  # equal queries beside each other
        starts = torch.searchsorted(inverse[order], torch.arange(len(keys) + 1, device=keys.device))
        for part in blocks(common, facts, distinct_heads):
            evidence = gather_evidence(common, facts, distinct_heads[part], distinct_relations[part], among)
            gamma = self.gamma.index_select(0, distinct_relations[part]).index_select(0, evidence.row)
            added = (self.transformed(evidence.value).to(gamma) * gamma).sum(1).to(scores.dtype)
            column = evidence.entity if among is None else among.column.index_select(0, evidence.entity)
            position, place = spans(starts, part.index_select(0, evidence.row))
            scores[spoken[order[place]], column[position]] += added[position]
        return scores
