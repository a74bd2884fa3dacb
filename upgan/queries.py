"""Triples as queries: every distinct (h, r) once, both directions, with all its known answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from upgan.sparse import spans

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class QueryIndex:
    """The distinct queries of some triples (T, 3), asked both ways, and their answers row by row.

    A triple (h, r, t) answers <h, r, ?> with t and <t, r + R, ?> with h.
    """

    num_entities: int
    num_relations: int
    heads: Tensor  # (Q,)
    relations: Tensor  # (Q,) 0 .. 2R-1
    start: Tensor  # (Q + 1,) where each query's answers begin
    answer: Tensor  # (2T,) answers, query by query
    key: Tensor  # (Q,) h * 2R + r, ascending: how a query is found
    triple: Tensor  # (2T,) the triple each answer comes from, in the order of ``answer``
    #: (2T,) query row of each triple asked forwards (first T) and backwards (last T).
    row_of_triple: Tensor

    @staticmethod
    def build(triples: IntArray, num_entities: int, num_relations: int) -> QueryIndex:
        heads = np.concatenate([triples[:, 0], triples[:, 2]])
        relations = np.concatenate([triples[:, 1], triples[:, 1] + num_relations])
        answers = np.concatenate([triples[:, 2], triples[:, 0]])
        keys = heads * (2 * num_relations) + relations
        # By key, then by answer. torch sorts whole numbers by their digits, in linear time; numpy compares them.
        by_answer = torch.argsort(torch.from_numpy(answers), stable=True)
        order = by_answer[torch.argsort(torch.from_numpy(keys)[by_answer], stable=True)].numpy()
        begins = np.diff(keys[order], prepend=-1) != 0
        distinct, row = keys[order][begins], np.empty(len(keys), dtype=np.int64)
        row[order] = np.cumsum(begins) - 1
        start = np.append(np.flatnonzero(begins), len(keys))
        return QueryIndex(
            num_entities=num_entities,
            num_relations=num_relations,
            heads=torch.from_numpy(distinct // (2 * num_relations)),
            relations=torch.from_numpy(distinct % (2 * num_relations)),
            start=torch.from_numpy(start),
            answer=torch.from_numpy(answers[order]),
            triple=torch.from_numpy(order % max(len(triples), 1)),
            key=torch.from_numpy(distinct),
            row_of_triple=torch.from_numpy(row),
        )

    def without(self, triples: IntArray) -> QueryIndex:
        """The index of all triples but those with these numbers, as if it were built of them."""
        stays = np.ones(len(self.row_of_triple) // 2, dtype=bool)
        stays[triples] = False
        number = np.cumsum(stays) - 1
        kept = stays[self.triple.numpy()]
        start = np.concatenate([[0], np.cumsum(kept)])[self.start.numpy()]
        asked = np.diff(start) > 0
        row = self.row_of_triple.numpy()[np.concatenate([stays, stays])]
        return QueryIndex(
            num_entities=self.num_entities,
            num_relations=self.num_relations,
            heads=self.heads[torch.from_numpy(asked)],
            relations=self.relations[torch.from_numpy(asked)],
            start=torch.from_numpy(np.concatenate([start[:-1][asked], start[-1:]])),
            answer=self.answer[torch.from_numpy(kept)],
            triple=torch.from_numpy(number[self.triple.numpy()[kept]]),
            key=self.key[torch.from_numpy(asked)],
            row_of_triple=torch.from_numpy((np.cumsum(asked) - 1)[row]),
        )

    def __len__(self) -> int:
        return len(self.heads)

    def to(self, device: torch.device | str) -> QueryIndex:
        tensors = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return QueryIndex(num_entities=self.num_entities, num_relations=self.num_relations, **tensors)

    def triples(self) -> Tensor:
        """(T, 3) the triples that the index was built of, in their order."""
        count = len(self.row_of_triple) // 2
        forward, backward = self.row_of_triple[:count], self.row_of_triple[count:]
        return torch.stack([self.heads[forward], self.relations[forward], self.heads[backward]], dim=1)

    def rows(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(B,) queries -> (B,) their rows here; -1 for a query without a known answer."""
        if not len(self):
            return torch.full_like(heads, -1)
        keys = heads * (2 * self.num_relations) + relations
        found = torch.searchsorted(self.key, keys).clamp_(max=len(self) - 1)
        return torch.where(self.key.index_select(0, found) == keys, found, -1)

    def answers_of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) rows (-1: none) -> (position in B, answer) pairs of all their known answers, position ascending."""
        position, place = self.places_of(rows)
        return position, self.answer.index_select(0, place)

    def places_of(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) rows (-1: none) -> (position in B, place in ``answer``) of all their known answers."""
        if not len(self):
            return rows.new_empty(0), rows.new_empty(0)
        return spans(self.start, rows)


def onto(value: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on ``device``, without waiting for what the device is doing."""
    if device.type == "cpu":
        return value
    return value.pin_memory().to(device, non_blocking=True)


def draw_pool(num_entities: int, size: int, random: torch.Generator, device: torch.device) -> Tensor:
    """(N,) distinct entities, each as likely as any other: N is ``size``, or all of them where there are no more."""
    drawn = torch.randperm(num_entities, generator=random, device=random.device)[:size]
    return onto(drawn, device) if drawn.device.type == "cpu" else drawn


def draw_candidates(size: int, num_entities: int, random: torch.Generator, device: torch.device) -> Tensor | None:
    """The pool of a 1-N step that draws ``size`` candidates; None where it takes all: for 0, or no fewer entities.

    Nothing is drawn for None, so that such a training is the same as one that knows no candidates.
    """
    return draw_pool(num_entities, size, random, device) if 0 < size < num_entities else None


@dataclass(frozen=True)
class Batch:
    """A mini-batch of training triples as distinct queries."""

    triples: Tensor  # (T,) training triples in it
    heads: Tensor  # (B,)
    relations: Tensor  # (B,)
    row: Tensor  # (P,) query position of each pair asked for; P = 2T
    answer: Tensor  # (P,)
    known_row: Tensor  # query position and answer of every known training answer of these queries
    known: Tensor

    def part(self, first: int, last: int) -> Batch:
        """The queries first .. last with their pairs; ``triples`` stay those of the whole mini-batch."""
        asked = (self.row >= first) & (self.row < last)
        known = (self.known_row >= first) & (self.known_row < last)
        return Batch(
            triples=self.triples,
            heads=self.heads[first:last],
            relations=self.relations[first:last],
            row=self.row[asked] - first,
            answer=self.answer[asked],
            known_row=self.known_row[known] - first,
            known=self.known[known],
        )

    @property
    def weight(self) -> Tensor:
        """(B,) how many pairs each query stands for."""
        return torch.zeros_like(self.heads).index_add_(0, self.row, torch.ones_like(self.row))

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: onto(value, device) for name, value in vars(self).items()})


class BatchSampler:
    """All training triples once per epoch, in a random order, each asked in both directions.

    A triple's two queries are always in the same batch, so that masking the batch's triples takes every answer asked
    for out of the graph.
    """

    def __init__(self, triples: IntArray, index: QueryIndex, size: int, generator: torch.Generator) -> None:
        self.triples = torch.tensor(triples)
        #: Batches are put together on the host, and brought to the index's device when they are whole: how many queries
        #: and answers there are, a GPU would have to finish its work to tell.
        self.index, self.device = index.to("cpu"), index.heads.device
        self.size = size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.triples) // self.size)

    def order(self) -> Tensor:
        """A new random order (T,) of the triples."""
        order = torch.randperm(len(self.triples), generator=self.generator, device=self.generator.device)
        return order.cpu()

    def __iter__(self) -> Iterator[Batch]:
        yield from map(self.batch, self.order().split(self.size))

    def batch(self, part: Tensor) -> Batch:
        """(T,) training triples -> their queries, pairs and known answers."""
        part = part.cpu()
        rows = self.index.row_of_triple
        both = torch.cat([rows.index_select(0, part), rows.index_select(0, part + len(self.triples))])
        distinct, position = torch.unique(both, return_inverse=True)
        known_row, known = self.index.answers_of(distinct)
        answer = torch.cat([self.triples[part, 2], self.triples[part, 0]])
        return Batch(
            triples=part,
            heads=self.index.heads.index_select(0, distinct),
            relations=self.index.relations.index_select(0, distinct),
            row=position,
            answer=answer,
            known_row=known_row,
            known=known,
        ).to(self.device)


def query_order(index: QueryIndex, random: torch.Generator) -> Tensor:
    """(Q,) the distinct training queries in a new random order."""
    return torch.randperm(len(index), generator=random, device=random.device).to(index.heads.device)


class QuerySampler:
    """All distinct training queries once per epoch, in a random order, each with all its training answers.

    Cheaper than triples where queries have many answers. A batch's ``triples`` are those that its queries ask for.
    """

    def __init__(self, index: QueryIndex, size: int, generator: torch.Generator) -> None:
        self.index, self.device = index.to("cpu"), index.heads.device
        self.size = size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.index) // self.size)

    def order(self) -> Tensor:
        """A new random order (Q,) of the queries."""
        order = torch.randperm(len(self.index), generator=self.generator, device=self.generator.device)
        return order.cpu()

    def __iter__(self) -> Iterator[Batch]:
        yield from map(self.batch, self.order().split(self.size))

    def batch(self, rows: Tensor) -> Batch:
        """(B,) queries -> all their answers, which are all the known ones too."""
        rows = rows.cpu()
        position, place = self.index.places_of(rows)
        answer = self.index.answer.index_select(0, place)
        return Batch(
            triples=torch.unique(self.index.triple.index_select(0, place)),
            heads=self.index.heads.index_select(0, rows),
            relations=self.index.relations.index_select(0, rows),
            row=position,
            answer=answer,
            known_row=position,
            known=answer,
        ).to(self.device)


Sampler = BatchSampler | QuerySampler
