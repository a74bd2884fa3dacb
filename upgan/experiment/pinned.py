"""A query that is followed through training: its answer's rank, who speaks for it, and what the generator would offer.

It only looks: it draws from a generator of its own, so that training is the same with it and without.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from upgan.config.settings import PinnedConfig
from upgan.data.dataset import KGDataset
from upgan.data.lookup import resolve_entity, resolve_relation
from upgan.evaluation.metrics import Metrics
from upgan.evaluation.ranks import filtered_ranks
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.layered import Explainer
from upgan.graph.layered import IntArray, LayeredGraph
from upgan.graph.queries import QueryIndex
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import FullScorer, Model
from upgan.model.discriminator import Discriminator
from upgan.model.generator import Generator
from upgan.training.loop import Reporter, Values

#: Seed of the noise that the generator's look at the query gets: the same at every evaluation.
NOISE_SEED = 0


@dataclass(frozen=True)
class PinnedQuery:
    """<entity, relation, ?> with the answer that is followed; relation 0 .. 2R-1."""

    dataset: KGDataset
    graph: LayeredGraph
    triples: IntArray
    interactions: IntArray
    known: QueryIndex
    entity: int
    relation: int
    answer: int
    top: int

    @torch.no_grad()
    def look(self, scorer: FullScorer, generator: Generator | None) -> dict[str, Any]:
        """Where the query stands: filtered rank, score, heaviest users of the target, likeliest negatives of G."""
        heads, relations = (torch.tensor([number], device=self.known.heads.device) for number in self._query)
        scores = scorer.scores(heads, relations)
        score = float(scores[0, self.answer])
        position, known = self.known.answers_of(self.known.rows(heads, relations))
        answers = torch.tensor([self.answer], device=scores.device)
        rank = filtered_ranks(scores, answers, position, known)
        return {
            "rank": float(rank[0]),
            "score": score,
            "users": self._users(scorer.model),
            "negatives": [] if generator is None else self._negatives(generator),
        }

    @property
    def _query(self) -> tuple[int, int]:
        return self.entity, self.relation

    def _users(self, model: Model) -> list[dict[str, Any]]:
        parts = self.dataset, self.graph.to("cpu"), self.triples, self.interactions
        copied: Any = copy.deepcopy(model).double().cpu()  # explanations are computed in float64
        explainer: Explainer | CoInteractionExplainer
        if isinstance(model, BilinearDiscriminator):
            explainer = CoInteractionExplainer(*parts, copied)
        elif isinstance(model, Discriminator) and model.config.propagation.form == "layered":
            explainer = Explainer(*parts, copied)
        else:  # no users, or no weights of single users
            return []
        users = explainer.influence(self.entity, self.relation, self.answer).users[: self.top]
        return [{"id": user.id, "weight": float(user.weight)} for user in users]

    def _negatives(self, generator: Generator) -> list[dict[str, Any]]:
        """The entities that G finds likeliest in a pool of all of them, known answers left out (Eq. 12)."""
        device = generator.entity.device
        heads, relations = (torch.tensor([number], device=device) for number in self._query)
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
    relation = resolve_relation(dataset, config.relation) + (dataset.num_relations if config.tail else 0)
    entity, answer = resolve_entity(dataset, config.head or config.tail), resolve_entity(dataset, config.answer)
    return PinnedQuery(dataset, graph, triples, interactions, known, entity, relation, answer, config.top)


class Following(Reporter):
    """A reporter that passes everything on, and after each evaluation says where the pinned query stands."""

    def __init__(
        self,
        told: Reporter,
        query: PinnedQuery,
        modules: Mapping[str, nn.Module],
        scorer: Callable[[Any], FullScorer],
    ) -> None:
        """``modules``: what is trained, by name (TrainingState.modules); ``scorer``: all scores of a model as it is."""
        self._told = told
        self._query = query
        self._modules = modules
        self._scorer = scorer

    def start(self, phase: str, epochs: int) -> None:
        self._told.start(phase, epochs)

    def step(self, phase: str, epoch: int, done: int, total: int) -> None:
        self._told.step(phase, epoch, done, total)

    def beat(self) -> None:
        self._told.beat()

    def pin(self, epoch: int, line: dict[str, Any]) -> None:
        self._told.pin(epoch, line)

    def epoch(self, phase: str, epoch: int, values: Values, metrics: Metrics | None) -> None:
        self._told.epoch(phase, epoch, values, metrics)
        if metrics is not None:
            model = next(self._modules[name] for name in ("discriminator", "start", "system") if name in self._modules)
            generator = self._modules.get("generator")
            look = self._query.look(self._scorer(model), generator if isinstance(generator, Generator) else None)
            self._told.pin(epoch, look)
