"""A query that is followed through training: its answer's rank, who speaks for it, and what the generator would offer.

It only looks: it draws from a generator of its own, so that training is the same with it and without.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch

from upgan.config.sections import PinnedConfig
from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity, resolve_query
from upgan.data.query import Query
from upgan.evaluation.ranks import filtered_ranks
from upgan.explain.answering import EXPLAINERS
from upgan.explain.base import SeenGraph
from upgan.graph.layered import LayeredGraph
from upgan.graph.queries import QueryIndex
from upgan.model.base import FullScorer, Model
from upgan.model.generator import Generator
from upgan.types import IntArray

#: Seed of the noise that the generator's look at the query gets: the same at every evaluation.
NOISE_SEED = 0


@dataclass(frozen=True)
class PinnedQuery:
    """A query with the number of the answer that is followed, and what its numbers are computed from."""

    dataset: KGDataset
    graph: LayeredGraph
    triples: IntArray
    interactions: IntArray
    known: QueryIndex
    query: Query
    answer: int
    top: int

    @torch.no_grad()
    def look(self, model: Model, scorer: FullScorer, generator: Generator | None) -> dict[str, Any]:
        """Where the query stands: filtered rank, score, heaviest users of the target, likeliest negatives of G."""
        heads, relations = (torch.tensor([number], device=self.known.heads.device) for number in self._numbers)
        scores = scorer.scores(heads, relations)
        score = float(scores[0, self.answer])
        position, known = self.known.answers_of(self.known.rows(heads, relations))
        answers = torch.tensor([self.answer], device=scores.device)
        rank = filtered_ranks(scores, answers, position, known)
        return {
            "rank": float(rank[0]),
            "score": score,
            "users": self._users(model),
            "negatives": [] if generator is None else self._negatives(generator),
        }

    @property
    def _numbers(self) -> tuple[int, int]:
        return self.query.numbers(self.dataset)

    def _users(self, model: Model) -> list[dict[str, Any]]:
        make = EXPLAINERS.get(model.users_in)
        if make is None:  # no users, or no weights of single users
            return []
        copied = copy.deepcopy(model).double().cpu()  # explanations are computed in float64
        explainer = make(SeenGraph(self.dataset, self.graph.to("cpu"), self.triples, self.interactions), copied)
        users = explainer.influence(*self._numbers, self.answer).users[: self.top]
        return [{"id": user.id, "weight": float(user.weight)} for user in users]

    def _negatives(self, generator: Generator) -> list[dict[str, Any]]:
        """The entities that G finds likeliest in a pool of all of them, known answers left out (Eq. 12)."""
        device = generator.entity.device
        heads, relations = (torch.tensor([number], device=device) for number in self._numbers)
        everything = torch.arange(len(generator.entity), device=device)
        noise = torch.Generator(device).manual_seed(NOISE_SEED)
        logits = generator.logits(heads, relations, everything, noise)
        _, known = self.known.answers_of(self.known.rows(heads, relations))
        logits[0, known] = -torch.inf
        likely = torch.softmax(logits[0], dim=0).topk(min(self.top, len(everything)))
        return [
            {"id": self.dataset.entities[entity], "probability": probability}
            for entity, probability in zip(likely.indices.tolist(), likely.values.tolist(), strict=True)
            if probability > 0
        ]


def pinned_query(
    config: PinnedConfig,
    dataset: KGDataset,
    graph: LayeredGraph,
    triples: IntArray,
    interactions: IntArray,
    known: QueryIndex,
) -> PinnedQuery | None:
    """The query that the settings pin, None where they pin none; QueryError for a name the dataset does not hold."""
    if not config.relation:
        return None
    query = resolve_query(dataset, config.head or None, config.relation, config.tail or None)
    answer = resolve_entity(dataset, config.answer)
    return PinnedQuery(dataset, graph, triples, interactions, known, query, answer, config.top)
