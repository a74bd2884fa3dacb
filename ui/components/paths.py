"""The paths of an explanation as tables: sortable, and grouped by kind of path."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from upgan.explain.explanation import Explanation
from upgan.render.csv_tables import evidence_rows, path_rows
from upgan.render.words import user_noun

_MOST_ROWS = 500
_GROUPED = "upgan_widget_grouped"


def paths(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """By which ways the shown users speak for the target."""
    noun = user_noun(explanation.simulated_users, 1)
    if not (explanation.paths or explanation.answer_paths):
        st.caption(f"No path from a {noun} to the target.")
        return
    rows = path_rows(explanation, labels)
    if st.toggle(
        "Group by kind of path",
        key=_GROUPED,
        persist_state="session",
        help="Paths that run over the same kinds of entities and the same relations, added up.",
    ):
        _kinds(rows, noun)
        return
    _chains(
        rows,
        "attention α along the path",
        "Each α is the share of what a node takes from this neighbour; their product is the path's weight.",
        f"Paths from each {noun} to the target",
    )


def evidence(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """By which ways the answer reached the shown users."""
    noun = user_noun(explanation.simulated_users, 1)
    if not (explanation.evidence or explanation.answer_evidence):
        st.caption(f"The answer reached none of the {user_noun(explanation.simulated_users)} shown.")
        return
    _chains(
        evidence_rows(explanation, labels),
        "coefficients along the path",
        "Each coefficient is one part of all that a node collects: 1 / number of its parts.",
        f"How the answer reached each {noun}",
    )


def _kinds(rows: list[dict[str, object]], noun: str) -> None:
    frame = pd.DataFrame(rows).groupby("pattern", as_index=False).agg(paths=("path", "size"), weight=("weight", "sum"))
    frame = frame.sort_values("weight", ascending=False)
    st.dataframe(
        frame[["pattern", "paths", "weight"]],
        hide_index=True,
        column_config={
            "pattern": st.column_config.TextColumn("kind of path", width="large"),
            "paths": st.column_config.NumberColumn("paths"),
            "weight": st.column_config.NumberColumn("weight together", format="%.4f"),
        },
        alt=f"Kinds of paths from a {noun} to the target, with how many there are and their weight",
    )


def _chains(rows: list[dict[str, object]], factors: str, meaning: str, alt: str) -> None:
    st.dataframe(
        pd.DataFrame(rows[:_MOST_ROWS]),
        hide_index=True,
        height=min(35 * len(rows) + 38, 400),
        column_config={
            "user": None,
            "pattern": None,
            "path": st.column_config.TextColumn("path", width="large"),
            "factors": st.column_config.TextColumn(factors, help=meaning),
            "weight": st.column_config.NumberColumn("weight", format="%.4f", help="Product of the path's α."),
        },
        alt=alt,
    )
    if len(rows) > _MOST_ROWS:
        st.caption(f"{len(rows) - _MOST_ROWS:,} more in the files.")
