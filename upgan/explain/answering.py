"""One model on one graph, asked by numbers: all scores of a query, and the explainer of its kind.

The graph is what the run has seen, or a changed one with the same weights.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from upgan.config.settings import Config
from upgan.config.systems import MODEL_NAMES
from upgan.data.dataset import KGDataset
from upgan.explain.base import Explainer, Influence, SeenGraph
from upgan.explain.bilinear import CoInteractionExplainer
from upgan.explain.layered import LayeredExplainer
from upgan.explain.scored import Scored
from upgan.explain.silent import SilentExplainer
from upgan.graph.cointeraction import CoInteraction
from upgan.graph.cointeraction_update import changed_cointeraction
from upgan.graph.facts import Facts
from upgan.graph.marked import Marked
from upgan.graph.observed import facts_of, graph_of, seen_marked
from upgan.graph.queries import QueryIndex
from upgan.graph.said import Said
from upgan.model.base import Model, Reused, UsersIn
from upgan.types import SPLITS, IntArray, SplitName

#: How users are in a model's scores -> who tells them apart. For all others there is the silent one.
EXPLAINERS: dict[UsersIn, Callable[..., Explainer]] = {"layers": LayeredExplainer, "paths": CoInteractionExplainer}


@dataclass(frozen=True)
class Alike:
    """What a graph can take over from one much like it, where it is there."""

    #: Of the graph's own triples.
    facts: Facts | None = None
    #: (E + U,) distances that are likely to be right.
    distance: IntArray | None = None
    #: Of the graph's own interactions.
    cointeraction: CoInteraction | None = None
    said: tuple[Said, ...] | None = None
    scores: Reused | None = None


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
        seen: Marked | None = None,
    ) -> None:
        """``known``: the triples of all splits, train first; ``precise``: the model in float64 where it is there.

        ``like``: what is carried over from a graph much like this one. ``seen``: the run's own interactions, whose
        marks those keep that are still there.
        """
        like = like or Alike()
        self.dataset = dataset
        self.config = config
        self.model = model
        self.triples = triples
        self.interactions = interactions
        self.known = known
        self._seen = seen or (seen_marked(dataset, config) if config.has_walks else Marked(interactions))
        marked = self._seen.of(interactions)
        self.graph = graph_of(dataset, config, triples, marked, like.cointeraction, like.distance, like.said)
        self.facts = like.facts or facts_of(dataset, config, triples)
        self.scorer = model.on(self.graph, self.facts, like.scores)
        self._precise = precise
        self._explainer: Explainer | None = None
        self._scored: tuple[tuple[int, int], Scored] | None = None
        self._lock = threading.RLock()

    def on(self, triples: IntArray, interactions: IntArray, like: Alike | None = None) -> Answering:
        """The same weights on another graph."""
        own = self.dataset, self.config, self.model
        kept: dict[str, Any] = {"precise": self.precise(), "like": like, "seen": self._seen}
        return Answering(*own, triples, interactions, self.known, **kept)

    def changed(self, gone: IntArray, added: IntArray, interactions: IntArray, users: IntArray) -> Answering:
        """The same weights without the triples of the rows ``gone``, with the triples ``added``, and with interactions
        that differ for ``users``.

        With the bilinear score only that is computed anew which the change is felt in.
        """
        triples = np.delete(self.triples, gone, axis=0) if len(gone) else self.triples
        facts, co = self.facts, self.graph.cointeraction
        if facts is not None and len(gone):
            facts = facts.without(self.triples, gone)
        if len(added):
            triples = np.concatenate([triples, added])
            triples = triples[np.lexsort(triples.T[::-1])]
            facts = None  # counted anew: no fact is added to those that are counted
        distance = self.graph.distance.numpy()
        nobody = np.empty(0, dtype=np.int64)
        changed = None
        if co is not None:
            changed = changed_cointeraction(co, interactions, users) if len(users) else (co, nobody)
        if changed is None:
            return self.on(triples, interactions, Alike(facts, distance))
        cointeraction, differing = changed
        assert self.scorer.table is not None, "a score that reads co-interactions has a table"
        reused = Reused(self.scorer.table, torch.from_numpy(differing))
        said = None if len(users) else self.graph.said
        return self.on(triples, interactions, Alike(facts, distance, cointeraction, said, reused))

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

    def explainer(self) -> Explainer:
        """Weights and contributions one by one, where this kind of model has them."""
        with self._lock:
            if self._explainer is None:
                seen = SeenGraph(self.dataset, self.graph, self.triples, self.interactions)
                make = EXPLAINERS.get(self.model.users_in)
                if make is None:
                    name = MODEL_NAMES[self.config.model_name]
                    self._explainer = SilentExplainer(seen, self.model, self.scorer, name)
                else:
                    self._explainer = make(seen, self.precise(), self.facts)
            return self._explainer

    def influence(self, target: int, relation: int, answer: int) -> Influence:
        """The users behind the answer's score."""
        return self.explainer().influence(target, relation, answer)

    def layer(self, entity: int) -> int:
        """d_n; -1 where no user reaches the entity."""
        return int(self.graph.distance[entity])
