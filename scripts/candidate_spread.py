"""How far drawn candidates are off: python scripts/candidate_spread.py RUN START [--candidates 128 512 2048]

RUN is a finished run of preset `quality`, START the ComplEx run that it began with. For training queries drawn at
random, p is RUN's softmax over the entities that a query does not know; its sum, estimated from candidates that are
drawn with chances pi, has the relative variance sum_e p_e^2 (1 / pi_e - 1), each entity drawn or not by itself. The
table has its mean and median over the queries, for candidates drawn evenly, by popularity, and as G proposes, which is
START with an untrained MLP: over a pool of four times as many drawn evenly, as training does it, and over all entities.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import upgan
from measuring import options
from upgan.graph.queries import QueryIndex
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.factorisation import Factorisation
from upgan.model.generator import Generator
from upgan.objectives.batches import chances
from upgan.training.candidates import POOL, with_evenly
from upgan.training.checkpoint import load_run

QUERIES = 1024


def softmax_without(scores: Tensor, known: Tensor) -> Tensor:
    """(B, E) scores and what is known -> the softmax of the rest, float64."""
    return torch.softmax(scores.double().masked_fill(known, -torch.inf), dim=1)


def spreads(
    p: Tensor, proposed: Tensor, count: Tensor, number: int, random: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """(B,) relative variances of each way to draw ``number`` candidates; ``proposed``: (B, E) G's softmax, ``count``:
    (E,) how many triples an entity stands in."""
    squares, size = p.square(), p.shape[1]
    yield "evenly", squares.sum(1) * (size / number - 1)
    yield "by popularity", squares @ (1 / chances(with_evenly(count), number) - 1)
    pool = torch.randperm(size, generator=random)[: POOL * number]
    part = proposed[:, pool] / proposed[:, pool].sum(1, keepdim=True)
    chance = chances(with_evenly(part.square().mean(0).sqrt()), number)
    times = size / len(pool)
    yield "proposed from a pool", squares.sum(1) * (times - 1) + times**2 * (squares[:, pool] @ (1 / chance - 1))
    yield "proposed from all", squares @ (1 / chances(with_evenly(proposed.square().mean(0).sqrt()), number) - 1)


@torch.no_grad()
def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--candidates", type=int, nargs="+", default=[128, 512, 2048])
    given = parser.parse_args()
    predictor, model, start = upgan.load(given.run), load_run(given.run).model, load_run(given.start).model
    assert isinstance(model, BilinearDiscriminator)
    assert isinstance(start, Factorisation)
    data, random = predictor.dataset, torch.Generator().manual_seed(0)
    index = QueryIndex.build(data.train, data.num_entities, data.num_relations)
    rows = torch.randperm(len(index), generator=random)[:QUERIES]
    heads, relations = index.heads[rows], index.relations[rows]
    known = torch.zeros(len(rows), data.num_entities, dtype=torch.bool).index_put_(
        index.answers_of(rows), torch.tensor(True)
    )
    torch.manual_seed(0)
    generator = Generator(data.num_entities, data.num_relations, predictor.config.model.dim, 2, 1.0, start.product)
    generator.initialise_from(start)
    everyone = torch.arange(data.num_entities)
    preferences = model.preferences(predictor.graph)
    queries = model.queries(heads, relations, preferences)
    p = softmax_without(queries.against(model.table(preferences)), known)
    proposed = softmax_without(generator.logits(heads, relations, everyone, random), known)
    count = torch.bincount(index.answer, minlength=data.num_entities)
    print("| candidates | drawn | mean | median |\n| ---: | --- | ---: | ---: |")
    for number in given.candidates:
        for name, spread in spreads(p, proposed, count, number, random):
            print(f"| {number:,} of {data.num_entities:,} | {name} | {spread.mean():.3f} | {spread.median():.3f} |")


if __name__ == "__main__":
    main()
