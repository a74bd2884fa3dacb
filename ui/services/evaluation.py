"""How good a run is, broken down, and several runs set against each other; the figures are upgan.evaluation's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ui.services import questions

if TYPE_CHECKING:
    from upgan.evaluation.compare import Change
    from upgan.evaluation.evaluator import Ranking
    from upgan.predict.predictor import Predictor

Breakdown = Literal["relation", "sparsity", "hops", "side"]
#: What each breakdown is, and what its groups are.
BREAKDOWNS: dict[Breakdown, tuple[str, str]] = {
    "relation": ("relation", "Which relation is asked about, both directions together."),
    "sparsity": (
        "frequency",
        "How often the right answer stands in training facts, in five groups as equal as ties allow: A the "
        "rarest, E the most frequent.",
    ),
    "hops": ("hops", "How many steps the right answer is from the nearest user: 1 are the items users chose."),
    "side": ("side", "Which end is missing: tail asks ⟨A, relation, ?⟩, head asks ⟨?, relation, A⟩."),
}
#: Ranking that scores no more than this is done without being asked for: it takes a second or two.
QUICK = 20_000_000


@dataclass(frozen=True)
class Group:
    """One group of a breakdown with its metrics."""

    name: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """A run beside the baseline; the changes are None for the baseline itself."""

    name: str
    metrics: dict[str, Any]
    mrr: Change | None
    hits10: Change | None


def scores_needed(predictor: Predictor) -> int:
    """How many scores a ranking of the test part takes."""
    return 2 * len(predictor.dataset.test) * len(predictor.entities)


def breakdown(predictor: Predictor, ranking: Ranking, by: Breakdown) -> list[Group]:
    """The ranking's metrics in groups, the largest groups first where they have no order of their own."""
    from upgan.evaluation.groups import group_metrics

    by_name = group_metrics(ranking, predictor.dataset, predictor.graph, by)
    groups = [Group(_group_name(predictor, name, by), metrics.to_dict()) for name, metrics in by_name.items()]
    return sorted(groups, key=lambda group: -group.metrics["queries"]) if by == "relation" else groups


def _group_name(predictor: Predictor, name: str, by: Breakdown) -> str:
    if by == "relation":
        return questions.relation_label(predictor.dataset, name)
    if by == "sparsity":
        return {"A": "A (rarest)", "E": "E (most frequent)"}.get(name, name)
    return {">=3": "3 or more"}.get(name, name) if by == "hops" else name


def comparison(rankings: Mapping[str, Ranking]) -> list[Compared]:
    """Runs on the same test triples: the first is the baseline, with paired-bootstrap intervals for the others.

    Raises DataError where the rankings are of different triples.
    """
    from upgan.evaluation.compare import compare_systems

    (first, baseline), *others = rankings.items()
    differences = compare_systems([baseline], [[ranking] for _, ranking in others])
    rows = [Compared(first, baseline.metrics.to_dict(), None, None)]
    rows += [
        Compared(name, ranking.metrics.to_dict(), difference.mrr, difference.hits10)
        for (name, ranking), difference in zip(others, differences, strict=True)
    ]
    return rows


def clear(change: Change) -> str:
    """What an interval says, in a word."""
    return "better" if change.low > 0 else "worse" if change.high < 0 else "no clear difference"


def groups_words(groups: Sequence[Group]) -> str:
    """A breakdown in a sentence, for who cannot see its chart."""
    ranked = [group for group in groups if group.metrics["mrr"] is not None]
    if not ranked:
        return "No group has a query."
    best, worst = (pick(ranked, key=lambda group: group.metrics["mrr"]) for pick in (max, min))
    return (
        f"MRR of {len(ranked)} groups, highest {best.name} with {best.metrics['mrr']:.3f}, "
        f"lowest {worst.name} with {worst.metrics['mrr']:.3f}."
    )


def comparable(fingerprints: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Of runs with their datasets' fingerprints: those on the first one's data, and the others."""
    first = next(iter(fingerprints.values()), "")
    same = [name for name, fingerprint in fingerprints.items() if fingerprint == first]
    return same, [name for name in fingerprints if name not in same]
