"""Do interactions and facts belong to the same things? Real links against shuffled ones, relation by relation.

Three figures, all over the same nodes (at most NODES of them, drawn at random):

* by relation, the MRR with which a node's facts are told from co-interacted nodes (``prediction``), with the links as
  they are and with the entities of nodes of like popularity shuffled SHUFFLES times; the difference is paired by
  entity, so that how easy an entity's facts are to guess is on both sides;
* the agreement of all relations together (``swaps``), which the verdict goes by;
* the same agreement with the facts replaced by what another half of the users chose: whether the interactions could
  show anything at all.

The verdict. T = 0.6, or half-way between 1/2 and the interactions' own agreement where that is less; the MRR's ratio,
real to shuffled, is the median over relations.

* fine: the agreement's interval lies above T (and above 0.55), and the ratio is at least 1.2.
* wrong: the interval lies below T although the interactions agree with themselves (interval above 0.55), and the ratio
  is below 1.5: facts that are noisy may agree with users weakly, and still be told from them far better than by chance.
* doubtful: as fine, but more than half of the links may be wrong, where interactions are rich enough to say so.
* cannot tell: everything else, and fewer than LEAST nodes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from scipy.stats import t

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.prediction import Facts, facts_of, reciprocal_ranks, similarities
from upgan.data.check.scan import Progress
from upgan.data.check.swaps import Swaps, Z, swap_links
from upgan.data.prepare.relations import RelationReport

Verdict = Literal["fine", "wrong", "doubtful", "cannot tell"]

NODES = 2000
SHUFFLES = 10
RESAMPLES = 1000
#: Fewer nodes than this say nothing, and fewer answers than this nothing about a relation.
LEAST, LEAST_ANSWERS = 100, 30
AGREEING, AGREEING_LEAST, STRUCTURED = 0.6, 0.55, 0.55
MANY_WRONG = 0.5
RATIO_FINE, RATIO_WRONG = 1.2, 1.5
#: Nodes of like popularity are shuffled among each other: at least this many together, at most STRATA strata.
_STRATUM, _STRATA = 50, 10
#: Users are thinned out above this many paths node <- user <- node, so that time stays bounded.
_MOST_PATHS = 2e8


@dataclass(frozen=True)
class RelationSignal:
    """One relation read in one direction; ``low`` and ``high``: 95% interval of real - shuffled."""

    relation: str
    #: "tail": the item is the head and the answer the tail; "head": the other way round.
    asked: Literal["tail", "head"]
    answers: int
    mrr: float
    mrr_shuffled: float
    ratio: float
    difference: float
    low: float
    high: float

    @property
    def above_chance(self) -> bool:
        return self.low > 0


@dataclass(frozen=True)
class Signal:
    """What interactions say about the links."""

    verdict: Verdict
    reason: str
    nodes: int
    agreement: float | None
    low: float | None
    high: float | None
    wrong_at_most: float | None
    #: The agreement of the interactions with themselves.
    control: float | None
    #: MRR real / shuffled, the median over relations; None where no relation has enough answers.
    mrr_ratio: float | None
    relations: tuple[RelationSignal, ...]
    #: (item, entity) of the links that fit the users worst, those with most users first.
    worst: tuple[tuple[str, str], ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "relations": [{**asdict(signal), "above_chance": signal.above_chance} for signal in self.relations],
            "worst": [{"item": item, "entity": entity} for item, entity in self.worst],
        }


def compare_with_shuffled(
    catalogue: Catalogue, relations: RelationReport, seed: int, limit: int, say: Progress
) -> Signal | None:
    """The signal of a catalogue; None where it has no interactions at all."""
    if not len(catalogue.interactions):
        return None
    rng = np.random.default_rng(seed)
    facts = facts_of(catalogue, set(relations.dropped))
    places = _places(facts, rng)
    if len(places) < LEAST:
        reason = f"{len(places)} items have users and facts; fewer than {LEAST} say nothing"
        return Signal("cannot tell", reason, len(places), None, None, None, None, None, None, (), ())
    stage = "comparing links with shuffled ones"
    say(stage, 0, SHUFFLES + 3)
    chosen = _thinned(facts.chosen, places, rng)
    similar = similarities(chosen, places)
    swaps = swap_links(similar, facts.has, places, facts.popularity, rng)
    say(stage, 1, SHUFFLES + 3)
    control = _control(chosen, places, facts.popularity, rng)
    say(stage, 2, SHUFFLES + 3)
    signals = _by_relation(catalogue, facts, similar, places, rng, lambda done: say(stage, done + 2, SHUFFLES + 3))
    ratio = float(np.median([signal.ratio for signal in signals])) if signals else None
    verdict, reason = judge(swaps, control, ratio)
    return Signal(
        verdict=verdict,
        reason=reason,
        nodes=swaps.nodes if swaps else 0,
        agreement=round(swaps.agreement, 4) if swaps else None,
        low=round(swaps.low, 4) if swaps else None,
        high=round(swaps.high, 4) if swaps else None,
        wrong_at_most=round(swaps.wrong_at_most, 4) if swaps else None,
        control=round(control.agreement, 4) if control else None,
        mrr_ratio=None if ratio is None else round(ratio, 2),
        relations=signals,
        worst=_worst(catalogue, facts, places, swaps, limit),
    )


def judge(swaps: Swaps | None, control: Swaps | None, ratio: float | None) -> tuple[Verdict, str]:
    """The verdict and its reason in words (see the module for the rule)."""
    if swaps is None or swaps.nodes < LEAST or ratio is None:
        count = swaps.nodes if swaps else 0
        return "cannot tell", f"{count} items share users and facts with others; that is too little data"
    seen = (
        f"{swaps.agreement:.1%} [{swaps.low:.1%}, {swaps.high:.1%}] of pairs of items fit better as linked than "
        f"swapped, and facts are predicted {ratio:.2g} times as well as with shuffled links"
    )
    threshold = min(AGREEING, (0.5 + (control.agreement if control else 0.5)) / 2)
    if swaps.low > max(threshold, AGREEING_LEAST) and ratio >= RATIO_FINE:
        if swaps.wrong_at_most <= MANY_WRONG:
            return "fine", f"{seen}; at most {swaps.wrong_high:.0%} of the links can be wrong"
        if control is not None and control.wrong_at_most <= MANY_WRONG:
            return "doubtful", f"{seen}, but up to {swaps.wrong_high:.0%} of the links may be wrong"
        return "fine", f"{seen}; this is about the whole: there are too few users per item to judge single links"
    if control is None or control.low <= STRUCTURED:
        return "cannot tell", f"{seen}, but what users choose together shows too little pattern of its own"
    if swaps.high < threshold and ratio < RATIO_WRONG:
        return "wrong", f"{seen}; links that have nothing to do with the users would have 50% and 1 time"
    return "cannot tell", f"{seen}: neither clearly better than chance nor clearly no better"


def _places(facts: Facts, rng: np.random.Generator) -> np.ndarray:
    """At most NODES nodes that have a fact, sorted."""
    known = np.flatnonzero(np.diff(facts.has.indptr) > 0)
    return np.sort(rng.permutation(known)[:NODES])


def _thinned(chosen: sp.csr_matrix, places: np.ndarray, rng: np.random.Generator) -> sp.csr_matrix:
    """``chosen`` with a random part of the users where all would be too many paths."""
    per_user = np.asarray(chosen.sum(axis=0)).ravel()
    paths = float((chosen[places] @ per_user).sum())
    if paths <= _MOST_PATHS:
        return chosen
    kept = np.flatnonzero(rng.random(len(per_user)) < _MOST_PATHS / paths)
    return chosen.tocsc()[:, kept].tocsr()


def _control(
    chosen: sp.csr_matrix, places: np.ndarray, popularity: np.ndarray, rng: np.random.Generator
) -> Swaps | None:
    """Users of one half as the facts that those of the other half are to agree with."""
    half = rng.random(chosen.shape[1]) < 0.5
    columns = chosen.tocsc()
    facts, users = columns[:, np.flatnonzero(half)].tocsr(), columns[:, np.flatnonzero(~half)].tocsr()
    return swap_links(similarities(users, places), facts, places, popularity, rng)


def _by_relation(
    catalogue: Catalogue,
    facts: Facts,
    similar: sp.csr_matrix,
    places: np.ndarray,
    rng: np.random.Generator,
    done: Any,
) -> tuple[RelationSignal, ...]:
    """MRR with real and shuffled links of every relation and direction with enough answers that two nodes share."""
    shared = np.flatnonzero(np.asarray(facts.has.sum(axis=0)).ravel() >= 2)
    if not len(shared):
        return ()
    has, group = facts.has[:, shared], facts.group[shared]
    strata = _strata(facts.popularity, places, rng)
    groups = int(group.max()) + 1

    def sums(order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum of rr and number of answers by entity and group (p, groups), entities in the order of ``places``."""
        ranked = reciprocal_ranks(similar, has[order], places, group)
        entity = np.searchsorted(places, order[places])[ranked["row"]]
        cell = entity * groups + group[ranked["attribute"]]
        shape = (len(places), groups)
        total = np.bincount(cell, weights=ranked["rr"], minlength=shape[0] * groups)
        return total.reshape(shape), np.bincount(cell, minlength=shape[0] * groups).reshape(shape)

    nodes = np.arange(facts.has.shape[0])
    real, answers = sums(nodes)
    shuffled = []
    for number in range(SHUFFLES):
        shuffled.append(sums(_shuffle(strata, rng))[0])
        done(number + 1)
    return _signals(catalogue, real, np.stack(shuffled), answers, rng)


def _signals(
    catalogue: Catalogue, real: np.ndarray, shuffled: np.ndarray, answers: np.ndarray, rng: np.random.Generator
) -> tuple[RelationSignal, ...]:
    """real, answers (p, groups), shuffled (SHUFFLES, p, groups) -> MRRs and intervals."""
    total = answers.sum(axis=0)
    kept = np.flatnonzero(total >= LEAST_ANSWERS)
    total = total[kept]
    mrr = real.sum(axis=0)[kept] / total
    each = shuffled.sum(axis=1)[:, kept] / total  # (SHUFFLES, kept)
    gain = (real - shuffled.mean(axis=0))[:, kept]
    drawn = rng.multinomial(len(real), np.full(len(real), 1 / len(real)), size=RESAMPLES).astype(float)
    resampled = (drawn @ gain) / np.maximum(drawn @ answers[:, kept], 1)
    # The bootstrap takes entities as independent; shuffles, few as they are, tell how far the whole moves by chance.
    # The wider of the two counts.
    by_chance = each.std(axis=0, ddof=1) * np.sqrt(1 + 1 / len(each)) * t.ppf(0.975, len(each) - 1)
    error = np.maximum(resampled.std(axis=0) * Z, by_chance)
    return tuple(
        RelationSignal(
            relation=catalogue.relations[code // 2],
            asked="head" if code % 2 else "tail",
            answers=int(count),
            mrr=round(real_mrr, 4),
            mrr_shuffled=round(chance, 4),
            ratio=round(real_mrr / chance, 2),
            difference=round(real_mrr - chance, 4),
            low=round(real_mrr - chance - wide, 4),
            high=round(real_mrr - chance + wide, 4),
        )
        for code, count, real_mrr, chance, wide in zip(
            kept.tolist(), total.tolist(), mrr.tolist(), each.mean(axis=0).tolist(), error.tolist(), strict=True
        )
    )


def _strata(popularity: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Nodes by popularity, those among ``places`` apart: shuffling keeps the entities that are ranked the same."""
    among = np.zeros(len(popularity), dtype=bool)
    among[places] = True
    strata: list[np.ndarray] = []
    for nodes in (np.flatnonzero(among), np.flatnonzero(~among)):
        order = nodes[np.lexsort((rng.random(len(nodes)), popularity[nodes]))]
        strata += np.array_split(order, max(1, min(_STRATA, len(nodes) // _STRATUM)))
    return strata


def _shuffle(strata: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A permutation (n,) of the nodes within each stratum: whose entity each node gets."""
    order = np.empty(sum(map(len, strata)), dtype=np.int64)
    for nodes in strata:
        order[nodes] = rng.permutation(nodes)
    return order


def _worst(
    catalogue: Catalogue, facts: Facts, places: np.ndarray, swaps: Swaps | None, limit: int
) -> tuple[tuple[str, str], ...]:
    """The links to look at first: no other facts fit the item's users worse, most users first."""
    if swaps is None:
        return ()
    nodes = places[swaps.row]
    worst = nodes[np.lexsort((-facts.popularity[nodes], swaps.own_fit))][:limit]
    entities = facts.nodes[worst]
    linked = np.flatnonzero(np.isin(catalogue.entity_of_item, entities))
    items = {int(catalogue.entity_of_item[item]): str(catalogue.items[item]) for item in linked[::-1]}
    return tuple((items[int(entity)], str(catalogue.entities[entity])) for entity in entities)
