"""Why this answer, for the bilinear score: the target's users and the answer's users, each with an exact share.

With pi the path weights of upgan.graph.cointeraction, everything users add to the score is a sum over paths, hence over
users:

    (p_h o v'_r) . v_t            = sum_u ((sum_j pi_huj v_j) o v'_r) . v_t           users of the target
    (v_h o v''_r) . p_t           = sum_u (v_h o v''_r) . (sum_j pi_tuj v_j)          users of the answer
    gamma log(1 + f / epsilon)    shared in proportion to each user's part of f       both

    tau (all of the above) + walks               upgan.explain.walks          both

The logarithms are the only non-linear parts; sharing it in proportion is what integrated gradients from f = 0 give too.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from upgan.explain.base import PATHS_PER_USER, Explainer, Influence, Side, SideUsers, together
from upgan.explain.explanation import Baseline, EvidencePath, Node, ScorePart, Sort, UserPath, Walk
from upgan.explain.walks import Ways, all_ways, own_facts_part, spoken_step, user_parts, users_of_step
from upgan.graph.cointeraction import CoInteraction, ItemPaths
from upgan.graph.queries import QueryIndex
from upgan.graph.walks import WalkEdges
from upgan.model.bilinear import BilinearDiscriminator
from upgan.model.evidence import CHANNELS
from upgan.model.product import compose
from upgan.types import INTERACTED, BoolArray, FloatArray, IntArray


class WalkedParts(NamedTuple):
    """What walks add to one score: paths of facts, the answer's own facts, and the users of both sides."""

    facts: float
    own: float
    target: SideUsers
    answer: SideUsers


class CoInteractionExplainer(Explainer):
    """Path weights and evidence of one query at a time, in float64, over all users (nothing sampled)."""

    model: BilinearDiscriminator

    @cached_property
    def co(self) -> CoInteraction | None:
        """Who chose what together; None without users."""
        return self.graph.cointeraction if self.model.has_users else None

    # Users -----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def influence(
        self, head: int, relation: int, answer: int, *, baseline: Baseline = "none", sort: Sort | None = "weight"
    ) -> Influence:
        """Weights and contributions of the users of both sides (relation 0 .. 2R-1)."""
        ways = self.ways(head, relation, answer)
        walked = self._walked(ways, relation, answer)
        tau = self._tau(relation)
        known = tau * self._known_score(head, relation, answer)
        without = known + walked.facts + walked.own
        start = self.mean_preference if baseline == "mean" else None
        target, target_start = self._users_of_side("target", head, relation, answer, start)
        answered, answer_start = self._users_of_side("answer", head, relation, answer, start)
        parts = (
            ("vectors", known),
            ("users' choices", tau * float(target.part.sum() + answered.part.sum() + target_start + answer_start)),
            ("paths of facts", walked.facts),
            ("paths through users", float(walked.target.part.sum() + walked.answer.part.sum())),
            ("the answer's own facts", walked.own),
        )
        return Influence(
            together(target.times(tau), walked.target).sorted(sort),
            together(answered.times(tau), walked.answer).sorted(sort),
            tau * self._score(head, relation, answer) + self._walked_score(head, relation, answer),
            without,
            without + tau * (target_start + answer_start),
            self.user_names,
            tuple(ScorePart(*part) for part in parts) if self._speaks else (),
        )

    @property
    def _speaks(self) -> bool:
        """Whether the score has walks."""
        return self.model.walks is not None and not self.model.walks.silent

    def _tau(self, relation: int) -> float:
        """How much the score without walks counts."""
        return 1.0 if self.model.walks is None else float(self.model.walks.tau[relation])

    @cached_property
    def edges(self) -> WalkEdges:
        """What walks go along."""
        return self.facts.walk_edges(self.graph.said if self.model.has_users else ())

    def ways(self, head: int, relation: int, answer: int) -> list[Ways]:
        """All paths of walks from ``head`` to ``answer`` that the relation listens to."""
        if self.model.walks is None or not self._speaks:
            return []
        return all_ways(self.model.walks, self.edges, head, relation, answer)

    def _walked(self, ways: list[Ways], relation: int, answer: int) -> WalkedParts:
        """What walks add, by whom."""
        walks, nobody = self.model.walks, SideUsers.nobody()
        if walks is None or not self._speaks:
            return WalkedParts(0.0, 0.0, nobody, nobody)
        facts = sum(each.value for each in ways if spoken_step(each, walks) is None)
        own = own_facts_part(walks, self.edges, relation, answer)
        target, answered = (user_parts(walks, self.edges, ways, side) for side in ("target", "answer"))
        return WalkedParts(facts, own, target, answered)

    def _walked_score(self, head: int, relation: int, answer: int) -> float:
        """What walks add in all, as the ranking computes it: the other side of the proof."""
        if self.model.walks is None or not self._speaks:
            return 0.0
        return float(self.model.walks.of(self.edges, np.array([head]), relation)[0, answer])

    def walks(self, target: int, relation: int, answer: int, count: int) -> tuple[Walk, ...]:
        """The ``count`` paths with the largest part of the score; equal ones by their nodes."""
        found = []
        for each in self.ways(target, relation, answer):
            largest = np.argsort(-each.weight, kind="stable")[:count]
            found += [(float(each.parts[place]), each, place) for place in largest.tolist()]
        found.sort(key=lambda one: (-abs(one[0]), one[1].path, one[1].nodes[one[2]].tolist()))
        return tuple(self._walk(each, place, target, answer) for _, each, place in found[:count])

    def _walk(self, ways: Ways, place: int, target: int, answer: int) -> Walk:
        """One path by its names, its heaviest user between the two items of a step that users say."""
        assert self.model.walks is not None
        nodes = [self.named(node, target, answer) for node in ways.nodes[place].tolist()]
        relations = [self.relation_name(kind) for kind in ways.path]
        step, users, said = spoken_step(ways, self.model.walks), 0, ""
        if step is not None:
            one = replace(ways, nodes=ways.nodes[[place]], weight=ways.weight[[place]])
            _, user, share = users_of_step(self.edges, one, step)
            nodes.insert(step + 1, self._user(int(user[np.argmax(share)]), target, answer))
            relations.insert(step, INTERACTED)
            users, said = int((share > 0).sum()), self.edges.said[ways.path[step] - 2 * self.edges.num_relations].name
        weight = float(ways.weight[place] / ways.weight.sum())
        return Walk(tuple(nodes), tuple(relations), weight, float(ways.parts[place]), users, said)

    @cached_property
    def mean_preference(self) -> Tensor:
        """(W,) plain mean of p over the entities that have users."""
        preference = self.model.preferences(self.graph)
        reached = preference[preference.any(dim=1)]
        return reached.mean(dim=0) if len(reached) else preference.new_zeros(preference.shape[1])

    def _users_of_side(
        self, side: Side, head: int, relation: int, answer: int, start: Tensor | None
    ) -> tuple[SideUsers, float]:
        """Every user of one side with its weight in p and its part of the score, and the score's part at the baseline.

        ``start``: (W,) what p is compared with; None for 0. Evidence is always counted from none.
        """
        item = head if side == "target" else answer
        empty = ItemPaths(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
        similar = self.co.similar_paths(item) if self.co else empty
        common = self.co.common_paths(item) if self.co else empty
        users = np.union1d(similar.user, common.user)
        size = len(users)
        place = np.searchsorted(users, similar.user)
        weight = np.bincount(place, weights=similar.weight, minlength=size).astype(np.float64)
        before = 0.0 if start is None or not size else float(self._read(side, head, relation, answer, start)[0])
        vectors = self.model.entity[torch.from_numpy(similar.other)]
        read = (self._read(side, head, relation, answer, vectors) - before) * similar.weight
        part = np.bincount(place, weights=read, minlength=size).astype(np.float64)
        place = np.searchsorted(users, common.user)
        for channel, counted in self._channels(side, head, relation, answer, common.other).items():
            each = np.bincount(place, weights=common.weight * counted, minlength=size)
            part += self._evidence_value(relation, channel, each.sum()) * each / max(each.sum(), np.finfo(float).tiny)
        return SideUsers(users, weight, part), before

    def _read(self, side: Side, head: int, relation: int, answer: int, vectors: Tensor) -> FloatArray:
        """(N, W) or (W,) vectors in the place of p -> (N,) or (1,) what each alone would add to the score."""
        model, product = self.model, self.model.product
        rows = vectors.reshape(-1, model.width)
        if side == "target":
            read = compose(product, rows, model.target_relation[relation]) @ model.entity[answer]
        else:
            read = rows @ compose(product, model.entity[head], model.answer_relation[relation])
        return np.asarray(read.numpy(), dtype=np.float64)

    def _channels(self, side: Side, head: int, relation: int, answer: int, others: IntArray) -> dict[str, BoolArray]:
        """Evidence channels of a side -> which of the paths to ``others`` count there."""
        if side == "target":
            having = _answers(
                self.facts.by_relation, answer, self.inverse_kind(relation)
            )  # j with (j, r, answer) known
            return {
                "target": np.isin(others, having),
                "direct": others == answer,
                "target_linked": np.isin(others, _answers(self.facts.linked, answer, 0)),
            }
        return {
            "answer": np.isin(others, _answers(self.facts.by_relation, head, relation)),
            "answer_linked": np.isin(others, _answers(self.facts.linked, head, 0)),
        }

    def _evidence_value(self, relation: int, channel: str, total: float) -> float:
        """gamma log(1 + f / epsilon) of one channel."""
        value = torch.tensor(total, dtype=torch.float64)
        return float(self.model.fusion.gamma[relation, CHANNELS.index(channel)] * self.model.fusion.transformed(value))

    # Scores ----------------------------------------------------------------------------------------------------------

    def _known_score(self, head: int, relation: int, answer: int) -> float:
        """(v_h o v_r) . v_t."""
        model = self.model
        query = compose(model.product, model.entity[head], model.relation[relation])
        return float(query @ model.entity[answer])

    def _score(self, head: int, relation: int, answer: int) -> float:
        """The whole score, from p as vectors and f as totals: the other side of the proof."""
        model, product = self.model, self.model.product
        p_head, p_answer = self._preference(head), self._preference(answer)
        query = compose(product, model.entity[head], model.relation[relation])
        query = query + compose(product, p_head, model.target_relation[relation])
        score = float(query @ model.entity[answer])
        score += float(compose(product, model.entity[head], model.answer_relation[relation]) @ p_answer)
        if self.co is None:
            return score
        sides: tuple[tuple[Side, int], ...] = (("target", head), ("answer", answer))
        for side, item in sides:
            others, counts = self.co.common.of(item)
            for channel, counted in self._channels(side, head, relation, answer, others).items():
                score += self._evidence_value(relation, channel, float(counts[counted].sum()))
        return score

    def _preference(self, item: int) -> Tensor:
        """(W,) p of one entity."""
        if self.co is None:
            return torch.zeros_like(self.model.entity[item])
        others, share = self.co.similar.of(item)
        weights = torch.from_numpy(share / max(share.sum(), np.finfo(float).tiny))
        return weights @ self.model.entity[torch.from_numpy(others)]

    # Paths -----------------------------------------------------------------------------------------------------------

    def heaviest(self, target: int, answer: int, influence: Influence, count: int) -> tuple[UserPath, ...]:
        """One edge is one path here: the heaviest paths are those of the heaviest users."""
        return self.paths(target, answer, influence.target.sorted().users[:count])

    def paths(
        self, target: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = PATHS_PER_USER
    ) -> tuple[UserPath, ...]:
        """The one edge from each of ``users`` to the item of their side, with w_u."""
        if self.co is None:
            return ()
        item = target if side == "target" else answer
        similar = self.co.similar_paths(item)
        total = np.bincount(similar.user, weights=similar.weight, minlength=self.dataset.num_users)
        result = []
        for user, weight in zip(users.tolist(), total[users].tolist(), strict=True):
            nodes = (self._user(user, target, answer), self.named(item, target, answer))
            result.append(UserPath(nodes, (INTERACTED,), (weight,), weight))
        return tuple(sorted(result, key=lambda path: -path.weight))

    def evidence(
        self, target: int, relation: int, answer: int, users: IntArray, *, side: Side = "target", per_user: int = 1
    ) -> tuple[EvidencePath, ...]:
        """Of users of the target: answer - fact - item - user, or answer - user where they chose it themselves (which
        comes first). Of users of the answer: target - fact - item - user. The number at the item is its share of the
        user's own paths; a known fact counts as 1.
        """
        if self.co is None:
            return ()
        item, end = (target, answer) if side == "target" else (answer, target)
        kind = self.inverse_kind(relation) if side == "target" else relation
        common = self.co.common_paths(item)
        linked = np.isin(common.other, _answers(self.facts.by_relation, end, kind))
        direct = (common.other == end) if side == "target" else np.zeros(len(common.other), dtype=bool)
        end_node, result = self.named(end, target, answer), []
        for user in users.tolist():
            mine = common.user == user
            total = float(common.weight[mine].sum())
            leading = np.flatnonzero(mine & (linked | direct))
            order = np.lexsort((-common.weight[leading], ~direct[leading]))
            for best in leading[order][:per_user].tolist():
                share, user_node = float(common.weight[best] / total), self._user(user, target, answer)
                if direct[best]:
                    result.append(EvidencePath((end_node, user_node), (INTERACTED,), (share,)))
                    continue
                middle = self.named(int(common.other[best]), target, answer)
                relations = (self.relation_name(kind), INTERACTED)
                result.append(EvidencePath((end_node, middle, user_node), relations, (1.0, share)))
        return tuple(result)

    def _user(self, user: int, target: int, answer: int) -> Node:
        return self.named(user + self.dataset.num_entities, target, answer)


def _answers(index: QueryIndex, entity: int, relation: int) -> IntArray:
    """Known answers of <entity, relation, ?>."""
    return index.answers_of(index.rows(torch.tensor([entity]), torch.tensor([relation])))[1].numpy()
