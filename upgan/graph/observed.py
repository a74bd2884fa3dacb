"""What of a dataset a model may see: its training triples and interactions, or a controlled share of them.

The graph is built here and nowhere else, so that training, answering and explaining see the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.graph.cointeraction import CoInteraction, build_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.layered import LayeredGraph, build_graph
from upgan.graph.marked import Marked
from upgan.graph.said import Said, said_by_users
from upgan.types import IntArray

#: Rounds of a shuffle of each kind: of permutations at most so many, and fewer where they would go through more than so
#: many rows in all, but some at least; each pair that is left is offered so many partners in a round at most.
SHUFFLE_ROUNDS, SHUFFLED_ROWS, LEAST_ROUNDS, MOST_OFFERS = 200, 20_000_000, 10, 50


@dataclass(frozen=True)
class Seen:
    """What a system may see of a dataset: nothing but training triples and interactions."""

    num_entities: int
    num_relations: int
    num_users: int
    #: (T, 3) head, relation (0 .. R-1), tail; (M, 2) user, item as an entity.
    triples: Tensor
    interactions: Tensor
    #: (M,) of the interactions: float64, NaN unknown; int64, upgan.data.marks.NO_TIME unknown. None: the data has none.
    ratings: Tensor | None = None
    times: Tensor | None = None


def seen_triples(dataset: KGDataset, config: Config) -> IntArray:
    """(T, 3) the training triples, or a random share of them; the draw depends on the seed alone."""
    return _share(dataset.train, config.graph.triple_share, config.seed)


def seen_interactions(dataset: KGDataset, config: Config) -> IntArray:
    """(M, 2) the interactions, or a random share of them; "shuffled" lets their items change places."""
    interactions = _share(dataset.interactions, config.graph.interaction_share, config.seed)
    return interactions if config.graph.interactions == "real" else shuffled(interactions, config.seed)


def seen_marks(dataset: KGDataset, config: Config) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Ratings float64 (M,) and times int64 (M,) of ``seen_interactions``, row by row; None where the data has none.

    Where the items change places, a user keeps the own ratings and times: what was chosen is permuted, not how much it
    was liked and when.
    """
    share, seed = config.graph.interaction_share, config.seed
    ratings, times = dataset.ratings, dataset.times
    return (
        None if ratings is None else _share(ratings, share, seed),
        None if times is None else _share(times, share, seed),
    )


def seen_marked(dataset: KGDataset, config: Config) -> Marked:
    """``seen_interactions`` with ``seen_marks``."""
    return Marked(seen_interactions(dataset, config), *seen_marks(dataset, config))


def seen_data(dataset: KGDataset, config: Config) -> Seen:
    """What a compared system is built on."""
    ratings, times = seen_marks(dataset, config)
    return Seen(
        dataset.num_entities,
        dataset.num_relations,
        dataset.num_users,
        torch.tensor(seen_triples(dataset, config)),
        torch.tensor(seen_interactions(dataset, config)),
        None if ratings is None else torch.tensor(ratings),
        None if times is None else torch.tensor(times),
    )


def shuffled(interactions: IntArray, seed: int) -> IntArray:
    """(M, 2) pairs with their items permuted: every user and every item keeps its number of interactions.

    The users stay in their rows, and so do the rows' ratings and times.
    A permutation may give a user the same item twice. Such pairs are permuted again together with as many others, and
    what is left after some rounds (in a dense log, where the next permutation repeats as many) exchanges items with
    others where neither user has the other's. Where a user has nearly everything, some may stay.
    """
    random = np.random.default_rng([seed, 1])
    pairs = interactions.copy()
    pairs[:, 1] = random.permutation(pairs[:, 1])
    for _ in range(int(np.clip(SHUFFLED_ROWS // max(len(pairs), 1), LEAST_ROUNDS, SHUFFLE_ROUNDS))):
        again = _repeated(_keys(pairs))[0]
        if not len(again):
            return pairs
        moved = np.union1d(again, random.integers(len(pairs), size=len(again)))
        pairs[moved, 1] = random.permutation(pairs[moved, 1])
    for _ in range(SHUFFLE_ROUNDS):
        again, ascending = _repeated(_keys(pairs))
        if not len(again):
            break
        one, other = _exchanges(pairs, again, ascending, random)
        pairs[one, 1], pairs[other, 1] = pairs[other, 1], pairs[one, 1]
    return pairs


def _keys(pairs: IntArray) -> IntArray:
    """(M, 2) -> (M,) one number for each pair."""
    keys: IntArray = pairs[:, 0] * (1 + int(pairs[:, 1].max(initial=0))) + pairs[:, 1]
    return keys


def _repeated(keys: IntArray) -> tuple[IntArray, IntArray]:
    """(M,) -> the rows (ascending) whose key an earlier one has, and the keys, ascending."""
    order = np.argsort(keys, kind="stable")
    ascending = keys[order]
    return np.sort(order[1:][ascending[1:] == ascending[:-1]]), ascending


def _exchanges(
    pairs: IntArray, again: IntArray, ascending: IntArray, random: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows of (M, 2) ``pairs`` whose items can change places, each in one exchange at most, for as many of the repeated
    ones (``again``) as a draw of partners allows; ``ascending``: the keys of all pairs."""
    size = 1 + int(pairs[:, 1].max())
    offers = int(np.clip(len(pairs) // (10 * len(again)), 1, MOST_OFFERS))
    one, other = np.repeat(again, offers), random.integers(len(pairs), size=offers * len(again))
    keys = np.stack([pairs[one, 0] * size + pairs[other, 1], pairs[other, 0] * size + pairs[one, 1]])
    place = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
    free = (ascending[place] != keys).all(axis=0) & ~np.isin(other, again)
    one, other, keys = one[free], other[free], keys[:, free]
    for side in (0, 1):  # the first offer of each
        first = np.sort(np.unique((one, other)[side], return_index=True)[1])
        one, other, keys = one[first], other[first], keys[:, first]
    _, inverse, count = np.unique(keys, return_inverse=True, return_counts=True)
    alone = (count[inverse.reshape(keys.shape)] == 1).all(axis=0)  # no two exchanges make the same pair
    return one[alone], other[alone]


def seen_graph(dataset: KGDataset, config: Config, until: float = math.inf) -> LayeredGraph:
    """The interaction-augmented graph of what is seen, with co-interactions where the score reads them.

    Raises TrainingError where these are not counted by ``until`` (of ``time.monotonic()``).
    """
    return graph_of(dataset, config, seen_triples(dataset, config), seen_marked(dataset, config), until=until)


def graph_of(
    dataset: KGDataset,
    config: Config,
    triples: IntArray,
    marked: Marked,
    cointeraction: CoInteraction | None = None,
    likely: IntArray | None = None,
    said: tuple[Said, ...] | None = None,
    until: float = math.inf,
) -> LayeredGraph:
    """The graph as ``seen_graph`` builds it, over other (T, 3) triples and (M, 2) marked interactions of the dataset.

    ``cointeraction`` where it is there already; edges between layers, which it stands in for, are then left out.
    ``likely``: distances of a graph much like this one. ``said``: of the same interactions, where it is there already.
    """
    sizes = (dataset.num_entities, dataset.num_users)
    interactions = marked.interactions
    walked = cointeraction is None
    if walked and config.reads == "co-interactions":
        settings = config.model.co_interaction
        cointeraction = build_cointeraction(
            interactions,
            *sizes,
            power=settings.power,
            neighbours=settings.neighbours,
            counted=settings.counted,
            most_items=settings.most_items,
            until=until,
        )
    if said is None and cointeraction is not None and config.has_walks:
        said = said_by_users(cointeraction, marked, config.walks.hears, until)
    graph = build_graph(
        triples,
        interactions,
        *sizes,
        dataset.num_relations,
        cointeraction=cointeraction,
        walked=walked,
        likely=likely,
        whole=config.reads == "whole",
    )
    return replace(graph, said=said or ())


def seen_facts(dataset: KGDataset, config: Config) -> Facts | None:
    """The training triples as evidence reads them; None for a model whose score does not."""
    return facts_of(dataset, config, seen_triples(dataset, config))


def facts_of(dataset: KGDataset, config: Config, triples: IntArray) -> Facts | None:
    """``seen_facts`` over other (T, 3) triples of the dataset."""
    return Facts.build(triples, dataset.num_entities, dataset.num_relations) if config.reads_facts else None


def _share(rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A random ``share`` of the rows in their order; all of them for 1. Arrays of equal length lose the same rows."""
    if share >= 1.0:
        return rows
    chosen = np.random.default_rng([seed, 0]).permutation(len(rows))[: round(share * len(rows))]
    return rows[np.sort(chosen)]
