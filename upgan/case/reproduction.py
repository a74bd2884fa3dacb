"""Compute a case again with a run, and say whether the numbers are the same or by how much they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from upgan.case.documents import with_figure
from upgan.case.results import TOLERANCE, computed, gaps, set_beside
from upgan.case.schema import CaseFile
from upgan.explain.explanation import EvidencePath, Explanation, Node, UserPath, UserShare, Walk
from upgan.predict.predictor import Predictor
from upgan.render.pseudonyms import pseudonymised, pseudonyms_of
from upgan.render.words import clean, shorten
from upgan.version import __version__

#: Contrast, what if and smallest set also hold scores of all candidates, which are float32.
SINGLE_TOLERANCE = 1e-4

AnyPath = UserPath | EvidencePath | Walk
Verdict = Literal["reproduced", "differs", "other run", "other dataset", "unknown"]


@dataclass(frozen=True)
class Difference:
    """One group of numbers, the file's against the run's."""

    name: str
    #: How many numbers (or names) were compared.
    compared: int
    #: The largest absolute difference.
    largest: float
    #: What has no counterpart on the other side, in words; empty where everything has.
    unmatched: str = ""
    #: What rounding alone explains in this group, where that is more than the comparison's own tolerance.
    rounding: float = 0.0

    def within(self, tolerance: float) -> bool:
        """Whether the group is the same up to rounding."""
        return self.largest <= max(tolerance, self.rounding) and not self.unmatched


@dataclass(frozen=True)
class Reproduction:
    """The outcome of computing a case again."""

    verdict: Verdict
    message: str
    differences: tuple[Difference, ...]
    tolerance: float = TOLERANCE

    @property
    def same_numbers(self) -> bool:
        """Whether every group was compared and agrees."""
        return bool(self.differences) and all(group.within(self.tolerance) for group in self.differences)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of ``upgan case open --json``."""
        return {
            "verdict": self.verdict,
            "reproduced": self.verdict == "reproduced",
            "same_numbers": self.same_numbers,
            "message": self.message,
            "tolerance": self.tolerance,
            "differences": {
                group.name: {
                    "compared": group.compared,
                    "largest": group.largest,
                    "unmatched": group.unmatched,
                    "same": group.within(self.tolerance),
                }
                for group in self.differences
            },
        }


def reproduce(case: CaseFile, predictor: Predictor, *, tolerance: float = TOLERANCE) -> Reproduction:
    """Explain the case's answer again with ``predictor`` and compare every group of numbers."""
    if missing := _unknown(case, predictor):
        return Reproduction("unknown", missing, (), tolerance)
    query = case.explanation.query
    again = predictor.explain(
        **query.names,
        answer=case.explanation.answer.id,
        top_users=case.explanation.top_users,
        baseline=case.explanation.baseline,
        sort=case.explanation.sort,
        paths_per_user=case.explanation.paths_per_user,
        evidence_per_user=case.explanation.evidence_per_user,
        top_paths=len(case.explanation.heaviest_paths),
        top_walks=len(case.explanation.walks),
    )
    fresh = pseudonymised(again) if case.pseudonyms else again
    differences = (*compare(case, fresh, predictor), *_results(case, again, predictor))
    return _judged(case, predictor, differences, tolerance)


def _unknown(case: CaseFile, predictor: Predictor) -> str:
    """What of the case's question this run does not know, in words; empty where it knows all of it."""
    dataset, query = predictor.dataset, case.explanation.query
    names = {"the entity of the question": query.entity, "the answer": case.explanation.answer.id}
    for what, name in names.items():
        if name not in dataset.entity_index:
            return f"cannot be computed again: {what} {_name(name)} is not in this run's dataset {_name(dataset.name)}"
    if query.relation not in dataset.relation_index:
        name = _name(query.relation)
        return f"cannot be computed again: the relation {name} is not in this run's dataset {_name(dataset.name)}"
    return ""


def _judged(
    case: CaseFile, predictor: Predictor, differences: tuple[Difference, ...], tolerance: float
) -> Reproduction:
    off = [group for group in differences if not group.within(tolerance)]
    count = sum(group.compared for group in differences)
    summary = "; ".join(f"{group.name} {_by(group)}" for group in off)
    summary = f"they differ: {summary}" if off else f"all {count:,} values agree within {tolerance:g}"
    verdict: Verdict = "differs" if off else "reproduced"
    message = f"reproduced: the same run, and {summary}"
    if case.dataset.fingerprint != predictor.dataset.fingerprint:
        here, there = predictor.dataset, case.dataset
        verdict = "other dataset"
        message = (
            f"another dataset (the file: {_name(there.name)}, {_print(there.fingerprint)}; this run: "
            f"{_name(here.name)}, {_print(here.fingerprint)}), compared all the same: {summary}"
        )
    elif case.run.fingerprint != predictor.fingerprint:
        verdict = "other run"
        message = (
            f"another run of the same dataset (the file: {_name(case.run.name)}, {_print(case.run.fingerprint)}; this "
            f"one: {_print(predictor.fingerprint)}), compared all the same: {summary}"
        )
    elif off:
        message = (
            f"not reproduced: the same run, but {summary}. Another machine changes scores by rounding only and may "
            "swap equal ranks; a larger difference means that the file does not hold this run's numbers."
        )
    return Reproduction(verdict, message, differences, tolerance)


def _by(group: Difference) -> str:
    largest = f"by up to {group.largest:.3g}" if group.largest > 0 else ""
    return ", ".join(filter(None, [largest, group.unmatched]))


def _name(text: str | None) -> str:
    return f"“{shorten(clean(text or ''), 60)}”"


def _print(fingerprint: str) -> str:
    return shorten(clean(fingerprint), 13)


# The groups ----------------------------------------------------------------------------------------------------------


def compare(case: CaseFile, again: Explanation, predictor: Predictor) -> tuple[Difference, ...]:
    """Every group of the case against a fresh explanation, its users named as the case names them."""
    filed = case.explanation
    by_order = case.pseudonyms
    both = filed, again
    data, run, config = predictor.dataset, case.run, predictor.config
    filed_labels = {*case.relation_labels.items(), ("model", run.model), ("preset", run.preset)}
    labels = zip(data.relations, data.relation_labels, strict=True)
    return (
        _numbers("score", both, "score", "score_without_users", "baseline_score"),
        _numbers("ranks", both, "rank", "filtered_rank", "rank_without_users", "filtered_rank_without_users"),
        *_shares("", filed.users, again.users, by_order),
        *_shares("answer's ", filed.answer_users, again.answer_users, by_order),
        _numbers("sums", both, "residual", "effective_users"),
        _chains("paths", _every_path(filed), _every_path(again), by_order),
        _chains(
            "evidence", (*filed.evidence, *filed.answer_evidence), (*again.evidence, *again.answer_evidence), by_order
        ),
        *_walks(filed, again, by_order),
        _sets("known facts", _facts(filed, by_order), _facts(again, by_order)),
        _sets("names", _names(filed), _names(again)),
        _sets("labels", filed_labels, {*labels, ("model", config.model_name), ("preset", config.preset)}),
        *_drawn(case),
    )


def _every_path(explanation: Explanation) -> list[UserPath]:
    return [*explanation.paths, *explanation.answer_paths, *explanation.heaviest_paths]


def _numbers(name: str, both: tuple[Explanation, Explanation], *fields: str) -> Difference:
    filed, again = ([getattr(explanation, field) for field in fields] for explanation in both)
    return Difference(name, len(fields), float(np.abs(np.subtract(filed, again)).max(initial=0.0)))


def _shares(
    whose: str, filed: Sequence[UserShare], again: Sequence[UserShare], by_order: bool
) -> tuple[Difference, Difference]:
    """Weights and contributions of one side's users, matched by id, or by their order under pseudonyms."""
    apart, missing, extra = set_beside(filed, again, ("weight", "contribution"), by_order)
    unmatched = _alone(missing, extra, "users")
    if by_order and unmatched:
        unmatched = f"{len(filed):,} users in the file, {len(again):,} in the run"
    gap = apart.max(axis=0, initial=0.0)
    return (
        Difference(f"{whose}weights", len(apart), float(gap[0]), unmatched),
        Difference(f"{whose}contributions", len(apart), float(gap[1]), unmatched),
    )


def _chains(name: str, filed: Sequence[AnyPath], again: Sequence[AnyPath], by_order: bool) -> Difference:
    """Paths matched by what they pass; under pseudonyms a user is any user."""
    ours, theirs = _keyed(filed, by_order), _keyed(again, by_order)
    largest, compared, missing, extra = 0.0, 0, 0, 0
    for key in ours.keys() | theirs.keys():
        mine, yours = ours.get(key, []), theirs.get(key, [])
        shared = min(len(mine), len(yours))
        gaps = np.abs(np.subtract(mine[:shared], yours[:shared]))
        largest = max(largest, float(gaps.max(initial=0.0)))
        compared += gaps.size
        missing += len(mine) - shared
        extra += len(yours) - shared
    return Difference(name, compared, largest, _alone(missing, extra, "paths"))


def _walks(filed: Explanation, again: Explanation, by_order: bool) -> Iterable[Difference]:
    """Paths of walks and parts of the score, where the file has them."""
    if not filed.score_parts:
        return
    yield _chains("walks", filed.walks, again.walks, by_order)
    ours, theirs = ({part.name: part.value for part in one.score_parts} for one in (filed, again))
    both = ours.keys() & theirs.keys()
    largest = max((abs(ours[name] - theirs[name]) for name in both), default=0.0)
    yield Difference(
        "parts of the score", len(ours), largest, _alone(len(ours) - len(both), len(theirs) - len(both), "parts")
    )


def _keyed(chains: Sequence[AnyPath], by_order: bool) -> dict[Any, list[list[float]]]:
    """What a path passes -> the numbers of the paths that pass it, the heaviest first."""
    numbers_of: dict[Any, list[list[float]]] = {}
    for chain in chains:
        numbers = list(chain.coefficients) if isinstance(chain, EvidencePath) else [chain.weight]
        numbers += chain.alphas if isinstance(chain, UserPath) else []
        numbers += [chain.contribution] if isinstance(chain, Walk) else []
        key = (tuple(_who(node, by_order) for node in chain.nodes), chain.relations)
        numbers_of.setdefault(key, []).append(numbers)
    return {key: sorted(rows, reverse=True) for key, rows in numbers_of.items()}


def _who(node: Node, by_order: bool) -> tuple[str, str]:
    return (node.role, "" if by_order and node.role == "user" else node.id)


def _facts(explanation: Explanation, by_order: bool) -> Iterable[Any]:
    return ((_who(edge.source, by_order), edge.relation, _who(edge.target, by_order)) for edge in explanation.context)


def _names(explanation: Explanation) -> Iterable[Any]:
    """Labels, kinds and layers of the entities named, and how the question reads."""
    chains: list[UserPath | EvidencePath] = [*explanation.paths, *explanation.answer_paths]
    chains += [*explanation.evidence, *explanation.answer_evidence]
    nodes = {node for chain in chains for node in chain.nodes if node.role != "user"}
    yield from nodes | {explanation.target, explanation.answer}
    yield explanation.relation_label, explanation.inverse, explanation.known, explanation.simulated_users


def _sets(name: str, filed: Iterable[Any], again: Iterable[Any]) -> Difference:
    ours, theirs = set(filed), set(again)
    return Difference(name, len(ours), 0.0, _alone(len(ours - theirs), len(theirs - ours), "entries"))


def _alone(missing: int, extra: int, what: str) -> str:
    sides = ((missing, "file"), (extra, "run"))
    return ", ".join(f"{count:,} {what} only in the {side}" for count, side in sides if count)


def _drawn(case: CaseFile) -> Iterable[Difference]:
    """Words and figure against the file's own numbers; another version may word and draw them differently."""
    if case.upgan_version != __version__:
        return
    drawn = with_figure(case)
    parts: tuple[tuple[str, Callable[[CaseFile], Any]], ...] = (
        ("words", lambda one: (one.question, one.caption)),
        ("figure", lambda one: one.figure),
    )
    for name, part in parts:
        same = part(case) == part(drawn)
        yield Difference(name, 1, 0.0, "" if same else "not what the file's own numbers give")


def _results(case: CaseFile, again: Explanation, predictor: Predictor) -> Iterable[Difference]:
    """Contrast, what if and smallest set, where the file holds them."""
    names = pseudonyms_of(again) if case.pseudonyms else {user: user for user in predictor.dataset.users}
    real = {name: user for user, name in names.items()}
    every = {"contrast": case.contrast, "what if": case.what_if, "smallest set": case.smallest_set}
    for name, result in every.items():
        if result is None:
            continue
        fresh = computed(result, case.explanation, predictor, real)
        if fresh is None:
            yield Difference(name, 0, 0.0, "names a user or a candidate that this run does not know")
            continue
        compared, largest, off = gaps(result, fresh, case.pseudonyms)
        yield Difference(name, compared, largest, f"{off:,} other values differ" if off else "", SINGLE_TOLERANCE)
