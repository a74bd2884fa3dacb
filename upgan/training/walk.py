"""The last phase: the walks of each relation and direction, and how much they count beside the score so far.

One direction after the other: its paths are chosen and weighed on training triples (upgan.training.walk_paths,
walk_fit), and then, on validation queries, four numbers are fitted that say how sharp the score so far is and how much
the walks of facts, the walks of users and the candidate's own facts count:

    s = tau b + g_facts (walks of facts) + g_users (walks of users) + g_own (F . phi),   all four > 0

by the loss of the queries, with a prior on their logarithms. Training triples cannot tell these four: b has memorised
them. Whether the walks help is judged by two-fold cross-validation, direction by direction: each half of the
validation triples is ranked with numbers fitted on the other half. Where that is no better than without, the direction
keeps b. A direction is a step: training can be stopped and taken up between two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from upgan.config.sections import WalksConfig
from upgan.evaluation.evaluator import Evaluator, Scorer
from upgan.evaluation.metrics import Metrics
from upgan.evaluation.ranks import filtered_ranks
from upgan.graph.queries import QueryIndex
from upgan.graph.walks import Own, Path, WalkEdges
from upgan.model.walks import Walks, walked
from upgan.training.loop import Context, PhaseResult
from upgan.training.state import PhaseState
from upgan.training.team import Team
from upgan.training.walk_fit import fit, gather, scales
from upgan.training.walk_paths import choose_paths
from upgan.types import BoolArray, FloatArray, IntArray

#: Where the logarithms of tau and the three weights are pulled to, and how strongly.
CENTRE, PRIOR = np.array([0.0, -0.7, -0.7, -0.7]), 3.0
#: Validation queries of a direction that the four numbers are fitted on, and cells (queries, entities) held for it.
MOST_QUERIES, CELLS = 500, 8_000_000
#: Triples whose walks tell how many entities the walks of others will reach.
PROBED = 16


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
class Beside:
    """Scores that have never seen some training triples: what walks can be weighed beside."""

    #: (N, 3) those triples.
    triples: IntArray
    scores: Scorer
    device: torch.device | str = "cpu"

    def base(self, own: Own) -> FloatArray:
        """(N, E) the scores of triples."""
        heads = torch.from_numpy(own.heads).to(self.device)
        with torch.no_grad():
            scores = self.scores(heads, torch.full_like(heads, own.relation))
        return np.asarray(scores.double().cpu().numpy())


@dataclass(frozen=True)
class Listening:
    """What the walks of all directions are chosen, weighed and judged on."""

    edges: WalkEdges
    train: QueryIndex
    validation: Evaluator
    #: The score so far: (B,) heads and relations -> (B, E).
    base: Scorer
    config: WalksConfig
    seed: int
    beside: Beside | None = None

    def direction(self, relation: int) -> Fused | None:
        """One relation, 0 .. 2R-1; None without validation queries or training triples."""
        queries = (self.validation.queries[1] == relation).nonzero().flatten().cpu().numpy()
        random = np.random.default_rng([self.seed, 2, relation])
        own = self._triples(self.train.triples().cpu().numpy(), relation, random)
        if not len(queries) or len(own.heads) < self.config.least_triples:
            return None
        return self._fuse(relation, queries, self._told(own, random), random)

    # Training triples ------------------------------------------------------------------------------------------------

    def _triples(self, triples: IntArray, relation: int, random: np.random.Generator) -> Own:
        """Those of (T, 3) triples that are of a relation, in random order."""
        head, kind, tail = triples.T
        backwards = relation >= self.train.num_relations
        there = random.permutation(np.flatnonzero(kind == relation % self.train.num_relations))
        first, last = (tail, head) if backwards else (head, tail)
        return Own(first[there], relation, last[there])

    def _told(self, own: Own, random: np.random.Generator) -> Told:
        """Paths and weights, from training triples alone."""
        config = self.config
        chosen = choose_paths(self.edges, _some(own, config.triples_to_choose), config.paths, config.least_gain)
        paths = sorted(chosen.paths)
        probe = _some(own, PROBED)
        reached = sum(walks.nnz for walks in self.edges.along(paths, probe.heads, probe)) / len(probe.heads)
        most = min(config.triples, max(config.least_triples, int(config.entries / max(reached, 1.0))))
        fitted_on = _some(own, most)
        epsilon = scales(self.edges, paths, _some(fitted_on, config.triples_to_choose))
        held = gather(self.edges, paths, epsilon, fitted_on, self._others(fitted_on))
        told = fit(held, self.edges.own_facts, config.ridge)
        if self.beside is not None:
            del held
            new = _some(self._triples(self.beside.triples, own.relation, random), most)
            if len(new.heads) >= config.least_triples:
                held = gather(self.edges, paths, epsilon, new, self._others(new), self.beside.base)
                half = 0.5 * np.concatenate([told.gamma, told.phi])
                told = fit(held, self.edges.own_facts, config.ridge_beside, half)
        return Told(paths, epsilon, told.gamma, told.phi)

    def _others(self, own: Own) -> tuple[IntArray, IntArray]:
        """Row and entity of each triple's other known answers in training."""
        heads = torch.from_numpy(own.heads).to(self.train.heads.device)
        row, answer = self.train.answers_of(self.train.rows(heads, torch.full_like(heads, own.relation)))
        rows, answers = row.cpu().numpy(), answer.cpu().numpy()
        other = answers != own.answers[rows]
        return rows[other], answers[other]

    # Validation queries ----------------------------------------------------------------------------------------------

    def _fuse(self, relation: int, queries: IntArray, told: Told, random: np.random.Generator) -> Fused:
        """The four numbers, fitted on all queries, and what cross-validation says of them."""
        fold = queries % len(self.validation.triples) % 2  # both queries of a triple are in the same half
        most = max(2, min(MOST_QUERIES, CELLS // self.edges.num_entities))
        sample = np.sort(random.permutation(len(queries))[:most])
        held = next(iter(self._parts(relation, queries[sample], told, most)))
        halves = [held.fit(fold[sample] != half) for half in (0, 1)]
        before, crossed = np.empty(len(queries)), np.empty(len(queries))
        done = 0
        for part in self._parts(relation, queries, told, most):
            here = slice(done, done + len(part.queries))
            before[here] = self._ranks(part, np.array([1.0, 0.0, 0.0, 0.0]))
            ranks = [self._ranks(part, weights) for weights in halves]
            crossed[here] = np.where(fold[here] == 0, *ranks)
            done += len(part.queries)
        helps = bool((1.0 / crossed).mean() > (1.0 / before).mean())
        weights = held.fit(np.ones(len(sample), dtype=bool)) if helps else None
        return Fused(told, weights, queries, before, crossed if helps else before)

    def _parts(self, relation: int, queries: IntArray, told: Told, rows: int) -> Iterator[Parts]:
        """What the queries' scores are made of, some rows at a time."""
        own = self.edges.own_facts @ told.phi
        users = np.array([max(path) >= 2 * self.train.num_relations for path in told.paths], dtype=bool)
        for first in range(0, len(queries), rows):
            some = torch.from_numpy(queries[first : first + rows]).to(self.validation.queries[0].device)
            heads, relations, answers = (column[some] for column in self.validation.queries)
            base = self.validation.filtered(self.base(heads, relations).clone(), some).double().cpu().numpy()
            start = heads.cpu().numpy()
            facts, said = (
                walked(self.edges, told.paths, told.epsilon, told.gamma * spoken, start, np.zeros_like(base))
                for spoken in (~users, users)
            )
            yield Parts(some.cpu().numpy(), answers.cpu().numpy(), base, facts, said, np.broadcast_to(own, base.shape))

    def _ranks(self, part: Parts, weights: FloatArray) -> FloatArray:
        """Ranks of the answers; what is known already is -inf in b."""
        nobody = torch.empty(0, dtype=torch.long)
        scores = torch.from_numpy(part.scores(weights))
        ranks: FloatArray = filtered_ranks(scores, torch.from_numpy(part.answers), nobody, nobody).numpy()
        return ranks


@dataclass(frozen=True)
class Parts:
    """(N, E) parts of the scores of N queries, and their answers (N,)."""

    queries: IntArray
    answers: IntArray
    base: FloatArray
    facts: FloatArray
    users: FloatArray
    own: FloatArray

    def scores(self, weights: FloatArray) -> FloatArray:
        """(4,) tau, g_facts, g_users, g_own -> (N, E)."""
        tau, facts, users, own = weights
        scores: FloatArray = tau * self.base
        scores += facts * self.facts
        scores += users * self.users
        scores += own * self.own
        return scores

    def fit(self, chosen: BoolArray) -> FloatArray:
        """The four numbers that ``chosen`` (N,) queries like best."""
        if not chosen.any():
            return np.array([1.0, 0.0, 0.0, 0.0])
        parts = Parts(*(getattr(self, name)[chosen] for name in vars(self)))
        columns = [np.where(np.isfinite(parts.base), parts.base, 0.0), parts.facts, parts.users, parts.own]
        rows = np.arange(len(parts.answers))

        def loss(logs: FloatArray) -> tuple[float, FloatArray]:
            weights = np.exp(logs)
            scores = parts.scores(weights)
            scores -= scores.max(axis=1, keepdims=True)
            right = scores[rows, parts.answers].sum()
            np.exp(scores, out=scores)
            total = scores.sum(axis=1, keepdims=True)
            value = float(np.log(total).sum() - right)
            scores /= total
            scores[rows, parts.answers] -= 1.0
            slope = weights * [np.vdot(scores, column) for column in columns]
            away = logs - CENTRE
            return value + PRIOR * float(away @ away), slope + 2.0 * PRIOR * away

        found = minimize(loss, CENTRE, jac=True, method="L-BFGS-B", options={"maxiter": 40})
        return np.asarray(np.exp(found.x))


def fit_walks(walks: Walks, listening: Listening, context: Context) -> PhaseResult:
    """Choose, weigh and judge the walks of every direction; no further one after the deadline.

    A phase of one epoch whose steps are the directions. The validation metrics returned are the cross-validated ones.
    """
    at = context.begin("walks", 1)
    directions = 2 * listening.train.num_relations
    if at.order is None and not at.ended:
        at.order = torch.arange(directions)
        walks.reset()
        at.totals = {"ranks": torch.from_numpy(context.validation.rank(listening.base).ranks.copy())}
        at.best = Metrics.of(at.totals["ranks"].numpy())
        context.report(at, 0, {}, at.best)
    at.totals = {name: value.cpu() for name, value in at.totals.items()}
    team, threads = context.state.team, max(1, torch.get_num_threads())
    late = not at.ended and context.out_of_time()
    with ThreadPoolExecutor(threads) as pool:
        while not at.ended and at.done < directions and not late:
            chunk = range(at.done, min(at.done + threads * team.size, directions))
            mine = chunk[team.rank :: team.size]
            _take(at, walks, chunk, dict(zip(mine, pool.map(listening.direction, mine), strict=True)), team)
            at.done += len(chunk)
            context.state.step += 1
            context.reporter.step(at.name, 1, at.done, directions)
            context.state.keeper.between_steps(context.state)
            late = context.out_of_time() and at.done < directions
    if not at.ended:
        assert at.best is not None
        metrics = Metrics.of(at.totals["ranks"].cpu().numpy())
        if metrics.mrr > at.best.mrr:
            at.best, at.best_epoch = metrics, 1
        at.epoch, at.order, at.done, at.totals = int(at.done > 0), None, 0, {}
        at.ended = "stopped" if late else "completed"
        heard = sum(bool(walks.gamma[relation].any()) for relation in range(directions))
        context.report(at, 1, {"directions": float(heard)}, metrics)
    return context.end(at)


def _take(at: PhaseState, walks: Walks, chunk: range, found: dict[int, Fused | None], team: Team) -> None:
    """Set the walks of a ``chunk`` of directions where they help, and note the ranks of their queries.

    ``found``: what this worker was to find; what the others did comes as a sum, to which this one adds nothing.
    """
    change = torch.zeros_like(at.totals["ranks"])
    for relation, fused in found.items():
        if fused is None or fused.weights is None:
            continue
        told, (tau, facts, users, own) = fused.told, fused.weights
        spoken = np.array([users if walks.of_users(path) else facts for path in told.paths])
        walks.set(relation, told.paths, told.epsilon, told.gamma * spoken, told.phi * own)
        walks.tau[relation] = float(tau)
        queries = torch.from_numpy(fused.queries)
        change[queries] = torch.from_numpy(fused.crossed) - at.totals["ranks"][queries]
    team.sum(change)
    at.totals["ranks"] += change
    for numbers in walks.buffers():
        rows = numbers[chunk.start : chunk.stop].clone()
        rows[[relation not in found for relation in chunk]] = 0
        team.sum(rows)
        numbers[chunk.start : chunk.stop] = rows


def _some(own: Own, count: int) -> Own:
    """The first ``count`` of triples in random order."""
    return Own(own.heads[:count], own.relation, own.answers[:count])
