"""How much walks count beside the score so far, fitted on validation queries and judged by cross-validation.

    s = tau b + g_facts (walks of facts) + g_users (walks of users) + g_own (F . phi),   all four > 0

The four numbers of a relation and direction are fitted by the loss of its queries, with a prior on their logarithms.
Training triples cannot tell them: b has memorised those. Each half of the validation triples is then ranked with
numbers fitted on the other half; where that is no better than b alone, the direction keeps b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from upgan.evaluation.evaluator import Evaluator, Scorer
from upgan.evaluation.ranks import filtered_ranks
from upgan.graph.walks import Own, Path, WalkEdges
from upgan.model.walks import walked
from upgan.training.walk_fit import gather
from upgan.types import BoolArray, FloatArray, IntArray

#: Where the logarithms of tau and the three weights are pulled to, and how strongly.
CENTRE, PRIOR = np.array([0.0, -0.7, -0.7, -0.7]), 3.0
#: b alone.
ALONE = np.array([1.0, 0.0, 0.0, 0.0])
#: Validation queries of a direction that the four numbers are fitted on, and iterations of each fit.
MOST_QUERIES, ITERATIONS = 500, 40
#: Cells (queries, entities) that are ranked together.
CELLS = 4_000_000


@dataclass(frozen=True)
class Told:
    """What the walks of one direction say: sorted paths, their epsilon and gamma, and phi of the candidate's facts."""

    paths: list[Path]
    epsilon: FloatArray
    gamma: FloatArray
    phi: FloatArray


@dataclass(frozen=True)
class Fused:
    """A direction's four numbers, None where walks do not help, and the ranks of its queries without and crossed."""

    told: Told
    weights: FloatArray | None
    queries: IntArray
    before: FloatArray
    crossed: FloatArray


@dataclass(frozen=True)
class Fusing:
    """One relation and direction: what its walks say, and its validation queries by their numbers (Q,)."""

    edges: WalkEdges
    validation: Evaluator
    base: Scorer
    relation: int
    told: Told
    queries: IntArray

    def fused(self, random: np.random.Generator) -> Fused:
        """The four numbers, fitted on all queries, and what cross-validation says of them."""
        fold = self.queries % len(self.validation.triples) % 2  # both queries of a triple are in the same half
        sample = np.sort(random.permutation(len(self.queries))[:MOST_QUERIES])
        scored = self.scored(sample)
        halves = np.stack([scored.fit(fold[sample] != half) for half in (0, 1)])
        before = self.ranks(np.broadcast_to(ALONE, (len(fold), 4)))
        crossed = self.ranks(halves[fold])
        helps = bool((1.0 / crossed).mean() > (1.0 / before).mean())
        weights = scored.fit(np.ones(len(sample), dtype=bool)) if helps else None
        return Fused(self.told, weights, self.queries, before, crossed if helps else before)

    @property
    def _of_users(self) -> BoolArray:
        """(P,) which paths users are on."""
        return np.array([max(path) >= 2 * self.edges.num_relations for path in self.told.paths], dtype=bool)

    def scored(self, places: IntArray) -> Scored:
        """The parts of the scores of the queries at (N,) ``places``, where walks lead and where b is high."""
        told = self.told
        heads, answers, known = self._asked(self.queries[places])
        asked = Own(heads, self.relation, answers)
        reached = gather(self.edges, told.paths, told.epsilon, asked, known, self._base, left_out=False)
        assert reached.base is not None
        assert reached.stands_for is not None
        users = self._of_users
        said = [reached.said @ (told.gamma * spoken).astype(np.float32) for spoken in (~users, users)]
        own = (self.edges.own_facts @ told.phi)[reached.entity]
        return Scored(reached.row, np.stack([reached.base, *said, own], axis=1), reached.stands_for, reached.answer)

    def _asked(self, queries: IntArray) -> tuple[IntArray, IntArray, tuple[IntArray, IntArray]]:
        """(N,) queries -> their heads and answers, and row and entity of the other known answers."""
        heads, relations, answers = (
            column[torch.from_numpy(queries).to(column.device)] for column in self.validation.queries
        )
        row, known = self.validation.index.answers_of(self.validation.index.rows(heads, relations))
        other = known != answers[row]
        return heads.cpu().numpy(), answers.cpu().numpy(), (row[other].cpu().numpy(), known[other].cpu().numpy())

    def _base(self, asked: Own) -> FloatArray:
        """(N, E) b."""
        heads = torch.from_numpy(asked.heads).to(self.validation.queries[0].device)
        return np.asarray(self.base(heads, torch.full_like(heads, self.relation)).double().cpu().numpy())

    def ranks(self, weights: FloatArray) -> FloatArray:
        """(Q,) filtered ranks of all queries, each with its own (Q, 4) numbers."""
        told, found = self.told, np.empty(len(self.queries))
        own, users = self.edges.own_facts @ told.phi, self._of_users
        rows = max(1, CELLS // self.edges.num_entities)
        for first in range(0, len(self.queries), rows):
            here = slice(first, first + rows)
            tau, facts, spoken, of_own = weights[here].T
            heads, answers, (row, known) = self._asked(self.queries[here])
            scores = self._base(Own(heads, self.relation, answers)) * tau[:, None]
            if of_own.any():
                scores += of_own[:, None] * own
            gamma = told.gamma[:, None] * np.where(users[:, None], spoken, facts)
            walked(self.edges, told.paths, told.epsilon, gamma, heads, scores)
            parts = (torch.from_numpy(part) for part in (scores, answers, row, known))
            found[here] = filtered_ranks(*parts).numpy()
        return found


@dataclass(frozen=True)
class Scored:
    """The parts of some scores of N queries."""

    #: (M,) query (ascending), (M, 4) b, walks of facts and of users, own facts, and the logarithm of how many entities
    #: an entry stands for.
    row: IntArray
    parts: FloatArray
    stands_for: FloatArray
    #: (N,) entry of each answer.
    answer: IntArray

    def fit(self, chosen: BoolArray) -> FloatArray:
        """The four numbers that ``chosen`` (N,) queries like best; b alone where there is none."""
        if not chosen.any():
            return ALONE
        inside = chosen[self.row]
        parts, more = self.parts[inside], self.stands_for[inside]
        answer = (np.cumsum(inside) - 1)[self.answer[chosen]]
        starts = np.flatnonzero(np.diff(self.row[inside], prepend=-1))
        sizes = np.diff(np.append(starts, len(parts)))

        def loss(logs: FloatArray) -> tuple[float, FloatArray]:
            weights = np.exp(logs)
            scores = parts @ weights + more
            right = (scores[answer]).sum()
            peak = np.maximum.reduceat(scores, starts)
            chance = np.exp(scores - np.repeat(peak, sizes))
            total = np.add.reduceat(chance, starts)
            value = float((np.log(total) + peak).sum() - right)
            chance /= np.repeat(total, sizes)
            chance[answer] -= 1.0
            away = logs - CENTRE
            return value + PRIOR * float(away @ away), weights * (chance @ parts) + 2.0 * PRIOR * away

        found = minimize(loss, CENTRE, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS})
        return np.asarray(np.exp(found.x))
