"""How sure a proposed answer is: the share of such proposals that were right where the truth is known.

One part of the facts is hidden and proposed again, validation to fit the curves, test to judge them. Two situations are
told apart, because what is known of the truth differs:

* an empty slot: its entity has, without the hidden facts, fewer answers than is usual for its kind. Judged as if those
  of all the kind were hidden, whether it has any or not: slots of which a fact is hidden stand for all that are filled,
  and slots that the graph itself leaves empty, where every proposal counts as wrong, for their own part of the kind.
  And no promise exceeds what could come true if half of those that show nothing had something: nobody knows how many
  of them do, and the list holds none but them.
* any other slot: judged on all of them, or a random sample. A proposal that is not among the hidden facts counts as
  wrong though it may be right: the precision is a lower bound where the graph is incomplete.

In both, right means that the very fact is hidden. Each end of a relation has its own curve in each situation, which
keeps to what all ends have in common where it has few examples (upgan.evaluation.calibration). The best answer of a
slot and those after it have curves of their own: an equal share says more of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from upgan.evaluation.calibration import Curve, Reliability, fit_curves
from upgan.evaluation.evaluator import Progress
from upgan.graph.queries import QueryIndex
from upgan.predict.predictor import Predictor
from upgan.predict.slot_queries import blocks
from upgan.predict.slots import Slots
from upgan.types import SPLITS, BoolArray, Document, FloatArray, IntArray, SplitName

#: Proposals of each slot that a curve is fitted to, and how many other slots at most are asked, of how many scores.
BEST, MOST_SLOTS, MOST_SCORES = 5, 6_000, 1_000_000_000


@dataclass(frozen=True)
class Judged:
    """(N, BEST) proposals of N slots, best first: x, and whether right; (N,) ends of the slots, and which are empty."""

    end: IntArray
    empty: BoolArray
    #: (N,) for how many slots each stands, and how many of its like have something to find.
    weight: FloatArray
    most: FloatArray
    left: FloatArray
    right: BoolArray


@dataclass(frozen=True)
class Sureness:
    """Curves by (end, empty, first); those of all ends together under end -1."""

    curves: Mapping[tuple[int, bool, bool], Curve] = field(default_factory=dict)

    def curve(self, end: int, *, empty: bool, first: bool = True) -> Curve:
        """That of an end, or of all ends where it has no example; ``first``: of the best answer of its slot."""
        own = self.curves.get((end, empty, first))
        return own or self.curves.get((-1, empty, first)) or Curve()

    def known(self, *, empty: bool) -> bool:
        """Whether there was any example of this situation: otherwise its curve only keeps the order."""
        return (-1, empty, True) in self.curves

    @staticmethod
    def fit(judged: Judged) -> Sureness:
        """For each situation, curves of the best proposals and of those after them."""
        curves: dict[tuple[int, bool, bool], Curve] = {}
        for empty in (True, False):
            here = judged.empty == empty
            for first, places in ((True, slice(0, 1)), (False, slice(1, None))):
                left, right = judged.left[here, places], judged.right[here, places]
                ends, weight, most = (
                    np.repeat(each[here], left.shape[1]) for each in (judged.end, judged.weight, judged.most)
                )
                fitted = fit_curves(ends, left.ravel(), right.ravel(), weight, most)
                curves |= {(end, empty, first): curve for end, curve in fitted.items()}
        return Sureness(curves)


@dataclass(frozen=True)
class RelationReliability(Document):
    """How well the promises of one end of one relation were kept; ``asked`` is the end that was asked for."""

    relation: str
    label: str
    asked: str
    slot: str
    #: Examples behind the curve (of validation), and the diagram (of the judged split).
    fitted: int
    reliability: Reliability


@dataclass(frozen=True)
class SurenessReport(Document):
    """Promises beside what came true, on the best proposal of each slot of the judged split."""

    split: SplitName
    fitted: int
    all: Reliability
    empty: Reliability
    further: Reliability
    relations: tuple[RelationReliability, ...]


def sureness(predictor: Predictor, progress: Progress | None = None) -> Sureness:
    """The curves of a run, from its validation facts; none where it has none. Slow (seconds to a minute): keep it."""
    if not len(predictor.dataset.valid):
        return Sureness()
    return Sureness.fit(judged(predictor, "valid", progress))


def judged(predictor: Predictor, split: SplitName, progress: Progress | None = None) -> Judged:
    """The best proposals of slots with ``split`` hidden, and which of them are its facts."""
    data = predictor.dataset
    others = np.concatenate([data.triples(name) for name in SPLITS if name != split])
    slots = Slots.of(data, others)
    sizes = data.num_entities, data.num_relations
    known, hidden = QueryIndex.build(others, *sizes), QueryIndex.build(data.triples(split), *sizes)
    candidates, empty, filled = slots.candidates, slots.empty, Slots.of(data).filled
    weight = _weights(slots, filled, hidden)
    most, asked = ceiling(filled, empty), weight > 0
    parts, done, total = [], 0, int(asked.sum())
    for block in blocks(predictor, asked, candidates, known):
        best = torch.topk(block.left, min(BEST, block.left.shape[1]), dim=1)
        right = torch.zeros(block.left.shape, dtype=torch.bool)
        right[block.answers(hidden)] = True
        left, hit = (_padded(value.double().numpy()) for value in (best.values, right.gather(1, best.indices)))
        at = block.end, block.entities
        parts.append((np.full(len(block.entities), block.end), empty[at], weight[at], most[at], left, hit > 0))
        done += len(block.entities)
        if progress is not None:
            progress(done, total)
    if not parts:
        none = np.empty((0, BEST))
        return Judged(np.empty(0, np.int64), np.empty(0, bool), np.empty(0), np.empty(0), none, none > 0)
    return Judged(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def ceiling(filled: FloatArray, empty: BoolArray) -> FloatArray:
    """(2R, E) the most that can be promised of a slot.

    In an empty one halfway from the share of its kind that has something to all. Ten-fold cross-validation on the
    validation facts of three runs (demo, book and movie) has a log-loss of 0.410 so, 0.408 without a ceiling, which
    promised 99% where a list held nothing but books without a series, and 0.418 with the share itself.
    """
    most: FloatArray = np.where(empty, (1 + filled) / 2, 1.0)
    return most


def report(
    predictor: Predictor, sure: Sureness, split: SplitName = "test", progress: Progress | None = None
) -> SurenessReport:
    """How the promises were kept on a split, all together and by relation and end."""
    data, seen = predictor.dataset, judged(predictor, split, progress)
    promised, right = np.zeros(len(seen.end)), seen.right[:, 0]
    for empty in (True, False):
        for end in np.unique(seen.end[seen.empty == empty]).tolist():
            here = (seen.end == end) & (seen.empty == empty)
            promised[here] = sure.curve(end, empty=empty).at(seen.left[here, 0], seen.most[here])

    def of(chosen: BoolArray) -> Reliability:
        return Reliability.of(promised[chosen], right[chosen], seen.weight[chosen])

    relations = [
        RelationReliability(
            relation=data.relations[end % data.num_relations],
            label=data.relation_labels[end % data.num_relations],
            asked="head" if end >= data.num_relations else "tail",
            slot="empty" if empty else "further",
            fitted=sure.curve(end, empty=empty).examples,
            reliability=of((seen.end == end) & (seen.empty == empty)),
        )
        for empty in (True, False)
        for end in np.unique(seen.end[seen.empty == empty]).tolist()
    ]
    fitted = sum(curve.examples for (end, _, first), curve in sure.curves.items() if end == -1 and first)
    every = np.ones(len(right), dtype=bool)
    return SurenessReport(split, fitted, of(every), of(seen.empty), of(~seen.empty), tuple(relations))


def _weights(slots: Slots, filled: FloatArray, hidden: QueryIndex) -> FloatArray:
    """(2R, E) for how many slots each one that is asked stands, 0 for one that is not.

    Empty slots: 1 where a fact is hidden; those that nothing is hidden of share among them what makes their part 1 less
    the share ``filled`` of their kind. 1 for all other slots. Of the last two kinds a random sample is asked.
    """
    holds = np.zeros(slots.known.shape, dtype=bool)
    holds[hidden.relations.numpy(), hidden.heads.numpy()] = True
    fit, empty = slots.fit, slots.empty
    weight: FloatArray = (holds & empty & fit).astype(np.float64)
    bare = _sample(fit & empty & ~holds)
    for end in np.flatnonzero(bare.any(axis=1)).tolist():
        found, none = (np.bincount(slots.kind, part)[slots.kind] for part in (weight[end], bare[end]))
        here = bare[end]
        weight[end, here] = found[here] * (1 - filled[end, here]) / (filled[end, here] * none[here])
    weight[_sample(fit & ~empty)] = 1
    return weight


def _sample(slots: BoolArray) -> BoolArray:
    """(2R, E) so many of the slots as are worth asking, drawn by chance."""
    places, most = np.flatnonzero(slots), min(MOST_SLOTS, max(1, MOST_SCORES // slots.shape[1]))
    if len(places) <= most:
        return slots
    drawn = np.zeros_like(slots)
    drawn.ravel()[np.random.default_rng(0).choice(places, most, replace=False)] = True
    return drawn


def _padded(values: FloatArray) -> FloatArray:
    """(B, C) with zeros up to BEST columns."""
    return np.pad(values, ((0, 0), (0, BEST - values.shape[1])))
