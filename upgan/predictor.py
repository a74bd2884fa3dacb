"""A checkpoint that answers: scores, ranked candidates, explanations. Read-only and thread-safe."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from upgan.checkpoint import LoadedRun, load_run
from upgan.co_explainer import CoInteractionExplainer
from upgan.data.lookup import resolve_entity, resolve_relation
from upgan.errors import QueryError
from upgan.evaluation.evaluator import Evaluator, Progress, Ranking
from upgan.explained import Influence
from upgan.explainer import Explainer
from upgan.explanation import EvidencePath, Explanation, Query, Split, UserPath
from upgan.graph import IntArray
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.build import FullScorer
from upgan.model.discriminator import Discriminator
from upgan.queries import QueryIndex
from upgan.seen import seen_facts, seen_graph, seen_interactions, seen_triples
from upgan.types import SPLITS, SplitName

AnyExplainer = Explainer | CoInteractionExplainer


@dataclass(frozen=True)
class Chains:
    """The paths shown in an explanation."""

    paths: tuple[UserPath, ...]
    evidence: tuple[EvidencePath, ...]
    answer_paths: tuple[UserPath, ...] = ()
    answer_evidence: tuple[EvidencePath, ...] = ()


def load(run: str | Path) -> Predictor:
    """Open a run folder for answering.

    Raises RunError or DataError where the folder is missing, truncated, of another version or of another dataset.
    """
    return Predictor(load_run(Path(run)))


class Predictor:
    """Answers <head, relation, ?> and <?, relation, tail> over all entities."""

    def __init__(self, run: LoadedRun) -> None:
        self._run = run
        self.run_path = run.path
        self.dataset = run.dataset
        self.config = run.config
        self.metrics = run.metrics
        self.fingerprint = run.fingerprint
        data = run.dataset
        self.graph = seen_graph(data, run.config)
        everything = np.concatenate([data.triples(split) for split in SPLITS])
        self._known = QueryIndex.build(everything, data.num_entities, data.num_relations)
        self._scorer = FullScorer(run.model, self.graph, seen_facts(data, run.config))
        self._lock = threading.Lock()
        self._explainer: AnyExplainer | None = None

    # What it knows ---------------------------------------------------------------------------------------------------

    @property
    def entities(self) -> list[str]:
        """Entity ids in the order of the score columns."""
        return self.dataset.entities

    @property
    def relations(self) -> list[str]:
        """Relation ids (forward only)."""
        return self.dataset.relations

    def layer(self, entity: str) -> int:
        """d_n: hops from the nearest user; -1 where no user reaches the entity."""
        return int(self.graph.distance[self._entity(entity)])

    def relations_of(self, entity: str) -> dict[str, list[str]]:
        """Relations seen in training with this kind of entity at their head and at their tail.

        Where the dataset names no kinds, those seen with the entity itself.
        """
        number = self._entity(entity)
        train, kinds = self.dataset.train, self._kind_numbers
        sides = {}
        for side, column in (("head", 0), ("tail", 2)):
            ends = train[:, column]
            alike = ends == number if not self.dataset.entity_kinds[number] else kinds[ends] == kinds[number]
            sides[side] = [self.relations[r] for r in np.unique(train[alike, 1]).tolist()]
        return sides

    @cached_property
    def _kind_numbers(self) -> IntArray:
        """(E,) a number for each entity's kind."""
        return np.unique(np.asarray(self.dataset.entity_kinds, dtype=str), return_inverse=True)[1].astype(np.int64)

    # Scores ----------------------------------------------------------------------------------------------------------

    def score_tails(self, heads: Sequence[str], relations: Sequence[str]) -> Tensor:
        """(B,) ids each -> (B, E) scores (logits) of every entity as the tail."""
        self._same_length(heads, relations)
        return self.score_queries(self._numbers(heads), self._relation_numbers(relations, inverse=False))

    def score_heads(self, relations: Sequence[str], tails: Sequence[str]) -> Tensor:
        """(B,) ids each -> (B, E) scores of every entity as the head."""
        self._same_length(relations, tails)
        return self.score_queries(self._numbers(tails), self._relation_numbers(relations, inverse=True))

    def score_queries(self, heads: Tensor, relations: Tensor, *, users: bool = True) -> Tensor:
        """(B,) numbers of known entities and relations (0 .. 2R-1, from R on the head is asked for) -> (B, E)."""
        return self._scorer.scores(heads, relations, users=users)

    def known_answers(self, heads: Tensor, relations: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) queries as in ``score_queries`` -> (position in B, entity) of their known answers in any split."""
        return self._known.answers_of(self._known.rows(heads, relations))

    def query(self, head: str | None = None, relation: str | None = None, tail: str | None = None) -> Query:
        """The query as ids; names may be unique labels. Raises QueryError for unknown or ambiguous names."""
        entity, number = self._query(head, relation, tail)
        inverse = number >= self.dataset.num_relations
        return Query(
            head=None if inverse else self.entities[entity],
            relation=self.relations[number % self.dataset.num_relations],
            tail=self.entities[entity] if inverse else None,
        )

    def predict(
        self, head: str | None = None, relation: str | None = None, tail: str | None = None, k: int = 10
    ) -> list[dict[str, Any]]:
        """The k best candidates for <head, relation, ?> or <?, relation, tail>, best first.

        ``rank`` counts every entity; ``filtered_rank`` leaves the query's other known answers out (the evaluation's
        rank); ``rank_without_users`` is ``rank`` with p_h = 0.
        """
        if k < 1:
            raise QueryError(f"k = {k}: ask for at least one candidate")
        entity, number = self._query(head, relation, tail)
        scores, without = self._both_scores(entity, number)
        order = torch.argsort(scores, descending=True, stable=True)[:k]
        place_without = _positions(without)
        known = self._known_splits(entity, number)
        filtered = self._filtered_ranks(scores, order, known)
        return [
            {
                "rank": position,
                "id": self.entities[candidate],
                "label": self.dataset.entity_labels[candidate],
                "score": float(scores[candidate]),
                "known": known.get(candidate),
                "rank_without_users": int(place_without[candidate]),
                "filtered_rank": filtered[position - 1],
            }
            for position, candidate in enumerate(order.tolist(), start=1)
        ]

    # Explanations ----------------------------------------------------------------------------------------------------

    def explain(
        self,
        head: str | None = None,
        relation: str | None = None,
        answer: str | None = None,
        tail: str | None = None,
        top_users: int = 5,
    ) -> Explanation:
        """Why ``answer`` has the rank it has; ids or unique labels. Raises QueryError for unknown names."""
        if answer is None:
            raise QueryError("name the answer to explain")
        if top_users < 0:
            raise QueryError(f"top_users = {top_users}: 0 or more")
        entity, number = self._query(head, relation, tail)
        target, chosen = entity, self._entity(answer)
        explainer = self.explainer()
        influence = explainer.influence(target, number, chosen)
        told = self._chains(explainer, target, number, chosen, influence, top_users)
        scores, without = self._both_scores(entity, number)
        known = self._known_splits(entity, number)
        picked = torch.tensor([chosen])
        inverse = number >= self.dataset.num_relations
        forward = number % self.dataset.num_relations
        return Explanation(
            query=self.query(head, relation, tail),
            target=explainer.node(target, "target"),
            answer=explainer.node(chosen, "answer"),
            relation_label=self.dataset.relation_labels[forward],
            inverse=inverse,
            score=influence.score,
            rank=int(_positions(scores)[chosen]),
            filtered_rank=self._filtered_ranks(scores, picked, known)[0],
            score_without_users=influence.score_without_users,
            rank_without_users=int(_positions(without)[chosen]),
            filtered_rank_without_users=self._filtered_ranks(without, picked, known)[0],
            known=known.get(chosen),
            users=influence.users,
            answer_users=influence.answer_users,
            paths=told.paths,
            evidence=told.evidence,
            answer_paths=told.answer_paths,
            answer_evidence=told.answer_evidence,
            context=explainer.context(
                target, chosen, told.paths + told.answer_paths, told.evidence + told.answer_evidence
            ),
            residual=influence.residual,
            effective_users=influence.effective_users,
            top_users=top_users,
            run_fingerprint=self.fingerprint,
            dataset_fingerprint=self.dataset.fingerprint,
            simulated_users=self.dataset.simulated_users,
        )

    def _chains(
        self, explainer: AnyExplainer, target: int, relation: int, answer: int, influence: Influence, top: int
    ) -> Chains:
        """Paths and evidence of the heaviest users of both sides."""
        heaviest = influence.order[:top]
        if isinstance(explainer, Explainer):
            return Chains(explainer.paths(target, answer, heaviest), explainer.evidence(target, answer, heaviest))
        others = influence.answer_order[:top]
        return Chains(
            explainer.paths(target, answer, heaviest),
            explainer.evidence(target, relation, answer, heaviest),
            explainer.paths(target, answer, others, side="answer"),
            explainer.evidence(target, relation, answer, others, side="answer"),
        )

    def explainer(self) -> AnyExplainer:
        """Weights and contributions one by one, in float64; QueryError for a run without user weights."""
        with self._lock:
            if self._explainer is None:
                model, data = copy.deepcopy(self._run.model).double(), self.dataset
                seen = seen_triples(data, self.config), seen_interactions(data, self.config)
                if isinstance(model, BilinearDiscriminator):
                    self._explainer = CoInteractionExplainer(data, self.graph, *seen, model)
                elif isinstance(model, Discriminator) and self.config.model.propagation.form == "layered":
                    self._explainer = Explainer(data, self.graph, *seen, model)
                else:
                    form = "an R-GCN-like" if isinstance(model, Discriminator) else f"a {self.config.model_name}"
                    raise QueryError(
                        f"{form} run has no user weights to explain with; explain an upgan run of another form"
                    )
            return self._explainer

    # Evaluation ------------------------------------------------------------------------------------------------------

    def rank(self, split: SplitName, progress: Progress | None = None) -> Ranking:
        """Filtered ranks of a split's triples, both directions; ``progress`` hears (queries done, of all)."""
        return Evaluator(self.dataset.triples(split), self._known).rank(self._scorer.scores, progress)

    # Names to numbers ------------------------------------------------------------------------------------------------

    def _query(self, head: str | None, relation: str | None, tail: str | None) -> tuple[int, int]:
        """(known entity, relation 0 .. 2R-1) of a query given by names."""
        if relation is None:
            raise QueryError("name the relation of the query")
        if (head is None) == (tail is None):
            raise QueryError("give the head to ask for the tail, or the tail to ask for the head: exactly one of them")
        number = resolve_relation(self.dataset, relation)
        if head is not None:
            return self._entity(head), number
        return self._entity(cast(str, tail)), number + self.dataset.num_relations

    def _entity(self, name: str) -> int:
        number = self.dataset.entity_index.get(name)
        return resolve_entity(self.dataset, name) if number is None else number

    def _numbers(self, names: Sequence[str]) -> Tensor:
        return torch.tensor([self._entity(name) for name in names], dtype=torch.long)

    def _relation_numbers(self, names: Sequence[str], *, inverse: bool) -> Tensor:
        offset = self.dataset.num_relations if inverse else 0
        return torch.tensor([resolve_relation(self.dataset, name) + offset for name in names], dtype=torch.long)

    def _same_length(self, left: Sequence[str], right: Sequence[str]) -> None:
        if len(left) != len(right):
            raise QueryError(f"{len(left)} and {len(right)} names given: one relation for each entity is needed")

    def _both_scores(self, entity: int, relation: int) -> tuple[Tensor, Tensor]:
        heads, relations = torch.tensor([entity]), torch.tensor([relation])
        return self.score_queries(heads, relations)[0], self.score_queries(heads, relations, users=False)[0]

    def _known_splits(self, entity: int, relation: int) -> dict[int, Split]:
        """Known answers of a query -> the split that holds them (train before valid before test)."""
        inverse = relation >= self.dataset.num_relations
        ask, answer = (2, 0) if inverse else (0, 2)
        known: dict[int, Split] = {}
        for split in reversed(SPLITS):
            triples = self.dataset.triples(split)
            rows = (triples[:, ask] == entity) & (triples[:, 1] == relation % self.dataset.num_relations)
            known.update(dict.fromkeys(triples[rows, answer].tolist(), split))
        return known

    def _filtered_ranks(self, scores: Tensor, candidates: Tensor, known: dict[int, Split]) -> list[float]:
        """Protocol ranks of (C,) candidates: other known answers left out, ties at their mean rank."""
        others = scores[torch.tensor(sorted(known), dtype=torch.long)]
        ascending, ascending_known = torch.sort(scores).values, torch.sort(others).values
        ranks = []
        for candidate in candidates.tolist():
            own = scores[candidate : candidate + 1]
            better, ties = _above(ascending, own)
            known_better, known_ties = _above(ascending_known, own)
            if candidate in known:
                known_ties -= 1
            ranks.append(1 + better - known_better + (ties - 1 - known_ties) / 2)
        return ranks


def _above(ascending: Tensor, value: Tensor) -> tuple[int, int]:
    """How many sorted values are greater than (1,) ``value``, and how many equal it."""
    below = int(torch.searchsorted(ascending, value))
    upto = int(torch.searchsorted(ascending, value, right=True))
    return len(ascending) - upto, upto - below


def _positions(scores: Tensor) -> Tensor:
    """(E,) scores -> (E,) position of each entity in the ranked list, 1 for the best; ties by entity order."""
    order = torch.argsort(scores, descending=True, stable=True)
    positions = torch.empty_like(order)
    positions[order] = torch.arange(1, len(order) + 1)
    return positions
