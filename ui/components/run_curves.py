"""How a run is learning: charts with their figures beside them, the pinned query, several runs over each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from ui.charts.runs import CONFIG, comparison_chart, lines_chart, rank_chart
from ui.components import live_chart
from ui.components.table import number, saved_as, table
from ui.services.following import Chart, named_at_looks, value_words
from upgan.render.words import clean, rank_text, shorten
from upgan.runs import history
from upgan.runs.history import Curve

_FIGURES = ("first", "min", "max", "last", "best")


def charts(groups: Sequence[Chart], starts: Sequence[tuple[str, int]], run: str) -> None:
    """One chart beside its figures after the other."""
    if not groups:
        st.info("Nothing is recorded yet: the first point appears with the first evaluation.", icon=":material/info:")
    for chart in groups:
        st.markdown(f"**{chart.title}**", help=chart.meaning)
        # One point is no curve: its figures say it all.
        curved = len({int(step) for curve in chart.lines.values() for step in curve.step}) > 1
        left, right = st.columns([3, 2], gap="medium") if curved else (None, st.container())
        if left is not None:
            with left:
                live_chart.show(
                    lines_chart(chart, starts, run),
                    f"upgan_run_chart_{chart.key}",
                    saved_as(CONFIG, f"{run}-{chart.key}"),
                    words(chart),
                )
        with right:
            _figures(
                "",
                chart.lines,
                f"{chart.title}: first, least, greatest, last and best value of each line",
                f"upgan_run_figures_{chart.key}",
            )


def words(chart: Chart) -> str:
    """A chart in a sentence, for who cannot see it."""
    lines = [f"{name} from {curve.value[0]:.4g} to {curve.value[-1]:.4g}"
            for name, curve in chart.lines.items() if len(curve.value)]  # fmt: skip
    return f"{chart.title} over the steps of training: {'; '.join(lines)}."


def pinned(looks: Sequence[dict[str, Any]], run: str, name_of: Callable[[str], str]) -> None:
    """The followed question: rank over time, then who and what mattered at the last evaluations."""
    ranks = history.curves(looks)["rank"]
    first, best, last = (rank_text(ranks.summary[name]) for name in ("first", "min", "last"))
    words = f"Rank of the pinned answer: first {first}, best {best}, last {last}."
    live_chart.show(rank_chart(ranks, run), "upgan_run_chart_pinned", saved_as(CONFIG, f"{run}-rank"), words)
    st.caption(f"Rank, other known answers left out: first {first}, best {best}, last {last}.")
    for title, what, size, empty in (
        ("Heaviest users, with their weights", "users", "weight", "No phase that was trained so far uses users."),
        ("Hardest negatives of the generator, with its probabilities", "negatives", "probability",
         "The generator is trained in the adversarial phase only."),
    ):  # fmt: skip
        st.markdown(f"**{title}**")
        rows = named_at_looks(looks, what, size, lambda entity: shorten(name_of(entity), 32))
        if rows:
            table(pd.DataFrame(rows).fillna(""), f"{title}, latest first", highest=220)
        else:
            st.caption(empty)


def comparison(curves: Mapping[str, Mapping[str, Curve]]) -> None:
    """The same value of several runs over each other."""
    keys = list(dict.fromkeys(key for of_run in curves.values() for key in of_run))
    keys.sort(key=lambda key: key != "valid.mrr")
    if not keys:
        st.info("None of these runs has recorded anything yet.", icon=":material/info:")
        return
    key = st.selectbox("Value", keys, key="upgan_compare_value", format_func=value_words, persist_state="session")
    chosen = {name: of_run[key] for name, of_run in curves.items() if key in of_run and len(of_run[key].value)}
    words = f"{value_words(str(key))} of {', '.join(clean(name) for name in chosen)} over the steps of training"
    live_chart.show(
        comparison_chart(chosen, str(key)), "upgan_run_chart_compare", saved_as(CONFIG, f"compared-{key}"), words
    )
    named = {clean(name): curve for name, curve in chosen.items()}
    _figures("run", named, "First, least, greatest, last and best value of each run", "upgan_compare_figures")


def _figures(of: str, curves: Mapping[str, Curve], alt: str, key: str) -> None:
    """First, least, greatest, last and best of each curve, all with as many digits."""
    figures = [name for name in _FIGURES if any(curve.summary.get(name) is not None for curve in curves.values())]
    ends = [curve.summary.get(end) for curve in curves.values() for end in ("min", "max")]
    small = all(abs(value) < 10 for value in ends if value is not None)
    table(
        [{of: name} | {figure: curve.summary.get(figure) for figure in figures} for name, curve in curves.items()],
        alt,
        {name: number(format="%.4f" if small else "%.4g") for name in figures},
        placeholder="",
        key=key,
    )
