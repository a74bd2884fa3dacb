"""Mini-batches of queries, and the candidates that a step draws for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from upgan.graph.queries import QueryIndex
from upgan.types import IntArray


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


class Drawn(NamedTuple):
    """Candidates of a step."""

    #: (N,) distinct entities.
    entities: Tensor
    #: (N,) how likely each was to be among them, float64; None: all alike.
    chance: Tensor | None = None


def chances(weight: Tensor, count: int) -> Tensor:
    """(M,) positive weights -> chances in proportion to them, at most 1 each, that sum to ``count`` < M; float64."""
    weight = weight.double()
    top = weight.topk(count).values
    rest = weight.sum() - torch.cat([top.new_zeros(1), top[:-1].cumsum(0)])  # without so many of the largest
    places = torch.arange(count, device=weight.device)
    certain = ((count - places) * top > rest).sum()  # so many are always drawn
    scale = (count - certain) / rest.index_select(0, certain.view(1))
    return (weight * scale).clamp_max_(1.0)


def draw_by_chance(pool: Tensor, chance: Tensor, count: int, random: torch.Generator) -> Drawn:
    """``count`` of a (M,) pool in random order, each with its own chance; these sum to ``count``.

    Systematic: one random number, and from it on every whole step along the summed chances. So each entity is drawn at
    most once, with exactly its chance (Madow, Ann. Math. Stat. 1949).
    """
    begin = torch.rand(1, generator=random, dtype=torch.float64, device=random.device)
    at = onto(begin, pool.device) + torch.arange(count, device=pool.device)
    place = torch.searchsorted(chance.cumsum(0), at, right=True).clamp_max_(len(pool) - 1)
    return Drawn(pool.index_select(0, place), chance.index_select(0, place))


def places_in(pool: Tensor, entities: Tensor, num_entities: int) -> Tensor:
    """(M,) the place of each entity in the (N,) pool; N where it is not in it."""
    place = torch.full((num_entities,), len(pool), dtype=torch.long, device=pool.device)
    place.index_copy_(0, pool, torch.arange(len(pool), device=pool.device))
    return place.index_select(0, entities)


def marked(pool: Tensor, row: Tensor, known: Tensor, queries: int, num_entities: int) -> Tensor:
    """(B, N) True where the pool's entity is a known answer of the query; (M,) rows and answers say which are known."""
    # Answers outside the pool are noted in a column of their own, which is then left out: nothing is counted, which a
    # GPU would have to tell.
    marks = torch.zeros(queries, len(pool) + 1, dtype=torch.bool, device=pool.device)
    place = places_in(pool, known, num_entities)
    return marks.index_put_((row, place), marks.new_ones(()))[:, :-1].contiguous()


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
        if (first, last) == (0, len(self.heads)):  # selecting, a GPU would have to tell how many pairs there are
            return self
        pairs = (self.row >= first) & (self.row < last)
        known = (self.known_row >= first) & (self.known_row < last)
        return Batch(
            triples=self.triples,
            heads=self.heads[first:last],
            relations=self.relations[first:last],
            row=self.row[pairs] - first,
            answer=self.answer[pairs],
            known_row=self.known_row[known] - first,
            known=self.known[known],
        )

    @property
    def weight(self) -> Tensor:
        """(B,) how many pairs each query stands for."""
        return torch.zeros_like(self.heads).index_add_(0, self.row, torch.ones_like(self.row))

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: onto(value, device) for name, value in vars(self).items()})


class Sampler(ABC):
    """Goes through its rows once per epoch, in a random order, ``size`` of them at a time.

    Batches are put together on the host, and brought to the index's device when they are whole: how many queries and
    answers there are, a GPU would have to finish its work to tell.
    """

    def __init__(self, rows: int, index: QueryIndex, size: int, generator: torch.Generator) -> None:
        self.rows, self.size, self.generator = rows, size, generator
        self.index, self.device = index.to("cpu"), index.heads.device

    def __len__(self) -> int:
        return -(-self.rows // self.size)

    def order(self) -> Tensor:
        """A new random order (N,) of the rows."""
        return torch.randperm(self.rows, generator=self.generator, device=self.generator.device).cpu()

    def __iter__(self) -> Iterator[Batch]:
        yield from map(self.batch, self.order().split(self.size))

    @abstractmethod
    def batch(self, part: Tensor) -> Batch:
        """The mini-batch of some rows."""

    def _batch(self, queries: Tensor, triples: Tensor, *pairs: Tensor) -> Batch:
        """The distinct (B,) ``queries`` as a mini-batch; ``pairs`` are its row, answer, known_row and known."""
        heads, relations = self.index.heads.index_select(0, queries), self.index.relations.index_select(0, queries)
        return Batch(triples, heads, relations, *pairs).to(self.device)


class BatchSampler(Sampler):
    """All training triples, each asked in both directions.

    A triple's two queries are always in the same batch, so that masking the batch's triples takes every answer asked
    for out of the graph.
    """

    def __init__(self, triples: IntArray, index: QueryIndex, size: int, generator: torch.Generator) -> None:
        super().__init__(len(triples), index, size, generator)
        self.triples = torch.tensor(triples)

    def batch(self, part: Tensor) -> Batch:
        """(T,) training triples -> their queries, pairs and known answers."""
        part = part.cpu()
        rows = self.index.row_of_triple
        both = torch.cat([rows.index_select(0, part), rows.index_select(0, part + len(self.triples))])
        distinct, position = torch.unique(both, return_inverse=True)
        known_row, known = self.index.answers_of(distinct)
        answer = torch.cat([self.triples[part, 2], self.triples[part, 0]])
        return self._batch(distinct, part, position, answer, known_row, known)


def query_order(index: QueryIndex, random: torch.Generator) -> Tensor:
    """(Q,) the distinct training queries in a new random order."""
    return torch.randperm(len(index), generator=random, device=random.device).to(index.heads.device)


class QuerySampler(Sampler):
    """All distinct training queries, each with all its training answers.

    Cheaper than triples where queries have many answers. A batch's ``triples`` are those that its queries ask for.
    """

    def __init__(self, index: QueryIndex, size: int, generator: torch.Generator) -> None:
        super().__init__(len(index), index, size, generator)

    def batch(self, part: Tensor) -> Batch:
        """(B,) queries -> all their answers, which are all the known ones too."""
        part = part.cpu()
        position, place = self.index.places_of(part)
        answer = self.index.answer.index_select(0, place)
        triples = torch.unique(self.index.triple.index_select(0, place))
        return self._batch(part, triples, position, answer, position, answer)
