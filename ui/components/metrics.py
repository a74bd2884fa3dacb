"""Metrics of runs: one run's figures, broken down, and several side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ui.charts.bars import changes_chart, groups_chart
from ui.components.table import chart, number, table
from ui.components.text import plain
from ui.services.evaluation import Groups, clear, differences, groups_words
from upgan.render.words import clean, shorten

if TYPE_CHECKING:
    from upgan.evaluation.compare import Difference
    from upgan.evaluation.evaluator import Ranking

#: Name -> what it is called, how many decimals it has, what it means.
_METRICS = {
    "mrr": (
        "MRR",
        3,
        "Mean reciprocal rank: 1 / rank of the right answer, averaged. 1 is always first, 0.5 like always second.",
    ),
    "hits@1": ("hits@1", 3, "Share of questions whose right answer is ranked first."),
    "hits@3": ("hits@3", 3, "Share of questions whose right answer is among the first three."),
    "hits@10": ("hits@10", 3, "Share of questions whose right answer is among the first ten."),
    "mr": ("mean rank", 1, "Mean rank of the right answer; a few badly ranked answers can dominate it."),
    "queries": ("questions", 0, "Questions asked: each held-out fact is asked for its tail and for its head."),
}
PROTOCOL = (
    "Fractions, on facts held out of training; asked in both directions; other known answers are left out of the "
    "ranking; equal scores (up to rounding: a hundred-thousandth) count as the mean of their best and worst rank."
)


def tiles(metrics: dict[str, object]) -> None:
    """The figures of one ranking side by side."""
    with st.container(horizontal=True):
        for name, (title, decimals, help) in _METRICS.items():
            value = metrics.get(name)
            if isinstance(value, int | float):
                st.metric(title, f"{value:,.{decimals}f}", help=help)
    st.caption(PROTOCOL)


def breakdown(groups: Groups, title: str) -> None:
    """MRR of each group as a chart, everything as a table."""
    chart(groups_chart(groups), "groups", groups_words(groups))
    _table([{title: clean(name)} | _columns(metrics) for name, metrics in groups], f"Metrics by {title}")


def comparison(rankings: Mapping[str, Ranking], skipped: Sequence[str]) -> None:
    """Runs beside the first of them, with intervals."""
    baseline, changes = next(iter(rankings)), differences(rankings)
    if changes:
        words = "; ".join(f"{name} {clear(change.mrr)}" for name, change in changes.items())
        alt = f"Difference of MRR to {baseline} with 95% intervals: {words}"
        chart(changes_chart(baseline, changes), "changes", alt)
    _table(
        [
            {"checkpoint": clean(name)} | _columns(ranking.metrics.to_dict()) | _change(changes.get(name))
            for name, ranking in rankings.items()
        ],
        "Metrics of the compared checkpoints",
    )
    st.caption(
        f"Differences are to {plain(shorten(clean(baseline), 40))}, with 95% intervals from a paired bootstrap "
        "over the test facts: where the interval contains 0, there is no clear difference."
    )
    if skipped:
        st.info(f"Trained on other data, so not comparable: {plain(', '.join(map(clean, skipped)))}")


def _change(difference: Difference | None) -> dict[str, object]:
    if difference is None:
        return {"Δ MRR": "baseline", "Δ hits@10": "", "MRR is": ""}
    changes = {name: f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]".replace("-", "−")
            for name, change in (("Δ MRR", difference.mrr), ("Δ hits@10", difference.hits10))}  # fmt: skip
    return {**changes, "MRR is": clear(difference.mrr)}


def _columns(metrics: Mapping[str, object]) -> dict[str, object]:
    return {name: metrics.get(name) for name in ("queries", "mrr", "hits@1", "hits@3", "hits@10", "mr")}


def _table(rows: Sequence[dict[str, object]], alt: str) -> None:
    columns = {
        name: number(title, format=f"%.{decimals}f" if decimals else "localized", help=help)
        for name, (title, decimals, help) in _METRICS.items()
    }
    table(rows, alt, columns, highest=420)
