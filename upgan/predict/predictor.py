"""A checkpoint that answers: scores, ranked candidates, explanations. Read-only and thread-safe."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from upgan.data.lookup import resolve_entity, resolve_query, resolve_relation
from upgan.data.query import Query
from upgan.errors import QueryError
from upgan.evaluation.evaluator import Evaluator, Progress, Ranking
from upgan.explain.answering import Answering
from upgan.explain.base import Explainer, PathCounts
from upgan.explain.contrast import contrast
from upgan.explain.explanation import BASELINES, SORTS, Baseline, Explanation, Sort
from upgan.explain.reason import Reason
from upgan.explain.reasons import reasons
from upgan.explain.results import CandidateRow, Changes, Contrast, FlipSet, WhatIf
from upgan.explain.scored import filtered_ranks, positions
from upgan.explain.smallest_set import smallest_set
from upgan.explain.what_if import what_if
from upgan.graph.candidates import Candidates
from upgan.graph.observed import seen_interactions, seen_triples
from upgan.graph.queries import QueryIndex
from upgan.render import notebook as notebook  # registers how explanations and contrasts show themselves
from upgan.training.checkpoint import LoadedRun, load_run
from upgan.types import SPLITS, IntArray, SplitName


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
        everything = np.concatenate([data.triples(split) for split in SPLITS])
        self._known = QueryIndex.build(everything, data.num_entities, data.num_relations)
        seen = seen_triples(data, run.config), seen_interactions(data, run.config)
        self._answering = Answering(data, run.config, run.model, *seen, self._known)
        self._scorer = self._answering.scorer
        self.graph = self._answering.graph

    # In a notebook ---------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        model, preset, data = self.config.model_name, self.config.preset, self.dataset.name
        mrr = (self.metrics or {}).get("mrr")
        known = "not evaluated" if mrr is None else f"test MRR {mrr:.4f}"
        return f"Predictor({self.run_path.name!r}, {model}, preset {preset}, dataset {data}, {known})"

    def to_frame(self) -> pd.DataFrame:
        """Test metrics after each phase of its training, and of the run; fractions. Empty where it has none."""
        metrics = self.metrics or {}
        stages = {name: stage["test"] for name, stage in metrics.get("stages", {}).items() if stage.get("test")}
        if "mrr" in metrics:
            stages["run"] = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        names = ("mrr", "hits@1", "hits@3", "hits@10", "mr", "queries")
        rows = [{"phase": phase, **{name: values.get(name) for name in names}} for phase, values in stages.items()]
        return pd.DataFrame(rows, columns=["phase", *names])

    def _repr_html_(self) -> str:
        return f"<h4>{escape(repr(self))}</h4>{self.to_frame().to_html(index=False, border=0)}"

    # What it knows ---------------------------------------------------------------------------------------------------

    @property
    def entities(self) -> list[str]:
        """Entity ids in the order of the score columns."""
        return self.dataset.entities

    @property
    def relations(self) -> list[str]:
        """Relation ids (forward only)."""
        return self.dataset.relations

    @property
    def has_users(self) -> bool:
        """Whether users can be switched off: otherwise all answers are those without users."""
        return self._run.model.has_users

    def layer(self, entity: str) -> int:
        """d_n: hops from the nearest user; -1 where no user reaches the entity."""
        return int(self.graph.distance[resolve_entity(self.dataset, entity)])

    def relations_of(self, entity: str) -> dict[str, list[str]]:
        """Relations seen in training with this kind of entity at their head and at their tail.

        If the dataset names no kinds, they are inferred from the relations (upgan.data.kinds).
        """
        number = resolve_entity(self.dataset, entity)
        train, kinds = self.dataset.train, self._kind_numbers
        sides = {}
        for side, column in (("head", 0), ("tail", 2)):
            ends = train[:, column]
            alike = kinds[ends] == kinds[number] if self.dataset.kinds[number] else ends == number
            sides[side] = [self.relations[r] for r in np.unique(train[alike, 1]).tolist()]
        return sides

    @cached_property
    def _kind_numbers(self) -> IntArray:
        """(E,) a number for each entity's kind."""
        return np.unique(np.asarray(self.dataset.kinds, dtype=str), return_inverse=True)[1].astype(np.int64)

    def vectors(self) -> pd.DataFrame:
        """The learned vectors with their ids (see upgan.predict.vectors); QueryError where there are none."""
        from upgan.predict.vectors import vectors

        return vectors(self._run)

    # Scores ----------------------------------------------------------------------------------------------------------

    def score_tails(self, heads: Sequence[str], relations: Sequence[str]) -> Tensor:
        """(B,) ids each -> (B, E) scores (logits) of every entity as the tail."""
        return self._scores_of(heads, relations, 0)

    def score_heads(self, relations: Sequence[str], tails: Sequence[str]) -> Tensor:
        """(B,) ids each -> (B, E) scores of every entity as the head."""
        return self._scores_of(tails, relations, self.dataset.num_relations)

    def _scores_of(self, entities: Sequence[str], relations: Sequence[str], offset: int) -> Tensor:
        if len(entities) != len(relations):
            counts = f"entities: {len(entities)}, relations: {len(relations)}"
            raise QueryError(f"{counts}; one relation for each entity is needed")
        known = torch.tensor([resolve_entity(self.dataset, name) for name in entities], dtype=torch.long)
        numbers = torch.tensor([resolve_relation(self.dataset, name) for name in relations], dtype=torch.long)
        return self.score_queries(known, numbers + offset)

    def score_queries(
        self, heads: Tensor, relations: Tensor, *, users: bool = True, among: Candidates | None = None
    ) -> Tensor:
        """(B,) numbers of known entities and relations (0 .. 2R-1, from R on the head is asked for) -> (B, E).

        ``among``: (B, C) for these candidates alone.
        """
        return self._scorer.scores(heads, relations, users=users, among=among)

    def held(self, among: Candidates) -> int:
        """How many scores are held for each query where only these are asked for."""
        return self._scorer.width(among)

    def known_answers(self, heads: Tensor, relations: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) queries as in ``score_queries`` -> (position in B, entity) of their known answers in any split."""
        return self._known.answers_of(self._known.rows(heads, relations))

    def query(self, *, head: str | None = None, relation: str | None = None, tail: str | None = None) -> Query:
        """The query as ids; names may be unique labels. Raises QueryError for unknown or ambiguous names."""
        return resolve_query(self.dataset, head, relation, tail)

    def predict(
        self, *, head: str | None = None, relation: str | None = None, tail: str | None = None, k: int = 10
    ) -> list[CandidateRow]:
        """The k best candidates for <head, relation, ?> or <?, relation, tail>, best first.

        ``rank`` counts every entity; ``filtered_rank`` leaves the query's other known answers out (the evaluation's
        rank); ``rank_without_users`` and ``score_without_users`` are the same with p_h = 0.
        """
        if k < 1:
            raise QueryError(f"k = {k}: ask for at least one candidate")
        query = self.query(head=head, relation=relation, tail=tail)
        scored = self._answering.scored(*query.numbers(self.dataset))
        best = scored.best(k).tolist()
        filtered = filtered_ranks(scored.scores, best, scored.known)
        filtered_without = filtered_ranks(scored.without, best, scored.known)
        without = positions(scored.without)
        return [
            {
                "rank": place,
                "id": self.entities[candidate],
                "label": self.dataset.entity_labels[candidate],
                "score": float(scored.scores[candidate]),
                "known": scored.known.get(candidate),
                "rank_without_users": int(without[candidate]),
                "score_without_users": float(scored.without[candidate]),
                "filtered_rank": filtered[place - 1],
                "filtered_rank_without_users": filtered_without[place - 1],
            }
            for place, candidate in enumerate(best, start=1)
        ]

    # Explanations ----------------------------------------------------------------------------------------------------

    def explain(
        self,
        *,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        answer: str | None = None,
        top_users: int = 5,
        baseline: Baseline = "none",
        sort: Sort = "weight",
        paths_per_user: int = 2,
        evidence_per_user: int = 1,
        top_paths: int = 0,
        top_walks: int = 10,
    ) -> Explanation:
        """Why ``answer`` has the rank it has; ids or unique labels. Raises QueryError for unknown names.

        ``baseline``: what contributions are counted from, p = 0 or the mean user. ``sort``: which users come first;
        of the first ``top_users`` paths and evidence are shown. ``top_paths``: heaviest paths over all users.
        ``top_walks``: paths from target to answer with the largest part of the score, where it has walks.
        """
        counts = PathCounts(top_users, paths_per_user, evidence_per_user, top_paths, top_walks)
        _check_one_of("baseline", baseline, BASELINES)
        _check_one_of("sort", sort, SORTS)
        query, target, number, chosen = self._asked(head, relation, tail, answer)
        explainer = self.explainer()
        influence = explainer.influence(target, number, chosen, baseline=baseline, sort=sort)
        paths = explainer.selected(target, number, chosen, influence, counts)
        scored = self._answering.scored(target, number)
        standing = vars(scored.standing(chosen))
        # The explainer's scores are float64, those of the ranking are not.
        scores = {"score": influence.score, "score_without_users": influence.score_without_users}
        return Explanation(
            query=query,
            target=explainer.node(target, "target"),
            answer=explainer.node(chosen, "answer"),
            relation_label=self.dataset.relation_labels[number % self.dataset.num_relations],
            inverse=query.inverse,
            **standing | scores,
            known=scored.known.get(chosen),
            users=influence.users,
            answer_users=influence.answer_users,
            **vars(paths),
            context=explainer.context(target, chosen, *paths.everything, alone=paths.empty),
            score_parts=influence.score_parts,
            reasons=self._reasons(target, number, chosen, scored.first_without(chosen)),
            residual=influence.residual,
            effective_users=influence.effective_users,
            baseline=baseline,
            score_baseline=influence.score_baseline,
            limits=explainer.limits(),
            top_users=top_users,
            sort=sort,
            paths_per_user=paths_per_user,
            evidence_per_user=evidence_per_user,
            run_fingerprint=self.fingerprint,
            dataset_fingerprint=self.dataset.fingerprint,
            simulated_users=self.dataset.simulated_users,
        )

    def _reasons(self, target: int, number: int, chosen: int, other: int) -> tuple[Reason, ...]:
        """The counts behind the chosen answer, and behind the one ranked first without users where it is another."""
        answers = np.array(list(dict.fromkeys([chosen, other])), dtype=np.int64)
        targets, count = np.full_like(answers, target), self.dataset.num_relations
        heads, tails = (targets, answers) if number < count else (answers, targets)
        return tuple(reasons(self.dataset, heads, np.full_like(answers, number % count), tails))

    def contrast(
        self,
        *,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        answer: str | None = None,
        against: str | None = None,
        baseline: Baseline = "none",
    ) -> Contrast:
        """Why ``answer`` and not ``against``, user by user. Raises QueryError for unknown names."""
        if against is None:
            raise QueryError("name the candidate to contrast the answer with")
        _check_one_of("baseline", baseline, BASELINES)
        _, target, number, chosen = self._asked(head, relation, tail, answer)
        return contrast(self._answering, target, number, chosen, resolve_entity(self.dataset, against), baseline)

    def what_if(
        self,
        *,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        answer: str | None = None,
        changes: Changes | None = None,
        k: int = 10,
    ) -> WhatIf:
        """The question on a changed graph: the forward pass again, weights frozen.

        Raises QueryError for unknown names, and for changes that the graph does not allow.
        """
        if k < 1:
            raise QueryError(f"k = {k}: ask for at least one candidate")
        _, target, number, chosen = self._asked(head, relation, tail, answer)
        return what_if(self._answering, target, number, chosen, changes or Changes(), k)

    def smallest_set(
        self,
        *,
        head: str | None = None,
        relation: str | None = None,
        tail: str | None = None,
        answer: str | None = None,
    ) -> FlipSet:
        """A small set of users without whom the answer's filtered rank gets worse, found greedily and checked."""
        _, target, number, chosen = self._asked(head, relation, tail, answer)
        return smallest_set(self._answering, target, number, chosen)

    def explainer(self) -> Explainer:
        """Weights and contributions one by one, in float64, where this kind of model has them."""
        return self._answering.explainer()

    # Evaluation ------------------------------------------------------------------------------------------------------

    def rank(self, split: SplitName, progress: Progress | None = None, *, users: bool = True) -> Ranking:
        """Filtered ranks of a split's triples, both directions; ``progress`` gets (queries done, of all).

        ``users=False`` ranks with the users switched off (p = 0).
        """
        score = partial(self._scorer.scores, users=users)
        return Evaluator(self.dataset.triples(split), self._known).rank(score, progress)

    # Names to numbers ------------------------------------------------------------------------------------------------

    def _asked(
        self, head: str | None, relation: str | None, tail: str | None, answer: str | None
    ) -> tuple[Query, int, int, int]:
        """The query of a question about one answer; known entity, relation 0 .. 2R-1 and answer by number."""
        if answer is None:
            raise QueryError("name the answer to explain")
        query = self.query(head=head, relation=relation, tail=tail)
        return (query, *query.numbers(self.dataset), resolve_entity(self.dataset, answer))


def _check_one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise QueryError(f"{name} = {value!r}: choose one of {', '.join(allowed)}")
