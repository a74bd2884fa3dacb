"""How good a run is, broken down, and several runs set against each other; the figures are upgan.evaluation's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ui.services import questions

if TYPE_CHECKING:
    from upgan.evaluation.compare import Change, Difference
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor

Breakdown = Literal["relation", "sparsity", "hops", "side"]
#: What each breakdown is, and what its groups are.
BREAKDOWNS: dict[Breakdown, tuple[str, str]] = {
    "relation": ("relation", "Which relation is asked about, both directions together."),
    "sparsity": (
        "frequency",
        "How often the right answer occurs in training facts, in five groups as equal as ties allow: A the "
        "rarest, E the most frequent.",
    ),
    "hops": ("hops", "How many steps the right answer is from the nearest user: 1: the items that users chose."),
    "side": ("side", "Which end is missing: tail asks ⟨A, relation, ?⟩, head asks ⟨?, relation, A⟩."),
}
#: Groups that are not called as upgan.evaluation.groups has them.
_GROUP_NAMES = {"A": "A (rarest)", "E": "E (most frequent)", ">=3": "3 or more"}
#: Names of groups, each with its metrics; two relations may have one name.
Groups = Sequence[tuple[str, Mapping[str, Any]]]
#: Ranking that scores no more than this is done without being asked for: it takes a second or two.
QUICK = 20_000_000


def scores_needed(predictor: Predictor) -> int:
    """How many scores a ranking of the test part takes."""
    return 2 * len(predictor.dataset.test) * len(predictor.entities)


def breakdown(predictor: Predictor, ranking: Ranking, by: Breakdown) -> Groups:
    """The ranking's metrics by group, the largest groups first where they have no order of their own."""
    from upgan.evaluation.groups import group_metrics

    by_name = group_metrics(ranking, predictor.dataset, predictor.graph, by)
    groups = {name: metrics.to_dict() for name, metrics in by_name.items()}
    if by != "relation":
        return [(_GROUP_NAMES.get(name, name), metrics) for name, metrics in groups.items()]
    named = [(questions.relation_label(predictor.dataset, name), metrics) for name, metrics in groups.items()]
    return sorted(named, key=lambda group: -group[1]["queries"])


def differences(rankings: Mapping[str, Ranking]) -> dict[str, Difference]:
    """Runs on the same test triples against the first, with paired-bootstrap intervals.

    Raises DataError where the rankings are of different triples.
    """
    from upgan.evaluation.compare import compare_systems

    baseline, *others = rankings.values()
    return dict(zip(list(rankings)[1:], compare_systems([baseline], [[other] for other in others]), strict=True))


def clear(change: Change) -> str:
    """What an interval says, in a word."""
    return "better" if change.low > 0 else "worse" if change.high < 0 else "no clear difference"


def groups_words(groups: Groups) -> str:
    """A breakdown in a sentence, for who cannot see its chart."""
    ranked = [(metrics["mrr"], name) for name, metrics in groups if metrics["mrr"] is not None]
    if not ranked:
        return "No group has a query."
    (high, best), (low, worst) = (pick(ranked, key=lambda group: group[0]) for pick in (max, min))
    return f"MRR of {len(ranked)} groups, highest {best} with {high:.3f}, lowest {worst} with {low:.3f}."


def comparable(fingerprints: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Of runs with their datasets' fingerprints: those on the first one's data, and the others."""
    first = next(iter(fingerprints.values()), "")
    same = [name for name, fingerprint in fingerprints.items() if fingerprint == first]
    return same, [name for name in fingerprints if name not in same]
