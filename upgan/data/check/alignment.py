"""Are items linked to the right entities? What titles say and what users say, and both where they differ."""

from __future__ import annotations

from typing import Any

import pandas as pd

from upgan.data.check.catalogue import Catalogue
from upgan.data.check.interactions import Signal, compare_with_shuffled
from upgan.data.check.report import Finding, Severity
from upgan.data.check.scan import Progress
from upgan.data.check.titles import TitleAgreement, compare_titles
from upgan.data.prepare.relations import RelationReport

WORDS = {
    "fine": "links look fine",
    "wrong": "links are wrong",
    "doubtful": "some links look wrong",
    "cannot tell": "cannot tell",
}
_SEVERITY: dict[str, Severity] = {"fine": "ok", "wrong": "error", "doubtful": "warning", "cannot tell": "note"}
NOT_CHECKED: dict[str, Any] = {"verdict": "not checked", "titles": None, "interactions": None}


def check_alignment(
    catalogue: Catalogue, relations: RelationReport, names: pd.DataFrame, seed: int, limit: int, say: Progress
) -> tuple[list[Finding], dict[str, Any]]:
    """The findings of both checks, and their figures: {"verdict", "titles", "interactions"}; None: not possible."""
    titles = compare_titles(catalogue, names, limit, seed)
    signal = compare_with_shuffled(catalogue, relations, seed, limit, say)
    findings = []
    if titles is not None:
        findings.append(_of_titles(titles))
    if signal is not None:
        findings.append(_of_interactions(signal))
    if titles is None and signal is None:
        return [], NOT_CHECKED
    alignment = {
        "verdict": _together(titles, signal),
        "titles": None if titles is None else titles.to_dict(),
        "interactions": None if signal is None else signal.to_dict(),
    }
    return findings, alignment


def _together(titles: TitleAgreement | None, signal: Signal | None) -> str:
    """One verdict where both say the same or only one can tell; otherwise both."""
    said = {
        source: part.verdict
        for source, part in (("titles", titles), ("interactions", signal))
        if part is not None and part.verdict != "cannot tell"
    }
    verdicts = set(said.values())
    if not verdicts:
        return WORDS["cannot tell"]
    if len(verdicts) == 1:
        return WORDS[verdicts.pop()]
    return "; ".join(f"by {source}: {WORDS[verdict]}" for source, verdict in said.items())


def _of_titles(titles: TitleAgreement) -> Finding:
    wrong = titles.verdict in ("wrong", "doubtful")
    return Finding(
        "alignment-titles",
        _SEVERITY[titles.verdict],
        f"titles against names of entities: {WORDS[titles.verdict]}; pairs that disagree",
        titles.compared - titles.agree,
        total=titles.compared,
        examples=tuple(
            f"item {item} '{title}' -> {entity} '{name}'" for item, title, entity, name in titles.disagreeing
        ),
        meaning=f"{titles.reason}"
        + (f" (95% interval {titles.low:.1%} to {titles.high:.1%})." if titles.low is not None else "."),
        advice="A wrongly linked item has another item's facts: build the links again by title and year, or find the "
        "version of the items' ids that they were made for."
        if wrong
        else "",
        details={"verdict": titles.verdict, "share": titles.share, "by_chance": titles.by_chance},
    )


def _of_interactions(signal: Signal) -> Finding:
    flat = [relation for relation in signal.relations if not relation.above_chance]
    listed = flat if signal.verdict in ("wrong", "cannot tell") else []
    examples = [
        f"{relation.relation} ({relation.asked}): MRR {relation.mrr:.3f}, shuffled {relation.mrr_shuffled:.3f}, "
        f"difference [{relation.low:.3f}, {relation.high:.3f}]"
        for relation in listed
    ]
    if signal.verdict in ("wrong", "doubtful"):
        examples += [f"look at: {item} -> {entity}" for item, entity in signal.worst]
    advice = {
        "wrong": "What users choose together has nothing to do with the facts of what it is linked to, so users cannot "
        "help any model. Compare ten items and their entities by hand, or give names by --labels.",
        "doubtful": "Compare the links listed under 'look at' by hand; give names by --labels for a check by title.",
        "cannot tell": "Compare ten items and their entities by hand, or give names by --labels.",
    }
    return Finding(
        "alignment-interactions",
        _SEVERITY[signal.verdict],
        f"co-interaction against shuffled links: {WORDS[signal.verdict]}; relations no better than shuffled",
        len(flat),
        total=len(signal.relations),
        examples=tuple(examples),
        meaning=f"{signal.reason[:1].upper()}{signal.reason[1:]}.",
        advice=advice.get(signal.verdict, ""),
        details={"verdict": signal.verdict, "agreement": signal.agreement, "wrong_at_most": signal.wrong_at_most},
    )
