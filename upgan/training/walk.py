"""The last phase: the walks of each relation and direction.

One direction after the other: its paths are chosen and weighed on training triples (upgan.training.walk_paths,
walk_fit), and then fused with the score so far on validation queries (walk_fuse). A direction is a step: training can
be stopped and taken up between two of them, and several are worked on at once.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from upgan.config.sections import WalksConfig
from upgan.evaluation.evaluator import Evaluator, Scorer
from upgan.evaluation.metrics import Metrics
from upgan.graph.queries import QueryIndex
from upgan.graph.walks import Own, WalkEdges
from upgan.model.walks import Walks
from upgan.training.loop import Context, PhaseResult
from upgan.training.state import PhaseState
from upgan.training.team import Team
from upgan.training.walk_fit import fit, gather, scales
from upgan.training.walk_fuse import Fused, Fusing, Told
from upgan.training.walk_paths import choose_paths
from upgan.types import FloatArray, IntArray

#: Triples whose walks tell how many entities the walks of others will reach.
PROBED = 16


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
        told = self._told(own, random)
        return Fusing(self.edges, self.validation, self.base, relation, told, queries).fused(random)

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
        told = fit(held, self.edges.few_facts, config.ridge)
        if self.beside is not None:
            del held
            new = _some(self._triples(self.beside.triples, own.relation, random), most)
            if len(new.heads) >= config.least_triples:
                held = gather(self.edges, paths, epsilon, new, self._others(new), self.beside.base)
                half = 0.5 * np.concatenate([told.gamma, told.phi])
                told = fit(held, self.edges.few_facts, config.ridge_beside, half)
        return Told(paths, epsilon, told.gamma, told.phi)

    def _others(self, own: Own) -> tuple[IntArray, IntArray]:
        """Row and entity of each triple's other known answers in training."""
        heads = torch.from_numpy(own.heads).to(self.train.heads.device)
        row, answer = self.train.answers_of(self.train.rows(heads, torch.full_like(heads, own.relation)))
        rows, answers = row.cpu().numpy(), answer.cpu().numpy()
        other = answers != own.answers[rows]
        return rows[other], answers[other]


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
