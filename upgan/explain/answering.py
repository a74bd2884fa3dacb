"""One model on one graph, asked by numbers: all scores of a query, and the explainer of its kind.

The graph is what the run has seen, or a changed one with the same weights.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field

import numpy as np
import torch

from upgan.config.names import MODEL_NAMES
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.layered import Explainer
from upgan.explain.scored import Scored
from upgan.explain.silent import FACTORISATION, RGCN, SYSTEM_WITH_USERS, SilentExplainer
from upgan.graph.cointeraction import CoInteraction
from upgan.graph.cointeraction_update import changed_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.observed import facts_of, graph_of
from upgan.graph.queries import QueryIndex
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import FullScorer, Model
from upgan.model.discriminator import Discriminator
from upgan.systems.base import System
from upgan.types import SPLITS, IntArray, SplitName

AnyExplainer = Explainer | CoInteractionExplainer | SilentExplainer


@dataclass(frozen=True)
class Alike:
    """What a graph can take over from one much like it, where it is there."""

    #: Of the graph's own triples.
    facts: Facts | None = None
    #: (E + U,) distances that are likely to be right.
    distance: IntArray | None = None
    #: Of the graph's own interactions; and the items whose p differs from ``table``.
    cointeraction: CoInteraction | None = None
    differing: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    table: torch.Tensor | None = None


class Answering:
    """Scores in the model's own precision, explanations in float64. Read-only and thread-safe."""

    def __init__(
        self,
        dataset: KGDataset,
        config: Config,
        model: Model,
        triples: IntArray,
        interactions: IntArray,
        known: QueryIndex,
        *,
        precise: Model | None = None,
        like: Alike | None = None,
    ) -> None:
        """``known``: the triples of all splits, train first; ``precise``: the model in float64 where it is there.

        ``like``: what is carried over from a graph much like this one.
        """
        like = like or Alike()
        self.dataset = dataset
        self.config = config
        self.model = model
        self.triples = triples
        self.interactions = interactions
        self.known = known
        self.graph = graph_of(dataset, config, triples, interactions, like.cointeraction, like.distance)
        facts = like.facts or facts_of(dataset, config, triples)
        table = None
        if like.table is not None and isinstance(model, BilinearDiscriminator):
            with torch.no_grad():
                table = model.changed_table(like.table, self.graph, torch.from_numpy(like.differing))
        self.scorer = FullScorer(model, self.graph, facts, table)
        self._precise = precise
        self._explainer: AnyExplainer | None = None
        self._scored: tuple[tuple[int, int], Scored] | None = None
        self._lock = threading.RLock()

    def on(self, triples: IntArray, interactions: IntArray, like: Alike | None = None) -> Answering:
        """The same weights on another graph."""
        precise = self.precise()
        return Answering(
            self.dataset, self.config, self.model, triples, interactions, self.known, precise=precise, like=like
        )

    def without(self, gone: IntArray, interactions: IntArray, users: IntArray) -> Answering:
        """The same weights without the triples of the rows ``gone``, and with interactions that differ for ``users``.

        With the bilinear score only that is computed anew which the change is felt in.
        """
        triples = np.delete(self.triples, gone, axis=0) if len(gone) else self.triples
        facts, co = self.scorer.facts, self.graph.cointeraction
        if facts is not None and len(gone):
            facts = facts.without(self.triples, gone)
        distance = self.graph.distance.numpy()
        nobody = np.empty(0, dtype=np.int64)
        changed = None
        if co is not None:
            changed = changed_cointeraction(co, interactions, users) if len(users) else (co, nobody)
        if changed is None:
            return self.on(triples, interactions, Alike(facts, distance))
        return self.on(triples, interactions, Alike(facts, distance, *changed, self.scorer.table))

    def precise(self) -> Model:
        """The model in float64."""
        with self._lock:
            if self._precise is None:
                self._precise = copy.deepcopy(self.model).double()
            return self._precise

    def scored(self, entity: int, relation: int) -> Scored:
        """All candidates of a query (relation 0 .. 2R-1)."""
        last = self._scored  # an explanation and its contrast ask the same; read once, threads may replace it
        if last is None or last[0] != (entity, relation):
            heads, relations = torch.tensor([entity]), torch.tensor([relation])
            scores = self.scorer.scores(heads, relations)[0]
            without = self.scorer.scores(heads, relations, users=False)[0]
            last = ((entity, relation), Scored(scores, without, self.known_splits(entity, relation)))
            self._scored = last
        return last[1]

    def known_splits(self, entity: int, relation: int) -> dict[int, SplitName]:
        """Known answers of a query -> the split that holds them (train before valid before test)."""
        row = self.known.rows(torch.tensor([entity]), torch.tensor([relation]))
        _, place = self.known.places_of(row)
        first_valid = len(self.dataset.train)
        first_test = first_valid + len(self.dataset.valid)
        known: dict[int, SplitName] = {}
        for answer, triple in sorted(
            zip(self.known.answer[place].tolist(), self.known.triple[place].tolist(), strict=True),
            key=lambda pair: -pair[1],
        ):
            known[answer] = SPLITS[(triple >= first_valid) + (triple >= first_test)]
        return known

    def explainer(self) -> AnyExplainer:
        """Weights and contributions one by one, where this kind of model has them."""
        with self._lock:
            if self._explainer is None:
                self._explainer = self._make_explainer()
            return self._explainer

    def _make_explainer(self) -> AnyExplainer:
        seen = (self.dataset, self.graph, self.triples, self.interactions)
        model = self.model
        if isinstance(model, BilinearDiscriminator):
            precise = self.precise()
            assert isinstance(precise, BilinearDiscriminator)
            return CoInteractionExplainer(*seen, precise, self.scorer.facts)
        if isinstance(model, Discriminator) and self.config.model.propagation.form == "layered":
            precise = self.precise()
            assert isinstance(precise, Discriminator)
            return Explainer(*seen, precise)
        if isinstance(model, Discriminator):
            return SilentExplainer(*seen, self._two_scores, RGCN)
        heard = isinstance(model, System) and model.hears_users
        said = SYSTEM_WITH_USERS if heard else FACTORISATION
        limits = tuple(sentence.format(name=MODEL_NAMES[self.config.model_name]) for sentence in said)
        return SilentExplainer(*seen, self._two_scores, limits)

    def _two_scores(self, head: int, relation: int, answer: int) -> tuple[float, float]:
        heads, relations = torch.tensor([head]), torch.tensor([relation])
        scores = self.scorer.scores(heads, relations)[0, answer]
        return float(scores), float(self.scorer.scores(heads, relations, users=False)[0, answer])
